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
    """

    def __init__(self, alarm: bytes) -> None:
        self.started = b"GrblHAL 1.1f ['$' or '$HELP' for help]\r\nALARM:" + alarm + b"\r\n[MSG:Locked]\r\n"

    def to_controller(self, octets: bytes, now_s: float) -> bytes:
        return octets

    def to_host(self, octets: bytes, now_s: float) -> bytes:
        return octets.replace(b"Grbl 1.1h ['$' for help]\r\n", self.started)


def test_a_grblhal_board_that_asks_to_be_homed_is_homed_and_not_reset() -> None:
    rehearsal = rehearsed(GrblHal(b"11"))
    stage = rehearsal.stage(homed=False)
    assert not stage.status().is_homed
    assert stage.status().fault == ""
    stage.home()
    stage.move_to(HERE)
    assert "host b'\\x18'" not in rehearsal.lines


def test_a_grblhal_board_with_its_emergency_stop_pressed_says_so_on_connecting() -> None:
    with pytest.raises(ControllerFault, match=r"\(alarm 10\): the emergency stop is pressed: release it, then home"):
        rehearsed(GrblHal(b"10")).stage()


def test_an_alarm_11_of_another_firmware_stops_the_stage_as_any_other() -> None:
    rehearsal = rehearsed(Swap(said=(b"<Idle", b"ALARM:11\r\n<Idle")))
    stage = rehearsal.stage()
    rehearsal.wire.is_armed = True
    with pytest.raises(ControllerFault, match=r"the stage stopped \(alarm 11\)"):
        stage.move_to(HERE)
