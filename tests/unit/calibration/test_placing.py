"""A part's picture placed in that of the whole."""

from __future__ import annotations

import math
import re

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.placing import NotPlaced, Placed, PlanePicture, place_in_whole

MM_PER_PX = 0.2


def painted(seed: int, rows: int = 300, columns: int = 420) -> NDArray[np.uint8]:
    """Discs of many sizes and colours over each other."""
    random = np.random.default_rng(seed)
    picture = np.full((rows, columns, 3), 128, np.uint8)
    for radius in sorted(random.integers(3, 25, 900), reverse=True):
        centre = (int(random.integers(columns)), int(random.integers(rows)))
        cv2.circle(picture, centre, int(radius), random.integers(0, 256, 3).tolist(), -1, cv2.LINE_AA)
    return picture


def seen(whole: PlanePicture, turn_deg: float, shift_mm: tuple[float, float], scale: float = 1.0) -> PlanePicture:
    """A part of 40 x 44 mm that lies in the whole turned and shifted, pictured on its own, with noise."""
    turn = math.radians(turn_deg)
    rotation = scale * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    rows, columns = np.mgrid[:220, :200]
    part_mm = (np.column_stack([columns.ravel(), rows.ravel()]) + 0.5) * MM_PER_PX + [7.0, 3.0]
    at = (part_mm @ rotation.T + shift_mm) / MM_PER_PX - 0.5
    x, y = (at[:, k].reshape(rows.shape).astype(np.float32) for k in (0, 1))
    picture = cv2.remap(whole.rgb, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).astype(float)
    picture += np.random.default_rng(1).normal(0, 3, picture.shape)
    return PlanePicture(np.clip(picture, 0, 255).astype(np.uint8), 7.0, 3.0, MM_PER_PX)


@pytest.fixture(scope="module")
def whole() -> PlanePicture:
    return PlanePicture(painted(0), 0.0, 0.0, MM_PER_PX)


@pytest.mark.parametrize("turn_deg", [0.0, 1.0, -15.0, 90.0])
def test_a_part_is_placed_within_a_tenth_of_a_pixel_however_it_is_turned(whole: PlanePicture, turn_deg: float) -> None:
    middle = np.array([27.0, 25.0])
    turn = math.radians(turn_deg)
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    shift = np.array([40.0, 30.0]) - rotation @ middle
    placed = place_in_whole(seen(whole, turn_deg, (shift[0], shift[1])), whole)
    assert isinstance(placed, Placed)
    assert placed.turn_deg == pytest.approx(turn_deg, abs=0.05)
    points = np.array([[10.0, 10.0], [27.0, 25.0], [40.0, 40.0]])
    np.testing.assert_allclose(placed.whole_from_part(points), points @ rotation.T + shift, atol=MM_PER_PX / 10)
    np.testing.assert_allclose(placed.part_from_whole(placed.whole_from_part(points)), points, atol=1e-9)


def test_another_picture_is_not_placed(whole: PlanePicture) -> None:
    other = PlanePicture(painted(1), 0.0, 0.0, MM_PER_PX)
    outcome = place_in_whole(seen(other, 0.0, (10.0, 10.0)), whole)
    assert isinstance(outcome, NotPlaced)
    assert "24 are needed" in outcome.reason


def test_a_blank_picture_is_not_placed(whole: PlanePicture) -> None:
    blank = PlanePicture(np.full((100, 100, 3), 128, np.uint8), 0.0, 0.0, MM_PER_PX)
    assert not place_in_whole(blank, whole)


def test_millimetres_that_differ_by_two_per_cent_are_told_as_such(whole: PlanePicture) -> None:
    outcome = place_in_whole(seen(whole, 0.0, (12.0, 9.0), scale=1.02), whole)
    assert isinstance(outcome, NotPlaced)
    assert re.search(r"\+(1\.9|2\.0|2\.1) % larger", outcome.reason)
    assert "markers' stated places" in outcome.reason


def test_what_both_show_on_a_line_alone_is_not_enough(whole: PlanePicture) -> None:
    part = seen(whole, 0.0, (12.0, 9.0))
    strip = np.full_like(part.rgb, 128)
    strip[100:112] = part.rgb[100:112]
    assert not place_in_whole(PlanePicture(strip, 7.0, 3.0, MM_PER_PX), whole)
