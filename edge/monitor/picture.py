"""The photograph that lies below the maps: the scan's area alone, finer than its cells, small enough to be sent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from calibration.registration import Registration
from edge.cameras import Frame
from edge.cameras.picture import recorded_picture
from edge.configuration.config import BeamConfig, ScanConfig
from edge.faults import EdgeError
from edge.grid import ScanGrid
from edge.photography.photograph import photograph_on_grid

_LONGER_SIDE = 1_100
_QUALITY = 82
"""Of JPEG: some 250 kB at that size."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A photograph on a grid that divides the scan's cells, row 0 as theirs."""

    jpeg: bytes
    rows: int
    columns: int


def picture_of(path: Path, registration: Registration, config: ScanConfig, grid: ScanGrid) -> Picture | None:
    """A recording's photograph; None where it cannot be read, or does not show the area."""
    finer = max(1, round(_LONGER_SIDE / max(grid.shape)))
    fine = ScanGrid(
        grid.origin_x_mm, grid.origin_y_mm, grid.pitch_mm / finer, rows=grid.rows * finer, columns=grid.columns * finer
    )
    try:
        recorded = recorded_picture(path)
        frame = Frame(recorded.image, registration.camera_identity, registration.registered_at, recorded.profile)
        # what is seen, not what the beam averages over
        instrument = config.instrument.model_copy(update={"beam": BeamConfig()})
        rgb, _ = photograph_on_grid(frame, registration, fine, instrument)
    except EdgeError:
        return None
    eight = rgb if rgb.dtype == np.uint8 else np.rint(rgb / 257).astype(np.uint8)
    shrunk = min(1.0, 2 * _LONGER_SIDE / max(eight.shape[:2]))
    if shrunk < 1:
        size = round(eight.shape[1] * shrunk), round(eight.shape[0] * shrunk)
        eight = cv2.resize(eight, size, interpolation=cv2.INTER_AREA)
    is_made, encoded = cv2.imencode(".jpg", eight[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return Picture(encoded.tobytes(), eight.shape[0], eight.shape[1]) if is_made else None
