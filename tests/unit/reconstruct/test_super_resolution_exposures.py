"""Super-resolution on real exposures: maps that agree with them, and a photograph that they put in its place."""

from __future__ import annotations

import re
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells, checked_photograph
from edge.reconstruct.exposure_operator import areas, joined, strokes
from edge.reconstruct.super_resolution.agreement import agreeing
from edge.reconstruct.super_resolution.placing import placed
from edge.reconstruct.unfold.photograph_said import said_of_photograph
from tools.bench.painted import painted_panel

Floats = NDArray[np.float32]
SIDE, FACTOR = 48, 4


def in_means(maps: Floats) -> MeasuredCells:
    rows, columns = (one.ravel() for one in np.mgrid[: maps.shape[0] : FACTOR, : maps.shape[1] : FACTOR])
    operator = areas(maps.shape[:2], rows, columns, height=FACTOR, width=FACTOR)
    values = operator.seen(maps)
    names = tuple(f"E{e}" for e in range(maps.shape[2]))
    middle = FACTOR // 2
    return MeasuredCells(
        maps.shape[:2], rows + middle, columns + middle, values, np.zeros_like(values), names, None, operator
    )


def mottled(seed: int) -> Floats:
    """Fields of spots some cells wide, shape (side, side, 3), in [0, 1]."""
    drawn = np.random.default_rng(seed).random((SIDE, SIDE, 3), dtype=np.float32)
    found: Floats = np.asarray(cv2.GaussianBlur(drawn, (0, 0), 2.5), np.float32)
    return (found - found.min()) / (found.max() - found.min())


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_maps_are_brought_to_see_what_exposures_without_error_measured(seed: int) -> None:
    """Nearly, where cells would have to fall below zero for it: within a thousandth of the exposures' full scale."""
    cells, wrong = in_means(mottled(seed)), mottled(seed + 1)
    found = agreeing(wrong, cells)
    assert found.min() >= 0
    np.testing.assert_allclose(cells.seen_by().seen(found), cells.values, atol=1e-3)


def test_a_channel_that_misses_by_its_counting_error_is_left_as_it_is() -> None:
    maps = mottled(0)
    cells = in_means(maps)
    noise = np.random.default_rng(1).normal(0, 0.01, cells.values.shape).astype(np.float32)
    cells = replace(cells, values=cells.values + noise, variance=np.full_like(noise, 0.015**2))
    np.testing.assert_array_equal(agreeing(maps, cells), maps)


def test_what_is_handed_back_makes_no_steps_between_exposures() -> None:
    """A ramp that is missing altogether: handed to each exposure's cells alone, all of it would lie between blocks."""
    ramp = np.broadcast_to(np.linspace(0, 1, SIDE, dtype=np.float32)[:, None], (SIDE, SIDE, 1)).reshape(SIDE, SIDE, 1)
    cells = in_means(np.asarray(ramp, np.float32))
    found = agreeing(np.zeros((SIDE, SIDE, 1), np.float32), cells)
    inside = slice(FACTOR, -FACTOR)
    assert np.abs(found - ramp)[inside].max() < 0.25 * FACTOR / SIDE


def test_the_entries_of_cells_are_those_of_exposures() -> None:
    shape = (9, 9)
    operator = joined(
        [
            areas(shape, np.array([0, 2]), np.array([0, 1]), height=4, width=3),
            strokes(shape, np.array([[1.0, 0.0]]), np.array([[7.0, 8.0]])),
        ]
    )
    values = np.random.default_rng(0).random((len(operator), 2), dtype=np.float32)
    first, exposure, weight = operator.by_cell()
    of = np.repeat(np.arange(81), np.diff(first))
    found = np.zeros((81, 2), np.float32)
    np.add.at(found, of, weight[:, None] * values[exposure])
    np.testing.assert_allclose(found.reshape(9, 9, 2), operator.adjoint(values), atol=1e-6)


def test_a_photograph_that_lies_beside_the_maps_is_moved_onto_them() -> None:
    maps = mottled(3)
    beside = np.roll(maps, 2, axis=1)
    found, remarks = placed(in_means(maps), beside)
    inside = slice(8, -8)
    assert np.abs(found - maps)[inside, inside].mean() < 0.5 * np.abs(beside - maps)[inside, inside].mean()
    where = r"The photograph was moved by (0\.[1-3] cells (down|up) and )?(1\.[7-9]|2\.[0-3]) cells left, where"
    assert re.match(where, remarks[0])


def test_a_photograph_that_shows_something_else_is_said_to_help_nothing() -> None:
    _, remarks = placed(in_means(mottled(3)), mottled(9))
    assert remarks[-1] == (
        "The photograph's colours did not help kriging to predict what was measured, wherever within four cells it was "
        "moved: check that it lies on the scan, or compare with the maps of ssr-baseline-1, which needs none."
    )


@pytest.fixture(scope="module")
def panel() -> tuple[MeasuredCells, Floats]:
    """Means over blocks of a panel that follows its photograph, and that."""
    maps, rgb = painted_panel(96, 96, 3)
    return in_means(maps), checked_photograph(rgb, (96, 96))


@pytest.mark.parametrize(
    ("recipe", "beginning"),
    [
        ("kriged", "The photograph was moved by "),
        ("interpolated", "The photograph would predict best what was measured if it were moved by "),
    ],
)
def test_whoever_trains_a_network_is_told_that_the_photograph_lies_beside_the_maps(
    panel: tuple[MeasuredCells, Floats], recipe: str, beginning: str
) -> None:
    cells, rgb = panel
    beside, far = (said_of_photograph(cells, np.roll(rgb, off, axis=1), recipe) for off in (2, 30))
    assert re.match(beginning + r"(0\.\d cells (down|up) and )?(1\.[5-9]|2\.[0-5]) cells left, ", beside[0])
    assert far[0].endswith("check that it lies on the scan.")
    assert said_of_photograph(cells, np.zeros_like(rgb), recipe) == ()


def test_a_photograph_of_one_colour_stays_as_it_is() -> None:
    blank = np.full((SIDE, SIDE, 3), 0.4, np.float32)
    found, remarks = placed(in_means(mottled(0)), blank)
    assert found is blank
    assert remarks == ()
