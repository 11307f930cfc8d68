"""Whether the object still lies where it was: refused when it moved, and when the photographs do not match."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, rotate, shift

from edge.calibrate.place import require_unmoved
from edge.faults import SafetyStop

PITCH_MM = 0.5


def texture(seed: int) -> np.ndarray:
    """Something like a painting: patches of several sizes."""
    rng = np.random.default_rng(seed)
    layers = sum(gaussian_filter(rng.normal(size=(90, 120)), size) * size for size in (2, 5, 12))
    grey = np.clip(128 + 60 * layers / layers.std(), 0, 255)
    return np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)


def noisy(rgb: np.ndarray, seed: int = 9) -> np.ndarray:
    """The same again, through another exposure of the camera."""
    grain = np.random.default_rng(seed).normal(0, 2, rgb.shape)
    return np.clip(0.9 * rgb + 8 + grain, 0, 255).astype(np.uint8)


def moved(rgb: np.ndarray, rows: float, columns: float) -> np.ndarray:
    return np.stack([shift(rgb[..., i].astype(float), (rows, columns), mode="nearest") for i in range(3)], 2).astype(
        np.uint8
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_same_object_in_the_same_place_passes(seed):
    still_mm = require_unmoved(texture(seed), noisy(texture(seed)), PITCH_MM)
    assert still_mm is not None
    assert still_mm < 0.1


@pytest.mark.parametrize(("rows", "columns"), [(0, 1), (3, -2), (-6, 9)])
def test_an_object_that_moved_is_refused_with_the_distance(rows, columns):
    with pytest.raises(SafetyStop, match=r"moved by \d+\.\d\d mm") as refusal:
        require_unmoved(texture(1), noisy(moved(texture(1), rows, columns)), PITCH_MM)
    stated_mm = float(str(refusal.value).split("moved by ")[1].split(" mm")[0])
    assert stated_mm == pytest.approx(PITCH_MM * np.hypot(rows, columns), abs=0.2)


def test_a_quarter_of_a_cell_is_no_move():
    assert require_unmoved(texture(1), noisy(moved(texture(1), 0.25, 0.0)), PITCH_MM) == pytest.approx(0.125, abs=0.05)


@pytest.mark.parametrize("seed", range(10, 20))
def test_another_object_is_refused(seed):
    with pytest.raises(SafetyStop, match="does not show the object as it was"):
        require_unmoved(texture(1), texture(seed), PITCH_MM)


@pytest.mark.parametrize(
    "change",
    [lambda rgb: rgb[::-1, ::-1], lambda rgb: rgb[:, ::-1], lambda rgb: np.full_like(rgb, 90)],
    ids=["turned round", "mirrored", "covered"],
)
def test_an_object_turned_or_covered_is_refused(change):
    with pytest.raises(SafetyStop, match="does not show the object as it was"):
        require_unmoved(texture(1), np.ascontiguousarray(change(texture(1))), PITCH_MM)


def test_an_object_half_covered_is_refused():
    half = texture(1)
    half[:, 60:] = 30
    with pytest.raises(SafetyStop):
        require_unmoved(texture(1), half, PITCH_MM)


def test_a_blank_object_cannot_be_told():
    blank = np.full((90, 120, 3), 128, np.uint8)
    assert require_unmoved(blank, noisy(blank), PITCH_MM) is None


@pytest.mark.parametrize("shape", [(1, 20), (2, 2), (3, 3), (5, 4), (8, 8), (2, 300)])
def test_the_smallest_grids_can_stand_still(shape):
    cells = np.random.default_rng(3).integers(30, 220, (*shape, 3)).astype(np.uint8)
    again = np.clip(cells + np.random.default_rng(4).normal(0, 1.5, cells.shape), 0, 255).astype(np.uint8)
    assert require_unmoved(cells, again, PITCH_MM) is not None


def test_light_from_another_side_is_no_move():
    side = np.linspace(0.45, 1.1, 120)[None, :, None] * np.linspace(1.1, 0.6, 90)[:, None, None]
    lit = np.clip(noisy(texture(1)) * side, 0, 255).astype(np.uint8)
    still_mm = require_unmoved(texture(1), lit, PITCH_MM)
    assert still_mm is not None
    assert still_mm < 0.1


def test_a_turn_about_the_centre_is_told_with_its_angle():
    turned = rotate(texture(1).astype(float), -1.0, axes=(1, 0), reshape=False, mode="nearest").astype(np.uint8)
    with pytest.raises(SafetyStop, match=r"moved by 0\.6\d mm and turned by -?(0\.9\d|1\.0\d) degrees"):
        require_unmoved(texture(1), noisy(turned), PITCH_MM)


def test_sixteen_bits_move_as_eight_do():
    moved_rgb = noisy(moved(texture(1), 0.3, 0.0))
    eight = require_unmoved(texture(1), moved_rgb, PITCH_MM)
    sixteen = require_unmoved(texture(1).astype(np.uint16) * 257, moved_rgb.astype(np.uint16) * 257, PITCH_MM)
    assert sixteen == pytest.approx(eight, abs=0.01)
