"""The stand-off sensors over a port that says what a test tells it to."""

from __future__ import annotations

from collections import deque

import pytest

from firmware_bridge.faults import ControllerFault, LinkLost, ProtocolViolation, WrongDevice
from firmware_bridge.messages import StagePose
from firmware_bridge.rangefinder import sources
from firmware_bridge.rangefinder.sensor import RangefinderSensor, connect_rangefinder_over, judged
from firmware_bridge.registry import STANDOFFS
from firmware_bridge.stage import Stage, StageStatus
from firmware_bridge.standoff import Standoff, StandoffOptions


class AnsweringPort:
    """Gives the next answer to each question, and before that what lies in its buffer."""

    def __init__(self, *answers: bytes, buffered: bytes = b"") -> None:
        self.answers = deque(answers)
        self.asked: list[bytes] = []
        self.is_closed = False
        self._waiting = buffered

    def read_available(self, timeout_s: float) -> bytes:
        came, self._waiting = self._waiting, b""
        return came

    def write(self, octets: bytes) -> None:
        self.asked.append(octets)
        self._waiting += self.answers.popleft() if self.answers else b""

    def wake(self) -> None:
        pass

    def close(self) -> None:
        self.is_closed = True


def asking(port: AnsweringPort, mm_per_unit: float = 1.0) -> RangefinderSensor:
    return RangefinderSensor(port, "M", mm_per_unit, 8.0, 12.0, name="the port")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "ANSWER_S", 0.05)


def test_one_question_has_one_fresh_answer() -> None:
    port = AnsweringPort(b"D= 10.5\r\n", b"D= 10.7\r\n", buffered=b"D= 99.0\r\n")
    sensor = asking(port)
    assert sensor.read() == Standoff(10.5, True, "")
    assert sensor.read() == Standoff(10.7, True, "")
    assert port.asked == [b"M\r\n", b"M\r\n"]


def test_the_echo_of_the_question_is_no_answer() -> None:
    assert asking(AnsweringPort(b"M\r\n10.25\r\n")).read().distance_mm == 10.25


def test_the_rest_of_a_line_that_began_before_the_question_is_no_answer() -> None:
    # 1 of 10.5 was dropped with what came before; its rest would be a distance of 0.5.
    assert asking(AnsweringPort(b"0.5\r\n10.5\r\n", buffered=b"10.4\r\n1")).read().distance_mm == 10.5


def test_units_become_millimetres() -> None:
    assert asking(AnsweringPort(b"0.0105\r\n"), mm_per_unit=1e3).read().distance_mm == pytest.approx(10.5)


def test_a_measurement_that_failed_once_is_asked_for_again() -> None:
    port = AnsweringPort(b"E01\r\n", b"\xff\xfe\r\n", b"9.5\r\n")
    assert asking(port).read().is_in_range
    assert len(port.asked) == 3


def test_silence_names_the_question_that_was_not_answered() -> None:
    with pytest.raises(LinkLost, match=r"the rangefinder at the port has said nothing for .* `ask`"):
        asking(AnsweringPort()).read()


def test_a_device_that_cannot_measure_is_quoted() -> None:
    with pytest.raises(ControllerFault, match=r"could not measure \(E01\): see that its spot falls on the object"):
        asking(AnsweringPort(*[b"E01\r\n"] * 3)).read()


def test_garbage_names_the_baud_rate() -> None:
    with pytest.raises(ProtocolViolation, match=r"sent a line with two numbers .* check the baud rate"):
        asking(AnsweringPort(*[b"10.5 0079\r\n"] * 3)).read()


def test_what_answers_garbage_on_connecting_is_no_rangefinder() -> None:
    port = AnsweringPort(*[b"ok\r\n"] * 3)
    with pytest.raises(WrongDevice, match="no number"):
        connect_rangefinder_over(port, StandoffOptions("the port", ask="M", nearest_mm=8.0, farthest_mm=12.0))
    assert port.is_closed


def test_an_object_out_of_range_does_not_hinder_connecting() -> None:
    port = AnsweringPort(b"99\r\n", b"98\r\n")
    sensor = connect_rangefinder_over(port, StandoffOptions("the port", ask="M", nearest_mm=8.0, farthest_mm=12.0))
    assert not sensor.read().is_in_range


@pytest.mark.parametrize(("distance_mm", "is_in_range"), [(7.999, False), (8.0, True), (12.0, True), (12.001, False)])
def test_both_ends_of_the_interval_are_allowed(distance_mm: float, is_in_range: bool) -> None:
    assert judged(distance_mm, 8.0, 12.0).is_in_range is is_in_range


def test_the_text_says_which_way_how_far_what_is_allowed_and_what_to_do() -> None:
    near, far = judged(7.4, 8.0, 12.0), judged(15.25, 8.0, 12.0)
    assert near.text == (
        "the object is 0.600 mm too near: the rangefinder reads 7.400 mm, allowed are 8 to 12 mm: "
        "see whether the object bows or has moved, set the distance right, then go on"
    )
    assert far.text.startswith("the object is 3.250 mm too far: the rangefinder reads 15.250 mm")


class StageWithInput:
    """A stage of which only the probe input is of interest."""

    is_probe_active = False

    def status(self) -> StageStatus:
        return StageStatus(StagePose(0.0, 0.0), True, False, False, True, "", self.is_probe_active)


def test_a_switch_tells_only_whether_the_object_is_in_range() -> None:
    stage = StageWithInput()
    wired: Stage = stage  # type: ignore[assignment]
    sensor = STANDOFFS["input"](wired, StandoffOptions())
    assert sensor.read() == Standoff(None, True, "")
    stage.is_probe_active = True
    reading = sensor.read()
    assert not reading.is_in_range
    assert reading.distance_mm is None
    assert "probe input is active" in reading.text
