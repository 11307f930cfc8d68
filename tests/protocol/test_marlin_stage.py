"""The client and the twin on one turned clock: what a Marlin stage does when all goes well."""

from __future__ import annotations

from typing import Any

import pytest

from firmware_bridge.faults import ControllerFault, LimitExceeded, SettingRefused
from firmware_bridge.messages import StagePose
from firmware_bridge.stage import StageOptions
from tests.protocol.marlin_rehearsal import rehearsed
from tests.protocol.stage_rehearsal import Swap

HERE = StagePose(100.0, 50.0)


def test_limits_and_speeds_are_the_boards_own() -> None:
    stage = rehearsed(travel_mm=(220.0, 180.0), max_speed_mm_s=80.0, max_acceleration_mm_s2=700.0).connect()
    found = stage.capabilities
    assert (found.x_limits_mm, found.y_limits_mm) == ((0.0, 220.0), (0.0, 180.0))
    assert (found.max_speed_mm_s, found.max_acceleration_mm_s2) == (80.0, 700.0)
    assert (found.has_gate, found.flies_with_beam, found.has_trigger) == (True, False, False)


def test_the_position_is_unknown_until_homed() -> None:
    stage = rehearsed().connect()
    assert not stage.status().is_homed
    with pytest.raises(ControllerFault, match="home it first"):
        stage.move_to(HERE)
    with pytest.raises(ControllerFault, match="home it first"):
        stage.hold_beam(0.2)
    stage.home()
    assert stage.status().is_homed


def test_a_move_ends_where_it_was_sent_and_at_rest() -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    found = stage.move_to(StagePose(123.456, 50.0))
    assert (found.x_mm, found.y_mm) == pytest.approx((123.456, 50.0), abs=stage.board.tolerance_mm)
    assert not rehearsal.core.board.motion.is_moving
    assert rehearsal.true_pose.x_mm == pytest.approx(123.456, abs=1 / 80)


def test_a_move_that_takes_long_is_waited_for_while_the_board_says_that_it_is_busy() -> None:
    rehearsal = rehearsed(max_speed_mm_s=5.0)
    stage = rehearsal.stage()
    began_s = rehearsal.time_s
    stage.move_to(StagePose(200.0, 0.0))
    assert rehearsal.time_s - began_s > 40.0
    assert rehearsal.session.resent == 0


@pytest.mark.parametrize(
    "pose", [StagePose(-0.01, 10.0), StagePose(10.0, 300.01), StagePose(float("nan"), 1.0), StagePose(1e9, 1.0)]
)
def test_a_pose_outside_the_limits_is_refused_before_anything_is_sent(pose: StagePose) -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    said = len(rehearsal.lines)
    with pytest.raises(LimitExceeded, match="outside the stage's limits"):
        stage.move_to(pose)
    assert len(rehearsal.lines) == said


def test_the_beam_is_held_while_it_is_renewed_and_dropped_at_once() -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    stage.move_to(HERE)
    for _ in range(10):
        stage.hold_beam(0.4)
        rehearsal.pass_time(0.2)
    assert stage.status().is_beam_on
    stage.drop_beam()
    dropped_s = rehearsal.core.board.time_s
    rehearsal.leave(5.0)
    ((on_s, off_s),) = rehearsal.beam_intervals()
    assert 2.0 <= off_s - on_s < 2.5
    assert off_s - dropped_s < 0.01


def test_the_beam_goes_off_by_itself_when_it_is_not_renewed() -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    stage.hold_beam(0.2)
    rehearsal.pass_time(2.0)
    ((on_s, off_s),) = rehearsal.beam_intervals()
    assert off_s - on_s == pytest.approx(0.2, abs=0.03)
    assert not stage.status().is_beam_on


