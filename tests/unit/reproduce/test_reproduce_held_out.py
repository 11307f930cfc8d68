"""The page on exposures held out: one row for each case, figures that can be, and what bad options get."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from tools.reproduce import held_out
from tools.reproduce.__main__ import main


@pytest.fixture
def maps(tmp_path, monkeypatch):
    """Smooth maps in the places of the portrait's and the hands', and few cases."""
    y, x = np.mgrid[0:60, 0:60] / 60
    both = np.stack([1 + np.sin(7 * x) * np.cos(5 * y), x**2 + y], axis=2).astype(np.float32)
    for place, arrays in (
        (held_out.PORTRAIT, {"maps": 100 * both, "elements": np.array(["Fe", "Pb"])}),
        (held_out.HANDS, {"net": 100 * both[:40], "lines": np.array(["Fe_K", "Pb_L"])}),
    ):
        (tmp_path / place).parent.mkdir(parents=True)
        np.savez(tmp_path / place, **arrays)
    for name, value in (("RATES", (0.1,)), ("PEAK_COUNTS", (0, 50)), ("_CROP", 60), ("_CROPS", ((0, 0),))):
        monkeypatch.setattr(held_out, name, value)
    return tmp_path


def test_the_page_has_a_row_for_each_object_rate_counts_and_number(maps, tmp_path):
    out = tmp_path / "out"
    assert main(["held-out", "--data", str(maps), "--seeds", "1", "--draws", "5", "--out", str(out)]) == 0
    with (out / "held-out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 2 * len(held_out.HELD_OUT)
    for row in rows:
        assert row["draws"] == "5"
        assert 0 <= float(row["range_holds"]) <= 1
        assert 0.2 < float(row["told_over_true"]) < 5
    assert "range holds" in (out / "held-out.md").read_text("utf-8")


def test_maps_that_are_not_there_are_said_so(tmp_path, capsys):
    assert main(["held-out", "--data", str(tmp_path), "--out", str(tmp_path)]) == 2
    assert "no such file" in capsys.readouterr().err


def test_no_draws_at_all_are_refused(maps, tmp_path, capsys):
    assert main(["held-out", "--data", str(maps), "--draws", "0", "--out", str(tmp_path)]) == 2
    assert "draws" in capsys.readouterr().err
