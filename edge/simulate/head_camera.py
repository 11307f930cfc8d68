"""A camera beside the beam that travels with it: it shows the easel around wherever the stage stands."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.fiducials import Fiducial
from calibration.lens import Lens
from calibration.mosaic.view import HeadView
from edge.cameras.frame import Frame
from edge.simulate.camera import encoded_light
from edge.simulate.camera_server import WhereIsStage, camera_served
from edge.simulate.config import SimulatedHeadCameraConfig, SimulatedInstrumentConfig, fiducials_of
from edge.simulate.easel import FULL, EaselPicture, easel_picture
from edge.simulate.specimen import Specimen
from firmware_bridge.messages import StagePose

_NODE_SPACING = 16
_OVERSAMPLING = 1.2
_LARGEST_EASEL_PX = 40_000_000
IDENTITY = "simulated-head"
_SPOT_LIGHT = np.array([1.0, 0.06, 0.03], dtype=np.float32)
"""Of the alignment laser, a red one."""


class SimulatedHeadCamera:
    """Photographs the easel around the beam; it knows its own truth, the application does not."""

    def __init__(self, config: SimulatedHeadCameraConfig, easel: EaselPicture) -> None:
        self._config = config
        self._easel = easel
        self._taken = 0
        self.view = true_head_view(config)
        """The true lens, and where its pixels lie beside the beam."""

    @classmethod
    def of(
        cls, config: SimulatedHeadCameraConfig, specimen: Specimen, fiducials: Sequence[Fiducial], dictionary: str
    ) -> SimulatedHeadCamera:
        """The camera over the easel that carries this specimen and these markers."""
        corners = [np.array([[specimen.origin.x_mm, specimen.origin.y_mm]])]
        corners += [corners[0] + np.array([specimen.size_mm]), *(one.corners_mm for one in fiducials)]
        outline = np.concatenate(corners)
        left, upper, right, lower = true_head_view(config).box_mm
        reach = math.hypot(max(abs(left), abs(right)), max(abs(upper), abs(lower)))
        low, high = outline.min(axis=0) - reach, outline.max(axis=0) + reach
        affordable = math.sqrt(_LARGEST_EASEL_PX / float(np.prod(high - low)))
        easel = easel_picture(
            specimen,
            fiducials,
            dictionary,
            box_mm=(float(low[0]), float(low[1]), float(high[0]), float(high[1])),
            px_per_mm=min(_OVERSAMPLING / config.mm_per_px, affordable),
            seed=config.seed,
        )
        return cls(config, easel)

    def frame_at(self, pose: StagePose) -> Frame:
        """The next frame, with the stage there."""
        return Frame(self.render(pose), IDENTITY, datetime.now(UTC).isoformat(timespec="milliseconds"))

    def render(self, pose: StagePose | None = None) -> NDArray[np.uint8]:
        """The next picture, sRGB, shape (h, w, 3), read-only; where nobody knows the pose, as at the stage's origin."""
        config = self._config
        rng = np.random.default_rng([config.seed, self._taken])
        exposure = config.exposure * math.exp(config.exposure_drift * float(rng.standard_normal()))
        self._taken += 1
        light, stage_mm = self._projected(pose or StagePose(0.0, 0.0))
        light *= (np.float32(exposure / FULL) * self._shading())[..., None]
        if config.spot_fwhm_mm > 0:
            light += self._spot(stage_mm)[..., None] * _SPOT_LIGHT
        if config.blur_px > 0:
            light = np.asarray(cv2.GaussianBlur(light, (0, 0), config.blur_px), dtype=np.float32)
        well = np.float32(config.well_electrons)
        deviation = np.sqrt(np.maximum(light, 0) / well + np.float32((config.noise_electrons / well) ** 2))
        light += deviation * rng.standard_normal(light.shape, dtype=np.float32)
        image = encoded_light(light)
        image.flags.writeable = False
        return image

    def _projected(self, pose: StagePose) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Linear light of the easel, and mm from the beam, of every pixel."""
        easel, config = self._easel, self._config
        wide, high = -(-config.width_px // _NODE_SPACING) + 2, -(-config.height_px // _NODE_SPACING) + 2
        x, y = np.meshgrid((np.arange(wide) - 0.5) * _NODE_SPACING - 0.5, (np.arange(high) - 0.5) * _NODE_SPACING - 0.5)
        nodes = self.view.beam_mm(np.column_stack([x.ravel(), y.ravel()])).astype(np.float32)
        size = (wide * _NODE_SPACING, high * _NODE_SPACING)
        dense = cv2.resize(nodes.reshape(high, wide, 2), size, interpolation=cv2.INTER_LINEAR)
        inner = dense[_NODE_SPACING : _NODE_SPACING + config.height_px, _NODE_SPACING : _NODE_SPACING + config.width_px]
        beside = np.ascontiguousarray(inner, dtype=np.float32)
        start = np.array([pose.x_mm - easel.left_mm, pose.y_mm - easel.upper_mm], dtype=np.float32)
        at = (beside + start) * np.float32(easel.px_per_mm) - np.float32(0.5)
        columns, rows = np.ascontiguousarray(at[..., 0]), np.ascontiguousarray(at[..., 1])
        seen = cv2.remap(easel.light, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(seen, dtype=np.float32), beside

    def _shading(self) -> NDArray[np.float32]:
        """Vignetting and a lamp on the head's left, shape (h, w)."""
        config = self._config
        x = np.linspace(-1, 1, config.width_px, dtype=np.float32)[None, :]
        y = np.linspace(-1, 1, config.height_px, dtype=np.float32)[:, None] * (config.height_px / config.width_px)
        reach = 1 + (config.height_px / config.width_px) ** 2
        fall = 1 - np.float32(config.vignetting) * ((x * x + y * y) / np.float32(reach))
        return np.asarray(fall * (1 - np.float32(0.05) * x), dtype=np.float32)

    def _spot(self, beside_mm: NDArray[np.float32]) -> NDArray[np.float32]:
        sigma = self._config.spot_fwhm_mm / 2.3548
        return np.asarray(1.5 * np.exp(-np.sum(beside_mm**2, axis=-1) / np.float32(2 * sigma**2)), dtype=np.float32)


