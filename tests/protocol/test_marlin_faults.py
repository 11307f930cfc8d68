"""Every misbehaviour is named to the operator, and the beam is off by the twin's own log."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from firmware_bridge.faults import (
    BridgeError,
    ControllerFault,
    LinkLost,
    ProtocolViolation,
    Rebooted,
    SettingRefused,
    WrongDevice,
    WrongPosition,
)
from firmware_bridge.marlin.stage import MarlinStage
from firmware_bridge.messages import StagePose
from firmware_bridge.twins.grbl.core import GrblCore
from firmware_bridge.twins.grbl.settings import GrblTwinSettings
from tests.protocol.grbl_rehearsal import GrblBoard
from tests.protocol.marlin_rehearsal import MarlinRehearsal, TwinRehearsal, rehearsed
from tests.protocol.stage_rehearsal import BEGINS_S, Swap, Witness

HERE = StagePose(100.0, 50.0)


def travel(stage: MarlinStage) -> None:
    for _ in range(20):
        stage.move_to(StagePose(200.0, 50.0))
        stage.move_to(HERE)


def dwell(stage: MarlinStage) -> None:
    stage.move_to(HERE)
    for _ in range(60):
        stage.hold_beam(0.4)
        stage._carrier.wait_for(lambda: False, 0.2)


class Always:
    """A line that mangles what a board says, every time."""

    def __init__(self, said: bytes, heard: bytes) -> None:
        self.said, self.heard = said, heard

    def to_controller(self, octets: bytes, now_s: float) -> bytes:
        return octets

    def to_host(self, octets: bytes, now_s: float) -> bytes:
        return (b"\n" + octets).replace(self.said, self.heard)[1:]


class Speaker:
    """A device that says something at once, and answers whatever comes with something, a little later."""

    def __init__(self, greeting: bytes, answer: bytes) -> None:
        self.greeting = greeting
        self.answer = answer
        self.due_s = math.inf

    def receive(self, octets: bytes, now_s: float) -> None:
        self.due_s = now_s + 0.01

    def advance(self, now_s: float) -> None:
        pass

    def outgoing(self, now_s: float, room: int) -> bytes:
        said, self.greeting = self.greeting, b""
        if now_s >= self.due_s:
            self.due_s = math.inf
            said += self.answer
        return said

    def deadline_s(self, now_s: float) -> float:
        return self.due_s


def test_a_grbl_board_on_the_port_is_named_with_the_kind_to_set() -> None:
    with pytest.raises(WrongDevice, match="set the stage's kind to grbl"):
        MarlinRehearsal(GrblBoard(GrblCore(GrblTwinSettings(), Witness(), now_s=BEGINS_S))).connect()


@pytest.mark.parametrize(
    ("greeting", "answer"),
    [
        (b"", bytes.fromhex("F5FAFF030000FD0F")),
        (b"\x00\xff" * 50, b"\xf0\x9f\n"),
        (b"start\n", b"?\r\n"),
        (b"", b"ok\n"),
        (b"", b"Resend: 7\n"),
        (b"start\n", b"start\n"),
    ],
    ids=[
        "a DP5",
        "garbage",
        "a stranger that starts",
        "one that always agrees",
        "one that never does",
        "one in a loop",
    ],
)
def test_something_else_on_the_port_is_named(greeting: bytes, answer: bytes) -> None:
    rehearsal = MarlinRehearsal(Speaker(greeting, answer))
    with pytest.raises(BridgeError, match=r"no Marlin 2 board|does not finish"):
        rehearsal.connect()
    assert rehearsal.time_s < 1_045.0


def test_a_port_where_nothing_answers_is_named() -> None:
    rehearsal = MarlinRehearsal(Speaker(b"", b""))
    with pytest.raises(LinkLost, match="nothing answers"):
        rehearsal.connect()
    assert rehearsal.time_s < 1_015.0


@pytest.mark.parametrize("firmware", ["Marlin 1.1.9", "Prusa-Firmware 3.14.0 based on Marlin", "Repetier_1.0.4"])
def test_another_firmware_is_named(firmware: str) -> None:
    with pytest.raises(WrongDevice, match=f"runs {firmware}: update its firmware to Marlin 2"):
        rehearsed(firmware=firmware).connect()


@pytest.mark.parametrize(
    ("said", "fault", "remedy"),
    [
        (b"M92 X80.00 Y80.00", ProtocolViolation, "without DISABLE_M503"),
        (b"  Min:  X0.00", ProtocolViolation, "with software endstops"),
    ],
)
def test_a_board_that_does_not_say_enough_is_refused(said: bytes, fault: type[BridgeError], remedy: str) -> None:
    wire = Swap(said=(said, b"?"))
    wire.is_armed = True
    with pytest.raises(fault, match=remedy):
        rehearsed(wire).connect()


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("M42 P57 S0", "with DIRECT_PIN_CONTROL"),
        ("M211", "with software endstops"),
        ("M503", "without DISABLE_M503"),
        ("M114", "with this command"),
    ],
)
def test_a_firmware_without_a_command_is_refused_with_the_option_that_it_was_built_without(
    command: str, option: str
) -> None:
    wire = Swap(said=(b"ok", b'echo:Unknown command: "%s"\nok' % command.encode()))
    rehearsal = rehearsed(wire)

    def arm() -> None:
        wire.is_armed = any(command in line for line in rehearsal.lines)

    rehearsal.interrupt = arm
    with pytest.raises(SettingRefused, match=f"the stage's firmware doesn't know '{command}': build it {option}"):
        rehearsal.connect()


@pytest.mark.parametrize("work", [travel, dwell])
def test_a_board_that_restarts_is_named_and_must_be_homed(work: Callable[[MarlinStage], None]) -> None:
    rehearsal = rehearsed(reboots_at_s=7.0)
    stage = rehearsal.stage()
    with pytest.raises(Rebooted, match="has restarted"):
        work(stage)
    assert all(off_s <= 7.0 + 0.01 for _, off_s in rehearsal.beam_intervals())
    with pytest.raises(ControllerFault, match="home it first"):
        stage.hold_beam(0.1)
    stage.home()
    assert stage.move_to(HERE) == HERE
    assert rehearsal.true_pose == HERE


def test_a_restart_is_found_out_though_its_banner_was_mangled() -> None:
    wire = Swap(said=(b"start", b"sta~t"))
    rehearsal = rehearsed(wire, reboots_at_s=7.0)
    stage = rehearsal.stage()
    wire.is_armed = True
    with pytest.raises(Rebooted):
        dwell(stage)
    rehearsal.leave(5.0)
    assert all(off_s <= 7.0 + 0.01 for _, off_s in rehearsal.beam_intervals())


def test_a_restart_while_nothing_is_asked_is_told_by_status_and_raised_by_the_next_call_once() -> None:
    rehearsal = rehearsed(reboots_at_s=7.0)
    stage = rehearsal.stage()
    rehearsal.pass_time(10.0)
    assert "has restarted" in stage.status().fault
    with pytest.raises(Rebooted):
        stage.move_to(HERE)
    with pytest.raises(ControllerFault, match="home it first"):
        stage.move_to(HERE)


@pytest.mark.parametrize("work", [travel, dwell])
def test_a_board_that_hangs_is_a_lost_link_and_the_monostable_has_closed_by_then(
    work: Callable[[MarlinStage], None],
) -> None:
    rehearsal = rehearsed(halts_at_s=7.0)
    stage = rehearsal.stage()
    with pytest.raises(LinkLost, match="has not answered for 6 s"):
        work(stage)
    assert all(off_s <= 7.0 + 0.5 for _, off_s in rehearsal.beam_intervals())
    with pytest.raises(LinkLost):
        stage.status()


def test_a_board_that_shuts_itself_down_is_named() -> None:
    wire = Swap(said=(b"ok", b"Error:Printer halted. kill() called!\nok"))
    rehearsal = rehearsed(wire)
    stage = rehearsal.stage()
    wire.is_armed = True
    with pytest.raises(LinkLost, match="press its reset button"):
        stage.move_to(HERE)


def test_homing_that_fails_names_the_switches() -> None:
    wire = Swap(said=(b"echo:busy: processing", b"echo:Homing Failed\nError:Printer halted. kill() called!"))
    wire.is_armed = True
    with pytest.raises(LinkLost, match=r"did not find its end switches.*press its reset button"):
        rehearsed(wire, homing_s=5.0).stage()


def test_a_halt_while_homing_shuts_the_board_down_and_says_so() -> None:
    rehearsal = rehearsed(homing_s=5.0)
    stage = rehearsal.connect()

    def interrupt() -> None:
        if rehearsal.core.board.is_homing:
            rehearsal.interrupt = lambda: None
            raise KeyboardInterrupt

    rehearsal.interrupt = interrupt
    with pytest.raises(KeyboardInterrupt):
        stage.home()
    with pytest.raises(LinkLost, match="was halted while it looked for them"):
        stage.home()


def test_a_stage_that_never_arrives_is_named_though_its_board_is_busy_for_ever() -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    rehearsal.core.board.settings = replace(rehearsal.core.board.settings, speed_factor=1e-4)
    began_s = rehearsal.time_s
    with pytest.raises(ProtocolViolation, match="neither paused nor slowed down"):
        stage.move_to(HERE)
    assert rehearsal.time_s - began_s < 150.0
    with pytest.raises(ControllerFault, match="home it first"):
        stage.hold_beam(0.2)


def test_a_halt_that_is_never_confirmed_is_a_fault() -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    wire = Always(b"\npointillist", b"\npointillost")
    rehearsal.wire = wire
    with pytest.raises(ProtocolViolation, match="does not finish what it was asked for"):
        stage.halt()


@pytest.mark.parametrize("why", ["user", "input"])
def test_a_board_that_waits_for_somebody_at_its_panel_is_named(why: str) -> None:
    wire = Swap(said=(b"busy: processing", b"busy: paused for " + why.encode()))
    wire.is_armed = True
    with pytest.raises(ControllerFault, match="confirm there"):
        rehearsed(wire, homing_s=5.0).stage()


@pytest.mark.parametrize("ok_after_resend", [True, False])
@pytest.mark.parametrize(
    "mangled",
    [
        (b"X200.000", b"X210.000"),
        (b"*", b"+"),
        (b"\n", b"."),
        (b"N", b"n"),
        (b" M118", b""),
        (b"G1 X", b"G1\nX"),
    ],
)
def test_a_mangled_line_is_sent_again_and_nothing_comes_of_it(
    mangled: tuple[bytes, bytes], ok_after_resend: bool
) -> None:
    wire = Swap(sent=mangled)
    rehearsal = rehearsed(wire, ok_after_resend=ok_after_resend)
    stage = rehearsal.stage()
    stage.move_to(HERE)
    wire.is_armed = True
    assert stage.move_to(StagePose(200.0, 50.0)) == StagePose(200.0, 50.0)
    assert wire.happened
    assert rehearsal.true_pose == StagePose(200.0, 50.0)


@pytest.mark.parametrize(
    "mangled",
    [
        (b"ok", b"0k"),
        (b"ok", b"ok\nok\nok"),
        (b"pointillist", b"pointillost"),
        (b"Count X:1", b"Count X:3"),
        (b"X:200.00", b"X:200.0"),
        (b"X:200.00", b"X:300.00"),
    ],
)
def test_a_mangled_answer_is_asked_for_again(mangled: tuple[bytes, bytes]) -> None:
    wire = Swap(said=mangled)
    rehearsal = rehearsed(wire)
    stage = rehearsal.stage()
    wire.is_armed = True
    assert stage.move_to(StagePose(200.0, 50.0)) == StagePose(200.0, 50.0)
    assert wire.happened


def test_a_move_that_the_board_clamps_without_a_word_is_noticed() -> None:
    wire = Swap(said=(b"Max:  X300.00", b"Max:  X400.00"))
    wire.is_armed = True
    rehearsal = rehearsed(wire)
    stage = rehearsal.stage()
    with pytest.raises(WrongPosition, match=r"stands at 300\.000, 50\.000 mm and was sent to 350\.000"):
        stage.move_to(StagePose(350.0, 50.0))
    with pytest.raises(ControllerFault, match="move it to where the beam is wanted"):
        stage.hold_beam(0.2)
    assert rehearsal.beam_intervals() == []


def test_no_beam_after_an_interrupted_move_until_the_stage_has_been_moved() -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()

    def interrupt() -> None:
        if rehearsal.true_pose.x_mm > 50.0:
            rehearsal.interrupt = lambda: None
            raise KeyboardInterrupt

    rehearsal.interrupt = interrupt
    with pytest.raises(KeyboardInterrupt):
        stage.move_to(HERE)
    with pytest.raises(ControllerFault):
        stage.hold_beam(0.2)
    assert rehearsal.beam_intervals() == []


def test_an_interrupted_dwell_ends_the_beam() -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    stage.hold_beam(0.5)

    def interrupt() -> None:
        rehearsal.interrupt = lambda: None
        raise KeyboardInterrupt

    rehearsal.interrupt = interrupt
    with pytest.raises(KeyboardInterrupt):
        stage.hold_beam(0.5)
    rehearsal.leave(5.0)
    assert rehearsal.beam_intervals()[-1][1] - rehearsal.beam_intervals()[0][0] < 0.1


def test_an_open_door_cuts_the_beam_whatever_the_board_does() -> None:
    rehearsal = rehearsed(door_opens_at_s=6.0)
    dwell(rehearsal.stage())
    assert rehearsal.beam_intervals()[-1][1] == pytest.approx(6.0)


def test_a_twin_that_is_not_told_to_misbehave_loses_no_byte() -> None:
    rehearsal: TwinRehearsal = rehearsed()
    travel(rehearsal.stage())
    assert rehearsal.core.dropped_bytes == 0
    assert rehearsal.session.resent == 0
