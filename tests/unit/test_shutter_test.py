"""The shutter test against a controller that does what it must, and against several that do not."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from edge.configuration.area import AreaConfig
from edge.console import Console
from edge.faults import SafetyStop
from edge.readiness import shutter_test
from edge.readiness.doctor import Finding
from edge.readiness.shutter_test import ShutterTest
from firmware_bridge.controller import ATTENTION_S
from firmware_bridge.faults import BridgeError, DoorOpen, LeaseExpired, LinkLost
from firmware_bridge.messages import (
    Capabilities,
    ControllerState,
    ControllerStatus,
    Exposure,
    ExposureDone,
    ExposureFlag,
    Observation,
    StagePose,
)

AREA = AreaConfig(x_mm=10.0, y_mm=20.0, width_mm=40.0, height_mm=20.0, pitch_mm=0.5)
MIDDLE = StagePose(30.0, 30.0)
SOUND = ControllerStatus(ControllerState.IDLE, StagePose(0.0, 0.0), True, False, True, 0.0, 16, "")
LEASE_S = 0.5


class Clock:
    """Stands in for the module `time`."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        self.now_s += 1e-4
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@dataclass
class Ailments:
    """What is wrong with an instrument."""

    stays_shut: bool = False
    stays_open: bool = False
    ignores_door: bool = False
    has_no_contact: bool = False
    never_expires: bool = False
    counts_nothing: bool = False
    stands_elsewhere: bool = False
    is_lost_on: str = ""


class Instrument:
    """A controller, its door, and the clock of both."""

    def __init__(self, clock: Clock, ailments: Ailments) -> None:
        self._clock = clock
        self._ailments = ailments
        self._status = SOUND
        self._attended_s = clock.now_s
        self._queue: list[Exposure] = []
        self._faults: list[BridgeError] = []
        self.openings = 0
        self.capabilities = Capabilities("fake", 1, 1, (0.0, 100.0), (0.0, 100.0), 50.0, 500.0, 8, 16, LEASE_S)

    @property
    def is_open(self) -> bool:
        return self._status.is_shutter_open

    def hand(self, *, opens: bool) -> None:
        """Somebody moves the door."""
        if self._ailments.has_no_contact:
            return
        self._status = replace(self._status, is_door_closed=not opens)
        if opens and not self._ailments.ignores_door:
            self._shut(DoorOpen("the door is open"))

    def status(self) -> ControllerStatus:
        self._let_time_pass("status")
        return self._status

    def diagnose(self) -> tuple[Observation, ...]:
        return ()

    def home(self) -> None:
        self._let_time_pass("home")
        self._status = replace(self._status, is_homed=True)

    def move_to(self, pose: StagePose) -> None:
        self._let_time_pass("move_to")
        assert not self.is_open
        off_mm = 3.0 if self._ailments.stands_elsewhere else 0.0
        self._status = replace(self._status, pose=StagePose(pose.x_mm + off_mm, pose.y_mm))

    def open_shutter(self) -> None:
        self._let_time_pass("open_shutter")
        assert self._status.is_door_closed
        assert self._status.is_homed
        assert self._status.pose == MIDDLE
        self._faults.clear()
        self._status = replace(self._status, is_shutter_open=not self._ailments.stays_shut)
        self.openings += 1

    def close_shutter(self) -> None:
        self._let_time_pass("close_shutter")
        self._status = replace(self._status, is_shutter_open=self._ailments.stays_open)

    def begin_scan(self, scan_id: int, recorded: Container[int]) -> int:
        self._let_time_pass("begin_scan")
        assert not self.is_open
        self._queue.clear()
        return 0

    def submit(self, exposures: Sequence[Exposure]) -> int:
        self._let_time_pass("submit")
        self._queue += exposures
        return len(exposures)

    def next_done(self, timeout_s: float) -> ExposureDone | None:
        self._let_time_pass("next_done")
        if self.is_open and self._queue and self._queue[0].live_s < 1.0 and not self._ailments.counts_nothing:
            self._clock.sleep(0.02)
            taken = self._queue.pop(0)
            counts = np.ones(8, np.uint32)
            times = (taken.live_s, taken.live_s, 0.0, taken.live_s, 0.0, 0.0)
            return ExposureDone(taken.index, taken.start, taken.end, *times, ExposureFlag.NONE, counts)
        if self._faults:
            raise self._faults.pop(0)
        self._clock.sleep(timeout_s)
        return None

    def acknowledge(self, index: int) -> None:
        self._let_time_pass("acknowledge")

    def pause(self) -> None:
        raise NotImplementedError

    def resume(self) -> None:
        raise NotImplementedError

    def abort(self) -> None:
        self._status = replace(self._status, is_shutter_open=False)

    def close(self) -> None:
        self.abort()

    def _let_time_pass(self, what: str) -> None:
        if self._clock.now_s - self._attended_s > ATTENTION_S + LEASE_S and not self._ailments.never_expires:
            self._shut(LeaseExpired("the lease ran out"))
        self._attended_s = self._clock.now_s
        if what == self._ailments.is_lost_on and self.openings:
            self._shut(LinkLost("the cable is out"))
            raise LinkLost("the cable is out")

    def _shut(self, fault: BridgeError) -> None:
        if self.is_open:
            self._status = replace(self._status, is_shutter_open=False)
            self._faults.append(fault)


