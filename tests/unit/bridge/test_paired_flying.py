"""Strokes on a paired controller: rows in order, the beam only while somebody attends, and what is refused."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from firmware_bridge.faults import (
    BridgeError,
    ControllerFault,
    LeaseExpired,
    LimitExceeded,
    SettingRefused,
    StandoffExceeded,
)
from firmware_bridge.messages import ControllerState, Exposure, ExposureFlag, Observation, StagePose
from firmware_bridge.paired_controller import PairedController
from firmware_bridge.spectrometer import SpectrometerCapabilities, Spectrum
from firmware_bridge.stage import PoseAt, StageCapabilities, StageStatus
from firmware_bridge.standoff import Standoff

STEP_S = 0.05
SPEED_MM_S = 4.0
LIMIT_S = 20.0


class Clock:
    """Time that passes when something moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Slots:
    """A spectrometer that stores its spectrum at every edge."""

    def __init__(self, clock: Clock) -> None:
        self.capabilities = SpectrometerCapabilities("slots", "7", "1", 16, 0.001, 8)
        self.lost_edges: set[int] = set()
        self._clock = clock
        self._began_s = 0.0
        self._stored: list[Spectrum] = []
        self._edges = 0

    def snapshot(self) -> Spectrum:
        spectrum = self._spectrum()
        self._began_s = self._clock()
        return spectrum

    def begin_slots(self) -> None:
        self._stored = []

    def edge(self) -> None:
        self._edges += 1
        if self._edges not in self.lost_edges:
            self._stored.append(self.snapshot())

    def slots_filled(self) -> int:
        return len(self._stored)

    def read_slot(self, slot: int) -> Spectrum:
        return self._stored[slot]

    def cancel_slots(self) -> None:
        """Nothing to do."""

    def begin(self, preset_s: float) -> None:
        self._began_s = self._clock()

    def read(self, timeout_s: float) -> Spectrum | None:
        self._clock.now_s += timeout_s
        return self._spectrum()

    def stop(self) -> None:
        """Nothing to do."""

    def keep_alive(self) -> None:
        """Nothing to do."""

    def diagnose(self) -> tuple[Observation, ...]:
        return (Observation("round trip", "7 ms"),)

    def close(self) -> None:
        """Nothing to do."""

    def _spectrum(self) -> Spectrum:
        real_s = self._clock() - self._began_s
        return Spectrum(np.full(16, 3, np.uint32), real_s, real_s, 100.0, 90.0, True)


class FlyingTable:
    """A stage that flies by the clock, gives edges, and may be stopped."""

    def __init__(self, clock: Clock, slots: Slots) -> None:
        self.capabilities = StageCapabilities(
            "table", (0.0, 100.0), (0.0, 50.0), 50.0, 500.0,
            has_gate=True, flies_with_beam=True, has_trigger=True, pose_uncertainty_mm=0.005,
        )  # fmt: skip
        self.rows: list[tuple[float, float, int]] = []
        """Start and end in x, and cells, of every row that was begun."""
        self.is_beam_on = False
        self.halted = 0
        self.at_mm: Callable[[float], None] = lambda _: None
        """Called with x at every step."""
        self._clock, self._slots = clock, slots
        self.was_halted = threading.Event()

    def status(self) -> StageStatus:
        return StageStatus(StagePose(0.0, 0.0), True, False, self.is_beam_on, True, "")

    def diagnose(self) -> tuple[Observation, ...]:
        return (Observation("buffers", "as told"),)

    def move_to(self, pose: StagePose) -> StagePose:
        return pose

    def fly(
        self,
        start: StagePose,
        end: StagePose,
        speed_mm_s: float,
        *,
        with_beam: bool,
        cells: int = 1,
        lead_s: float = 0.0,
        heard: Callable[[PoseAt], None] | None = None,
    ) -> tuple[PoseAt, ...]:
        self.rows.append((start.x_mm, end.x_mm, cells))
        self.was_halted.clear()
        assert heard is not None
        steps, cell_mm = round((end.x_mm - start.x_mm) / speed_mm_s / STEP_S), (end.x_mm - start.x_mm) / cells
        try:
            for step in range(-round(lead_s / STEP_S), steps + 1):
                self._clock.now_s += STEP_S
                way_mm = step * STEP_S * speed_mm_s
                self.is_beam_on = 0 <= step < steps
                self.at_mm(start.x_mm + way_mm)
                if self.was_halted.is_set():
                    raise ControllerFault("the stage was halted")
                if way_mm > 0 and math.isclose(way_mm / cell_mm, round(way_mm / cell_mm), abs_tol=1e-6):
                    self._slots.edge()
                heard(PoseAt(self._clock(), StagePose(start.x_mm + way_mm, start.y_mm), 0.001))
        finally:
            self.is_beam_on = False
        return ()

    def hold_beam(self, seconds: float) -> float:
        return self._clock()

    def drop_beam(self) -> None:
        self.is_beam_on = False

    def halt(self) -> None:
        self.halted += 1
        self.was_halted.set()

    def close(self) -> None:
        """Nothing to do."""


