"""What a recording adds up to in its report: running time, travel, dose, versions, energy scale."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.configuration.config import DetectorConfig
from edge.events import Measured, Opened
from edge.finish import calibration_line
from edge.folds.ledger import Ledger, read_ledger, running_s, seconds_per_cell, travel_mm, uncertainty_mm
from edge.grid import ScanGrid
from edge.record.journal import Journal
from edge.record.reader import JournalReader
from edge.report.gathered import energy_scale_of, versions_of
from edge.spectra.energy import NotCalibrated, nominal_calibration
from firmware_bridge.messages import ExposureDone, ExposureFlag, StagePose

AT = "2026-01-02T03:04:05.000006+00:00"
GRID = ScanGrid(10.0, 20.0, 0.5, 4, 6)
STEP_S, DWELL_S = 0.2, 0.1
LONGEST_MOVE_S = 1.0


def stretch(exposures: int, start_s: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Openings and closings of exposures that follow each other without a pause."""
    opened = start_s + STEP_S * np.arange(exposures)
    return opened, opened + DWELL_S


def total(*stretches: tuple[np.ndarray, np.ndarray]) -> float:
    opened, closed = (np.concatenate(parts) for parts in zip(*stretches, strict=True))
    return running_s(opened, closed, LONGEST_MOVE_S)


def lasts(exposures: int) -> float:
    return STEP_S * (exposures - 1) + DWELL_S


def test_exposures_and_the_moves_between_them_are_running_time() -> None:
    assert total(stretch(50)) == pytest.approx(lasts(50))


def test_two_stretches_on_a_clock_that_began_again_add_up() -> None:
    assert total(stretch(750), stretch(750)) == pytest.approx(2 * lasts(750))


def test_a_clock_that_began_again_later_in_its_stretch_adds_up_too() -> None:
    assert total(stretch(100, 500.0), stretch(30, 7.0), stretch(5, 3.0)) == pytest.approx(
        lasts(100) + lasts(30) + lasts(5)
    )


def test_a_pause_is_no_running_time() -> None:
    assert total(stretch(10), stretch(20, 3_600.0)) == pytest.approx(lasts(10) + lasts(20))


def test_a_move_of_the_longest_length_is_running_time() -> None:
    gap_s = LONGEST_MOVE_S - 1e-9
    assert total(stretch(10), stretch(10, lasts(10) + gap_s)) == pytest.approx(2 * lasts(10) + gap_s)


def test_one_exposure_runs_as_long_as_it_counts() -> None:
    assert total(stretch(1, 12.0)) == pytest.approx(DWELL_S)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.data())
def test_whatever_interrupts_it_the_stretches_add_up(lengths: list[int], draw: st.DataObject) -> None:
    parts, now_s = [], 0.0
    for length in lengths:
        parts.append(stretch(length, now_s))
        # Either a standstill, or a restart: the clock begins again before the last stretch's last exposure.
        restarts = now_s + STEP_S * (length - 1) > 0.01 and draw.draw(st.booleans())
        now_s = 0.0 if restarts else now_s + lasts(length) + draw.draw(st.floats(1.5, 1e4))
    assert total(*parts) == pytest.approx(sum(lasts(length) for length in lengths))


def test_travel_runs_from_where_an_exposure_ended_to_where_the_next_began() -> None:
    starts = np.array([[0.0, 0.0], [3.0, 4.0], [3.0, 10.0]])
    ends = np.array([[0.0, 0.0], [3.0, 8.0], [3.0, 10.0]])
    assert travel_mm(starts, ends) == pytest.approx(5.0 + 2.0)


def test_positions_are_as_uncertain_as_the_controller_stated() -> None:
    assert uncertainty_mm(np.array([0.01, np.nan, 0.04, 0.02])) == pytest.approx((0.02, 0.04))


def test_positions_of_which_nothing_was_stated_have_no_uncertainty() -> None:
    assert uncertainty_mm(np.full(3, np.nan)) is None


