"""The lens that a configuration names: written out, or in a stored calibration of the camera."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from calibration.camera_calibration import KIND, CameraCalibration, calibration_from_dict
from calibration.lens import Lens
from calibration.stored import DamagedCalibration, load_stored, read_stored
from edge.cameras import Frame
from edge.cameras.identity import is_same_camera
from edge.configuration.config import InstrumentConfig
from edge.faults import UsageError

UNDISTORTED_BY: Final = "undistorted by the camera calibration"


def lens_for(instrument: InstrumentConfig, frame: Frame) -> Lens | None:
    """The configured intrinsics, which must be those of the camera that took this frame; None where there are none.

    Raises
    ------
    UsageError
        The stored calibration is missing or damaged, of another camera, or of another picture size.
    """
    if instrument.lens is not None:
        lens = instrument.lens
        return Lens(np.array(lens.matrix, float), np.array(lens.distortion, float), lens.width_px, lens.height_px)
    if instrument.camera_calibration is None:
        return None
    path = Path(instrument.camera_calibration)
    calibration = read_camera_calibration(path)
    of = calibration.camera_identity
    if of and not is_same_camera(of, frame.identity):
        raise UsageError(
            f"{path}: the calibration of another camera ({of}, not {frame.identity}): give that of this camera, or "
            "calibrate it with pointillist calibrate camera"
        )
    height, width = frame.image.shape[:2]
    lens_size = (calibration.lens.width_px, calibration.lens.height_px)
    if lens_size != (width, height):
        raise UsageError(
            f"{path}: the camera was calibrated at {lens_size[0]} x {lens_size[1]} pixels and gives {width} x "
            f"{height}: set it to that size, or calibrate it at this one"
        )
    return replace(calibration.lens, bending_px=calibration.bending_px)


def lens_origin(instrument: InstrumentConfig) -> str:
    """Which stored calibration the lens is taken from, as a note of the registration; empty where it is none.

    Raises
    ------
    UsageError
        It is missing or damaged.
    """
    if instrument.camera_calibration is None:
        return ""
    try:
        stored = read_stored(Path(instrument.camera_calibration), [KIND])
    except DamagedCalibration as error:
        raise UsageError(str(error)) from None
    return f"{UNDISTORTED_BY} made at {stored.made_at}, digest {stored.digest}"


def read_camera_calibration(path: Path) -> CameraCalibration:
    """A stored calibration of a camera.

    Raises
    ------
    UsageError
        It is missing, damaged, or of another kind; one sentence with the remedy.
    """
    try:
        return calibration_from_dict(load_stored(path, KIND))
    except DamagedCalibration as error:
        raise UsageError(str(error)) from None