@contextmanager
def head_camera_of(
    instrument: SimulatedInstrumentConfig, specimen: Specimen, pose: WhereIsStage
) -> Iterator[str | None]:
    """The head's camera at its address while the instrument runs; None where the instrument's file has none."""
    config = instrument.head_camera
    if config is None:
        yield None
        return
    markers = fiducials_of(instrument.fiducials)
    head = SimulatedHeadCamera.of(config, specimen, markers, instrument.fiducials.dictionary)
    with camera_served(head, pose, link=Path(config.link)) as address:
        yield address


def true_head_view(config: SimulatedHeadCameraConfig) -> HeadView:
    """Lens and place beside the beam of a head camera that looks straight on but for a tilt."""
    focal_px = config.distance_mm / config.mm_per_px
    centre = np.array([(config.width_px - 1) / 2, (config.height_px - 1) / 2])
    matrix = np.array([[focal_px, 0, centre[0]], [0, focal_px, centre[1]], [0, 0, 1.0]])
    lens = Lens(matrix, np.array(config.distortion), config.width_px, config.height_px)
    tilt_x, tilt_y, turn = np.deg2rad([config.tilt_x_deg, config.tilt_y_deg, config.turn_deg])
    about_x, _ = cv2.Rodrigues(np.array([tilt_x, 0.0, 0.0]))
    about_y, _ = cv2.Rodrigues(np.array([0.0, tilt_y, 0.0]))
    about_z, _ = cv2.Rodrigues(np.array([0.0, 0.0, turn]))
    rotation = about_x @ about_y @ about_z.T
    aim = np.array([config.offset_x_mm, config.offset_y_mm, 0.0])
    shift = np.array([0, 0, config.distance_mm]) - rotation @ aim
    camera_from_beam = matrix @ np.column_stack([rotation[:, 0], rotation[:, 1], shift])
    beam_from_camera = np.linalg.inv(camera_from_beam)
    return HeadView(beam_from_camera / beam_from_camera[2, 2], lens)
