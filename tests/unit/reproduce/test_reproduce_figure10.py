"""Figure 10: curves of fusion inpainting, drawn and tabled by one command."""

from __future__ import annotations

import csv
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import numpy as np

from edge.report.curves import Curve, drawn
from tools.reproduce.__main__ import main


def test_one_command_gives_the_curves_their_picture_and_where_they_end(tmp_path: Path) -> None:
    y, x = np.mgrid[:24, :30]
    maps = np.stack([1 + np.sin(x / 4), 1 + np.cos(y / 5)], axis=2).astype(np.float32)
    photograph = np.random.default_rng(1).integers(0, 256, (24, 30, 3), np.uint8)
    np.savez(tmp_path / "maps.npz", maps=maps, elements=["Fe", "Pb"], rgb=photograph)
    out = tmp_path / "out"
    options = ["--side", "20", "--iterations", "8", "--atoms", "6", "--masks", "random", "netm"]
    assert main(["figure10", "--data", str(tmp_path / "maps.npz"), *options, "--out", str(out)]) == 0
    with (out / "figure10.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["mask"], row["steps"]) for row in rows} == {
        ("random", "momentum"),
        ("random", "no momentum"),
        ("random", "clipped and scaled"),
        ("netm", "momentum"),
    }
    for mask in ("random", "netm"):
        falling = [float(row["objective"]) for row in rows if (row["mask"], row["steps"]) == (mask, "momentum")]
        assert all(after <= before for before, after in pairwise(falling))
        assert falling[-1] >= next(float(row["bound"]) for row in rows if row["mask"] == mask)
    assert "![RMSE by iterations](figure10.svg)" in (out / "figure10.md").read_text("utf-8")
    assert len(ET.parse(out / "figure10.svg").findall(".//{*}polyline")) == 2 * (4 + 2)


def test_crops_beyond_the_maps_are_refused_in_a_sentence(tmp_path: Path, capsys) -> None:
    maps = np.ones((12, 12, 1), np.float32)
    np.savez(tmp_path / "maps.npz", maps=maps, elements=["Fe"], rgb=np.zeros((12, 12, 3), np.uint8))
    options = ["--data", str(tmp_path / "maps.npz"), "--side", "20", "--out", str(tmp_path)]
    assert main(["figure10", *options]) == 2
    assert "--side 20" in capsys.readouterr().err


def test_a_drawing_stands_by_itself_and_escapes_its_words() -> None:
    text = drawn([Curve("a & b", [(0, 1.0), (10, 0.5)], "solid")], across="x", up="y", alt="<none>")
    assert ET.fromstring(text).tag.endswith("svg")
    assert "a &amp; b" in text
