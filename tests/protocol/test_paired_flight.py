"""Rows of strokes on a GRBL stage and a DP5, against what the twins themselves wrote down of beam, edges and counts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from firmware_bridge.dp5.spectrometer import connect_dp5
from firmware_bridge.faults import BridgeError, ControllerFault, DoorOpen
from firmware_bridge.grbl.stage import connect_grbl
from firmware_bridge.messages import Exposure, ExposureDone, ExposureFlag, StagePose
from firmware_bridge.paired_controller import PairedController
from tests.protocol.paired_twins import DARK_MM, RATE_HZ_PER_MM, TwinPair, running_pair

START_MM, CELL_MM, SPEED_MM_S = 275.0, 4.0, 16.0
CELLS = 4
END_MM = START_MM + CELLS * CELL_MM
LIMIT_S = 60.0
MOST_HELD_UP_S = 0.02
MOST_FLIGHTS = 6


@dataclass
class Bench:
    """Two twins and what flies them."""

    twins: TwinPair
    controller: PairedController
    stumble: list[BridgeError] = field(default_factory=list)
    """What its first, short row brought instead of spectra."""

    def fly(self, exposures: list[Exposure]) -> list[ExposureDone]:
        assert self.controller.submit(exposures) == len(exposures)
        self.controller.open_shutter()
        return collected(self.controller, len(exposures))


@dataclass(frozen=True)
class Flight:
    """One row that was flown, and what the twins say of it."""

    cells: list[ExposureDone]
    beam: list[tuple[float, dict[str, Any]]]
    boundaries_mm: list[float]
    """Where the beam truly was when one spectrum ended and the next began, within the row."""
    events: int
    """All that the spectrometer counted since before the row."""


def strokes(count: int, y_mm: float, first: int) -> list[Exposure]:
    places = [StagePose(START_MM + CELL_MM * number, y_mm) for number in range(count + 1)]
    return [
        Exposure(first + number, start, end, CELL_MM / SPEED_MM_S)
        for number, (start, end) in enumerate(pairwise(places))
    ]


@contextmanager
def bench(folder: Path, *, has_trigger: bool, **stage: Any) -> Iterator[Bench]:
    with running_pair(folder, homing_s=0.1, has_trigger=has_trigger, **stage) as twins:
        controller = PairedController(
            connect_grbl(twins.stage.port, 115_200, gate="M8", has_trigger=has_trigger),
            connect_dp5(twins.spectrometer, settings={"MCAC": "1024"}),
        )
        try:
            controller.home()
            yield Bench(twins, controller)
        finally:
            controller.close()


def collected(controller: PairedController, count: int) -> list[ExposureDone]:
    cells: list[ExposureDone] = []
    deadline_s = time.monotonic() + LIMIT_S
    while len(cells) < count:
        assert time.monotonic() < deadline_s, f"{len(cells)} of {count} came"
        done = controller.next_done(1.0)
        cells += [done] if done is not None else []
    return cells


def at_hand(controller: PairedController) -> list[ExposureDone]:
    """What has been measured by now."""
    cells = []
    while (done := controller.next_done(0.0)) is not None:
        cells.append(done)
    return cells


def await_that(condition: Callable[[], Any], what: str) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline_s, what
        time.sleep(0.01)


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("timed"), has_trigger=False) as running:
        yield running


@pytest.fixture(scope="module")
def triggered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Its first row loses its second edge."""
    with bench(tmp_path_factory.mktemp("triggered"), has_trigger=True, lost_edges=(1,)) as running:
        assert [cell.flags for cell in running.fly(strokes(2, 280.0, first=900))] == [ExposureFlag.TRUNCATED] * 2
        with pytest.raises(BridgeError) as fault:
            running.controller.next_done(LIMIT_S)
        running.stumble.append(fault.value)
        running.controller.open_shutter()
        assert [cell.index for cell in collected(running.controller, 2)] == [900, 901]
        running.controller.close_shutter()
        yield running


@pytest.fixture(scope="module", params=["timed", "triggered"])
def flight(request: pytest.FixtureRequest) -> Flight:
    """A row, flown in each way, anew when the computer held the stage's twin up: a stage does not pause so."""
    running: Bench = request.getfixturevalue(request.param)
    for attempt in range(MOST_FLIGHTS):
        running.controller.begin_scan(attempt, ())
        flown = fly_once(running, is_timed=request.param == "timed")
        if running.twins.longest_delay_s(since_s=flown.beam[0][0]) < MOST_HELD_UP_S:
            break
    return flown


def fly_once(running: Bench, *, is_timed: bool) -> Flight:
    twins = running.twins
    before = len(twins.spectrometer_events("begun anew"))
    cells = running.fly(strokes(CELLS, 290.0, first=0))
    running.controller.close_shutter()
    ended = twins.spectrometer_events("begun anew")[before:]
    if is_timed:
        boundaries_mm = [twins.true_x_mm(at_s) for at_s, _ in ended[-CELLS:-1]]
    else:
        boundaries_mm = [event["x_mm"] for _, event in twins.stage_events("edge")][-CELLS:-1]
    return Flight(
        cells, twins.stage_events("beam_on", "beam_off")[-2:], boundaries_mm, sum(event["slow"] for _, event in ended)
    )


