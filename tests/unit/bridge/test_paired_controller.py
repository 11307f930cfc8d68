"""A stage and a spectrometer as one controller: each exposure once, and the gate held only while somebody attends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from firmware_bridge.faults import BridgeError, DoorOpen, LeaseExpired, LimitExceeded, LinkLost
from firmware_bridge.messages import ControllerState, Exposure, StagePose
from firmware_bridge.paired_controller import PairedController
from firmware_bridge.pairing.measuring_thread import MeasuringThread
from firmware_bridge.spectrometer import SpectrometerCapabilities, Spectrum
from firmware_bridge.stage import StageCapabilities, StageStatus


class Clock:
    """Time that passes when something waits."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Table:
    """A stage that obeys, and writes down what it was asked."""

    def __init__(self, clock: Clock | None = None, *, has_gate: bool = True) -> None:
        self.clock = Clock() if clock is None else clock
        self.slow_holds = 0
        """So many of the next triggers of the gate take longer than it holds."""
        self.calls: list[str] = []
        self.pose = StagePose(0.0, 0.0)
        self.gate_held = 0
        self.is_door_closed = True
        self.fault: Exception | None = None
        self.capabilities = StageCapabilities(
            "table", (0.0, 100.0), (0.0, 50.0), 50.0, 500.0, has_gate, False, False, 0.005
        )

    def status(self) -> StageStatus:
        return StageStatus(self.pose, True, False, False, self.is_door_closed, "")

    def home(self) -> None:
        self.calls.append("home")

    def move_to(self, pose: StagePose) -> StagePose:
        if self.fault is not None:
            raise self.fault
        self.calls.append("move")
        self.pose = pose
        return pose

    def hold_beam(self, seconds: float) -> float:
        assert seconds <= 0.5
        self.gate_held += 1
        told_s = self.clock()
        if self.gate_held > 1 and self.slow_holds > 0:
            self.slow_holds -= 1
            self.clock.now_s += 0.6
        return told_s

    def drop_beam(self) -> None:
        self.calls.append("drop")

    def halt(self) -> None:
        self.calls.append("halt")

    def close(self) -> None:
        self.calls.append("close")


class Counter:
    """A spectrometer that needs a stated number of looks for a spectrum."""

    def __init__(self, clock: Clock, looks: int = 3) -> None:
        self.capabilities = SpectrometerCapabilities("counter", "7", "1", 16, 0.001, 0)
        self.began: list[float] = []
        self.slow_begins = 0
        """So many of the next beginnings take longer than the gate holds."""
        self.may_finish = threading.Event()
        self.may_finish.set()
        self.was_kept_alive = threading.Event()
        self._clock, self._looks, self._left = clock, looks, 0

    def keep_alive(self) -> None:
        self.was_kept_alive.set()

    def begin(self, preset_s: float) -> None:
        self.began.append(preset_s)
        self._left = self._looks
        if self.slow_begins > 0:
            self.slow_begins -= 1
            self._clock.now_s += 0.6

    def read(self, timeout_s: float) -> Spectrum | None:
        self._clock.now_s += timeout_s
        self._left -= 1
        if self._left > 0 or not self.may_finish.wait(0.01):
            return None
        counts = np.full(16, len(self.began), np.uint32)
        return Spectrum(counts, self.began[-1], 1.1 * self.began[-1], 1e3, 9e2, True)

    def stop(self) -> None:
        self.began.append(-1.0)

    def close(self) -> None:
        self.may_finish.set()


@pytest.fixture
def pair():
    """A controller with its two devices and its clock; closed at the end."""
    clock = Clock()
    table, counter = Table(clock), Counter(clock)
    controller = PairedController(table, counter, clock=clock)
    yield controller, table, counter, clock
    counter.may_finish.set()
    controller.close()


def dwell(index: int, x_mm: float = 10.0) -> Exposure:
    pose = StagePose(x_mm + index, 20.0)
    return Exposure(index, pose, pose, 0.2)


def await_change(controller: PairedController, condition: Callable[[MeasuringThread], bool]) -> None:
    measuring = controller._measuring
    with measuring.changed:
        assert measuring.changed.wait_for(lambda: condition(measuring), 5.0)


