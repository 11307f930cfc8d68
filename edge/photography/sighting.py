"""The object as the camera saw it: a frame, its place on the stage, and the photograph on the scan grid."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.fiducials import Fiducial
from calibration.register import register
from calibration.registration import NotRegistered, Registration
from edge.cameras import Camera, Frame
from edge.configuration.area import AreaConfig, OutlinedConfig
from edge.configuration.camera import MosaicCameraConfig
from edge.configuration.config import ScanConfig
from edge.faults import SafetyStop, UsageError
from edge.grid import ScanGrid
from edge.photography.camera_lens import lens_for, lens_origin
from edge.photography.mosaic_placing import placed_mosaic
from edge.photography.photograph import photograph_on_grid
from edge.photography.stage_placing import UNHELD, held_by_fiducials, noted, placed_frame, require_precise
from firmware_bridge.messages import StagePose


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """The object as the camera saw it, placed on the stage."""

    frame: Frame
    frame_sha256: str
    registration: Registration
    grid: ScanGrid
    rgb: NDArray[Any]
    """The photograph averaged over the footprint at each cell of the scan grid, sRGB, uint8 or uint16 as the frame is,
    shape (rows, columns, 3)."""
    remarks: tuple[str, ...] = ()
    """What somebody should know of its colours, one sentence each."""

    @property
    def display(self) -> NDArray[np.uint8]:
        """The same of 8 bits, to be shown."""
        if self.rgb.dtype == np.uint8:
            return self.rgb
        return np.asarray(np.rint(self.rgb / 257), dtype=np.uint8)


def sight(camera: Camera, config: ScanConfig) -> Sighting:
    """Take a frame, register it, and resample it to the scan grid."""
    frame = camera.capture()
    return place(frame, config, register_frame(frame, config))


def place(frame: Frame, config: ScanConfig, registration: Registration) -> Sighting:
    """Resample a registered frame to the scan grid."""
    grid = grid_of(config.area)
    rgb, remarks = photograph_on_grid(frame, registration, grid, config.instrument)
    return Sighting(frame, frame_digest(frame.image), registration, grid, rgb, remarks)


def frame_digest(image: NDArray[np.generic]) -> str:
    """SHA-256 of a picture's shape, type and values, hexadecimal."""
    digest = hashlib.sha256(f"{image.dtype.str} {image.shape} ".encode())
    digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()


def grid_of(area: OutlinedConfig) -> ScanGrid:
    """The largest grid of whole cells inside the area."""
    slack = 1e-6
    return ScanGrid(
        area.x_mm,
        area.y_mm,
        area.pitch_mm,
        rows=math.floor(area.height_mm / area.pitch_mm + slack),
        columns=math.floor(area.width_mm / area.pitch_mm + slack),
    )


def uncovered_mm(area: AreaConfig, grid: ScanGrid) -> tuple[float, float]:
    """Width and height of what the grid's whole cells leave over at the area's far ends, each below one pitch."""
    rest = area.width_mm - grid.width_mm, area.height_mm - grid.height_mm
    return max(0.0, rest[0]), max(0.0, rest[1])


def register_frame(frame: Frame, config: ScanConfig) -> Registration:
    """Place the frame on the stage: by its fiducials, a stored calibration of the stage, or a mosaic's own record.

    A stored calibration of the stage is held against the fiducials that are listed; where none are, a note says so.

    Raises
    ------
    SafetyStop
        The registration cannot be had, it or its expected error is worse than half a pitch, or fiducials lie by more
        than that from where a stored calibration says.
    UsageError
        A stored calibration is missing or damaged, or nothing places the frame.
    """
    registration = register_as_configured(frame, config)
    if config.instrument.stage_calibration is None:
        return registration
    fiducials = fiducials_of(config)
    if not fiducials:
        return noted(registration, UNHELD)
    dictionary = config.instrument.fiducials.dictionary
    held_by_fiducials(registration, frame, fiducials, dictionary, tolerance_mm=config.area.pitch_mm / 2)
    return registration


def register_as_configured(frame: Frame, config: ScanConfig) -> Registration:
    """As `register_frame`, and a stored calibration of the stage is taken at its word."""
    require_placement(config)
    stored, camera = config.instrument.stage_calibration, config.instrument.camera
    if isinstance(camera, MosaicCameraConfig):
        outcome = placed_mosaic(frame, Path(camera.path), config.area)
    else:
        outcome = _by_fiducials(frame, config) if stored is None else placed_frame(frame, Path(stored))
    if isinstance(outcome, NotRegistered):
        raise SafetyStop(f"the photograph cannot be placed on the stage: {outcome.reason}")
    require_precise(outcome, config.area)
    return outcome


def require_placement(config: ScanConfig) -> None:
    """Something must say where the photograph lies; a calibration that is about to say so is made without.

    Raises
    ------
    UsageError
        Nothing does; the text says what could.
    """
    instrument = config.instrument
    is_placed = instrument.stage_calibration is not None or isinstance(instrument.camera, MosaicCameraConfig)
    if not instrument.fiducials.markers and not is_placed:
        raise UsageError(
            "nothing places the photograph: list instrument.fiducials.markers, or give instrument.stage_calibration, "
            "which pointillist calibrate stage makes"
        )


def _by_fiducials(frame: Frame, config: ScanConfig) -> Registration | NotRegistered:
    outcome = register(
        frame.image,
        fiducials_of(config),
        lens=lens_for(config.instrument, frame),
        dictionary=config.instrument.fiducials.dictionary,
        camera_identity=frame.identity,
        registered_at=frame.taken_at,
        tolerance_mm=config.area.pitch_mm / 2,
    )
    origin = lens_origin(config.instrument)
    return noted(outcome, origin) if origin and isinstance(outcome, Registration) else outcome


def fiducials_of(config: ScanConfig) -> list[Fiducial]:
    """The markers where the configuration says that they lie."""
    stated = config.instrument.fiducials
    return [Fiducial(marker.id, StagePose(marker.x_mm, marker.y_mm), stated.side_mm) for marker in stated.markers]
