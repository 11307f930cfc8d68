"""Configurations and plans of small scans."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.configuration.config import ScanConfig
from edge.grid import ScanGrid
from edge.motion.kinematics import StageModel
from edge.planning.plan import make_plan
from edge.planning.scan_plan import ScanPlan
from models.sampling import SamplingMask

STAGE = StageModel(50.0, 500.0)
GRID = ScanGrid(10.0, 20.0, 0.5, 30, 40)


def config_of(*, elements: tuple[str, ...] = (), **sampling: Any) -> ScanConfig:
    """Of 30 x 40 cells."""
    return ScanConfig.model_validate(
        {
            "instrument": {
                "controller": {"kind": "native", "port": "/dev/null"},
                "camera": {"kind": "file", "path": "frame.png"},
                "fiducials": {"markers": [{"id": 0, "x_mm": 0.0, "y_mm": 0.0}]},
            },
            "area": {"x_mm": 10.0, "y_mm": 20.0, "width_mm": 20.0, "height_mm": 15.0, "pitch_mm": 0.5},
            "sampling": sampling,
            "elements": list(elements),
        }
    )


def plan_of(cells: NDArray[np.bool_]) -> ScanPlan:
    """A dwell on each cell."""
    mask = SamplingMask(cells, float(cells.mean()), "netm", "error-diffusion", 1)
    grid = ScanGrid(10.0, 20.0, 0.5, *cells.shape)
    return make_plan(grid=grid, mask=mask, dwell_s=0.1, stage=STAGE, registration_digest="ab" * 32)


def cells_by_chance(share: float, seed: int = 3) -> NDArray[np.bool_]:
    cells: NDArray[np.bool_] = np.random.default_rng(seed).random(GRID.shape) < share
    return cells
