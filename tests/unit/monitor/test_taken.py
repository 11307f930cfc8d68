"""What the page keeps of exposures: where the maps take them to be, in little memory, and found again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.grid import ScanGrid
from edge.monitor.shown import Shown
from edge.monitor.taken import Taken
from edge.monitor.wire import AVERAGED, HELD, INFERRED, MEASURED, NOWHERE
from edge.planning.plan import extended
from edge.planning.scan_plan import ScanPlan
from edge.preview.samples_file import SamplesHead
from edge.record.measured import MeasuredArrays
from edge.results import cells_of
from edge.stopping.drawing import drawn, with_held_out
from firmware_bridge.messages import ExposureFlag
from tests.unit.recordings.made import make_recording
from tests.unit.stopping.scans import cells_by_chance, plan_of

GRID = ScanGrid(0.0, 0.0, 1.0, rows=6, columns=8)
CHANNELS = 4


def strokes(last_seq: int, starts_mm: list[tuple[float, float]], ends_mm: list[tuple[float, float]]) -> MeasuredArrays:
    count = len(starts_mm)
    second = np.ones(count)
    return MeasuredArrays(
        last_seq=last_seq,
        indices=np.arange(count),
        starts_mm=np.array(starts_mm, float),
        ends_mm=np.array(ends_mm, float),
        real_s=second,
        live_s=second,
        opened_at_s=second,
        closed_at_s=second,
        input_rate_hz=second,
        output_rate_hz=second,
        flags=np.zeros(count, np.int64),
        pose_uncertainty_mm=second,
        counts=np.ones((count, CHANNELS), np.uint32),
    )


def test_a_stroke_is_shown_measured_where_the_maps_take_it_to_be_and_nowhere_else() -> None:
    # from border to border of a cell, across a border of rows, and beyond the grid's rim
    block = strokes(3, [(2.0, 1.5), (3.0, 2.99), (7.4, 5.5)], [(3.0, 1.5), (4.0, 3.03), (8.8, 5.5)])
    taken = Taken(GRID, CHANNELS)
    taken.add(block)
    first = np.column_stack([taken.cells["row0"], taken.cells["column0"]])
    last = np.column_stack([taken.cells["row1"], taken.cells["column1"]])
    np.testing.assert_array_equal(first, cells_of(block, GRID))
    np.testing.assert_array_equal(last, first)


def test_a_stroke_over_several_cells_is_shown_as_a_mean_over_them() -> None:
    # forwards, backwards and by an eighth of a cell too far; then a dwell on one of the cells
    block = strokes(
        3, [(0.0, 1.5), (8.0, 3.5), (0.1, 5.4), (2.5, 1.5)], [(4.0, 1.5), (4.0, 3.5), (4.1, 5.4), (2.5, 1.5)]
    )
    taken = Taken(GRID, CHANNELS)
    taken.add(block)
    expected = np.full(GRID.shape, INFERRED, np.uint8)
    expected[1, :4] = expected[3, 4:8] = expected[5, :4] = AVERAGED
    expected[1, 2] = MEASURED
    np.testing.assert_array_equal(taken.states, expected)
    assert taken.cells["averaged"].tolist() == [1, 1, 1, 0]
    assert [taken.nearest(3, column) for column in (4, 7)] == [1, 1]


def test_a_cell_of_a_stroke_is_known_by_it_though_a_dwell_there_is_held_out() -> None:
    taken = Taken(GRID, CHANNELS)
    taken.add(strokes(1, [(0.0, 0.5), (1.5, 0.5)], [(4.0, 0.5), (1.5, 0.5)]))
    taken.cells["held"][1] = 1
    assert taken.states[0, :5].tolist() == [AVERAGED] * 4 + [INFERRED]


def flown_for_nothing(block: MeasuredArrays) -> MeasuredArrays:
    """The same, recorded for its dose alone."""
    flags = np.full_like(block.flags, ExposureFlag.TRUNCATED)
    return replace(block, flags=flags, counts=np.zeros_like(block.counts))


def test_a_row_that_is_to_be_flown_again_is_not_measured_until_it_has_been() -> None:
    row = strokes(1, [(0.0, 1.5), (4.0, 1.5)], [(4.0, 1.5), (8.0, 1.5)])
    taken = Taken(GRID, CHANNELS)
    taken.add(flown_for_nothing(row))
    assert (taken.states == INFERRED).all()
    assert taken.nearest(1, 2) is None
    assert (taken.cells["row0"] == NOWHERE).all()
    assert (taken.live_s, taken.telling, len(taken)) == (0.0, 0, 2)
    taken.add(replace(row, last_seq=2))
    assert (taken.states[1] == AVERAGED).all()
    assert [taken.nearest(5, column) for column in (0, 7)] == [2, 3]
    assert (taken.live_s, taken.telling, len(taken)) == (2.0, 2, 4)


def test_every_exposure_is_found_again_though_few_marks_are_kept() -> None:
    taken = Taken(GRID, CHANNELS)
    for number in range(2_000):
        taken.add(strokes(10 + number, [(0.5, 0.5)], [(0.5, 0.5)]))
    found = [taken.seq_before(exposure) for exposure in range(2_000)]
    # the first record's number is 10: what comes before the n-th is 9 + n, or 0 before the first
    assert all((seq - 9 if seq else 0) + skipped == exposure for exposure, (seq, skipped) in enumerate(found))
    assert max(skipped for _, skipped in found) <= 256
    assert len({seq for seq, _ in found}) <= 2_000 / 256 + 1


def visits(plan: ScanPlan, indices: NDArray[np.int64]) -> MeasuredArrays:
    """Exposures of a plan, measured where they were to be."""
    starts, ends = plan.table[indices, :2], plan.table[indices, 2:4]
    block = strokes(1, [tuple(each) for each in starts.tolist()], [tuple(each) for each in ends.tolist()])
    return replace(block, indices=indices)


def held_cells(taken: Taken) -> set[tuple[int, int]]:
    cells = taken.cells[taken.cells["held"] == 1]
    return set(zip(cells["row0"].tolist(), cells["column0"].tolist(), strict=True))


def places(cells: NDArray[np.bool_]) -> set[tuple[int, int]]:
    return {(int(row), int(column)) for row, column in np.argwhere(cells)}


@pytest.fixture(scope="module")
def checked() -> ScanPlan:
    """A plan that holds 30 cells out."""
    mask = cells_by_chance(0.2)
    return with_held_out(plan_of(mask), drawn(~mask, 30, 1), dwell_s=0.1)


@pytest.mark.parametrize("is_plan_first", [True, False])
def test_exposures_held_out_are_told_apart_whenever_their_plan_is_read(checked: ScanPlan, is_plan_first: bool) -> None:
    taken, all_of_it = Taken(checked.grid, CHANNELS), visits(checked, np.arange(len(checked.table)))
    for step in (lambda: taken.know(checked), lambda: taken.add(all_of_it))[:: 1 if is_plan_first else -1]:
        step()
    assert checked.held is not None
    assert held_cells(taken) == places(checked.held)
    assert len(held_cells(taken)) == 30
    assert places(taken.states == HELD) == places(checked.held)
    assert places(taken.states == MEASURED) == places(checked.mask.cells)


def test_a_cell_that_the_maps_know_from_one_exposure_is_measured_though_another_is_held_out() -> None:
    taken = Taken(GRID, CHANNELS)
    taken.add(strokes(1, [(0.5, 0.5)] * 2, [(0.5, 0.5)] * 2))
    taken.cells["held"][1] = 1
    assert taken.states[0, 0] == MEASURED


def test_a_plan_that_grows_lets_go_of_exposures_whose_cells_it_chose(checked: ScanPlan) -> None:
    taken = Taken(checked.grid, CHANNELS)
    taken.know(checked)
    taken.add(visits(checked, np.arange(len(checked.table))))
    before = taken.cells
    grown = extended(checked, cells_by_chance(0.3, 9) & ~checked.mask.cells)
    assert grown.held is not None
    taken.know(grown)
    assert held_cells(taken) == places(grown.held)
    # whoever was reading keeps what it had
    assert int(before["held"].sum()) == 30 > len(held_cells(taken))


def test_what_exposures_say_that_no_map_may_know_is_shown_on_none(tmp_path: Path) -> None:
    shown = Shown(make_recording(tmp_path / "scan").folder)
    shown.refresh()
    shown.refresh()
    shown.samples.head = SamplesHead(1, shown.maps.elements, 0.0, 0.3)
    shown.samples.values = lambda first, last, places: np.ones((last - first, len(places)), np.float32)  # type: ignore[method-assign]
    taken = shown.feed.taken
    assert taken is not None
    taken.cells["held"][2] = 1
    taken.cells["row0"][3] = NOWHERE
    assert np.isnan(shown.values(0, 4, [0, 1])).all(axis=1).tolist() == [False, False, True, True]
    shown.close()


def test_a_look_that_fails_unforeseen_is_told_and_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Shown(make_recording(tmp_path / "scan").folder)
    with monkeypatch.context() as broken:
        broken.setattr(shown.samples, "refresh", lambda: 1 // 0)
        assert shown.refresh()
        assert "ZeroDivisionError" in shown.status["trouble"]
        assert not shown.refresh()
    shown.feed._figured_s = 0.0
    assert shown.refresh()
    assert shown.status["trouble"] == ""
    shown.close()
