"""What a coarse raster is planned to fly over is what its measurement model says that it sees."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import yaml

from edge.coarse_raster import coarse_sights
from edge.configuration.config import ScanConfig, parse_scan_config
from edge.faults import UsageError
from edge.maps import Samples
from edge.motion.stage_model import StageModel
from edge.photography.sighting import Sighting, grid_of
from edge.planning.coarse import coarse_plan
from edge.reconstruct.cells import merged
from edge.strokes import counted_cells, crossed_cells, ends_in_cells

STAGE = StageModel(50.0, 500.0)


def config_of(width_mm: float, height_mm: float, **coarse: Any) -> ScanConfig:
    stated = {
        "instrument": {
            "tube": {"anode": "Rh", "kv": 35.0},
            "controller": {"kind": "native", "port": "port"},
            "camera": {"kind": "file", "path": "photo.png"},
            "detector": {"channels": 1024, "gain_kev": 0.02},
        },
        "area": {"x_mm": 10.0, "y_mm": 20.0, "width_mm": width_mm, "height_mm": height_mm, "pitch_mm": 0.5},
        "sampling": {"coarse": coarse, "dwell_s": 0.5},
    }
    return parse_scan_config(yaml.safe_dump(stated), Path("scan.yaml"))


def sighting_for(config: ScanConfig) -> Sighting:
    """Of an object whose photograph nobody asks for."""
    return cast(Sighting, SimpleNamespace(grid=grid_of(config.area), registration=SimpleNamespace(digest="0" * 64)))


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize(("width_mm", "height_mm"), [(9.0, 5.5), (5.5, 9.0)])
def test_planned_strokes_see_the_cells_that_the_model_sees(width_mm: float, height_mm: float, factor: int) -> None:
    config = config_of(width_mm, height_mm, factor=factor, exposures="strokes")
    grid = grid_of(config.area)
    table = coarse_plan(sighting_for(config), config, STAGE).table
    counted, ends = counted_cells(table[:, :2], table[:, 2:4], grid), ends_in_cells(table[:, :2], table[:, 2:4], grid)
    values = np.ones((len(table), 1), np.float32)
    flown = merged(Samples(counted[:, 0], counted[:, 1], values, values, ends), grid.shape, ("Fe",)).seen_by()
    is_upright = grid.rows > grid.columns
    shape = grid.shape[::-1] if is_upright else grid.shape
    sights = coarse_sights(np.ones(shape, np.bool_), factor, "strokes").operator
    rows, columns = np.divmod(sights.cell, shape[1])
    expected = columns * grid.columns + rows if is_upright else sights.cell

    def seen(first: Any, cell: Any) -> set[frozenset[int]]:
        return {frozenset(cell[a:b].tolist()) for a, b in pairwise(first)}

    assert seen(flown.first, flown.cell) == seen(sights.first, expected)
    index = np.arange(grid.rows * grid.columns).reshape(grid.shape)
    shown = crossed_cells(table[:, :2], table[:, 2:4], grid).tolist()
    assert {frozenset(index[a : c + 1, b : d + 1].ravel().tolist()) for a, b, c, d in shown} == seen(
        sights.first, expected
    )


@pytest.mark.parametrize("exposures", ["points", "strokes"])
def test_blocks_larger_than_the_grid_are_refused_whatever_the_dwell(exposures: str) -> None:
    config = config_of(9.0, 5.5, factor=1000, exposures=exposures)
    with pytest.raises(UsageError, match="blocks larger than the grid's 11 x 18 cells: give at most 11"):
        coarse_plan(sighting_for(config), config, STAGE)