def test_exposures_of_one_cell_are_added_up_and_cells_without_any_left_out() -> None:
    cells = np.array([[0, 0], [2, 1], [0, 0], [3, 5]])
    assert seconds_per_cell(cells, np.array([1.0, 2.0, 0.5, 4.0]), GRID.shape).tolist() == [1.5, 2.0, 4.0]


def measured(index: int, pose: StagePose, opened_at_s: float, flags: ExposureFlag = ExposureFlag.NONE) -> Measured:
    counts = np.full(8, index, np.uint32)
    done = ExposureDone(index, pose, pose, 0.15, 0.1, opened_at_s, opened_at_s + 0.15, 1e3, 1e3, flags, counts)
    return Measured(AT, done)


def journalled(path: Path, events: Sequence[Measured]) -> Ledger:
    with Journal.create(path) as journal:
        journal.append([Opened(AT, "panel", "area:\n", (), 1), *events])
    with JournalReader(path) as reader:
        return read_ledger(reader, GRID)


def test_a_ledger_keeps_the_order_of_recording_across_a_restart_of_the_controller(tmp_path: Path) -> None:
    corner = StagePose(10.2, 20.2)
    events = [measured(i, corner, at_s) for i, at_s in enumerate((100.0, 100.3, 0.1, 0.4))]
    ledger = journalled(tmp_path / "journal.sqlite", events)
    assert ledger.opened_at_s.tolist() == [100.0, 100.3, 0.1, 0.4]
    assert running_s(ledger.opened_at_s, ledger.closed_at_s, LONGEST_MOVE_S) == pytest.approx(2 * 0.45)


def test_an_aborted_exposure_and_its_repetition_both_count_as_dose(tmp_path: Path) -> None:
    pose = StagePose(11.3, 20.8)
    events = [measured(0, pose, 1.0, ExposureFlag.TRUNCATED), measured(0, pose, 2.0)]
    ledger = journalled(tmp_path / "journal.sqlite", events)
    assert seconds_per_cell(ledger.cells, ledger.real_s, GRID.shape) == pytest.approx([0.3])
    assert ledger.live_s.sum() == pytest.approx(0.2)


def test_an_exposure_at_the_rim_counts_for_the_cell_that_the_maps_show_it_in(tmp_path: Path) -> None:
    ledger = journalled(tmp_path / "journal.sqlite", [measured(3, StagePose(13.001, 21.999), 0.0)])
    assert ledger.cells.tolist() == [[3, 5]]
    assert ledger.counts.tolist() == [24]


def opening(**versions: str) -> Opened:
    return Opened(AT, "panel", "area:\n", tuple(versions.items()), 1)


def test_versions_that_never_changed_are_given_once() -> None:
    assert versions_of([opening(numpy="2.4"), opening(numpy="2.4")]) == {"numpy": "2.4"}


def test_a_version_that_changed_says_from_which_opening_on() -> None:
    openings = [opening(a="1", b="5"), opening(a="2", b="5"), opening(a="2", b="5"), opening(a="1", b="5", c="7")]
    assert versions_of(openings) == {"a": "1; 2, from opening 2; 1, from opening 4", "b": "5", "c": "7, from opening 4"}


def test_a_scale_that_was_not_found_keeps_its_reason_and_shows_the_configured_one() -> None:
    nominal = nominal_calibration(DetectorConfig())
    outcome = NotCalibrated("only 2 peaks stand out in the sum spectrum", nominal)
    scale = energy_scale_of(outcome)
    assert scale.nominal_because == outcome.reason
    assert (scale.offset_kev, scale.gain_kev, scale.residual_ev) == (nominal.offset_kev, nominal.gain_kev, None)
    assert outcome.reason in calibration_line(outcome)


def test_a_scale_without_peaks_has_no_residual() -> None:
    fitted = nominal_calibration(DetectorConfig())
    assert energy_scale_of(fitted).residual_ev is None
    assert "no peak" in calibration_line(fitted)
