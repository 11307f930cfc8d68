"""A camera before the easel: pose, lens, light, blur, noise; it knows its own truth, the application does not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.fiducials import Fiducial
from calibration.homography import PlaneFit
from calibration.lens import Lens
from calibration.srgb import encoded
from edge.cameras import Frame, write_picture
from edge.faults import UsageError
from edge.simulate.config import SimulatedCameraConfig, SimulatedInstrumentConfig, fiducials_of
from edge.simulate.easel import FULL, EaselPicture, easel_picture
from edge.simulate.laser import add_spot
from edge.simulate.specimen import Specimen
from firmware_bridge.messages import StagePose

_NODE_SPACING = 16
_LARGEST_EASEL_PX = 16_000_000
_OVERSAMPLING = 1.1
_BORDER_POINTS = 24


class SimulatedCamera:
    """Photographs the easel's plane. Implements `edge.camera.Camera`."""

    def __init__(
        self, config: SimulatedCameraConfig, specimen: Specimen, fiducials: Sequence[Fiducial], dictionary: str
    ) -> None:
        self._config = config
        self._specimen = specimen
        self._fiducials = tuple(fiducials)
        self._dictionary = dictionary
        self._taken = 0
        self.view = true_view(config, _aim(config, specimen))
        """The true pose and lens: stage mm to pixels and back."""

    @classmethod
    def of(cls, instrument: SimulatedInstrumentConfig, specimen: Specimen) -> SimulatedCamera:
        """The camera before the easel that carries the specimen and the instrument file's markers."""
        markers = fiducials_of(instrument.fiducials)
        return cls(instrument.camera, specimen, markers, instrument.fiducials.dictionary)

    @property
    def lens(self) -> Lens:
        """The true lens."""
        return self.view.lens

    def capture(self) -> Frame:
        """The next frame."""
        return Frame(self.render(), "simulated", datetime.now(UTC).isoformat(timespec="milliseconds"))

    def render(self, pose: StagePose | None = None) -> NDArray[np.uint8]:
        """The next picture, sRGB, shape (h, w, 3), read-only: the same scene each time, with fresh noise.

        Parameters
        ----------
        pose
            Where the stage stands; None where nobody knows.
        """
        config = self._config
        rng = np.random.default_rng([config.seed, self._taken])
        self._taken += 1
        projected = self._projected()
        light: NDArray[np.float32] = projected.astype(np.float32) * np.float32(config.exposure / FULL)
        light *= self._shading()[..., None]
        if config.laser is not None and pose is not None:
            add_spot(light, projected, self.view, pose, config.laser, rng, exposure=config.exposure)
        if config.blur_px > 0:
            light = np.asarray(cv2.GaussianBlur(light, (0, 0), config.blur_px), dtype=np.float32)
        well = np.float32(config.well_electrons)
        deviation = np.sqrt(light * (1 / well) + np.float32((config.noise_electrons / config.well_electrons) ** 2))
        deviation *= rng.standard_normal(light.shape, dtype=np.float32)
        light += deviation
        image = encoded_light(light)
        image.flags.writeable = False
        return image

    @cached_property
    def _easel(self) -> EaselPicture:
        config = self._config
        border = self.view.stage(_border(config.width_px, config.height_px))
        low, high = border.min(axis=0) - 1, border.max(axis=0) + 1
        wanted = _OVERSAMPLING * config.focal_px / config.distance_mm
        affordable = float(np.sqrt(_LARGEST_EASEL_PX / np.prod(high - low)))
        box_mm = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
        return easel_picture(
            self._specimen,
            self._fiducials,
            self._dictionary,
            box_mm=box_mm,
            px_per_mm=min(wanted, affordable),
            seed=config.seed,
        )

    def _projected(self) -> NDArray[np.uint16]:
        """The easel through pose and lens, linear light."""
        easel = self._easel
        width, height = self._config.width_px, self._config.height_px
        wide, high = -(-width // _NODE_SPACING) + 2, -(-height // _NODE_SPACING) + 2
        x, y = np.meshgrid((np.arange(wide) - 0.5) * _NODE_SPACING - 0.5, (np.arange(high) - 0.5) * _NODE_SPACING - 0.5)
        stage = self.view.stage(np.column_stack([x.ravel(), y.ravel()]))
        nodes = ((stage - [easel.left_mm, easel.upper_mm]) * easel.px_per_mm - 0.5).astype(np.float32)
        size = (wide * _NODE_SPACING, high * _NODE_SPACING)
        dense = cv2.resize(nodes.reshape(high, wide, 2), size, interpolation=cv2.INTER_LINEAR)
        inner = dense[_NODE_SPACING : _NODE_SPACING + height, _NODE_SPACING : _NODE_SPACING + width]
        columns, rows = np.ascontiguousarray(inner[..., 0]), np.ascontiguousarray(inner[..., 1])
        projected = cv2.remap(easel.light, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(projected, dtype=np.uint16)

    def _shading(self) -> NDArray[np.float32]:
        """Vignetting and one lamp at the upper left, shape (h, w)."""
        config = self._config
        x = np.linspace(-1, 1, config.width_px, dtype=np.float32)[None, :]
        y = np.linspace(-1, 1, config.height_px, dtype=np.float32)[:, None] * (config.height_px / config.width_px)
        reach = 1 + (config.height_px / config.width_px) ** 2
        fall = 1 - np.float32(config.vignetting) * ((x * x + y * y) / np.float32(reach))
        return np.asarray(fall * (1 - 0.04 * x - 0.04 * y), dtype=np.float32)


def true_view(config: SimulatedCameraConfig, aim: StagePose) -> PlaneFit:
    """Stage to pixels of a camera that looks at `aim` from `distance_mm`, tilted and rolled.

    Stage x points right and y down, as in the picture; the camera looks along growing z.
    """
    tilt_x, tilt_y, roll = np.deg2rad([config.tilt_x_deg, config.tilt_y_deg, config.roll_deg])
    about_x = np.array([[1, 0, 0], [0, np.cos(tilt_x), -np.sin(tilt_x)], [0, np.sin(tilt_x), np.cos(tilt_x)]])
    about_y = np.array([[np.cos(tilt_y), 0, np.sin(tilt_y)], [0, 1, 0], [-np.sin(tilt_y), 0, np.cos(tilt_y)]])
    about_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    rotation = about_z @ about_x @ about_y
    centre_x, centre_y = (config.width_px - 1) / 2 + config.centre_x_px, (config.height_px - 1) / 2 + config.centre_y_px
    matrix = np.array([[config.focal_px, 0, centre_x], [0, config.focal_px, centre_y], [0, 0, 1]])
    shift = np.array([0, 0, config.distance_mm]) - rotation @ np.array([aim.x_mm, aim.y_mm, 0])
    camera_from_stage = matrix @ np.column_stack([rotation[:, 0], rotation[:, 1], shift])
    lens = Lens(matrix, np.array(config.distortion), config.width_px, config.height_px)
    return PlaneFit(camera_from_stage / camera_from_stage[2, 2], lens)


def nominal_lens(config: SimulatedCameraConfig) -> Lens:
    """The lens as a careful calibration would report it: a little off the truth, always in the same way."""
    true = true_view(config, StagePose(0.0, 0.0)).lens
    rng = np.random.default_rng([config.seed, 0x1E25])
    matrix = true.matrix.copy()
    matrix[0, 0] = matrix[1, 1] = round(config.focal_px * (1 + 0.001 * rng.uniform(-1, 1)), 2)
    matrix[:2, 2] += rng.uniform(-2, 2, 2)
    matrix[:2, 2] = np.round(matrix[:2, 2], 2)
    distortion = np.round(true.distortion * (1 + 0.02 * rng.uniform(-1, 1, 5)), 6)
    return Lens(matrix, distortion, true.width_px, true.height_px)


def write_frame(folder: str | Path, image_rgb: NDArray[Any], name: str = "frame.png") -> Path:
    """Leave a picture in a folder, which is made if need be, at once and whole; returns its path.

    Raises
    ------
    UsageError
        The folder cannot be written.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_picture(folder / name, image_rgb)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written ({error.strerror}): give a folder of your own") from None
    return folder / name


def _aim(config: SimulatedCameraConfig, specimen: Specimen) -> StagePose:
    width, height = specimen.size_mm
    return StagePose(
        specimen.origin.x_mm + width / 2 + config.aim_x_mm, specimen.origin.y_mm + height / 2 + config.aim_y_mm
    )


def _border(width_px: int, height_px: int) -> NDArray[np.float64]:
    x = np.linspace(0, width_px - 1, _BORDER_POINTS)
    y = np.linspace(0, height_px - 1, _BORDER_POINTS)
    return np.concatenate(
        [np.column_stack([x, np.full_like(x, edge)]) for edge in (0, height_px - 1)]
        + [np.column_stack([np.full_like(y, edge), y]) for edge in (0, width_px - 1)]
    )


def encoded_light(light: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Encode linear light, 1 a full well, as sRGB; the array is used up."""
    table = np.round(encoded(np.arange(4096) / 4095) * 255).astype(np.uint8)
    np.clip(light, 0, 1, out=light)
    light *= np.float32(4095)
    return np.asarray(table[light.astype(np.uint16)], dtype=np.uint8)
