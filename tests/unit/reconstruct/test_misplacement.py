"""Where the photograph lies, by the samples alone."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.reconstruct.lowest_point import NoOffset, Offset
from edge.reconstruct.misplacement import offset_of
from tests.unit.reconstruct.scenes import measured, painted, pentimento, portrait, random_mask

Floats = NDArray[np.float32]


def moved(rgb: Floats, down: int, right: int) -> Floats:
    """The photograph displaced by whole cells, its edges repeated."""
    rows = np.clip(np.arange(rgb.shape[0]) - down, 0, rgb.shape[0] - 1)
    columns = np.clip(np.arange(rgb.shape[1]) - right, 0, rgb.shape[1] - 1)
    return rgb[np.ix_(rows, columns)]


def found(maps: Floats, rgb: Floats, rate: float, seed: int = 0) -> Offset | NoOffset:
    allowed = np.ones((maps.shape[0], maps.shape[1]), np.bool_)
    return offset_of(measured(maps, random_mask(allowed, rate, seed)), rgb)


@pytest.mark.parametrize(("down", "right"), [(0, 1), (-2, 1)])
def test_a_displaced_photograph_is_found_within_three_standard_errors_and_significant(down: int, right: int) -> None:
    maps, _, rgb = pentimento()
    offset = found(maps, moved(rgb, -down, -right), 0.08)
    assert offset
    assert offset.is_significant
    assert max(offset.deviation) < 0.15
    miss = np.array([offset.down - down, offset.right - right])
    # 13.8: chi-square of two degrees of freedom at one in a thousand
    assert miss @ np.linalg.solve(np.array(offset.covariance), miss) < 13.8


@pytest.mark.parametrize("seed", range(3))
def test_a_photograph_in_its_place_is_left_there(seed: int) -> None:
    maps, _, rgb = pentimento()
    offset = found(maps, rgb, 0.05, seed)
    assert not (offset and offset.is_significant)
    assert not (offset and offset.skew and offset.skew.is_significant)


def test_a_photograph_turned_by_half_a_degree_is_told_to_be_turned() -> None:
    maps, _, rgb = pentimento()
    rows, columns = rgb.shape[:2]
    turned = cv2.getRotationMatrix2D(((columns - 1) / 2, (rows - 1) / 2), -0.5, 1.0)
    askew = cv2.warpAffine(rgb, turned, (columns, rows), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    offset = found(maps, np.clip(askew, 0, 1), 0.1)
    assert offset
    assert not offset.is_significant
    skew = offset.skew
    assert skew is not None
    assert skew.is_significant
    # turned clockwise, so what puts it right turns the other way; three standard errors
    assert skew.turn_deg == pytest.approx(-0.5, abs=3 * skew.turn_error_deg)
    assert skew.turn_error_deg < 0.15
    assert skew.stretch == pytest.approx(0.0, abs=3 * skew.stretch_error)


def test_a_photograph_of_something_else_is_not_moved_to_where_it_fits_by_chance() -> None:
    maps, _, _ = pentimento()
    other = painted(*maps.shape[:2], seed=2)[1]
    offset = found(maps, other, 0.05)
    assert not (offset and offset.is_significant)


def test_a_photograph_of_one_colour_and_few_samples_tell_no_offset() -> None:
    maps, rgb = painted()
    assert "single colour" in str(found(maps, np.full_like(rgb, 0.5), 0.1))
    assert "too few" in str(found(maps, rgb, 0.01))


def test_elements_that_do_not_vary_tell_no_offset() -> None:
    maps, rgb = painted()
    assert "show no element" in str(found(np.zeros_like(maps), rgb, 0.1))


@pytest.mark.campaign
def test_the_offset_put_into_the_portrait_comes_on_top_of_its_own(measurement_data: Path) -> None:
    """The pair is aligned to about a cell only, so what is put in is the difference of two estimates."""
    maps, rgb, _ = portrait(measurement_data)
    maps, rgb = maps[:160], rgb[:160]
    own, whole = found(maps, rgb, 0.08), found(maps, moved(rgb, 0, -2), 0.08)
    assert own
    assert whole
    # the same samples: the two errors are mostly one, a standard error of their sum is more than enough
    assert whole.right - own.right == pytest.approx(2.0, abs=own.deviation[1] + whole.deviation[1])
    assert whole.is_significant
