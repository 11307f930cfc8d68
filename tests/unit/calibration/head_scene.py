"""A painted plane, a camera that travels over it, and frames taken at places that the stage misses a little."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from calibration.mosaic import HeadView, MosaicFrame
from edge.simulate.config import SimulatedHeadCameraConfig
from edge.simulate.easel import EaselPicture
from edge.simulate.head_camera import SimulatedHeadCamera
from firmware_bridge.messages import StagePose

LEFT_MM, UPPER_MM, WIDTH_MM, HEIGHT_MM, PX_PER_MM = 100.0, 50.0, 34.0, 27.0, 25.0
STAGE_ERROR_MM = 0.1


@cache
def painted() -> EaselPicture:
    """Strokes and patches of every size, in linear light."""
    rng = np.random.default_rng(8)
    rows, columns = int(HEIGHT_MM * PX_PER_MM), int(WIDTH_MM * PX_PER_MM)
    light = np.full((rows, columns, 3), 0.35, dtype=np.float32)
    for sigma, strength in ((2, 0.10), (6, 0.15), (20, 0.2)):
        field = cv2.GaussianBlur(rng.standard_normal((rows, columns, 3)).astype(np.float32), (0, 0), sigma)
        light *= np.exp(strength * field / field.std())
    return EaselPicture(np.clip(light * 65535, 0, 60000).astype(np.uint16), LEFT_MM, UPPER_MM, PX_PER_MM)


def head_config(**changes) -> SimulatedHeadCameraConfig:
    return SimulatedHeadCameraConfig(
        **({"width_px": 320, "height_px": 240, "mm_per_px": 0.04, "exposure": 0.9, "blur_px": 0.6} | changes)
    )


@dataclass
class Taken:
    """Frames, and where the stage truly stood less where it said."""

    camera: SimulatedHeadCamera
    frames: list[MosaicFrame]
    missed_mm: np.ndarray

    @property
    def view(self) -> HeadView:
        return self.camera.view


def frame_of(name, place_mm, image) -> MosaicFrame:
    return MosaicFrame(name, place_mm, lambda: image)


def taken(*, columns=3, rows=3, step_mm=(8.6, 6.4), error_mm=STAGE_ERROR_MM, seed=1, easel=None, **changes) -> Taken:
    """A grid of frames over the painted plane."""
    camera = SimulatedHeadCamera(head_config(**changes), easel or painted())
    rng = np.random.default_rng(seed)
    start = np.array([LEFT_MM + 7.5, UPPER_MM + 6.0]) - camera.view.centre_mm
    frames, missed = [], []
    for k in range(columns * rows):
        place = start + np.array([k % columns, k // columns]) * step_mm
        off = rng.normal(0, error_mm, 2)
        image = camera.render(StagePose(float(place[0] + off[0]), float(place[1] + off[1])))
        frames.append(frame_of(f"frame-{k}", (float(place[0]), float(place[1])), image))
        missed.append(off)
    return Taken(camera, frames, np.array(missed))
