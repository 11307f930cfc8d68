"""Strokes as lines: how much motion with the beam a board can ever hold."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from firmware_bridge.faults import LimitExceeded, ProtocolViolation, SettingRefused, WrongDevice
from firmware_bridge.grbl import codec as c
from firmware_bridge.grbl.configuration import GrblConfiguration, configuration_of
from firmware_bridge.grbl.stroke import BEAM_ON_LIMIT_S, plan_stroke
from firmware_bridge.messages import StagePose
from firmware_bridge.twins.grbl.board import first_registers
from firmware_bridge.twins.grbl.settings import GrblTwinSettings

BANNER = c.Banner("Grbl", "1.1h")


def board(
    gate: str | None = "M8", letters: str = "V", blocks: int = 15, octets: int = 128, **changed: float
) -> GrblConfiguration:
    registers = first_registers(GrblTwinSettings()) | {int(name[1:]): value for name, value in changed.items()}
    return configuration_of(BANNER, c.BuildOptions(letters, blocks, octets), registers, gate)


@given(
    st.floats(0.5, 50.0), st.floats(50.0, 3000.0), st.integers(5, 60), st.floats(1.0, 100.0), st.floats(0.0, math.tau)
)
def test_what_the_board_holds_with_the_beam_takes_less_than_half_a_second(
    speed_mm_s: float, rate: float, blocks: int, length_mm: float, angle: float
) -> None:
    start = StagePose(150.0, 150.0)
    end = StagePose(150.0 + length_mm * math.cos(angle), 150.0 + length_mm * math.sin(angle))
    limits = board(blocks=blocks, _120=rate, _121=rate)
    try:
        stroke = plan_stroke(limits, start, end, speed_mm_s, with_beam=True)
    except LimitExceeded:
        assume(False)
    beam_lines = [order for order in stroke.orders if order.line.startswith(b"G53G1S1000F")]
    piece_s = length_mm / speed_mm_s / len(beam_lines)
    most_held = min(len(beam_lines), blocks + 1 + max(order.company for order in beam_lines))
    assert most_held * piece_s + speed_mm_s / (2 * rate) <= BEAM_ON_LIMIT_S


def test_the_beam_is_on_between_start_and_end_alone() -> None:
    stroke = plan_stroke(board(), StagePose(100.0, 50.0), StagePose(110.0, 50.0), 10.0, with_beam=True)
    lines = [order.line for order in stroke.orders]
    assert lines[:2] == [b"M4S0\n", b"G53G1S0F600X-200Y-250\n"]
    assert lines[-4].endswith(b"X-190Y-250\n")
    assert lines[-4].startswith(b"G53G1S1000F")
    assert lines[-3].startswith(b"G53G1S0F")
    assert lines[-2:] == [b"M5\n", b"G4P0\n"]
    assert stroke.begin.x_mm < 100.0
    assert stroke.finish.x_mm > 110.0


def test_the_run_up_reaches_the_speed() -> None:
    stroke = plan_stroke(board(), StagePose(100.0, 50.0), StagePose(110.0, 50.0), 30.0, with_beam=False)
    assert 100.0 - stroke.begin.x_mm > 30.0**2 / (2 * 500.0)


@pytest.mark.parametrize("speed_mm_s", [50.1, 1000.0])
def test_a_stroke_faster_than_the_stage_is_refused(speed_mm_s: float) -> None:
    with pytest.raises(LimitExceeded, match="faster than the stage"):
        plan_stroke(board(), StagePose(100.0, 50.0), StagePose(110.0, 50.0), speed_mm_s, with_beam=False)


def test_a_stroke_that_needs_more_than_half_a_second_of_motion_ahead_is_refused() -> None:
    with pytest.raises(LimitExceeded, match="lower the speed"):
        plan_stroke(board(_120=60.0), StagePose(100.0, 50.0), StagePose(110.0, 50.0), 50.0, with_beam=True)


def test_the_beam_in_motion_is_refused_without_laser_mode() -> None:
    with pytest.raises(SettingRefused, match=r"\$32=1"):
        plan_stroke(board(_32=0), StagePose(100.0, 50.0), StagePose(110.0, 50.0), 10.0, with_beam=True)


def test_a_board_that_nothing_would_stop_is_refused() -> None:
    with pytest.raises(SettingRefused, match="nothing would close the shutter"):
        board(gate=None, _32=0)
    with pytest.raises(SettingRefused, match="nothing would close the shutter"):
        board(gate=None, letters="M")


@pytest.mark.parametrize(
    ("gate", "changed", "sentence"),
    [
        ("M9", {}, "unknown"),
        ("M7", {}, "without the mist output"),
        ("M3", {}, "can't both"),
        ("M8", {"_13": 1}, "inches"),
        ("M8", {"_100": 0}, r"\$100"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(gate: str, changed: dict[str, float], sentence: str) -> None:
    with pytest.raises(SettingRefused, match=sentence):
        board(gate=gate, **changed)


def test_a_board_with_buffers_too_small_to_stream_is_refused() -> None:
    with pytest.raises(ProtocolViolation, match="too few"):
        board(octets=10)


def test_another_version_is_refused() -> None:
    with pytest.raises(WrongDevice, match=r"0\.9j"):
        configuration_of(c.Banner("Grbl", "0.9j"), c.BuildOptions("V", 15, 128), {}, "M8")


@given(st.floats(0, 300), st.floats(0, 300))
def test_stage_and_machine_millimetres_are_each_others_inverse(x_mm: float, y_mm: float) -> None:
    limits = board()
    machine = limits.to_machine(StagePose(x_mm, y_mm))
    assert all(-300 <= value <= 0 for value in machine)
    report = c.Report(c.RunState.IDLE, None, (*machine, 0.0), None, None, None, None, "", None)
    back = limits.to_stage(report, None)
    assert back is not None
    assert (back.x_mm, back.y_mm) == pytest.approx((x_mm, y_mm), abs=1e-9)


def test_work_positions_are_brought_back_by_their_offset() -> None:
    report = c.Report(c.RunState.IDLE, None, None, (5.0, 6.0, 0.0), None, None, None, "", None)
    assert board().to_stage(report, None) is None
    assert board().to_stage(report, (-100.0, -200.0, 0.0)) == StagePose(205.0, 106.0)


def test_an_origin_forced_to_the_low_switch_counts_up() -> None:
    assert board(letters="VZ", _23=1).low_mm == (0.0, -300.0)
