"""A plane with markers, drawn through a known homography."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.fiducials import Fiducial
from calibration.homography import PlaneFit
from calibration.lens import Lens
from firmware_bridge.messages import StagePose

DICTIONARY = "DICT_4X4_50"
SIZE = (1200, 900)
Draw = Callable[..., NDArray[np.uint8]]


@pytest.fixture(scope="session")
def eight() -> tuple[Fiducial, ...]:
    """Eight markers of 10 mm around an area of 100 x 70 mm."""
    places = [(10, 10), (60, 10), (110, 10), (110, 45), (110, 80), (60, 80), (10, 80), (10, 45)]
    return tuple(Fiducial(i, StagePose(float(x), float(y)), 10.0) for i, (x, y) in enumerate(places))


@pytest.fixture(scope="session")
def lens() -> Lens:
    """A lens that bends the corners of the picture by about nine pixels."""
    matrix = np.array([[1300.0, 0, 603.0], [0, 1300.0, 446.0], [0, 0, 1]])
    return Lens(matrix, np.array([-0.08, 0.02, 0.0003, -0.0002, 0.0]), *SIZE)


@pytest.fixture(scope="session")
def view(lens: Lens) -> PlaneFit:
    """The camera 145 mm away, aimed near the middle, tilted by two degrees."""
    tilt = np.deg2rad(2.0)
    rotation = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    shift = np.array([0, 0, 145.0]) - rotation @ np.array([60.0, 45.0, 0])
    homography = lens.matrix @ np.column_stack([rotation[:, 0], rotation[:, 1], shift])
    return PlaneFit(homography / homography[2, 2], lens)


@pytest.fixture(scope="session")
def draw(view: PlaneFit) -> Draw:
    """Render markers through the view: 20 px/mm on the plane, smoothed once, sampled bilinearly."""
    family = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
    columns, rows = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    stage = view.stage(np.column_stack([columns.ravel(), rows.ravel()]).astype(float))

    def drawn(fiducials: tuple[Fiducial, ...]) -> NDArray[np.uint8]:
        scale = 20.0
        plane = np.full((int(110 * scale), int(140 * scale)), 190, np.uint8)
        for fiducial in fiducials:
            side = round(fiducial.side_mm * scale)
            left = round((fiducial.centre.x_mm + 10) * scale - side / 2)
            upper = round((fiducial.centre.y_mm + 10) * scale - side / 2)
            marker = cv2.aruco.generateImageMarker(family, fiducial.id, side)
            plane[upper : upper + side, left : left + side] = marker
        light = cv2.GaussianBlur((plane / 255.0) ** 2.2, (0, 0), 1.2).astype(np.float32)
        place = ((stage + 10) * scale - 0.5).astype(np.float32).reshape(SIZE[1], SIZE[0], 2)
        seen = cv2.remap(light, place[..., 0], place[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        grey = np.round(np.clip(seen, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)
        return np.ascontiguousarray(np.repeat(grey[:, :, None], 3, axis=2))

    return drawn
