"""What placements say of the cells that several of them visited."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.campaign.overlap import Comparison, compare, factors_of, refusal, ways_disagree
from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.lowest_point import NoOffset

SHAPE = (40, 60)
NOT_TOLD = NoOffset("not looked for")


def scanned(columns: slice, intensity: float | NDArray[np.float64], seed: int) -> MeasuredCells:
    """Every third cell of some columns of one smooth object, counted for long enough to see some per cent each."""
    rows, across = np.mgrid[: SHAPE[0], : SHAPE[1]]
    chosen = (rows + across) % 3 == 0
    chosen[:, : columns.start] = chosen[:, columns.stop :] = False
    y, x = np.nonzero(chosen)
    true = np.stack([2 + np.sin(x / 9), 3 + np.cos(y / 7), 0.5 + 0.4 * np.sin((x + y) / 11)], axis=1) * 400
    counts = np.random.default_rng(seed).poisson(true * intensity)
    return MeasuredCells(
        SHAPE, y, x, counts.astype(np.float32), np.maximum(counts, 1).astype(np.float32), ("A", "B", "C")
    )


def pair(first: int, second: int, log_ratio: float, deviation: float = 0.01) -> Comparison:
    return Comparison(first, second, 50, log_ratio, deviation, 1.0, 0.0, NOT_TOLD)


@pytest.fixture
def rgb() -> NDArray[np.float32]:
    """A photograph that shows nothing."""
    return np.full((*SHAPE, 3), 0.5, np.float32)


@pytest.mark.parametrize("seed", range(5))
def test_the_ratio_of_intensities_is_within_its_error(rgb: NDArray[np.float32], seed: int) -> None:
    found = compare([scanned(slice(0, 36), 1.0, seed), scanned(slice(24, 60), 0.7, seed + 50)], 0, 1, rgb)
    assert found is not None
    assert found.cells == 160
    assert found.deviation < 0.01
    # four standard errors: 3 in 10,000 over five seeds
    assert abs(found.log_ratio - math.log(0.7)) < 4 * found.deviation
    assert not found.elements_disagree


def test_elements_under_another_tube_voltage_disagree(rgb: NDArray[np.float32]) -> None:
    other = scanned(slice(24, 60), np.array([1.0, 0.8, 1.2]), 7)
    found = compare([scanned(slice(0, 36), 1.0, 1), other], 0, 1, rgb)
    assert found is not None
    assert found.elements_disagree
    told = refusal(["left", "right"], [found], np.array([1.0, 1.0]), 0.5)
    assert told is not None
    assert "'left' and 'right' measured the same 160 cells" in told


def test_placements_that_share_few_cells_are_not_compared(rgb: NDArray[np.float32]) -> None:
    assert compare([scanned(slice(0, 30), 1.0, 1), scanned(slice(30, 60), 1.0, 2)], 0, 1, rgb) is None


def test_intensities_of_a_chain_multiply_along_it() -> None:
    found = factors_of(3, [pair(0, 1, 0.2), pair(1, 2, -0.1)])
    assert found is not None
    factors, errors = found
    assert factors == pytest.approx([1.0, math.exp(0.2), math.exp(0.1)])
    assert errors == pytest.approx([0.0, 0.01 * math.exp(0.2), 0.01 * math.sqrt(2) * math.exp(0.1)])


def test_a_placement_that_nothing_ties_to_the_others_has_no_intensity() -> None:
    assert factors_of(3, [pair(0, 1, 0.2)]) is None
    assert factors_of(2, []) is None


def test_ways_round_that_contradict_each_other_are_refused_and_those_within_errors_are_not() -> None:
    agreeing = [pair(0, 1, 0.2), pair(1, 2, -0.1), pair(0, 2, 0.11)]
    found = factors_of(3, agreeing)
    assert found is not None
    assert ways_disagree(found[0], agreeing) > 0.1
    assert refusal(["a", "b", "c"], agreeing, found[0], 0.5) is None
    contradicting = [*agreeing[:2], pair(0, 2, 0.3)]
    found = factors_of(3, contradicting)
    assert found is not None
    told = refusal(["a", "b", "c"], contradicting, found[0], 0.5)
    assert told is not None
    assert "contradict each other" in told
