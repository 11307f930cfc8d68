"""What the operator reads when something is wrong with a GRBL stage, where no other test asks for the words."""

from __future__ import annotations

import pytest

from firmware_bridge.faults import ControllerFault, ProtocolViolation, Rebooted, SettingRefused, WrongDevice
from firmware_bridge.grbl.faults import of_alarm, of_refusal
from firmware_bridge.grbl.vocabulary import ALARMS, ERRORS
from firmware_bridge.messages import StagePose
from tests.protocol.grbl_rehearsal import GrblRehearsal, Swap, rehearsed

HERE = StagePose(100.0, 50.0)


class RestartingLine:
    """The board restarts when it is asked where it stands, and that answer is lost, but for some bytes."""

    def __init__(self, kept_bytes: int) -> None:
        self.kept_bytes = kept_bytes
        self.is_armed = False
        self.rehearsal: GrblRehearsal | None = None

    def to_controller(self, octets: bytes, now_s: float) -> bytes:
        return octets

    def to_host(self, octets: bytes, now_s: float) -> bytes:
        if not self.is_armed or self.rehearsal is None or b"<Idle" not in octets:
            return octets
        self.is_armed = False
        self.rehearsal.core.power_cycle(now_s)
        return octets[: octets.index(b"<Idle") + self.kept_bytes] + self.rehearsal.core.outgoing()


@pytest.mark.parametrize("kept_bytes", [0, 3])
@pytest.mark.parametrize("is_gate_held", [False, True])
def test_a_restart_while_it_is_asked_where_it_stands_is_named_as_one(kept_bytes: int, is_gate_held: bool) -> None:
    line = RestartingLine(kept_bytes)
    rehearsal = line.rehearsal = rehearsed(line)
    stage = rehearsal.stage()
    stage.move_to(HERE)
    if is_gate_held:
        stage.hold_beam(0.5)
    line.is_armed = True
    with pytest.raises(Rebooted, match="has restarted and doesn't know where it is: check its supply, home it"):
        stage.move_to(StagePose(120.0, 50.0))
    assert not stage.status().is_homed
    assert rehearsal.beam_intervals()[-1:] == [] or rehearsal.beam_intervals()[-1][1] < float("inf")


@pytest.mark.parametrize("number", [*sorted(ERRORS), 99])
def test_every_error_and_alarm_is_a_sentence_with_a_remedy(number: int) -> None:
    said = [str(of_refusal(number, b"G53G0X-1Y-2\n"))]
    assert said[0].startswith(f"the stage refused 'G53G0X-1Y-2' (error {number}): ")
    if number in ALARMS or number == 99:
        said.append(str(of_alarm(number, None)))
        assert said[1].startswith(f"the stage stopped (alarm {number}): ")
    for sentence in said:
        _, _, what = sentence.partition("): ")
        problem, _, remedy = what.partition(": ")
        assert len(problem) > 10
        assert len(remedy) > 6
        assert "mangled" not in remedy or "check the cable" in remedy
        assert not sentence.endswith(".")


def test_a_late_refusal_is_not_taken_for_an_answer_on_connecting() -> None:
    wire = Swap(said=(b"[VER:", b"error:9\r\n[VER:"))
    wire.is_armed = True
    with pytest.raises(
        ProtocolViolation, match=r"did not tell what it is \(.*error 9.*\): see that nothing else sends"
    ):
        rehearsed(wire).stage()
    assert wire.happened == 1


def test_an_older_firmware_is_named_with_the_version_to_have() -> None:
    wire = Swap(said=(b"Grbl 1.1h", b"Grbl 0.9j"))
    wire.is_armed = True
    with pytest.raises(WrongDevice, match=r"the stage runs Grbl 0\.9j: update its firmware to GRBL 1\.1 or grblHAL"):
        rehearsed(wire).stage()


def test_a_setting_that_the_board_does_not_keep_is_named() -> None:
    wire = Swap(sent=(b"$110=4000", b"$110=2000"))
    stage = rehearsed(wire).stage()
    wire.is_armed = True
    with pytest.raises(SettingRefused, match=r"the stage has kept \$110=2000\.0 instead of 4000: check the firmware"):
        stage.write_setting(110, 4_000.0)


class GrblHal:
    """A line on which the twin says what grblHAL says when it starts: its banner, and an alarm until it is homed.

    Parameters
    ----------
    alarm
        Told after every banner.
    name
        In the banner.
    """

    def __init__(self, alarm: bytes, name: bytes = b"GrblHAL") -> None:
        self.banner = name + b" 1.1f ['$' or '$HELP' for help]\r\n"
        self.alarm = b"ALARM:" + alarm + b"\r\n[MSG:Locked]\r\n"

    def to_controller(self, octets: bytes, now_s: float) -> bytes:
        return octets

    def to_host(self, octets: bytes, now_s: float) -> bytes:
        return octets.replace(b"Grbl 1.1h ['$' for help]\r\n", self.banner + self.alarm)


class LateAlarm(GrblHal):
    """It says the alarm again once it has been asked what it is."""

    def to_host(self, octets: bytes, now_s: float) -> bytes:
        said = octets.replace(b"Grbl 1.1h ['$' for help]\r\n", self.banner)
        return said.replace(b"[VER", self.alarm + b"[VER", 1)