def test_the_monostable_closes_what_a_lost_host_left_open() -> None:
    rehearsal = rehearsed()
    rehearsal.stage().hold_beam(0.5)
    rehearsal.leave(5.0)
    ((on_s, off_s),) = rehearsal.beam_intervals()
    assert off_s - on_s == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize("seconds", [0.0, -1.0, 0.51])
def test_the_beam_is_never_held_for_more_than_half_a_second_at_once(seconds: float) -> None:
    with pytest.raises(ValueError, match="at most"):
        rehearsed().stage().hold_beam(seconds)


def test_the_gate_is_closed_before_the_stage_moves() -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    stage.move_to(HERE)
    stage.hold_beam(0.5)
    stage.move_to(StagePose(200.0, 50.0))
    on, off = rehearsal.log.of("beam_on", "beam_off")
    assert (on["x_mm"], off["x_mm"]) == pytest.approx((100.0, 100.0), abs=0.01)


def test_the_position_is_verified_before_every_opening() -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    stage.move_to(HERE)
    stage.hold_beam(0.1)
    rehearsal.pass_time(0.5)
    said = len(rehearsal.lines)
    stage.hold_beam(0.1)
    sent = [line for line in rehearsal.lines[said:] if line.startswith("host")]
    assert [
        next(word for word in ("M400", "M114", "S255") if word in line)
        for line in sent
        if "M118" not in line and "S0" not in line
    ] == ["M400", "M114", "S255"]


@pytest.mark.parametrize("with_beam", [True, False])
def test_a_row_is_refused_with_what_to_do_instead_before_anything_is_sent(with_beam: bool) -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    said = len(rehearsal.lines)
    with pytest.raises(SettingRefused, match="scan by dwells"):
        stage.fly(HERE, StagePose(150.0, 50.0), 20.0, with_beam=with_beam)
    assert len(rehearsal.lines) == said


@pytest.mark.parametrize("gate", [None, "M8", "57", "P5x"])
def test_a_stage_without_a_pin_for_its_gate_is_refused(gate: str | None) -> None:
    with pytest.raises(SettingRefused, match="wire a retriggerable monostable"):
        rehearsed().connect(StageOptions("the port", 250_000, gate))


def test_a_pin_that_the_firmware_uses_itself_is_refused() -> None:
    with pytest.raises(SettingRefused, match="wire the gate to a free pin"):
        rehearsed().connect(StageOptions("the port", 250_000, "P10"))


def test_a_trigger_is_refused() -> None:
    with pytest.raises(SettingRefused, match="no edge"):
        rehearsed().connect(StageOptions("the port", 250_000, "P57", has_trigger=True))


def test_a_halt_in_a_dwell_closes_the_gate_and_keeps_the_position() -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    stage.move_to(HERE)
    stage.hold_beam(0.5)
    stage.halt()
    halted_s = rehearsal.core.board.time_s
    stage.move_to(StagePose(101.0, 50.0))
    ((_, off_s),) = rehearsal.beam_intervals()
    assert off_s - halted_s <= 0.006


@pytest.mark.parametrize("emergency_parser", [True, False])
def test_a_halt_in_a_move_stops_it_and_asks_for_homing(emergency_parser: bool) -> None:
    rehearsal = rehearsed(emergency_parser=emergency_parser)
    stage = rehearsal.stage()

    def look() -> None:
        if rehearsal.true_pose.x_mm > 50.0:
            rehearsal.interrupt = lambda: None
            stage.halt()

    rehearsal.interrupt = look
    with pytest.raises(ControllerFault, match="halted"):
        stage.move_to(StagePose(250.0, 0.0))
    assert rehearsal.true_pose.x_mm < 60.0
    with pytest.raises(ControllerFault, match="home it first"):
        stage.move_to(HERE)
    stage.home()
    stage.move_to(HERE)
    assert rehearsal.true_pose == HERE