class Ruler:
    """A sensor whose reading is set."""

    def __init__(self) -> None:
        self.reading = Standoff(10.0, True, "")
        self.reads = 0
        self.is_closed = False

    def read(self) -> Standoff:
        self.reads += 1
        return self.reading

    def close(self) -> None:
        self.is_closed = True


class Bench:
    """The three devices and their controller."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.slots = Slots(self.clock)
        self.table = FlyingTable(self.clock, self.slots)
        self.ruler = Ruler()
        self.controller = PairedController(self.table, self.slots, self.ruler, clock=self.clock)  # type: ignore[arg-type]

    def collect(self, count: int) -> list[int]:
        indices: list[int] = []
        while len(indices) < count:
            done = self.controller.next_done(LIMIT_S)
            assert done is not None, f"{len(indices)} of {count} came"
            indices.append(done.index)
        return indices


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.controller.close()
    assert made.ruler.is_closed


def strokes(count: int, first: int = 0, y_mm: float = 20.0, length_mm: float = 2.0) -> list[Exposure]:
    return [
        Exposure(
            first + number,
            StagePose(10.0 + length_mm * number, y_mm),
            StagePose(10.0 + length_mm * (number + 1), y_mm),
            length_mm / SPEED_MM_S,
        )
        for number in range(count)
    ]


def test_strokes_are_flown_in_rows_that_leave_one_slot_free(bench: Bench) -> None:
    bench.controller.submit(strokes(10))
    bench.controller.open_shutter()
    assert bench.collect(10) == list(range(10))
    assert bench.table.rows == [(10.0, 24.0, 7), (24.0, 30.0, 3)]


def test_a_stroke_tells_where_it_was_and_how_well_that_is_known(bench: Bench) -> None:
    bench.controller.submit(strokes(2))
    bench.controller.open_shutter()
    done = bench.controller.next_done(LIMIT_S)
    assert done is not None
    assert (done.start, done.end) == (StagePose(10.0, 20.0), StagePose(12.0, 20.0))
    assert done.real_s == pytest.approx(0.5)
    assert 0.005 < done.pose_uncertainty_mm < 0.02


def test_a_dwell_has_the_uncertainty_of_the_stage(bench: Bench) -> None:
    pose = StagePose(10.0, 20.0)
    bench.controller.submit([Exposure(0, pose, pose, 0.1)])
    bench.controller.open_shutter()
    done = bench.controller.next_done(LIMIT_S)
    assert done is not None
    assert done.pose_uncertainty_mm == 0.005


def test_dwells_and_strokes_may_alternate(bench: Bench) -> None:
    pose = StagePose(10.0, 20.0)
    bench.controller.submit([*strokes(2), Exposure(2, pose, pose, 0.1), *strokes(2, first=3)])
    bench.controller.open_shutter()
    assert bench.collect(5) == [0, 1, 2, 3, 4]
    assert [cells for *_, cells in bench.table.rows] == [2, 2]


def test_a_lost_edge_is_named_and_of_its_row_only_the_beam_is_told(bench: Bench) -> None:
    bench.slots.lost_edges = {2}
    bench.controller.submit(strokes(4))
    bench.controller.open_shutter()
    told = [bench.controller.next_done(LIMIT_S) for _ in range(4)]
    assert [(done.index, done.flags) for done in told if done] == [(n, ExposureFlag.TRUNCATED) for n in range(4)]
    with pytest.raises(ControllerFault, match="an edge of the trigger was lost"):
        bench.controller.next_done(LIMIT_S)
    bench.controller.open_shutter()
    assert bench.collect(4) == [0, 1, 2, 3]
    assert len(bench.table.rows) == 2


def test_a_beam_that_nobody_attends_to_in_a_row_is_let_go(bench: Bench) -> None:
    def be_away(x_mm: float) -> None:
        if x_mm == pytest.approx(15.0):
            bench.clock.now_s += 6.0

    bench.table.at_mm = be_away
    bench.controller.submit(strokes(4))
    bench.controller.open_shutter()
    while not bench.table.rows or bench.controller._measuring.assignments.current:
        pass
    assert not bench.table.is_beam_on
    assert bench.collect(2) == [0, 1]
    with pytest.raises(LeaseExpired):
        bench.controller.next_done(LIMIT_S)


def test_a_fault_of_the_stage_in_a_row_keeps_what_was_left_behind(bench: Bench) -> None:
    def fail(x_mm: float) -> None:
        if x_mm == pytest.approx(15.0):
            raise BridgeError("the belt is off")

    bench.table.at_mm = fail
    bench.controller.submit(strokes(4))
    bench.controller.open_shutter()
    assert bench.collect(2) == [0, 1]
    with pytest.raises(BridgeError, match="the belt is off"):
        bench.controller.next_done(LIMIT_S)
    bench.table.at_mm = lambda _: None
    bench.controller.open_shutter()
    assert bench.collect(2) == [2, 3]
    assert bench.table.rows[-1] == (14.0, 18.0, 2)


def test_a_pause_finishes_the_row_and_keeps_the_next(bench: Bench) -> None:
    reached, may_go_on = threading.Event(), threading.Event()

    def wait(x_mm: float) -> None:
        if x_mm == pytest.approx(11.0):
            reached.set()
            assert may_go_on.wait(LIMIT_S)

    bench.table.at_mm = wait
    bench.controller.submit([*strokes(3), *strokes(3, first=3, y_mm=30.0)])
    bench.controller.open_shutter()
    assert reached.wait(LIMIT_S)
    pausing = threading.Thread(target=bench.controller.pause)
    pausing.start()
    may_go_on.set()
    pausing.join(LIMIT_S)
    assert bench.collect(3) == [0, 1, 2]
    assert (len(bench.table.rows), bench.table.halted) == (1, 0)
    bench.controller.resume()
    bench.controller.open_shutter()
    assert bench.collect(3) == [3, 4, 5]


@pytest.mark.parametrize("how", ["close_shutter", "abort"])
def test_a_row_is_stopped_at_once_when_it_must(bench: Bench, how: str) -> None:
    reached, may_go_on = threading.Event(), threading.Event()

    def wait(x_mm: float) -> None:
        if x_mm == pytest.approx(11.0):
            reached.set()
            assert may_go_on.wait(LIMIT_S)

    bench.table.at_mm = wait
    bench.controller.submit(strokes(4))
    bench.controller.open_shutter()
    assert reached.wait(LIMIT_S)
    assert bench.controller.status().state is ControllerState.EXPOSING
    stopping = threading.Thread(target=getattr(bench.controller, how))
    stopping.start()
    while not bench.table.halted:
        pass
    may_go_on.set()
    stopping.join(LIMIT_S)
    bench.table.at_mm = lambda _: None
    assert bench.controller.next_done(0.05) is None
    bench.controller.open_shutter()
    if how == "abort":
        assert bench.controller.next_done(0.05) is None
        assert bench.controller.submit(strokes(4)) == 4
    assert bench.collect(4) == [0, 1, 2, 3]


def test_a_stage_that_is_at_rest_is_not_halted_again_while_its_slots_are_read(bench: Bench) -> None:
    reached, may_go_on, may_be_read = threading.Event(), threading.Event(), threading.Event()

    def wait(x_mm: float) -> None:
        if x_mm == pytest.approx(15.0):
            reached.set()
            assert may_go_on.wait(LIMIT_S)

    def read_slot(slot: int) -> Spectrum:
        assert may_be_read.wait(LIMIT_S)
        return Slots.read_slot(bench.slots, slot)

    bench.table.at_mm = wait
    bench.slots.read_slot = read_slot  # type: ignore[method-assign]
    bench.controller.submit(strokes(4))
    bench.controller.open_shutter()
    assert reached.wait(LIMIT_S)
    closing = threading.Thread(target=bench.controller.close_shutter)
    closing.start()
    while not bench.table.halted:
        pass
    may_go_on.set()
    closing.join(0.8)
    may_be_read.set()
    closing.join(LIMIT_S)
    assert bench.table.halted == 1
    assert bench.collect(2) == [0, 1]


def test_of_an_aborted_row_no_slot_is_read_and_the_shutter_is_told_as_closed(bench: Bench) -> None:
    reached, may_go_on = threading.Event(), threading.Event()
    read: list[int] = []

    def wait(x_mm: float) -> None:
        if x_mm == pytest.approx(15.0):
            reached.set()
            assert may_go_on.wait(LIMIT_S)

    def read_slot(slot: int) -> Spectrum:
        read.append(slot)
        return Slots.read_slot(bench.slots, slot)

    bench.table.at_mm = wait
    bench.slots.read_slot = read_slot  # type: ignore[method-assign]
    bench.controller.submit(strokes(4))
    bench.controller.open_shutter()
    assert reached.wait(LIMIT_S)
    aborting = threading.Thread(target=bench.controller.abort)
    aborting.start()
    while not bench.table.halted:
        pass
    may_go_on.set()
    aborting.join(LIMIT_S)
    assert not bench.controller.status().is_shutter_open
    assert bench.controller.next_done(0.05) is None
    assert read == []


def test_a_dwell_that_was_about_to_begin_does_not_move_the_stage_after_an_abort(bench: Bench) -> None:
    asked, may_answer = threading.Event(), threading.Event()
    moves: list[StagePose] = []

    def read() -> Standoff:
        asked.set()
        assert may_answer.wait(LIMIT_S)
        return Standoff(10.0, True, "")

    def move_to(pose: StagePose) -> StagePose:
        moves.append(pose)
        return pose

    pose = StagePose(10.0, 20.0)
    bench.controller.submit([Exposure(0, pose, pose, 0.1)])
    bench.controller.open_shutter()
    assert bench.collect(1) == [0]
    bench.table.move_to = move_to  # type: ignore[method-assign]
    bench.ruler.read = read  # type: ignore[method-assign]
    bench.clock.now_s += 2.0
    bench.controller.submit([Exposure(1, pose, pose, 0.1)])
    assert asked.wait(LIMIT_S)
    aborting = threading.Thread(target=bench.controller.abort)
    aborting.start()
    while not bench.table.halted:
        pass
    may_answer.set()
    aborting.join(LIMIT_S)
    assert bench.controller.next_done(0.05) is None
    assert moves == []


def test_a_row_that_was_about_to_begin_is_halted_after_an_abort(bench: Bench) -> None:
    asked, may_answer = threading.Event(), threading.Event()

    def snapshot() -> Spectrum:
        asked.set()
        assert may_answer.wait(LIMIT_S)
        return Slots.snapshot(bench.slots)

    def fly_until_halted(_: float) -> None:
        assert bench.table.was_halted.wait(LIMIT_S)

    bench.slots.snapshot = snapshot  # type: ignore[method-assign]
    bench.table.at_mm = fly_until_halted
    bench.controller.submit(strokes(4))
    bench.controller.open_shutter()
    assert asked.wait(LIMIT_S)
    aborting = threading.Thread(target=bench.controller.abort)
    aborting.start()
    while not bench.table.halted:
        pass
    may_answer.set()
    aborting.join(LIMIT_S)
    assert not bench.controller.status().is_shutter_open
    assert bench.table.halted == 2


def test_the_beam_is_off_before_the_devices_are_examined(bench: Bench) -> None:
    bench.table.is_beam_on = True
    bench.controller.diagnose()
    assert not bench.table.is_beam_on


def test_the_next_row_can_wait_while_one_is_flown(bench: Bench) -> None:
    assert bench.controller.submit(strokes(40, length_mm=0.4)) == 40
    assert bench.controller.capabilities.queue_length == 64
    assert bench.controller.status().queue_free == 24


def test_an_object_out_of_range_stops_the_queue_and_keeps_it(bench: Bench) -> None:
    def come_near(x_mm: float) -> None:
        bench.ruler.reading = Standoff(4.0, False, "the object is 4.00 mm away, nearer than 5 mm: move the instrument")

    bench.table.at_mm = come_near
    bench.controller.submit([*strokes(3), *strokes(3, first=3, y_mm=30.0)])
    bench.controller.open_shutter()
    assert bench.collect(3) == [0, 1, 2]
    with pytest.raises(StandoffExceeded, match=r"4\.00 mm away"):
        bench.controller.next_done(LIMIT_S)
    status = bench.controller.status()
    assert (status.standoff_mm, status.is_in_range) == (4.0, False)
    with pytest.raises(StandoffExceeded):
        bench.controller.open_shutter()
    bench.table.at_mm = lambda _: None
    bench.ruler.reading = Standoff(9.0, True, "")
    bench.clock.now_s += 2.0
    bench.controller.open_shutter()
    assert bench.collect(3) == [3, 4, 5]


def test_the_distance_is_read_again_after_a_second_of_dwells(bench: Bench) -> None:
    pose = StagePose(10.0, 20.0)
    bench.controller.submit([Exposure(index, pose, pose, 0.1) for index in range(14)])
    bench.controller.open_shutter()
    bench.collect(14)
    assert 3 <= bench.ruler.reads <= 6


@pytest.mark.parametrize(
    ("changed", "exposures", "fault", "sentence"),
    [
        ({"has_gate": False}, [Exposure(0, StagePose(1, 1), StagePose(1, 1), 0.1)], SettingRefused, "is a dwell"),
        ({"flies_with_beam": False}, strokes(1), SettingRefused, "is a stroke"),
        ({"max_speed_mm_s": 3.9}, strokes(1), LimitExceeded, "faster than the stage"),
        ({}, strokes(2, length_mm=0.05), LimitExceeded, "lengthen the strokes"),
        ({}, strokes(60), LimitExceeded, "outside the stage's limits"),
        ({"x_limits_mm": (9.0, 100.0)}, strokes(1), LimitExceeded, "the run-up of exposure 0"),
        ({"x_limits_mm": (0.0, 12.01)}, strokes(1), LimitExceeded, "the run-out of exposure 0"),
    ],
    ids=[
        "a dwell without a gate", "a stroke at rest", "too fast", "too short", "outside", "no room to run up",
        "no room to run out",
    ],
)  # fmt: skip
def test_what_the_pair_cannot_do_is_refused_and_none_is_taken(
    bench: Bench, changed: dict[str, object], exposures: list[Exposure], fault: type[BridgeError], sentence: str
) -> None:
    bench.table.capabilities = replace(bench.table.capabilities, **changed)  # type: ignore[arg-type]
    with pytest.raises(fault, match=sentence):
        bench.controller.submit(exposures)
    assert bench.controller.status().queue_free == bench.controller.capabilities.queue_length


def test_observations_name_their_device(bench: Bench) -> None:
    assert [each.what for each in bench.controller.diagnose()] == ["stage buffers", "detector round trip"]
