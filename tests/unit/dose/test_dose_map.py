"""The dose map of a recording: a fold over its journal, shown in the report."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge.configuration.config import BeamConfig
from edge.dose.map import DoseMap, dose_map
from edge.events import LeftOut, Measured, Opened, Planned, Registered, ScanEvent, ShutterClosed, ShutterOpened
from edge.folds.ledger import read_ledger
from edge.grid import ScanGrid
from edge.motion.stage_model import StageModel
from edge.planning.plan import make_plan
from edge.planning.scan_plan import ScanPlan
from edge.record.fold import fold
from edge.record.journal import Journal
from edge.record.reader import JournalReader
from edge.report.contents import Dose, ScanReport
from edge.report.page import render
from firmware_bridge.messages import ExposureDone, ExposureFlag
from models.sampling import SamplingMask
from tests.unit.dose.test_dose_limits import config
from tests.unit.dose.test_received import at
from tests.unit.report.conftest import make_report  # noqa: F401

GRID = ScanGrid(10.0, 20.0, 1.0, rows=3, columns=8)
STAGE = StageModel(50.0, 500.0)
CELLS = np.zeros(GRID.shape, np.bool_)
CELLS[1, ::2] = True


@functools.cache
def plan() -> ScanPlan:
    mask = SamplingMask(CELLS, 4 / 24, "chosen", "none", 0)
    return make_plan(grid=GRID, mask=mask, dwell_s=0.1, stage=STAGE, registration_digest="")


def measured(index: int, opened_at_s: float, flags: ExposureFlag = ExposureFlag.NONE) -> Measured:
    pose = plan().exposures[index].start
    done = ExposureDone(
        index, pose, pose, 0.15, 0.1, opened_at_s, opened_at_s + 0.15, 1e3, 1e3, flags, np.ones(8, np.uint32)
    )
    return Measured(at(30), done)


def mapped(path: Path, events: list[ScanEvent], beam: BeamConfig | None = None) -> DoseMap:
    story = [Opened(at(0), "scan", "", (), 1), Registered(at(0), "{}", "0"), Planned(at(0), "{}", "0"), *events]
    with Journal.create(path / "journal.sqlite") as journal:
        journal.append(story)
    with JournalReader(path / "journal.sqlite") as reader:
        ledger = read_ledger(reader, GRID)
        history = fold(event for _, event in reader.events())
    return dose_map(ledger, history, plan(), STAGE, beam or BeamConfig())


def test_travel_with_the_beam_on_is_in_the_map_and_travel_between_openings_is_not(tmp_path: Path) -> None:
    received = mapped(
        tmp_path,
        [
            ShutterOpened(at(20), "start", 4, 0.0),
            *(measured(0, 1.0), measured(1, 1.4)),
            ShutterClosed(at(31), "operator"),
            ShutterOpened(at(40), "resumed", 2, 0.2),
            *(measured(2, 9.0), measured(3, 9.4)),
            ShutterClosed(at(50), "finished"),
        ],
    )
    # Every exposure has 0.15 s of real time, and each of the two legs lasted 0.25 s.
    assert received.counted_s == pytest.approx(0.6)
    assert received.on_the_way_s == pytest.approx(0.5)
    assert received.live_s[1, ::2] == pytest.approx(0.1)
    rows, columns = zip(
        *(GRID.cells_of(np.array([[e.start.x_mm, e.start.y_mm]]))[0] for e in plan().exposures), strict=True
    )
    between = [(a + b) // 2 for a, b in itertools.pairwise(columns)]
    assert set(rows) == {1}
    assert received.beam_s[1, between[0]] > 0
    assert received.beam_s[1, between[1]] == 0, "between two openings the shutter was closed"
    assert received.beam_s[1, between[2]] > 0
    assert received.beam_s.sum() == pytest.approx(1.1)


def test_what_was_cut_short_and_what_was_left_out_is_told(tmp_path: Path) -> None:
    received = mapped(
        tmp_path,
        [
            ShutterOpened(at(20), "start", 4, 0.0),
            measured(0, 1.0),
            ShutterClosed(at(38), "lease expired", is_cut_short=True),
            LeftOut(at(39), 1, "too much"),
            ShutterOpened(at(40), "lease expired", 2, 0.1),
            *(measured(2, 9.0), measured(3, 9.4)),
            ShutterClosed(at(50), "finished"),
        ],
    )
    assert received.cut_short_s == pytest.approx(0.1), "no more than the whole exposure"
    assert received.left_out == 1


def test_photons_are_told_where_the_flux_is_known(tmp_path: Path) -> None:
    events = [ShutterOpened(at(20), "start", 4, 0.0), measured(0, 1.0), ShutterClosed(at(31), "operator")]
    assert mapped(tmp_path, events).photons_per_mm2 is None
    (tmp_path / "again").mkdir()
    received = mapped(tmp_path / "again", events, BeamConfig(fwhm_mm=0.2, flux_per_s=1e6))
    assert received.photons_per_mm2 is not None
    assert received.datasets().keys() == {"live_s", "beam_s", "photons_per_mm2"}
    # The peak of a round Gaussian of 0.2 mm is flux x 0.8826 / width squared.
    assert received.photons_per_mm2.max() == pytest.approx(0.15 * 1e6 * 0.8826 / 0.04, rel=1e-3)


def report_with(make_report: Callable[..., ScanReport], photons: float | None = None) -> str:  # noqa: F811
    report = make_report()
    shape = report.grid.shape
    beam_s = np.zeros(shape, np.float32)
    beam_s[2, 3] = 0.75
    beam_s[4, 5] = 0.25
    received = DoseMap(
        beam_s / 2,
        beam_s,
        way_s=beam_s / 4,
        counted_s=0.6,
        cut_short_s=0.1,
        left_out=2,
        photons_per_mm2=None if photons is None else beam_s * np.float32(photons),
    )
    dose = Dose(np.ones(2), np.ones(2), (), 0.5, limit_photons_per_mm2=photons, map=received)
    return render(dataclasses.replace(report, dose=dose))


def test_the_report_maps_the_dose_and_says_its_maximum_and_where(make_report: Callable[..., ScanReport]) -> None:  # noqa: F811
    page = report_with(make_report)
    assert "How long the open beam was on each cell, dead time and the way between exposures included." in page
    assert "Of that, the way between exposures alone" in page
    assert "0.75 s, in row 2, column 3, at (11.75, 21.25) mm" in page
    assert "of the 2 cells with beam" in page
    assert "2 exposures" in page


def test_the_report_holds_photons_against_their_limit(make_report: Callable[..., ScanReport]) -> None:  # noqa: F811
    assert "photons/mm², kept" in report_with(make_report, 1e9)


def test_a_plans_figures_tell_photons_where_the_flux_is_known() -> None:
    from edge.planning.figures import figures

    beam = {"fwhm_mm": 0.2, "flux_per_s": 1e6}
    said = list(figures(plan(), config({"max_photons_per_mm2": 4e6}, beam)))
    # Three legs of 2 mm, too short for full speed: 2 sqrt(2 / 500) s each.
    photons = next(line for line in said if line.startswith("photons: "))
    assert photons.endswith("photons/mm2, 4e+06 allowed; 0.379 s of the open beam's way lie over the area")
    assert not any(line.startswith("photons: ") for line in figures(plan(), config({})))