@pytest.mark.parametrize("emergency_parser", [True, False])
def test_a_halt_is_over_soon_though_a_quick_stop_takes_the_board_a_second(emergency_parser: bool) -> None:
    rehearsal = rehearsed(emergency_parser=emergency_parser)
    stage = rehearsal.stage()
    took_s: list[float] = []

    def look() -> None:
        if rehearsal.true_pose.x_mm > 50.0:
            rehearsal.interrupt = lambda: None
            began_s = rehearsal.time_s
            stage.halt()
            took_s.append(rehearsal.time_s - began_s)

    rehearsal.interrupt = look
    with pytest.raises(ControllerFault, match="halted"):
        stage.move_to(StagePose(250.0, 0.0))
    assert took_s[0] < 3.0
    assert rehearsal.core.dropped_bytes == 0


@pytest.mark.parametrize("work", ["beam", "move"])
def test_what_was_asked_for_before_a_halt_does_not_begin_after_it(work: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    stage.move_to(HERE)
    require = stage._require_position

    def then_halt() -> int:
        halts = require()
        stage.halt()
        return halts

    monkeypatch.setattr(stage, "_require_position", then_halt)
    with pytest.raises(ControllerFault, match="halted"):
        stage.hold_beam(0.4) if work == "beam" else stage.move_to(StagePose(200.0, 50.0))
    assert rehearsal.beam_intervals() == []
    assert rehearsal.true_pose == HERE


def test_closing_closes_the_gate_and_the_port() -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    stage.hold_beam(0.5)
    stage.close()
    stage.close()
    assert rehearsal.is_closed
    rehearsal.leave(5.0)
    ((on_s, off_s),) = rehearsal.beam_intervals()
    assert off_s - on_s < 0.05


def test_the_examination_names_buffers_limits_halting_and_round_trips() -> None:
    found = {each.what: each for each in rehearsed().stage().diagnose()}
    assert set(found) == {"firmware", "buffers", "limits", "end switches", "halting", "round trip"}
    assert found["firmware"].text == "Marlin 2.1.2"
    assert found["buffers"].text == "4 lines, 15 moves free"
    assert all(each.is_good for each in found.values())


@pytest.mark.parametrize(
    ("settings", "what", "remedy"),
    [
        ({"emergency_parser": False}, "halting", "build it with EMERGENCY_PARSER"),
        ({"soft_endstops": False}, "limits", "send M211 S1"),
        ({"line_s": 0.08}, "round trip", "use a higher baud rate"),
    ],
)
def test_what_could_be_safer_is_said_with_its_remedy(settings: dict[str, Any], what: str, remedy: str) -> None:
    found = {each.what: each for each in rehearsed(**settings).connect().diagnose()}
    assert not found[what].is_good
    assert remedy in found[what].text


@pytest.mark.parametrize("settings", [{"advanced_ok": False}, {"buffer_lines": 2}, {"ok_after_resend": False}])
def test_other_builds_of_the_firmware_do_as_well(settings: dict[str, Any]) -> None:
    rehearsal = rehearsed(**settings)
    stage = rehearsal.stage()
    assert stage.move_to(HERE) == HERE
    stage.hold_beam(0.2)
    stage.drop_beam()
    assert rehearsal.core.dropped_bytes == 0


@pytest.mark.parametrize("word", ["ON", "OFF"])
def test_the_travel_is_read_as_firmware_before_2_0_9_2_tells_it(word: str) -> None:
    digit = {"ON": b"1", "OFF": b"0"}[word]
    new = b"  M211 S%s ; %s\n  Min:  X0.00 Y0.00 Z0.00   Max:  X300.00" % (digit, word.encode())
    old = b"echo:Soft endstops: %s  Min: X0.00 Y0.00 Z0.00   Max: X300.00" % word.encode()
    wire = Swap(said=(new, old))
    wire.is_armed = True
    stage = rehearsed(wire, soft_endstops=word == "ON").connect()
    assert wire.happened
    assert stage.capabilities.x_limits_mm == (0.0, 300.0)
    assert stage.board.keeps_limits is (word == "ON")