def collected(controller: PairedController, count: int) -> list[int]:
    indices = []
    while len(indices) < count:
        done = controller.next_done(5.0)
        assert done is not None, f"{len(indices)} of {count} came"
        indices.append(done.index)
    return indices


def test_every_exposure_comes_once_in_order_at_its_pose(pair):
    controller, _, counter, _ = pair
    assert controller.submit([dwell(index) for index in range(5)]) == 5
    assert controller.submit([dwell(3)]) == 1, "submitting again is harmless"
    controller.open_shutter()
    done = [controller.next_done(5.0) for _ in range(5)]
    assert [one.index for one in done] == [0, 1, 2, 3, 4]
    assert [one.start.x_mm for one in done] == [10.0, 11.0, 12.0, 13.0, 14.0]
    assert controller.next_done(0.05) is None
    assert counter.began == [0.2] * 5


def test_nothing_is_exposed_before_the_shutter_may_open(pair):
    controller, _, counter, _ = pair
    controller.submit([dwell(0)])
    assert controller.next_done(0.05) is None
    assert counter.began == []


def test_the_gate_is_renewed_while_counting(pair):
    controller, table, _, _ = pair
    controller.submit([dwell(0)])
    controller.open_shutter()
    collected(controller, 1)
    assert table.gate_held >= 3


def test_no_more_is_taken_than_there_is_room_for(pair):
    controller, _, _, _ = pair
    assert controller.submit([dwell(index) for index in range(40)]) == controller.capabilities.queue_length


def test_a_pause_finishes_the_exposure_and_keeps_the_queue(pair):
    controller, table, counter, _ = pair
    controller.submit([dwell(index) for index in range(4)])
    controller.open_shutter()
    collected(controller, 1)
    controller.pause()
    assert controller.status().state is ControllerState.PAUSED
    assert table.calls[-1] == "drop"
    controller.resume()
    controller.open_shutter()
    assert collected(controller, 3) == [1, 2, 3]
    assert counter.began == [0.2] * 4, "none was cut short"


def test_an_interrupted_exposure_is_measured_again(pair):
    controller, table, counter, _ = pair
    counter.may_finish.clear()
    controller.submit([dwell(0)])
    controller.open_shutter()
    while not counter.began:
        controller.next_done(0.01)
    controller.close_shutter()
    assert "drop" in table.calls
    assert controller.next_done(0.01) is None
    counter.may_finish.set()
    controller.open_shutter()
    assert collected(controller, 1) == [0]


def test_a_fault_of_the_stage_is_raised_once_and_the_beam_is_off(pair):
    controller, table, _, _ = pair
    table.fault = LinkLost("the stage stopped answering: check its cable")
    controller.submit([dwell(0)])
    controller.open_shutter()
    with pytest.raises(LinkLost, match="stage stopped answering"):
        controller.next_done(5.0)
    assert table.calls[-1] == "drop"
    table.fault = None
    controller.open_shutter()
    assert collected(controller, 1) == [0], "what was queued is not lost"


def test_a_mistake_in_the_program_is_a_fault_too_and_nothing_hangs(pair):
    controller, table, _, _ = pair
    table.fault = ZeroDivisionError("nobody foresaw this")
    controller.submit([dwell(0)])
    controller.open_shutter()
    with pytest.raises(BridgeError, match="nobody foresaw this"):
        controller.next_done(5.0)
    assert table.calls[-1] == "drop"
    table.fault = None
    controller.pause()
    controller.resume()
    controller.open_shutter()
    assert collected(controller, 1) == [0]


def test_a_beam_that_nobody_attends_to_is_let_go(pair):
    controller, table, counter, clock = pair
    counter.may_finish.clear()
    controller.submit([replace(dwell(0), live_s=10.0)])
    controller.open_shutter()
    while not counter.began:
        pass
    held_until_s = clock.now_s
    while table.calls[-1:] != ["drop"]:
        held_until_s = clock.now_s
    assert held_until_s < 12
    with pytest.raises(LeaseExpired):
        controller.next_done(5.0)


def test_an_open_door_keeps_the_shutter_closed(pair):
    controller, table, _, _ = pair
    table.is_door_closed = False
    with pytest.raises(DoorOpen):
        controller.open_shutter()


