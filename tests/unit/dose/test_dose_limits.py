"""What a cell may receive: on plans, on returns to it, and when something is to be repeated."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edge.configuration.config import BeamConfig, DoseConfig, ScanConfig
from edge.dose.limits import check_dose, check_fluence, photons_per_mm2, refused_repeats, with_repeats
from edge.dose.path import live_s_per_cell
from edge.dose.received import Received
from edge.events import LeftOut, Opened, ShutterClosed, ShutterOpened
from edge.faults import SafetyStop, UsageError
from edge.grid import ScanGrid
from edge.motion.stage_model import StageModel
from tests.unit.dose.test_received import at

GRID = ScanGrid(10.0, 20.0, 0.5, rows=4, columns=6)
STAGE = StageModel(50.0, 500.0)


def dwells(*cells: tuple[int, int], live_s: float = 1.0) -> np.ndarray:
    centres = GRID.centres_mm(*np.array(cells).T)
    return np.column_stack([centres, centres, np.full(len(cells), live_s)])


def config(dose: dict[str, Any], beam: dict[str, float] | None = None) -> ScanConfig:
    return ScanConfig.model_validate(
        {
            "instrument": {
                "controller": {"kind": "native", "port": "port"},
                "camera": {"kind": "file", "path": "photo.png"},
                "beam": beam or {},
            },
            "area": {"x_mm": 10.0, "y_mm": 20.0, "width_mm": 3.0, "height_mm": 2.0, "pitch_mm": 0.5},
            "sampling": {"dwell_s": 0.1},
            "dose": dose,
        }
    )


def cut_short(index: int, seconds: int) -> Received:
    """A book in which everything before an exposure was made whole, and that one was cut short once."""
    book = Received(live_s=dict.fromkeys(range(index), 1.0), _next=index)
    book.add(ShutterOpened(at(0), "start", 1, 0.0))
    book.add(ShutterClosed(at(seconds), "lease expired", is_cut_short=True))
    return book


def test_a_return_to_a_cell_is_held_against_what_the_cell_has_received() -> None:
    received_s = live_s_per_cell(dwells((1, 2), (0, 0)), GRID)
    dose = DoseConfig(max_live_s_per_cell=1.5)
    check_dose(dwells((3, 3)), GRID, dose, received_s_per_cell=received_s)
    with pytest.raises(SafetyStop, match=r"row 1, column 2 would receive 2 s of beam, 1 s of it received already"):
        check_dose(dwells((3, 3), (1, 2)), GRID, dose, received_s_per_cell=received_s)


def test_a_cell_that_has_too_much_already_forbids_no_exposure_elsewhere() -> None:
    received_s = live_s_per_cell(dwells((0, 0), live_s=9.0), GRID)
    check_dose(dwells((3, 3)), GRID, DoseConfig(max_live_s_per_cell=1.5), received_s_per_cell=received_s)


def test_a_repetition_that_the_limit_forbids_is_refused_with_a_sentence_and_the_rest_is_made() -> None:
    table = dwells((0, 0), (0, 1), (0, 2))
    refused = refused_repeats(
        table, [1, 2], cut_short(1, 9), grid=GRID, config=config({"max_live_s_per_cell": 1.5}), stage=STAGE
    )
    assert list(refused) == [1]
    assert refused[1] == (
        "exposure 1 was cut short after 1 s at the most and is not made again: the cell in row 0, column 1 would "
        "receive more than dose.max_live_s_per_cell of 1.5 s allows"
    )


def test_a_repetition_within_the_limit_is_made() -> None:
    table = dwells((0, 0), (0, 1), (0, 2))
    limits = config({"max_live_s_per_cell": 2.0})
    assert refused_repeats(table, [1, 2], cut_short(1, 9), grid=GRID, config=limits, stage=STAGE) == {}


def test_where_a_cell_is_returned_to_the_return_is_refused_once_a_repetition_used_its_share() -> None:
    table = dwells((0, 0), (0, 1), (0, 1))
    book = cut_short(1, 9)
    limits = config({"max_live_s_per_cell": 2.0})
    # One and a half of three seconds would be the first's: refusing its repetition leaves room for the return.
    refused = refused_repeats(table, [1, 2], book, grid=GRID, config=limits, stage=STAGE)
    assert list(refused) == [1]
    whole = with_repeats(table, replace_left_out(book, 1))
    assert live_s_per_cell(whole, GRID)[0, 1] == pytest.approx(2.0)


def replace_left_out(book: Received, index: int) -> Received:
    settled = book.settled()
    settled.left_out.add(index)
    return settled


def test_a_long_stroke_over_a_cell_that_a_repetition_filled_is_refused() -> None:
    # 0.2 s in each cell of its row; that in the second was cut short, and made whole since
    start, end = GRID.centres_mm(np.array([0, 0]), np.array([0, 5]))
    stroke = [*start, *end, 1.0]
    table = np.vstack([dwells((0, 1)), stroke])
    book = Received(live_s={0: 1.4}, repeated={0}, _next=1)
    refused = refused_repeats(table, [1], book, grid=GRID, config=config({"max_live_s_per_cell": 1.5}), stage=STAGE)
    assert list(refused) == [1]
    assert refused_repeats(table, [1], book, grid=GRID, config=config({"max_live_s_per_cell": 1.7}), stage=STAGE) == {}


def test_what_a_controller_that_was_started_again_may_have_given_is_not_given_again() -> None:
    table = dwells((0, 0), (0, 1), (0, 2), (0, 3))
    book = Received(live_s={0: 1.0}, _next=1)
    book.add(Opened(at(0), "scan", "", (), 1))
    book.add(ShutterOpened(at(0), "start", 3, 1.0))
    book.add(ShutterClosed(at(2), "closed by its lease, without the link", is_cut_short=True))
    book.add(Opened(at(9), "scan", "", (), 2))
    limits = config({"max_live_s_per_cell": 1.5})
    assert list(refused_repeats(table, [1, 2, 3], book, grid=GRID, config=limits, stage=STAGE)) == [1, 2]


def test_what_earlier_recordings_gave_counts_when_something_is_repeated() -> None:
    table = dwells((0, 0), (0, 1))
    limits = config({"max_live_s_per_cell": 2.0})
    earlier_s = np.full(GRID.shape, 0.5)
    refused = refused_repeats(table, [1], cut_short(1, 9), grid=GRID, config=limits, stage=STAGE, earlier_s=earlier_s)
    assert list(refused) == [1]


def test_a_cell_that_has_too_much_already_forbids_no_exposure_of_another() -> None:
    table = dwells((0, 0), (0, 1), (0, 2))
    book = cut_short(1, 9)
    book.add(ShutterOpened(at(20), "again", 2, 0.0))
    book.live_s[1] = 1.0
    book.add(LeftOut(at(21), 1, "much"))
    # The first cell has had two of one and a half seconds, and nothing that is left can change that.
    assert refused_repeats(table, [2], book, grid=GRID, config=config({"max_live_s_per_cell": 1.5}), stage=STAGE) == {}


def test_large_plans_are_looked_through_once_for_each_that_is_refused() -> None:
    side = 300
    grid = ScanGrid(0.0, 0.0, 0.5, rows=side, columns=side)
    centres = grid.centres_mm(*np.divmod(np.arange(side * side), side))
    table = np.column_stack([centres, centres, np.ones(side * side)])
    refused = refused_repeats(
        table,
        range(1, side * side),
        cut_short(1, 9),
        grid=grid,
        config=config({"max_live_s_per_cell": 1.5}),
        stage=STAGE,
    )
    assert list(refused) == [1]


def test_photons_of_a_spot_wider_than_a_cell_add_up_to_the_flux() -> None:
    seconds = np.zeros((41, 41))
    seconds[20, 20] = 3.0
    grid = replace(GRID, rows=41, columns=41)
    photons = photons_per_mm2(seconds, grid, BeamConfig(fwhm_mm=2.0, flux_per_s=1e6))
    assert photons is not None
    # Sampled at steps of 0.6 standard deviations the sum of a Gaussian is its integral to 1e-9, cut at four to 6e-4.
    assert photons.sum() * grid.pitch_mm**2 == pytest.approx(3e6, rel=1e-3)
    assert photons.max() == photons[20, 20]


def test_photons_of_a_spot_narrower_than_a_cell_are_those_of_its_peak() -> None:
    seconds = np.zeros(GRID.shape)
    seconds[1, 1] = 2.0
    photons = photons_per_mm2(seconds, GRID, BeamConfig(fwhm_mm=0.1, flux_per_s=1e6))
    assert photons is not None
    sigma_mm = 0.1 / 2.3548
    assert photons[1, 1] == pytest.approx(2e6 / (2 * np.pi * sigma_mm**2), rel=1e-4)
    assert photons[1, 2] == pytest.approx(0.0, abs=1e-6)


def test_a_plan_is_refused_for_photons_that_it_brings_on_the_way() -> None:
    """Two dwells of 10 ms, and between them a leg that takes longer than both."""
    table = dwells((1, 0), (1, 5), live_s=0.01)
    beam = {"fwhm_mm": 0.5, "flux_per_s": 1e6}
    standing = photons_per_mm2(live_s_per_cell(table, GRID), GRID, BeamConfig(**beam))
    assert standing is not None
    limits = config({"max_photons_per_mm2": float(standing.max()) * 1.05}, beam)
    with pytest.raises(SafetyStop, match=r"photons/mm2, the way between exposures included, above dose\.max_photons"):
        check_fluence(table, GRID, limits, STAGE)
    check_fluence(table[:1], GRID, limits, STAGE)


def test_a_limit_in_photons_needs_a_flux_and_a_width() -> None:
    with pytest.raises(ValueError, match=r"only where instrument\.beam states flux_per_s and fwhm_mm"):
        config({"max_photons_per_mm2": 1e9}, {"fwhm_mm": 0.5})


def test_an_earlier_recording_that_is_not_there_is_named(tmp_path) -> None:
    from edge.dose.earlier import earlier_s_per_cell

    with pytest.raises(UsageError, match=r"dose\.earlier: .*nowhere: no such folder"):
        earlier_s_per_cell([str(tmp_path / "nowhere")], GRID)
