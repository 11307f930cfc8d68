"""The page on coarse rasters, run as it is written, on a small raster and a small recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from edge.configuration.sampling import SamplingConfig
from edge.record.maps_file import read_maps
from tests.documents.run_page import blocks_of, run_sh
from tests.unit.export.made_recording import make_recording

PAGE = "how-to/scan-coarse-and-sharpen.md"


def test_a_raster_is_replayed_coarsely_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row, column = np.mgrid[:40, :40].astype(float)
    maps = np.hypot(row - 24, column - 18)[:, :, None].astype(np.float32)
    np.savez(tmp_path / "raster.npz", maps=maps, elements=["Pb"])
    monkeypatch.chdir(tmp_path)
    printed = run_sh(blocks_of(PAGE, "sh")[0])
    assert "100 of 1600 cells (coarse-4-points, kriging)" in printed
    assert "100 of 1600 cells (coarse-4-strokes, kriging)" in printed


def test_the_raster_that_the_page_shows_is_one(tmp_path: Path) -> None:
    (block,) = blocks_of(PAGE, "yaml")
    config = SamplingConfig.model_validate(yaml.safe_load(block.text)["sampling"])
    assert config.coarse is not None
    assert config.coarse.factor == 4


def test_a_recording_is_reconstructed_as_the_page_says(tmp_path: Path) -> None:
    recording = make_recording(tmp_path / "recording")
    (block,) = [block for block in blocks_of(PAGE, "sh") if "--method ssr" in block.text]
    # the method is of no importance here, and super-resolution takes seconds
    names = {"runs/coarse-ssr": str(tmp_path / "again"), "runs/coarse": str(recording), "ssr": "linear"}
    run_sh(block, replacing=names)
    assert read_maps(tmp_path / "again" / "maps.h5").element_maps.method == "linear"
