"""The page for those who have an old scan, run as it is written."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.documents.run_page import blocks_of, run_sh, unlike

PAGE = "how-to/replay-your-old-scan.md"
pytestmark = [pytest.mark.campaign, pytest.mark.timeout(1800)]


def test_an_old_scan_of_spectra_is_asked_as_the_page_says(measurement_data, tmp_path, monkeypatch):
    pytest.importorskip("rsciio", reason="the extra `import` is not installed")
    pytest.importorskip("adaptive", reason="the extra `rivals` is not installed")
    monkeypatch.chdir(tmp_path)
    with np.load(measurement_data / "maxrf_hands" / "prova1_det10264.npz") as archive:
        counts = archive["counts"]
    Path("hands.raw").write_bytes(counts.astype("<u2").tobytes())
    keys = ("width\t120", "height\t60", "depth\t1024", "offset\t0", "data-length\t2", "data-type\tunsigned")
    Path("hands.rpl").write_text("\n".join(["key\tvalue", *keys, "byte-order\tlittle-endian", "record-by\tvector\n"]))
    printed = run_sh(blocks_of(PAGE, "sh")[0])
    # another processor rounds otherwise, and may choose some other cells: 1.5 dB are 1.4 to 1.6 then
    varying = [r"\d+ min \d+ s"]
    assert unlike(blocks_of(PAGE, "text")[0].text, printed, within=0.15, anything=varying) == []
    assert Path("runs/hands/report.html").is_file()


def test_maps_and_photograph_are_laid_on_each_other_as_the_page_says(measurement_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with np.load(measurement_data / "maxrf_portrait" / "portrait_811x285.npz") as archive:
        maps, names, rgb = archive["maps"], archive["elements"], archive["rgb"]
    Path("maps").mkdir()
    for k, name in enumerate(names):
        cv2.imwrite(f"maps/{name}.tif", maps[..., k])
    place = np.array([[1.5, 0.02, 120.0], [-0.02, 1.5, 90.0]])
    photograph = cv2.warpAffine(rgb, place, (720, 1400), borderValue=(120, 110, 100))
    cv2.imwrite("photograph.png", photograph[:, :, ::-1])
    Path("points.txt").write_text(blocks_of(PAGE, "text")[1].text)
    said = run_sh(blocks_of(PAGE, "sh")[1])
    missed = re.search(r"photograph placed by a similarity: each pair is missed by (\S+) cells", said)
    assert missed
    assert float(missed[1]) < 0.5, "the page's pairs are rounded to half a pixel"
    assert Path("runs/maps/report.html").is_file()
    changes = run_sh(
        blocks_of(PAGE, "sh")[2], replacing={"runs/before": "maps", "runs/after": "maps", "runs/changes": "runs/same"}
    )
    assert "+0.00 columns and +0.00 rows" in changes.replace("-0.00", "+0.00"), "held against itself, it lies on itself"
