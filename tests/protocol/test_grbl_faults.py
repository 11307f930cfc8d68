"""Every misbehaviour is named to the operator, and the beam is off by the twin's own log."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from firmware_bridge.faults import (
    BridgeError,
    ControllerFault,
    DoorOpen,
    LimitExceeded,
    LinkLost,
    ProtocolViolation,
    Rebooted,
    SettingRefused,
    WrongDevice,
    WrongPosition,
)
from firmware_bridge.grbl.queue import Order
from firmware_bridge.grbl.stage import GrblStage
from firmware_bridge.messages import StagePose
from tests.protocol.grbl_rehearsal import GrblRehearsal, Swap, rehearsed

ROW = (StagePose(100.0, 50.0), StagePose(160.0, 50.0), 20.0)


def fly(stage: GrblStage) -> None:
    stage.fly(*ROW, with_beam=True)


def dwell(stage: GrblStage) -> None:
    stage.move_to(StagePose(100.0, 50.0))
    for _ in range(40):
        stage.hold_beam(0.4)
        stage._carrier.wait_for(lambda: False, 0.2)


def again(work: Callable[[GrblStage], None], stage: GrblStage) -> None:
    for _ in range(10):
        work(stage)


def when_beam_is_on(rehearsal: GrblRehearsal, act: Callable[[], None]) -> None:
    """Do something at the first turn at which the beam is on."""

    def look() -> None:
        if rehearsal.core.board.outputs.is_beam_on:
            rehearsal.interrupt = lambda: None
            act()

    rehearsal.interrupt = look


def off_after(rehearsal: GrblRehearsal, since_s: float) -> float:
    """Device seconds from then until the beam was off for good; the host does nothing any more."""
    rehearsal.leave(30.0)
    intervals = rehearsal.beam_intervals()
    assert intervals, "the beam never was on"
    return intervals[-1][1] - since_s


@pytest.mark.parametrize("work", [fly, dwell])
@pytest.mark.parametrize(
    ("said", "fault", "sentence"),
    [
        (b"error:9\r\n", ControllerFault, "refused"),
        (b"ALARM:1\r\n", ControllerFault, "limit switch was hit"),
        (b"ALARM:3\r\n", ControllerFault, "position is lost"),
        (b"o\xebk\r\n", ProtocolViolation, "misunderstood"),
        (b"<Idle|MPos:-2\r\n", ProtocolViolation, "misunderstood"),
        (b"\r\nGrbl 1.1h ['$' for help]\r\n", Rebooted, "has restarted"),
        (b"<Door:1|MPos:0.000,0.000,0.000|FS:0,0|Pn:D>\r\n", DoorOpen, "the door is open"),
        (
            b"<Hold:0|MPos:0.000,0.000,0.000|FS:0,0>\r\n",
            ControllerFault,
            "put on hold at its own panel: release it there",
        ),
    ],
)
def test_what_the_board_should_never_say_stops_the_beam(
    work: Callable[[GrblStage], None], said: bytes, fault: type[BridgeError], sentence: str
) -> None:
    wire = Swap(said=(b"ok\r\n", said))
    rehearsal = rehearsed(wire)
    stage = rehearsal.stage()
    begun: list[float] = []

    def arm() -> None:
        wire.is_armed = True
        begun.append(rehearsal.core.board.time_s)

    when_beam_is_on(rehearsal, arm)
    with pytest.raises(fault, match=sentence):
        work(stage)
    raised_s = rehearsal.core.board.time_s
    assert off_after(rehearsal, raised_s) <= 0.5


@pytest.mark.parametrize("work", [fly, dwell])
def test_a_lost_acknowledgement_is_noticed(work: Callable[[GrblStage], None]) -> None:
    wire = Swap(said=(b"ok\r\n", b""))
    rehearsal = rehearsed(wire)
    stage = rehearsal.stage()
    when_beam_is_on(rehearsal, lambda: setattr(wire, "is_armed", True))
    with pytest.raises(ProtocolViolation, match="lost a line or its answer"):
        work(stage)
    assert off_after(rehearsal, rehearsal.core.board.time_s) <= 0.5


def test_an_acknowledgement_too_many_is_noticed() -> None:
    wire = Swap(said=(b"ok\r\n", b"ok\r\nok\r\nok\r\nok\r\n"))
    rehearsal = rehearsed(wire)
    stage = rehearsal.stage()
    wire.is_armed = True
    with pytest.raises(ProtocolViolation, match="acknowledged a line that was never sent: see that no other"):
        stage.move_to(StagePose(100.0, 50.0))


@pytest.mark.parametrize("work", [fly, dwell])
def test_a_board_that_restarts_must_be_homed(work: Callable[[GrblStage], None]) -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    when_beam_is_on(rehearsal, lambda: rehearsal.core.power_cycle(rehearsal.time_s))
    with pytest.raises(Rebooted, match="home it"):
        work(stage)
    assert off_after(rehearsal, rehearsal.core.board.time_s) <= 0.0
    assert not stage.status().is_homed
    with pytest.raises(ControllerFault, match="home it first"):
        stage.move_to(StagePose(10.0, 10.0))
    stage.home()
    stage.move_to(StagePose(10.0, 10.0))


def test_a_board_that_hangs_is_a_lost_link_and_the_monostable_has_closed_by_then() -> None:
    rehearsal = rehearsed(halts_at_s=11.0)
    stage = rehearsal.stage()
    with pytest.raises(LinkLost, match="has not answered"):
        dwell(stage)
    assert rehearsal.beam_intervals()[-1][1] <= 11.5
    with pytest.raises(LinkLost):
        stage.move_to(StagePose(10.0, 10.0))
    with pytest.raises(LinkLost):
        stage.status()


@pytest.mark.parametrize("work", [fly, dwell])
def test_a_door_on_the_hold_input_keeps_the_beam_off_until_it_is_closed(work: Callable[[GrblStage], None]) -> None:
    rehearsal = rehearsed(door_is_hold=True, door_opens_at_s=9.0, door_stays_open_s=20.0)
    stage = rehearsal.stage()
    with pytest.raises(DoorOpen, match="hold input is active"):
        again(work, stage)
    (door,) = rehearsal.log.of("door")
    assert rehearsal.beam_intervals()[-1][1] - door["device_s"] < 0.5
    assert not stage.status().is_door_closed
    with pytest.raises(DoorOpen):
        stage.move_to(StagePose(10.0, 10.0))
    rehearsal.pass_time(30.0)
    assert stage.status().is_door_closed
    stage.move_to(StagePose(10.0, 10.0))


def test_a_harmless_start_up_line_is_no_answer_to_anything() -> None:
    rehearsal = rehearsed(startup_line="G54")
    stage = rehearsal.stage()
    stage.halt()
    assert stage.move_to(StagePose(100.0, 50.0)) == StagePose(100.0, 50.0)


@pytest.mark.parametrize("line", ["M8", "G54M3S1000", "M04 S10", "G20", "g93"])
def test_a_start_up_line_that_switches_outputs_or_units_is_refused(line: str) -> None:
    with pytest.raises(SettingRefused, match=r"clear that line with \$N0="):
        rehearsed(startup_line=line).stage()


@pytest.mark.parametrize("work", [fly, dwell])
def test_an_open_door_is_named_and_closing_it_is_enough(work: Callable[[GrblStage], None]) -> None:
    rehearsal = rehearsed(door_opens_at_s=9.0, door_stays_open_s=20.0)
    stage = rehearsal.stage()
    with pytest.raises(DoorOpen, match="close it"):
        again(work, stage)
    (door,) = rehearsal.log.of("door")
    opened_s = rehearsal.core.board.time_s
    assert opened_s - door["device_s"] < 0.6
    assert rehearsal.beam_intervals()[-1][1] - door["device_s"] < 0.5
    assert not stage.status().is_door_closed
    with pytest.raises(DoorOpen):
        stage.move_to(StagePose(10.0, 10.0))
    rehearsal.pass_time(30.0)
    assert stage.status().is_door_closed
    assert stage.status().is_homed
    stage.move_to(StagePose(10.0, 10.0))


@pytest.mark.parametrize(
    "mangled",
    [(b"X-20", b"X-21"), (b"Y-250", b"Y-25"), (b"X-200", b"X-2\xb00")],
)
def test_a_mangled_move_that_the_board_accepts_is_noticed(mangled: tuple[bytes, bytes]) -> None:
    wire = Swap(sent=mangled)
    rehearsal = rehearsed(wire)
    stage = rehearsal.stage()
    wire.is_armed = True
    with pytest.raises(WrongPosition, match=r"was sent to 100\.000, 50\.000 mm"):
        stage.move_to(StagePose(100.0, 50.0))
    assert wire.happened == 1
    assert stage.move_to(StagePose(100.0, 50.0)) == StagePose(100.0, 50.0)


def test_a_mangled_stroke_is_noticed_and_the_beam_is_off() -> None:
    wire = Swap(sent=(b"Y-250", b"Y-240"))
    rehearsal = rehearsed(wire)
    stage = rehearsal.stage()
    when_beam_is_on(rehearsal, lambda: setattr(wire, "is_armed", True))
    with pytest.raises(WrongPosition):
        fly(stage)
    assert wire.happened == 1
    assert off_after(rehearsal, rehearsal.core.board.time_s) <= 0.0


def test_a_mangled_piece_that_sends_the_beam_back_along_its_own_stroke_is_noticed() -> None:
    wire = Swap(sent=(b"X-165", b"X-195"))
    rehearsal = rehearsed(wire)
    stage = rehearsal.stage()
    when_beam_is_on(rehearsal, lambda: setattr(wire, "is_armed", True))
    with pytest.raises(WrongPosition, match="went back"):
        fly(stage)
    assert wire.happened == 1
    ((_, off_s),) = rehearsal.beam_intervals()
    assert off_s <= rehearsal.core.board.time_s


def test_no_beam_where_the_stage_does_not_stand() -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    stage.move_to(StagePose(100.0, 50.0))
    rehearsal.session.submit([Order(b"G53G0X-150\n")])
    rehearsal.wait_for(lambda: not rehearsal.session.is_working, 5.0)
    rehearsal.pass_time(5.0)
    with pytest.raises(WrongPosition):
        stage.hold_beam(0.4)
    assert rehearsal.beam_intervals() == []


def test_a_soft_limit_alarm_ends_the_silence_by_a_reset_and_drops_the_stale_acknowledgement() -> None:
    wire = Swap(sent=(b"X-200", b"X-900"))
    rehearsal = rehearsed(wire)
    stage = rehearsal.stage()
    wire.is_armed = True
    with pytest.raises(LimitExceeded, match="alarm 2"):
        stage.move_to(StagePose(100.0, 50.0))
    stage.home()
    said = rehearsal.lines.index("board b'ALARM:2\\r\\n'")
    assert rehearsal.lines[said + 1 : said + 4] == [
        "host b'\\x18'", "board b'[MSG:Reset to continue]\\r\\n'", "board b'ok\\r\\n'",
    ]  # fmt: skip
    assert stage.move_to(StagePose(100.0, 50.0)) == StagePose(100.0, 50.0)


def test_a_reset_in_motion_makes_the_stage_ask_for_homing() -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    stage.move_to(StagePose(100.0, 50.0))
    stage.hold_beam(0.5)
    rehearsal.session.submit([Order(b"G53G0X-100\n")])
    rehearsal.pass_time(0.05)
    stage.halt()
    with pytest.raises(ControllerFault, match="home it first"):
        stage.move_to(StagePose(10.0, 10.0))
    assert rehearsal.log.of("alarm")[0]["number"] == 3


@pytest.mark.parametrize(("blocks", "octets"), [(15, 1024), (35, 128), (5, 128)])
def test_a_firmware_that_lies_about_its_buffers_is_refused(blocks: int, octets: int) -> None:
    with pytest.raises(ProtocolViolation, match=r"the stage claims room for .* when empty: update its firmware"):
        rehearsed(announced_blocks=blocks, announced_bytes=octets).stage()


def test_a_lie_about_the_receive_buffer_that_reports_hide_is_noticed_when_lines_are_lost() -> None:
    rehearsal = rehearsed(announced_bytes=400, report_mask=1, starts_homed=True)
    rehearsal.stage(homed=False)
    orders = [Order(b"G53G1X-%d.5Y-20F3000\n" % (20 + n % 9)) for n in range(60)]
    rehearsal.session.submit(orders)
    rehearsal.wait_for(lambda: rehearsal.session.fault is not None, 200.0)
    assert isinstance(rehearsal.session.fault, ProtocolViolation | ControllerFault)


def test_homing_without_switches_is_refused_with_a_remedy() -> None:
    stage = rehearsed(homing=False, soft_limits=False).stage(homed=False)
    with pytest.raises(ControllerFault, match=r"set \$22=1"):
        stage.home()


def test_a_board_that_speaks_something_else_is_told_from_one_that_is_silent() -> None:
    talks = rehearsed(Chatter(b"echo:busy processing\r\n"))
    with pytest.raises(WrongDevice, match=r"no GRBL 1\.1 board"):
        talks.stage()
    with pytest.raises(LinkLost, match="nothing answers"):
        rehearsed(Chatter(b"")).stage()


class Chatter:
    """Something else at the far end."""

    def __init__(self, said: bytes) -> None:
        self.said = said

    def to_controller(self, octets: bytes, now_s: float) -> bytes:
        return b""

    def to_host(self, octets: bytes, now_s: float) -> bytes:
        return self.said if octets else b""


def test_a_fault_that_nobody_waited_for_is_raised_by_the_next_call_once() -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    rehearsal.core.power_cycle(rehearsal.time_s)
    rehearsal.pass_time(1.0)
    assert "restarted" in stage.status().fault
    with pytest.raises(Rebooted):
        stage.move_to(StagePose(10.0, 10.0))
    with pytest.raises(ControllerFault, match="home it first"):
        stage.move_to(StagePose(10.0, 10.0))


def test_what_comes_before_the_banner_is_dropped() -> None:
    wire = Swap(said=(b"Grbl 1.1h", b"\xff\x00junk\r\nok\r\nALARM:9\r\n<Idle|MPos:1\r\nGrbl 1.1h"))
    wire.is_armed = True
    stage = rehearsed(wire).stage()
    assert wire.happened == 1
    stage.move_to(StagePose(100.0, 50.0))


def test_a_board_that_does_not_reset_on_opening_is_reset_by_command() -> None:
    wire = Swap(said=(b"\r\nGrbl 1.1h ['$' for help]\r\n", b""))
    wire.is_armed = True
    rehearsal = rehearsed(wire)
    rehearsal.stage()
    assert "host b'\\x18'" in rehearsal.lines[:3]


def test_a_halt_while_the_stage_is_asked_something_is_a_halt_and_no_lost_link() -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    asked = rehearsal.session.reports

    def halt_once() -> None:
        rehearsal.interrupt = lambda: None
        rehearsal.session.halt(rehearsal.time_s)

    rehearsal.interrupt = halt_once
    with pytest.raises(ControllerFault, match="was halted"):
        stage.status()
    assert rehearsal.session.reports == asked
    assert stage.status().fault == ""