class Person(Console):
    """Reads what is said, answers, and moves the door when told to."""

    def __init__(self, answers: dict[str, list[str]], opens_door: Callable[[], None]) -> None:
        super().__init__(quiet=True, log_level="error")
        self._answers = answers
        self._opens_door = opens_door
        self.asked: list[str] = []
        self.closes_door: Callable[[], None] = lambda: None

    def say(self, text: str) -> None:
        if "Open the door now" in text:
            self._opens_door()

    def ask(self, question: str, answers: tuple[str, ...]) -> str:
        self.asked.append(question)
        (given,) = (given for words, given in self._answers.items() if words in question)
        answer = given.pop(0)
        if "Is it closed" in question and not given:
            self.closes_door()
        return answer


@dataclass
class Bench:
    """One shutter test, ready to run."""

    instrument: Instrument
    person: Person
    found: list[Finding]
    test: ShutterTest


Make = Callable[..., Bench]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    def build(
        ailments: Ailments | None = None,
        *,
        confirms: str = "yes",
        door_answers: Sequence[str] = ("yes",),
        on_open: Callable[[Instrument], None] = lambda instrument: instrument.hand(opens=True),
    ) -> Bench:
        clock = Clock()
        monkeypatch.setattr(shutter_test, "time", clock)
        instrument = Instrument(clock, ailments or Ailments())
        answers = {"Is the tube off": [confirms], "Is it closed": list(door_answers)}
        person = Person(answers, lambda: on_open(instrument))
        person.closes_door = lambda: instrument.hand(opens=False)
        found: list[Finding] = []
        return Bench(instrument, person, found, ShutterTest(instrument, AREA, person, found.append))

    return build


def test_a_sound_instrument_passes_with_its_shutter_closed_after(make: Make) -> None:
    bench = make()
    bench.test.run()
    assert [finding.what for finding in bench.found] == ["shutter test", "spectrum rate", "door test", "lease test"]
    assert all(finding.passed and finding.is_good for finding in bench.found)
    assert bench.instrument.openings == 3
    assert not bench.instrument.is_open
    # Ten exposures of 20 ms each.
    assert "49 a second of 10 ms live each" in bench.found[1].text or "50 a second" in bench.found[1].text


def test_nothing_opens_without_a_yes(make: Make) -> None:
    bench = make(confirms="no")
    bench.test.run()
    (finding,) = bench.found
    assert finding.passed
    assert not finding.is_good
    assert bench.instrument.openings == 0


def test_the_door_is_asked_for_until_the_controller_says_that_it_is_closed(make: Make) -> None:
    bench = make(door_answers=("yes", "yes", "yes"))
    bench.test.run()
    assert len(bench.person.asked) == 4
    assert bench.found[-1].what == "lease test"


def test_somebody_who_gives_up_at_the_open_door_ends_the_test(make: Make) -> None:
    bench = make(door_answers=("stop", "never asked"))
    with pytest.raises(DoorOpen, match="the door was left open"):
        bench.test.run()
    assert not bench.instrument.is_open


@pytest.mark.parametrize(
    ("ailments", "sentence"),
    [
        (Ailments(stays_shut=True), "told to open and the controller says that it is closed"),
        (Ailments(stays_open=True), "could not be confirmed closed"),
        (Ailments(ignores_door=True), "the door is open and the shutter did not close in 0.5 s"),
        (Ailments(has_no_contact=True), "told of no open door for 30 s"),
        (Ailments(never_expires=True), "nobody renewed the shutter's lease and it stayed open"),
        (Ailments(counts_nothing=True), "only 0 of 10 spectra came in 30 s"),
        (Ailments(stands_elsewhere=True), "stands 3.00 mm from where it was sent"),
    ],
)
def test_an_instrument_that_does_not_do_what_it_must_fails_by_name(
    make: Make, ailments: Ailments, sentence: str
) -> None:
    bench = make(ailments)
    with pytest.raises(SafetyStop, match=sentence):
        bench.test.run()
    assert not bench.instrument.is_open, "an abort is the last resort"


def test_a_link_lost_under_an_open_shutter_says_that_it_cannot_be_confirmed_closed(make: Make) -> None:
    bench = make(Ailments(is_lost_on="close_shutter"))
    with pytest.raises(SafetyStop, match=r"could not be confirmed closed \(the cable is out\): switch the tube off"):
        bench.test.run()


def test_a_shutter_that_closes_before_the_door_is_told_of_fails(make: Make) -> None:
    bench = make(on_open=lambda instrument: instrument.abort())
    with pytest.raises(SafetyStop, match="closed before the controller told of an open door"):
        bench.test.run()


def test_ctrl_c_closes_the_shutter_on_its_way_out(make: Make) -> None:
    def interrupt(_instrument: Instrument) -> None:
        raise KeyboardInterrupt

    bench = make(on_open=interrupt)
    with pytest.raises(KeyboardInterrupt):
        bench.test.run()
    assert bench.instrument.openings == 2
    assert not bench.instrument.is_open


def test_a_stage_that_is_not_homed_is_homed_before_the_shutter_opens(make: Make) -> None:
    bench = make()
    bench.instrument._status = replace(SOUND, is_homed=False)
    bench.test.run()
    assert bench.instrument.openings == 3
