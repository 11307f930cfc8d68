"""What the page keeps of exposures: where the maps take them to be, in little memory, and found again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.grid import ScanGrid
from edge.monitor.shown import Shown
from edge.monitor.taken import Taken
from edge.record.measured import MeasuredArrays
from edge.results import cells_of
from tests.unit.recordings.made import make_recording

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


def test_every_exposure_is_found_again_though_few_marks_are_kept() -> None:
    taken = Taken(GRID, CHANNELS)
    for number in range(2_000):
        taken.add(strokes(10 + number, [(0.5, 0.5)], [(0.5, 0.5)]))
    found = [taken.seq_before(exposure) for exposure in range(2_000)]
    # the first record's number is 10: what comes before the n-th is 9 + n, or 0 before the first
    assert all((seq - 9 if seq else 0) + skipped == exposure for exposure, (seq, skipped) in enumerate(found))
    assert max(skipped for _, skipped in found) <= 256
    assert len({seq for seq, _ in found}) <= 2_000 / 256 + 1


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