class Alarmed(GrblHal):
    """From when it is armed, an acknowledgement becomes an alarm's line, nothing more is answered but what it does.

    Parameters
    ----------
    line
        In place of the acknowledgement; empty where it is lost.
    """

    def __init__(self, line: bytes) -> None:
        super().__init__(b"11")
        self.line = line
        self.is_armed = False

    def to_host(self, octets: bytes, now_s: float) -> bytes:
        said = super().to_host(octets, now_s)
        if not self.is_armed:
            return said
        self.line, line = (b"", self.line) if b"ok\r\n" in said else (self.line, b"")
        said = said.replace(b"ok\r\n", line, 1).replace(b"ok\r\n", b"")
        return said.replace(b"<Run", b"<Alarm").replace(b"<Idle", b"<Alarm")


def test_a_grblhal_board_that_asks_to_be_homed_is_homed_and_not_reset() -> None:
    rehearsal = rehearsed(GrblHal(b"11"))
    stage = rehearsal.stage(homed=False)
    assert not stage.status().is_homed
    assert stage.status().fault == ""
    stage.home()
    stage.move_to(HERE)
    assert "host b'\\x18'" not in rehearsal.lines


@pytest.mark.parametrize("name", [b"GrblHAL", b"Grbl"])
def test_a_board_that_asks_to_be_homed_is_connected_to_whatever_its_banner_calls_it(name: bytes) -> None:
    stage = rehearsed(GrblHal(b"11", name)).stage(homed=False)
    assert not stage.status().is_homed
    stage.home()
    assert stage.move_to(HERE) == HERE


@pytest.mark.parametrize("line", [GrblHal(b"10"), LateAlarm(b"10")], ids=["with the banner", "after a question"])
def test_a_grblhal_board_with_its_emergency_stop_pressed_says_so_on_connecting(line: GrblHal) -> None:
    with pytest.raises(
        ControllerFault, match=r"^the stage stopped \(alarm 10\): the emergency stop is pressed: release it, then home"
    ):
        rehearsed(line).stage()


@pytest.mark.parametrize("number", [b"10", b"12", b"16", b"17"])
def test_an_alarm_that_comes_again_after_a_reset_is_not_reset_for_ever(number: bytes) -> None:
    rehearsal = rehearsed(GrblHal(b"11"))
    stage = rehearsal.stage()
    stage.move_to(HERE)
    rehearsal.wire = GrblHal(number)
    rehearsal.session.receive(b"ALARM:" + number + b"\r\n", rehearsal.time_s)
    rehearsal.pass_time(5.0)
    assert sum("x18" in line for line in rehearsal.lines) == 1
    status = stage.status()
    assert f"(alarm {number.decode()})" in status.fault
    assert not status.is_homed


def test_a_limit_switch_that_is_hit_before_anything_was_sent_is_followed_by_a_reset() -> None:
    """Grbl hears nothing else after it."""
    rehearsal = rehearsed()
    rehearsal.stage()
    rehearsal.session.receive(b"Grbl 1.1h ['$' for help]\r\nALARM:1\r\n", rehearsal.time_s)
    assert b"\x18" in rehearsal.session.outgoing(rehearsal.time_s)


@pytest.mark.parametrize(
    ("line", "said"),
    [(b"ALARM:11\r\n", r"the stage stopped \(alarm 11\)"), (b"", "has lost a line or its answer")],
    ids=["doubled digit", "lost line"],
)
def test_an_alarm_that_is_mangled_in_motion_ends_the_motion(line: bytes, said: str) -> None:
    """The limit switch's ``ALARM:1`` with its digit doubled, on firmware of which an alarm 11 tells nothing new."""
    wire = Alarmed(line)
    rehearsal = rehearsed(wire)
    stage = rehearsal.stage()
    stage.move_to(HERE)
    wire.is_armed = True
    began_s = rehearsal.time_s
    with pytest.raises((ControllerFault, ProtocolViolation), match=said):
        stage.move_to(StagePose(120.0, 50.0))
    assert rehearsal.time_s - began_s < 5.0
    assert "host b'\\x18'" in rehearsal.lines
    assert not rehearsal.session.is_homed


def test_an_alarm_11_while_the_gate_is_held_is_no_mere_wish_to_be_homed() -> None:
    rehearsal = rehearsed(GrblHal(b"11"))
    stage = rehearsal.stage()
    stage.move_to(HERE)
    stage.hold_beam(0.5)
    rehearsal.session.receive(b"ALARM:11\r\n", rehearsal.time_s)
    assert b"\x18" in rehearsal.session.outgoing(rehearsal.time_s)


def test_an_alarm_11_of_another_firmware_stops_the_stage_as_any_other() -> None:
    rehearsal = rehearsed(Swap(said=(b"<Idle", b"ALARM:11\r\n<Idle")))
    stage = rehearsal.stage()
    rehearsal.wire.is_armed = True
    with pytest.raises(ControllerFault, match=r"the stage stopped \(alarm 11\)"):
        stage.move_to(HERE)
