"""The page for those who have an old scan, run as it is written."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge import cli

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "replay-your-old-scan.md").read_text("utf-8")


def block(kind: str, number: int) -> str:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)[number]


def command(number: int) -> list[str]:
    program, *arguments = shlex.split(block("sh", number))
    assert program == "pointillist"
    return arguments


@pytest.mark.campaign
@pytest.mark.timeout(1200)
def test_an_old_scan_of_spectra_is_asked_as_the_page_says(measurement_data, tmp_path, monkeypatch, capsys):
    pytest.importorskip("rsciio", reason="the extra `import` is not installed")
    monkeypatch.chdir(tmp_path)
    with np.load(measurement_data / "maxrf_hands" / "prova1_det10264.npz") as archive:
        counts = archive["counts"]
    Path("hands.raw").write_bytes(counts.astype("<u2").tobytes())
    keys = ("width\t120", "height\t60", "depth\t1024", "offset\t0", "data-length\t2", "data-type\tunsigned")
    Path("hands.rpl").write_text("\n".join(["key\tvalue", *keys, "byte-order\tlittle-endian", "record-by\tvector\n"]))
    assert cli.run(command(0)) == 0
    said = capsys.readouterr().out
    for sentence in re.findall(r"^(?:With|The|On) .*", block("text", 0), flags=re.MULTILINE):
        beginning = re.split(r"\d", sentence, maxsplit=1)[0]
        assert beginning in said, "the page shows what is said"
    assert Path("runs/hands/report.html").is_file()


@pytest.mark.campaign
@pytest.mark.timeout(1200)
def test_maps_and_photograph_are_laid_on_each_other_as_the_page_says(measurement_data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with np.load(measurement_data / "maxrf_portrait" / "portrait_811x285.npz") as archive:
        maps, names, rgb = archive["maps"], archive["elements"], archive["rgb"]
    Path("maps").mkdir()
    for k, name in enumerate(names):
        cv2.imwrite(f"maps/{name}.tif", maps[..., k])
    place = np.array([[1.5, 0.02, 120.0], [-0.02, 1.5, 90.0]])
    photograph = cv2.warpAffine(rgb, place, (720, 1400), borderValue=(120, 110, 100))
    cv2.imwrite("photograph.png", photograph[:, :, ::-1])
    Path("points.txt").write_text(block("text", 1))
    assert cli.run(command(1)) == 0
    said = capsys.readouterr().out
    missed = re.search(r"photograph placed by a similarity: each pair is missed by (\S+) cells", said)
    assert missed
    assert float(missed[1]) < 0.5, "the page's pairs are rounded to half a pixel"
    assert Path("runs/maps/report.html").is_file()
