"""What every stage has to prove before it may hold a beam, whatever its firmware: by its twin's own log."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from firmware_bridge.faults import ControllerFault, LimitExceeded, LinkLost, Rebooted, SettingRefused, WrongPosition
from firmware_bridge.messages import StagePose
from firmware_bridge.registry import STAGES
from firmware_bridge.stage import Stage, StageOptions
from tests.protocol import grbl_rehearsal, marlin_rehearsal
from tests.protocol.grbl_rehearsal import GrblRehearsal
from tests.protocol.marlin_rehearsal import TwinRehearsal

Rehearsal = GrblRehearsal | TwinRehearsal
HERE, THERE = StagePose(100.0, 50.0), StagePose(250.0, 50.0)
LONGEST_BEAM_S = 0.5
REHEARSED: dict[str, Callable[..., Rehearsal]] = {
    "grbl": grbl_rehearsal.rehearsed,
    "marlin": marlin_rehearsal.rehearsed,
}
"""Another stage is one line here, and one below. Its twin has the settings ``halts_at_s`` and ``reboots_at_s``."""
UNSAFE: dict[str, Callable[[], Stage]] = {
    "grbl": lambda: grbl_rehearsal.rehearsed(laser_mode=False).stage(gate=None),
    "marlin": lambda: marlin_rehearsal.rehearsed().connect(StageOptions("the port", 250_000, gate=None)),
}
"""Connecting with nothing wired that would close the shutter by itself."""


@pytest.fixture(params=REHEARSED)
def rehearse(request: pytest.FixtureRequest) -> Callable[..., Rehearsal]:
    return REHEARSED[request.param]


def on_the_way(rehearsal: Rehearsal, act: Callable[[], None]) -> None:
    """Have something done once the stage is in the middle of a move."""

    def look() -> None:
        if rehearsal.true_pose.x_mm > 120.0:
            rehearsal.interrupt = lambda: None
            act()

    rehearsal.interrupt = look


def stop_the_program() -> None:
    raise KeyboardInterrupt


def dwell_until_it_ends(rehearsal: Rehearsal, stage: Stage) -> None:
    for _ in range(60):
        stage.hold_beam(0.4)
        rehearsal.pass_time(0.2)


def test_every_stage_of_the_registry_is_rehearsed() -> None:
    assert set(REHEARSED) == set(UNSAFE) == set(STAGES)


@pytest.mark.parametrize("kind", UNSAFE)
def test_a_stage_without_anything_that_closes_by_itself_is_refused(kind: str) -> None:
    with pytest.raises(SettingRefused, match="nothing would close the shutter"):
        UNSAFE[kind]()


def test_no_beam_and_no_move_before_homing(rehearse: Callable[..., Rehearsal]) -> None:
    rehearsal = rehearse()
    stage = rehearsal.stage(homed=False)
    for asked in (lambda: stage.hold_beam(0.4), lambda: stage.move_to(HERE)):
        with pytest.raises(ControllerFault):
            asked()
    rehearsal.leave(5.0)
    assert rehearsal.beam_intervals() == []


def test_no_beam_after_a_move_that_was_interrupted(rehearse: Callable[..., Rehearsal]) -> None:
    rehearsal = rehearse()
    stage = rehearsal.stage()
    stage.move_to(HERE)
    on_the_way(rehearsal, stop_the_program)
    with pytest.raises(KeyboardInterrupt):
        stage.move_to(THERE)
    with pytest.raises(ControllerFault):
        stage.hold_beam(0.4)
    rehearsal.leave(5.0)
    assert rehearsal.beam_intervals() == []


def test_no_beam_where_the_stage_stands_without_having_been_sent_there(rehearse: Callable[..., Rehearsal]) -> None:
    rehearsal = rehearse()
    stage = rehearsal.stage()
    stage.move_to(HERE)
    rehearsal.displace(StagePose(HERE.x_mm + 5.0, HERE.y_mm))
    with pytest.raises(WrongPosition):
        stage.hold_beam(0.4)
    rehearsal.leave(5.0)
    assert rehearsal.beam_intervals() == []


def test_a_pose_outside_the_limits_is_refused_and_nothing_moves(rehearse: Callable[..., Rehearsal]) -> None:
    rehearsal = rehearse()
    stage = rehearsal.stage()
    stage.move_to(HERE)
    with pytest.raises(LimitExceeded):
        stage.move_to(StagePose(1e4, 50.0))
    rehearsal.pass_time(1.0)
    assert rehearsal.true_pose == HERE


def test_the_beam_ends_when_the_program_is_interrupted_while_it_opens(rehearse: Callable[..., Rehearsal]) -> None:
    rehearsal = rehearse()
    stage = rehearsal.stage()
    stage.move_to(HERE)
    stage.hold_beam(0.5)

    def stop_once() -> None:
        rehearsal.interrupt = lambda: None
        stop_the_program()

    rehearsal.interrupt = stop_once
    with pytest.raises(KeyboardInterrupt):
        stage.hold_beam(0.5)
    rehearsal.leave(5.0)
    began_s, ended_s = rehearsal.beam_intervals()[0][0], rehearsal.beam_intervals()[-1][1]
    assert ended_s - began_s < LONGEST_BEAM_S


def test_the_beam_ends_by_itself_when_the_host_is_gone(rehearse: Callable[..., Rehearsal]) -> None:
    rehearsal = rehearse()
    stage = rehearsal.stage()
    stage.move_to(HERE)
    stage.hold_beam(0.5)
    rehearsal.leave(60.0)
    ((on_s, off_s),) = rehearsal.beam_intervals()
    assert off_s - on_s <= LONGEST_BEAM_S + 1e-6


def test_the_beam_ends_by_itself_when_the_board_hangs_and_the_silence_is_named(
    rehearse: Callable[..., Rehearsal],
) -> None:
    rehearsal = rehearse(halts_at_s=20.0)
    stage = rehearsal.stage()
    stage.move_to(HERE)
    rehearsal.pass_time(19.0 - (rehearsal.time_s - 1_000.0))
    with pytest.raises(LinkLost):
        dwell_until_it_ends(rehearsal, stage)
    assert all(off_s <= 20.0 + LONGEST_BEAM_S for _, off_s in rehearsal.beam_intervals())


def test_after_a_restart_nothing_goes_on_before_homing(rehearse: Callable[..., Rehearsal]) -> None:
    rehearsal = rehearse(reboots_at_s=20.0)
    stage = rehearsal.stage()
    stage.move_to(HERE)
    rehearsal.pass_time(21.0 - (rehearsal.time_s - 1_000.0))
    with pytest.raises(Rebooted):
        stage.move_to(THERE)
    with pytest.raises(ControllerFault):
        stage.hold_beam(0.4)
    stage.home()
    stage.move_to(HERE)
    assert rehearsal.true_pose == HERE
    assert rehearsal.beam_intervals() == []


def test_a_halt_in_motion_stops_it_and_the_position_has_to_be_found_again(rehearse: Callable[..., Rehearsal]) -> None:
    rehearsal = rehearse()
    stage = rehearsal.stage()
    stage.move_to(HERE)
    on_the_way(rehearsal, stage.halt)
    with pytest.raises(ControllerFault):
        stage.move_to(THERE)
    rehearsal.pass_time(5.0)
    assert rehearsal.true_pose.x_mm < 150.0
    with pytest.raises(ControllerFault):
        stage.hold_beam(0.4)
    assert rehearsal.beam_intervals() == []


def test_a_halt_in_a_dwell_ends_the_beam(rehearse: Callable[..., Rehearsal]) -> None:
    rehearsal = rehearse()
    stage = rehearsal.stage()
    stage.move_to(HERE)
    stage.hold_beam(0.5)
    halted_s = rehearsal.time_s
    stage.halt()
    assert rehearsal.time_s - halted_s < LONGEST_BEAM_S
    rehearsal.leave(5.0)
    ((on_s, off_s),) = rehearsal.beam_intervals()
    assert off_s - on_s < LONGEST_BEAM_S