def test_a_pose_outside_the_limits_is_refused_and_none_is_taken(pair):
    controller, _, counter, _ = pair
    with pytest.raises(LimitExceeded, match="exposure 1"):
        controller.submit([dwell(0), dwell(1, x_mm=200.0)])
    controller.open_shutter()
    assert controller.next_done(0.05) is None
    assert counter.began == []


def test_a_stage_without_a_gate_that_closes_by_itself_is_refused():
    clock = Clock()
    with pytest.raises(BridgeError, match="retriggerable monostable"):
        PairedController(Table(has_gate=False), Counter(clock), clock=clock)


def test_an_abort_drops_the_queue(pair):
    controller, table, _, _ = pair
    controller.submit([dwell(index) for index in range(4)])
    controller.abort()
    assert "halt" in table.calls
    controller.open_shutter()
    assert controller.next_done(0.05) is None


@pytest.mark.parametrize("slow", ["slow_begins", "slow_holds"])
def test_a_spectrum_whose_gate_may_have_fallen_meanwhile_is_measured_again(pair, slow):
    controller, table, counter, _ = pair
    setattr(counter if slow == "slow_begins" else table, slow, 2)
    controller.submit([dwell(0)])
    controller.open_shutter()
    done = controller.next_done(5.0)
    assert done is not None
    begun = [preset for preset in counter.began if preset > 0]
    assert len(begun) == 3
    assert (done.counts == counter.began.index(0.2, len(counter.began) - 1) + 1).all(), "the last one's counts"


def test_a_gate_that_cannot_be_held_is_an_expired_lease_and_the_exposure_stays_queued(pair):
    controller, table, counter, _ = pair
    counter.slow_begins = 3
    controller.submit([dwell(0)])
    controller.open_shutter()
    with pytest.raises(LeaseExpired, match="could not be held through exposure 0"):
        controller.next_done(5.0)
    assert table.calls[-1] == "drop"
    controller.open_shutter()
    assert collected(controller, 1) == [0]


def test_a_spectrum_that_nobody_fetched_does_not_come_in_another_scan(pair):
    controller, _, _, _ = pair
    controller.begin_scan(1, ())
    controller.submit([dwell(0)])
    controller.open_shutter()
    await_change(controller, lambda measuring: bool(measuring.assignments.done))
    controller.close_shutter()
    controller.begin_scan(2, ())
    assert controller.next_done(0.05) is None


@pytest.mark.parametrize("failing", ["drop_beam", "stop"])
def test_a_device_that_fails_while_it_is_being_stopped_hangs_nobody(pair, failing):
    controller, table, counter, _ = pair
    device = table if failing == "drop_beam" else counter

    def fail() -> None:
        delattr(device, failing)
        raise ZeroDivisionError("nobody foresaw this")

    setattr(device, failing, fail)
    counter.may_finish.clear()
    controller.submit([dwell(0)])
    controller.open_shutter()
    while not counter.began:
        controller.next_done(0.01)
    closing = threading.Thread(target=controller.close_shutter, daemon=True)
    closing.start()
    closing.join(5.0)
    assert not closing.is_alive()
    counter.may_finish.set()
    controller.open_shutter()
    assert collected(controller, 1) == [0]


@pytest.mark.parametrize("how", ["abort", "close_shutter"])
def test_a_gate_that_opens_while_the_shutter_is_being_closed_is_shut_before_that_returns(pair, how):
    controller, table, counter, _ = pair
    opening, may_open = threading.Event(), threading.Event()

    def hold_beam(seconds: float) -> float:
        opening.set()
        assert may_open.wait(5.0)
        table.calls.append("gate")
        return table.clock()

    table.hold_beam = hold_beam
    controller.submit([dwell(0)])
    controller.open_shutter()
    assert opening.wait(5.0)
    stopping = threading.Thread(target=getattr(controller, how))
    stopping.start()
    await_change(controller, lambda measuring: not measuring.leave.is_given)
    may_open.set()
    stopping.join(5.0)
    assert table.calls[-1] == "drop" or table.calls[-2:] == ["drop", "halt"]
    assert not [preset for preset in counter.began if preset > 0], "and nothing was counted"
