"""Strokes end to end become rows, and the slots of a row become its cells."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.faults import ControllerFault
from firmware_bridge.messages import Exposure, StagePose
from firmware_bridge.pairing.cells import crossed, triggered_cells
from firmware_bridge.pairing.clocks import Moment
from firmware_bridge.pairing.rows import Row, RowLimits, first_row
from firmware_bridge.pairing.track import Track
from firmware_bridge.spectrometer import Spectrum

LIMITS = RowLimits(most_cells=64, longest_s=20.0, are_cells_equal=True)


def stroke(index: int, x_mm: float, to_mm: float, live_s: float = 0.5, y_mm: float = 10.0) -> Exposure:
    return Exposure(index, StagePose(x_mm, y_mm), StagePose(to_mm, y_mm), live_s)


def line(count: int, cell_s: float = 0.5) -> list[Exposure]:
    return [stroke(index, 10.0 + 2.0 * index, 12.0 + 2.0 * index, cell_s) for index in range(count)]


@given(st.integers(1, 200), st.integers(1, 70), st.floats(0.5, 40.0), st.floats(0.0, math.tau))
def test_rows_together_are_the_queue_and_each_is_within_the_limits(
    count: int, most: int, longest_s: float, angle: float
) -> None:
    places = [StagePose(50.0 + 0.5 * k * math.cos(angle), 50.0 + 0.5 * k * math.sin(angle)) for k in range(count + 1)]
    queue = [Exposure(index, start, end, 0.25) for index, (start, end) in enumerate(pairwise(places))]
    limits, rest, rows = RowLimits(most, longest_s, are_cells_equal=True), queue, []
    while rest:
        rows.append(first_row(rest, limits))
        rest = rest[len(rows[-1].exposures) :]
    assert [exposure for row in rows for exposure in row.exposures] == queue
    assert all(len(row.exposures) <= most for row in rows)
    assert all(len(row.exposures) * 0.25 <= longest_s + 1e-9 for row in rows)
    assert len(rows) == math.ceil(count / min(most, math.floor(longest_s / 0.25 + 1e-9)))


@pytest.mark.parametrize(
    "following",
    [
        stroke(2, 14.1, 16.1),
        stroke(2, 14.0, 16.0, live_s=0.6),
        stroke(2, 14.0, 12.0),
        Exposure(2, StagePose(14.0, 10.0), StagePose(16.0, 10.1), 0.5),
        Exposure(2, StagePose(14.0, 10.0), StagePose(14.0, 10.0), 0.5),
        stroke(2, 14.0, 15.0, live_s=0.25),
    ],
    ids=["a gap", "another speed", "the way back", "a kink", "a dwell", "another length"],
)
def test_a_row_ends_where_the_strokes_do_not_go_on(following: Exposure) -> None:
    assert len(first_row([*line(2), following], LIMITS).exposures) == 2


def test_without_a_trigger_cells_may_differ_in_length() -> None:
    limits = RowLimits(64, 20.0, are_cells_equal=False)
    assert len(first_row([*line(2), stroke(2, 14.0, 15.0, live_s=0.25)], limits).exposures) == 3


def test_one_stroke_longer_than_a_row_may_be_is_a_row_of_its_own() -> None:
    assert len(first_row([stroke(0, 0.0, 90.0, live_s=60.0), *line(1)], LIMITS).exposures) == 1


def test_a_way_along_a_row_and_its_place_are_each_others_inverse() -> None:
    row = Row((Exposure(0, StagePose(3.0, 1.0), StagePose(0.0, 5.0), 1.0),))
    assert row.length_mm == 5.0
    assert row.way_mm(row.place(2.0)) == pytest.approx(2.0)
    assert row.place(2.5) == StagePose(1.5, 3.0)


# Slots of a row of four cells of 2 mm at 4 mm/s that begins at 100 s; counting began at 99 s.
ROW = Row(tuple(line(4)))
TRACK = Track(100.0, 0.0, 4.0, 10, 10.0, 0.005, 0.004)
BEGAN = Moment(99.0, 0.001)


def slots(*real_s: float) -> list[Spectrum]:
    return [Spectrum(np.full(8, 5, np.uint32), 0.9 * real, real, 100.0, 90.0, False) for real in real_s]


@pytest.mark.parametrize("real_s", [(1.5, 0.5, 0.5, 0.5), (1.0, 0.5, 0.5, 0.5, 0.5)], ids=["no edge", "an edge"])
def test_slots_become_cells_with_or_without_an_edge_at_the_start(real_s: tuple[float, ...]) -> None:
    cells = triggered_cells(ROW, TRACK, BEGAN, slots(*real_s), 0.005, is_whole=True)
    assert [cell.index for cell in cells] == [0, 1, 2, 3]
    assert [cell.start.x_mm for cell in cells] == pytest.approx([10.0, 12.0, 14.0, 16.0])
    assert [cell.real_s for cell in cells] == pytest.approx([0.5] * 4)
    assert [cell.live_s for cell in cells] == pytest.approx([0.45] * 4)


def test_a_live_clock_ran_through_before_the_beam() -> None:
    """Counting began 1 s before a cell of 0.5 s; the detector was dead for 0.2 s of that, as in every cell."""
    told = [replace(slot, live_s=slot.real_s - 0.2, has_live_clock=True) for slot in slots(1.5, 0.5, 0.5, 0.5)]
    cells = triggered_cells(ROW, TRACK, BEGAN, told, 0.005, is_whole=True)
    assert [cell.live_s for cell in cells] == pytest.approx([0.3] * 4)


def test_of_a_slot_that_began_before_the_beam_the_rates_are_those_with_the_beam() -> None:
    (first, second, *_) = triggered_cells(ROW, TRACK, BEGAN, slots(1.5, 0.5, 0.5, 0.5), 0.005, is_whole=True)
    assert first.input_rate_hz == pytest.approx(3 * second.input_rate_hz)


@pytest.mark.parametrize(
    "real_s",
    [
        (1.5, 0.5, 1.0),
        (2.0, 0.5, 0.5),
        (1.0, 1.0, 0.5, 0.5),
        (1.0, 0.5, 0.5, 0.5),
        (1.5, 0.3, 0.2, 0.5, 0.5),
        (1.5, 0.3, 0.2, 1.0),
        (0.2, 1.3, 0.5, 0.5, 0.5),
        (),
    ],
    ids=[
        "an inner one lost", "the first one lost", "an inner one lost after one at the start", "the last one lost",
        "a surplus one", "a surplus one for a lost one", "one before the row", "none",
    ],
)  # fmt: skip
def test_edges_that_are_missing_or_too_many_are_named(real_s: tuple[float, ...]) -> None:
    with pytest.raises(ControllerFault, match="an edge of the trigger was lost or came twice"):
        triggered_cells(ROW, TRACK, BEGAN, slots(*real_s), 0.005, is_whole=True)


def test_of_an_interrupted_row_the_slots_that_agree_are_cells() -> None:
    cells = triggered_cells(ROW, TRACK, BEGAN, slots(1.5, 0.5, 0.3), 0.005, is_whole=False)
    assert [cell.index for cell in cells] == [0, 1]


def test_of_an_interrupted_row_only_what_the_stage_had_left_behind_is_kept() -> None:
    cells = triggered_cells(ROW, TRACK, BEGAN, slots(1.5, 0.5, 0.5), 0.005, is_whole=False)
    assert [cell.index for cell in crossed(ROW, cells, 5.9)] == [0, 1]
    assert [cell.index for cell in crossed(ROW, cells, 4.0)] == [0]


def test_a_link_too_slow_to_tell_the_first_edge_is_named() -> None:
    with pytest.raises(ControllerFault, match="lengthen the strokes"):
        triggered_cells(ROW, TRACK, Moment(99.0, 0.2), slots(1.5, 0.5, 0.5, 0.5), 0.005, is_whole=True)