def test_every_stroke_comes_once_and_in_order(flight: Flight) -> None:
    assert [cell.index for cell in flight.cells] == list(range(CELLS))


def test_the_row_is_flown_without_stopping_and_without_beam_outside_it(flight: Flight) -> None:
    (_, on), (_, off) = flight.beam
    assert (on["event"], off["event"]) == ("beam_on", "beam_off")
    assert (on["x_mm"], off["x_mm"]) == pytest.approx((START_MM, END_MM), abs=0.005)


def test_stated_boundaries_are_true_within_what_is_stated_of_them(flight: Flight) -> None:
    assert len(flight.boundaries_mm) == CELLS - 1
    for (before, after), true_mm in zip(pairwise(flight.cells), flight.boundaries_mm, strict=True):
        assert before.end == after.start
        assert abs(before.end.x_mm - true_mm) < 3 * min(before.pose_uncertainty_mm, after.pose_uncertainty_mm)


def test_boundaries_lie_where_they_were_planned(flight: Flight) -> None:
    for number, cell in enumerate(flight.cells[1:], 1):
        assert cell.start.x_mm == pytest.approx(START_MM + number * CELL_MM, abs=CELL_MM / 2)
    assert (flight.cells[0].start.x_mm, flight.cells[-1].end.x_mm) == (START_MM, END_MM)


def test_no_count_is_lost_or_invented(flight: Flight) -> None:
    assert sum(int(cell.counts.sum()) for cell in flight.cells) == flight.events


def test_each_cell_has_the_counts_of_the_place_and_the_time_that_are_stated(flight: Flight) -> None:
    for cell in flight.cells:
        middle_mm = (cell.start.x_mm + cell.end.x_mm) / 2
        expected = (middle_mm - DARK_MM) * RATE_HZ_PER_MM * cell.live_s
        share = cell.pose_uncertainty_mm / CELL_MM + 0.002 / cell.live_s
        assert abs(int(cell.counts.sum()) - expected) < 5 * (expected**0.5 + share * expected)


def test_real_times_are_those_of_the_beam_alone(flight: Flight) -> None:
    (on_s, _), (off_s, _) = flight.beam
    assert sum(cell.real_s for cell in flight.cells) == pytest.approx(off_s - on_s, abs=0.001 * CELLS + 0.01)
    assert all(0.9 * cell.real_s < cell.live_s <= cell.real_s for cell in flight.cells)


def test_a_lost_edge_is_named_and_its_row_measured_again(triggered: Bench) -> None:
    (fault,) = triggered.stumble
    assert isinstance(fault, ControllerFault)
    assert "an edge of the trigger was lost" in str(fault)
    assert len(triggered.twins.stage_events("edge lost")) == 1


def test_closing_the_shutter_stops_a_row_and_what_it_lacks_is_measured_later(timed: Bench) -> None:
    controller, twins = timed.controller, timed.twins
    flown = len(twins.stage.events("beam_on"))
    controller.submit(strokes(CELLS, 286.0, first=100))
    controller.open_shutter()
    await_that(lambda: len(twins.stage.events("beam_on")) > flown, "the beam never went on")
    closed_s = time.monotonic()
    controller.close_shutter()
    off = twins.stage.events("beam_off")[-1]
    assert off["monotonic_s"] - closed_s < 0.5
    assert off["x_mm"] < END_MM - 1.0
    kept = at_hand(controller)
    assert all(cell.end.x_mm < off["x_mm"] for cell in kept)
    controller.open_shutter()
    rest = collected(controller, CELLS - len(kept))
    assert [cell.index for cell in (*kept, *rest)] == list(range(100, 100 + CELLS))
    controller.close_shutter()


def test_a_door_that_opens_in_a_row_keeps_the_cells_before_and_the_others_are_measured_later(tmp_path: Path) -> None:
    with bench(tmp_path, has_trigger=True, door_opens_after_beam_s=0.7, door_stays_open_s=0.3) as running:
        controller = running.controller
        controller.submit(strokes(CELLS, 290.0, first=0))
        controller.open_shutter()
        await_that(lambda: len(running.twins.stage.events("beam_off")) == 1, "the row never ended")
        reached_mm = running.twins.stage.events("beam_off")[0]["x_mm"]
        kept = collected(controller, 1)
        kept += at_hand_before(controller, DoorOpen)
        assert all(cell.end.x_mm < reached_mm for cell in kept)
        await_that(lambda: controller.status().is_door_closed, "the door never closed")
        controller.open_shutter()
        rest = collected(controller, CELLS - len(kept))
    assert [cell.index for cell in (*kept, *rest)] == list(range(CELLS))


def at_hand_before(controller: PairedController, fault: type[BridgeError]) -> list[ExposureDone]:
    """What has been measured before a fault that has to come."""
    cells: list[ExposureDone] = []
    deadline_s = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline_s:
        try:
            done = controller.next_done(1.0)
        except fault:
            return cells
        cells += [done] if done is not None else []
    raise AssertionError("the fault never came")
