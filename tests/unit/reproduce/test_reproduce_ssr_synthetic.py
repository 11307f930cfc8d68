"""The synthetic super-resolution experiment: its scene, and the page that one command makes of it."""

from __future__ import annotations

import csv
import xml.etree.ElementTree as ET
from pathlib import Path

import cv2
import numpy as np
import pytest

from tools.reproduce.__main__ import main
from tools.reproduce.synthetic.scene import CHANNELS, SHAPE, bars, scene, three_spectra

SMALL = ["--shape", "60", "80", "--channels", "64", "--atoms", "6", "--iterations", "6"]


def test_one_command_gives_table_picture_and_curves_and_goes_on_from_what_it_kept(tmp_path: Path) -> None:
    methods = ["bicubic", "ssr-baseline-1", "ssr-baseline-2", "ssr"]
    places = ["--out", str(tmp_path / "out"), "--cache", str(tmp_path / "kept")]
    assert main(["ssr-synthetic", *SMALL, *places, "--methods", *methods]) == 0
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "kept" / "ssr-synthetic").iterdir()}
    assert len(kept) == len(methods)
    with (tmp_path / "out" / "ssr-synthetic.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["method"]: row for row in csv.DictReader(file)}
    assert list(rows) == methods
    assert float(rows["ssr"]["paper_rmse"]) == 0.50
    text = (tmp_path / "out" / "ssr-synthetic.md").read_text("utf-8")
    assert "of baseline 2's, where the paper has 0.85" in text
    assert "| `gsomp` | not yet | 3.42 |" in text
    assert "contradicts itself" in text
    assert len(ET.parse(tmp_path / "out" / "ssr-synthetic.svg").findall(".//{*}polyline")) == 2 * len(methods)
    picture = cv2.imread(str(tmp_path / "out" / "ssr-synthetic.png"), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    assert picture.shape == (2 * 66, 4 * 86)
    assert main(["ssr-synthetic", *SMALL, *places, "--methods", *methods]) == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_a_grid_that_the_factor_does_not_divide_is_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ssr-synthetic", "--shape", "61", "80", "--out", str(tmp_path)]) == 2
    assert "--shape 61 80: blocks of 5 x 5 cells do not fill it" in capsys.readouterr().err


def test_a_method_that_is_not_there_is_refused_with_those_that_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ssr-synthetic", "--methods", "hat", "--out", str(tmp_path)]) == 2
    assert "--methods hat: not in this table" in capsys.readouterr().err


def test_the_noise_is_as_far_below_the_signal_as_was_asked() -> None:
    seen = scene((60, 80), 64)
    clean = seen.cells.seen_by().seen(seen.shares) @ seen.spectra
    ratio = np.square(clean).mean() / np.square(seen.cells.values - clean).mean()
    # of 12,288 draws the mean square is known to 1.3 %
    assert 10 * np.log10(ratio) == pytest.approx(35, abs=0.25)


def test_the_spectra_overlap_and_the_target_has_bars_of_one_cell() -> None:
    spectra = three_spectra(CHANNELS)
    unit = spectra / np.linalg.norm(spectra, axis=1, keepdims=True)
    assert ((unit @ unit.T)[np.triu_indices(3, 1)] > 0.3).all()
    assert spectra[:, 100:400].sum() > 0.8 * spectra.sum()
    target = bars(SHAPE)
    alone = target[:, 1:-1] & ~target[:, :-2] & ~target[:, 2:]
    assert alone.any()
