"""The stage as the scan uses it, on a board that behaves: moves, strokes, the beam, and what the twin saw of it."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.faults import ControllerFault, LimitExceeded, LinkLost, SettingRefused
from firmware_bridge.grbl.queue import Order
from firmware_bridge.messages import StagePose
from firmware_bridge.stage import PoseAt
from tests.protocol.grbl_rehearsal import rehearsed


def test_limits_are_the_boards_own_in_stage_millimetres() -> None:
    capabilities = rehearsed(travel_mm=(300.0, 200.0)).stage().capabilities
    assert capabilities.x_limits_mm == (0.0, 300.0)
    assert capabilities.y_limits_mm == (0.0, 200.0)
    assert capabilities.max_speed_mm_s == 50.0
    assert capabilities.max_acceleration_mm_s2 == 500.0
    assert capabilities.has_gate


def test_the_position_is_unknown_until_homed() -> None:
    rehearsal = rehearsed(starts_homed=True)
    stage = rehearsal.stage(homed=False)
    assert not stage.status().is_homed
    with pytest.raises(ControllerFault, match="home it first"):
        stage.move_to(StagePose(10.0, 10.0))
    stage.home()
    assert stage.status().is_homed
    assert stage.status().pose == StagePose(299.0, 299.0)


def test_a_move_ends_where_it_was_sent_and_at_rest() -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    pose = stage.move_to(StagePose(12.3456, 78.9))
    assert (pose.x_mm, pose.y_mm) == pytest.approx((12.3456, 78.9), abs=stage.board.tolerance_mm)
    true = rehearsal.core.true_pose()
    assert (true.x_mm, true.y_mm) == pytest.approx((pose.x_mm, pose.y_mm), abs=1e-3)
    assert not stage.status().is_moving


@pytest.mark.parametrize("pose", [StagePose(-0.1, 10.0), StagePose(10.0, 300.1), StagePose(math.nan, 10.0)])
def test_a_pose_outside_the_limits_is_refused_before_anything_is_sent(pose: StagePose) -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    said = len(rehearsal.lines)
    with pytest.raises(LimitExceeded, match="outside the stage's limits"):
        stage.move_to(pose)
    assert len(rehearsal.lines) == said


def test_a_stroke_whose_run_up_leaves_the_limits_is_refused_before_anything_is_sent() -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    said = len(rehearsal.lines)
    with pytest.raises(LimitExceeded, match="run-up"):
        stage.fly(StagePose(0.0, 10.0), StagePose(50.0, 10.0), 20.0, with_beam=True)
    assert len(rehearsal.lines) == said


def test_a_stroke_has_the_beam_from_start_to_end_at_constant_speed() -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    stage.fly(StagePose(100.0, 50.0), StagePose(140.0, 50.0), 20.0, with_beam=True)
    on, off = rehearsal.log.of("beam_on", "beam_off")
    assert (on["x_mm"], off["x_mm"]) == pytest.approx((100.0, 140.0), abs=0.005)
    assert off["device_s"] - on["device_s"] == pytest.approx(40.0 / (20.0 * 0.98), rel=0.005)


def test_a_slanted_stroke_backwards_keeps_its_speed_too() -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    stage.fly(StagePose(140.0, 80.0), StagePose(100.0, 50.0), 30.0, with_beam=True)
    on, off = rehearsal.log.of("beam_on", "beam_off")
    assert off["device_s"] - on["device_s"] == pytest.approx(50.0 / (30.0 * 0.98), rel=0.005)


def test_a_stroke_reports_poses_on_its_way_at_most_five_a_second() -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    path = stage.fly(StagePose(100.0, 50.0), StagePose(160.0, 50.0), 20.0, with_beam=True)
    ways = [sample.pose.x_mm for sample in path]
    times = [sample.monotonic_s for sample in path]
    assert ways == sorted(ways)
    assert min(after - before for before, after in pairwise(times[1:-1])) > 0.19
    assert len(path) > 12


def test_a_stroke_without_the_beam_leaves_it_off() -> None:
    rehearsal = rehearsed()
    rehearsal.stage().fly(StagePose(100.0, 50.0), StagePose(140.0, 50.0), 20.0, with_beam=False)
    assert rehearsal.beam_intervals() == []


def test_the_beam_is_held_while_it_is_renewed_and_dropped_at_once() -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    stage.move_to(StagePose(100.0, 100.0))
    for _ in range(10):
        stage.hold_beam(0.5)
        rehearsal.pass_time(0.3)
    assert stage.status().is_beam_on
    dropped_s = rehearsal.core.board.time_s
    stage.drop_beam()
    assert not stage.status().is_beam_on
    rehearsal.pass_time(1.0)
    ((on_s, off_s),) = rehearsal.beam_intervals()
    assert off_s - on_s > 3.0
    assert off_s - dropped_s < 0.03


def test_the_beam_goes_off_by_itself_when_it_is_not_renewed() -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    stage.move_to(StagePose(100.0, 100.0))
    stage.hold_beam(0.2)
    rehearsal.pass_time(2.0)
    ((on_s, off_s),) = rehearsal.beam_intervals()
    assert 0.2 <= off_s - on_s < 0.22
    assert not stage.status().is_beam_on


def test_a_dwell_shorter_than_the_boards_answer_closes_as_soon_as_it_is_answered() -> None:
    rehearsal = rehearsed(line_s=0.02)
    stage = rehearsal.stage()
    stage.move_to(StagePose(100.0, 100.0))
    stage.hold_beam(0.001)
    rehearsal.pass_time(1.0)
    ((on_s, off_s),) = rehearsal.beam_intervals()
    assert off_s - on_s < 0.05
    assert stage.status().fault == ""


def test_the_monostable_closes_what_a_lost_host_left_open() -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    stage.move_to(StagePose(100.0, 100.0))
    stage.hold_beam(0.5)
    rehearsal.leave(60.0)
    ((on_s, off_s),) = rehearsal.beam_intervals()
    assert off_s - on_s <= 0.5


def test_the_beam_at_rest_is_refused_without_a_monostable() -> None:
    stage = rehearsed(gate=None).stage(gate=None)
    assert not stage.capabilities.has_gate
    with pytest.raises(SettingRefused, match="needs a monostable"):
        stage.hold_beam(0.1)


@pytest.mark.parametrize("seconds", [0.0, -1.0, 0.51, math.nan])
def test_the_beam_is_never_held_for_more_than_half_a_second_at_once(seconds: float) -> None:
    with pytest.raises(ValueError, match=r"0\.5 s at most"):
        rehearsed().stage().hold_beam(seconds)


def test_a_spindle_output_without_laser_mode_may_trigger_the_monostable() -> None:
    rehearsal = rehearsed(gate="M3", laser_mode=False)
    stage = rehearsal.stage(gate="M3")
    stage.move_to(StagePose(100.0, 100.0))
    stage.hold_beam(0.3)
    stage.drop_beam()
    rehearsal.leave(0.02)
    ((on_s, off_s),) = rehearsal.beam_intervals()
    assert off_s - on_s < 0.1


@pytest.mark.parametrize("left_after_s", [0.3, 0.8, 1.0, 1.4, 2.0])
def test_queued_motion_with_the_beam_ends_within_half_a_second_when_the_host_is_gone(left_after_s: float) -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    stage.move_to(StagePose(98.0, 50.0))

    class HostDied(BaseException):
        pass

    begun_s = rehearsal.time_s

    def die() -> None:
        if rehearsal.time_s > begun_s + left_after_s:
            raise HostDied

    rehearsal.interrupt = die
    with pytest.raises(HostDied):
        stage.fly(StagePose(100.0, 50.0), StagePose(140.0, 50.0), 20.0, with_beam=True)
    gone_s = rehearsal.core.board.time_s
    rehearsal.leave(60.0)
    assert all(off_s - gone_s <= 0.5 for _, off_s in rehearsal.beam_intervals())
    assert rehearsal.log.of("beam_on")


def test_a_halt_in_a_stroke_drops_the_beam_and_keeps_the_position() -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()

    def call_a_halt() -> None:
        if rehearsal.core.board.outputs.is_beam_on:
            rehearsal.interrupt = lambda: None
            rehearsal.session.halt(rehearsal.time_s)

    rehearsal.interrupt = call_a_halt
    with pytest.raises(ControllerFault, match="halted"):
        stage.fly(StagePose(100.0, 50.0), StagePose(200.0, 50.0), 20.0, with_beam=True)
    ((on_s, off_s),) = rehearsal.beam_intervals()
    assert off_s - on_s < 0.2
    assert stage.status().is_homed
    assert rehearsal.core.board.lost_mm == (0.0, 0.0)
    stage.move_to(StagePose(10.0, 10.0))


def test_a_halt_at_rest_closes_the_gate_and_keeps_the_position() -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    stage.move_to(StagePose(100.0, 100.0))
    stage.hold_beam(0.5)
    halted_s = rehearsal.core.board.time_s
    stage.halt()
    rehearsal.leave(0.02)
    ((_, off_s),) = rehearsal.beam_intervals()
    assert off_s - halted_s < 0.02
    assert stage.status().is_homed
    stage.hold_beam(0.1)


def test_no_beam_after_a_halt_on_the_way_until_the_stage_has_been_moved() -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()

    def call_a_halt() -> None:
        if rehearsal.core.board.motion.is_moving:
            rehearsal.interrupt = lambda: None
            rehearsal.session.halt(rehearsal.time_s)

    rehearsal.interrupt = call_a_halt
    with pytest.raises(ControllerFault, match="halted"):
        stage.move_to(StagePose(100.0, 100.0))
    with pytest.raises(ControllerFault, match="move it"):
        stage.hold_beam(0.1)
    stage.move_to(StagePose(100.0, 100.0))
    stage.hold_beam(0.1)


def test_closing_drops_the_beam() -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    stage.move_to(StagePose(100.0, 100.0))
    stage.hold_beam(0.5)
    stage.close()
    stage.close()
    rehearsal.leave(0.05)
    ((on_s, off_s),) = rehearsal.beam_intervals()
    assert off_s - on_s < 0.1
    assert rehearsal.is_closed


@given(st.lists(st.integers(2, 60), min_size=1, max_size=120), st.integers(64, 1024), st.integers(0, 2**16))
@settings(max_examples=60)
def test_the_buffer_never_overflows_whatever_the_lines_are_long(lengths: list[int], octets: int, seed: int) -> None:
    rehearsal = rehearsed(starts_homed=True, receive_bytes=octets, report_mask=1, seed=seed)
    rehearsal.stage(homed=False)
    orders = [Order(b"(" + b"x" * (length - 3) + b")\n" if length > 2 else b"\r\n") for length in lengths]
    rehearsal.session.submit(orders)
    peaks = []

    def watch() -> None:
        peaks.append(rehearsal.session.queue.used_bytes)

    rehearsal.interrupt = watch
    rehearsal.wait_for(lambda: all(order.is_settled for order in orders), 900.0)
    assert all(order.is_done for order in orders)
    assert rehearsal.core.dropped_bytes == 0
    assert rehearsal.core.fullest_bytes <= octets
    assert max(peaks) <= octets


def test_the_buffer_is_filled_to_its_last_byte() -> None:
    rehearsal = rehearsed(starts_homed=True)
    rehearsal.stage(homed=False)
    orders = [Order(b"(" + b"x" * 29 + b")\n") for _ in range(100)]
    rehearsal.session.submit(orders)
    rehearsal.wait_for(lambda: orders[-1].is_settled, 100.0)
    assert rehearsal.core.fullest_bytes >= 128 - 32
    assert rehearsal.core.dropped_bytes == 0


def test_settings_are_written_one_at_a_time_and_none_is_lost() -> None:
    rehearsal = rehearsed(starts_homed=True)
    rehearsal.stage(homed=False)
    orders = [Order(b"$120=%d\n" % value, company=0) for value in range(400, 420)]
    rehearsal.session.submit(orders)
    rehearsal.wait_for(lambda: orders[-1].is_settled, 100.0)
    assert rehearsal.core.board.registers[120] == 419
    assert rehearsal.core.dropped_bytes == 0


def test_short_moves_are_executed_nearly_as_fast_as_the_board_can() -> None:
    rehearsal = rehearsed(starts_homed=True)
    stage = rehearsal.stage()
    stage.move_to(StagePose(100.0, 100.0))
    orders = [Order(b"G53G1X%.2fY-200F3000\n" % (-200 + 0.1 * move)) for move in range(1, 601)]
    asked = rehearsal.lines.count("host b'?'")
    begun_s = rehearsal.core.board.time_s
    rehearsal.session.submit(orders)
    rehearsal.wait_for(lambda: orders[-1].is_settled, 100.0)
    assert rehearsal.lines.count("host b'?'") == asked, "a question slows the firmware"
    took_s = rehearsal.core.board.time_s - begun_s
    assert 600 * 0.0036 / took_s > 0.95


def test_a_board_that_falls_silent_while_lines_stream_is_asked_and_found_lost() -> None:
    rehearsal = rehearsed(starts_homed=True, halts_at_s=12.0)
    stage = rehearsal.stage()
    stage.move_to(StagePose(100.0, 100.0))
    orders = [Order(b"G53G1X%.2fY-200F3000\n" % (-200 + 0.1 * (move % 50))) for move in range(1, 2001)]
    rehearsal.session.submit(orders)
    begun_s, halts_in_s = rehearsal.time_s, 12.0 - rehearsal.core.board.time_s
    rehearsal.wait_for(lambda: orders[-1].is_settled, 60.0)
    assert isinstance(rehearsal.session.failure, LinkLost)
    assert halts_in_s > 1.0
    assert rehearsal.time_s - begun_s < halts_in_s + 3.5


def test_a_setting_is_written_alone_and_read_back() -> None:
    rehearsal = rehearsed(laser_mode=False)
    stage = rehearsal.stage()
    assert not stage.board.has_laser_mode
    stage.write_setting(32, 1)
    assert stage.board.has_laser_mode
    stage.fly(StagePose(290.0, 290.0), StagePose(280.0, 290.0), 20.0, with_beam=True)
    assert len(rehearsal.beam_intervals()) == 1


def test_what_could_be_safer_is_said() -> None:
    stage = rehearsed(soft_limits=False).stage()
    (remark,) = stage.board.remarks()
    assert "set $20=1" in remark


def test_motors_that_let_go_at_rest_are_named_with_their_remedy() -> None:
    (remark,) = rehearsed(idle_lock_ms=25).stage().board.remarks()
    assert "set $1=255" in remark


def test_a_stroke_without_lead_has_full_power_from_its_start() -> None:
    rehearsal = rehearsed(has_trigger=True)
    stage = rehearsal.stage(has_trigger=True)
    path = stage.fly(StagePose(100.0, 50.0), StagePose(110.0, 50.0), 10.0, with_beam=True)
    assert path[0].pose.x_mm <= 100.0 - (10.0**2 / (2 * 500.0) + 0.06 * 10.0)
    assert rehearsal.log.of("edge")[0]["x_mm"] == pytest.approx(100.0, abs=0.005)


def test_work_positions_do_as_well_as_machine_positions() -> None:
    stage = rehearsed(report_mask=0).stage()
    assert stage.move_to(StagePose(100.0, 120.0)) == StagePose(100.0, 120.0)


@pytest.mark.parametrize(("cells", "first"), [(1, 100.0), (2, 110.0), (5, 100.0), (8, 102.5)])
def test_a_triggered_row_gives_an_edge_at_every_boundary_and_at_its_end(cells: int, first: float) -> None:
    rehearsal = rehearsed(has_trigger=True)
    stage = rehearsal.stage(has_trigger=True)
    stage.fly(StagePose(100.0, 50.0), StagePose(120.0, 50.0), 20.0, with_beam=True, cells=cells)
    edges = [event["x_mm"] for event in rehearsal.log.of("edge")]
    boundaries = [100.0 + 20.0 * cell / cells for cell in range(cells + 1)]
    assert edges == pytest.approx(boundaries if first == 100.0 else boundaries[1:], abs=0.005)
    on, off = rehearsal.log.of("beam_on", "beam_off")
    assert (on["x_mm"], off["x_mm"]) == pytest.approx((100.0, 120.0), abs=0.005)


def test_edges_do_not_slow_the_row() -> None:
    rehearsal = rehearsed(has_trigger=True)
    stage = rehearsal.stage(has_trigger=True)
    stage.fly(StagePose(100.0, 50.0), StagePose(140.0, 50.0), 20.0, with_beam=True, cells=40)
    on, off = rehearsal.log.of("beam_on", "beam_off")
    assert off["device_s"] - on["device_s"] == pytest.approx(40.0 / (20.0 * 0.98), rel=0.005)


def test_cells_that_are_more_lines_than_the_board_can_be_fed_are_refused_before_anything_is_sent() -> None:
    rehearsal = rehearsed(has_trigger=True)
    stage = rehearsal.stage(has_trigger=True)
    said = len(rehearsal.lines)
    with pytest.raises(LimitExceeded, match="lengthen the strokes"):
        stage.fly(StagePose(100.0, 50.0), StagePose(120.0, 50.0), 20.0, with_beam=True, cells=300)
    assert len(rehearsal.lines) == said


def test_without_a_trigger_the_power_stays_the_same_over_all_cells() -> None:
    rehearsal = rehearsed(has_trigger=True)
    stage = rehearsal.stage()
    stage.fly(StagePose(100.0, 50.0), StagePose(120.0, 50.0), 20.0, with_beam=True, cells=5)
    assert [event["x_mm"] for event in rehearsal.log.of("edge")] == pytest.approx([100.0, 120.0], abs=0.005)


def test_a_trigger_without_laser_mode_is_refused() -> None:
    with pytest.raises(SettingRefused, match=r"set \$32=1"):
        rehearsed(laser_mode=False).stage(has_trigger=True)


def test_a_lead_gives_reports_at_constant_speed_before_the_start() -> None:
    stage = rehearsed().stage()
    path = stage.fly(StagePose(100.0, 50.0), StagePose(110.0, 50.0), 20.0, with_beam=True, lead_s=0.6)
    before = [said for said in path[1:-1] if 88.0 <= said.pose.x_mm < 100.0]
    assert len(before) >= 2
    speeds = [
        (after.pose.x_mm - said.pose.x_mm) / (after.monotonic_s - said.monotonic_s) for said, after in pairwise(before)
    ]
    assert speeds == pytest.approx([20.0 * 0.98] * len(speeds), rel=0.02)


def test_every_reported_pose_was_true_within_the_moment_that_is_stated_for_it() -> None:
    rehearsal = rehearsed(speed_factor=1.0)
    stage = rehearsal.stage()
    path = stage.fly(StagePose(100.0, 50.0), StagePose(160.0, 50.0), 20.0, with_beam=True)
    (on, _) = rehearsal.log.of("beam_on", "beam_off")
    begun_s = on["device_s"] + rehearsal.time_s - rehearsal.core.board.time_s
    within = [said for said in path if 100.0 < said.pose.x_mm < 160.0]
    assert len(within) > 10
    for said in within:
        true_mm = 100.0 + 20.0 * (said.monotonic_s - begun_s)
        assert abs(said.pose.x_mm - true_mm) <= 20.0 * 3**0.5 * said.uncertainty_s + 0.005


def test_poses_are_told_as_they_are_reported() -> None:
    rehearsal = rehearsed()
    told: list[PoseAt] = []
    path = rehearsal.stage().fly(
        StagePose(100.0, 50.0), StagePose(140.0, 50.0), 20.0, with_beam=True, heard=told.append
    )
    assert tuple(told) == path


def test_a_listener_who_objects_stops_the_stage_with_the_beam_off() -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()

    class Objection(Exception):
        pass

    def object_to(said: PoseAt) -> None:
        if said.pose.x_mm > 110.0:
            raise Objection

    with pytest.raises(Objection):
        stage.fly(StagePose(100.0, 50.0), StagePose(200.0, 50.0), 20.0, with_beam=True, heard=object_to)
    rehearsal.leave(1.0)
    ((on_s, off_s),) = rehearsal.beam_intervals()
    assert off_s - on_s < 1.0
    assert stage.status().is_homed
    assert not stage.status().is_moving


def test_the_probe_input_is_told() -> None:
    rehearsal = rehearsed(probe_active_at_s=5.0, probe_stays_active_s=5.0)
    stage = rehearsal.stage()
    assert not stage.status().is_probe_active
    rehearsal.pass_time(max(0.0, 6.0 - rehearsal.core.board.time_s))
    assert stage.status().is_probe_active
    rehearsal.pass_time(5.0)
    assert not stage.status().is_probe_active


def test_observations_tell_buffers_round_trip_and_limits() -> None:
    rehearsal = rehearsed()
    stage = rehearsal.stage()
    begun_s = rehearsal.time_s
    found = {each.what: each for each in stage.diagnose()}
    assert set(found) == {"buffers", "round trip", "limits"}
    assert all(each.is_good for each in found.values())
    assert "15 moves and 128 bytes" in found["buffers"].text
    assert "over 10 questions" in found["round trip"].text
    assert 1.5 < rehearsal.time_s - begun_s < 4.0


def test_observations_name_doubtful_settings_with_their_remedy() -> None:
    stage = rehearsed(soft_limits=False, gate=None, report_mask=1).stage(gate=None)
    doubtful = [each.text for each in stage.diagnose() if not each.is_good]
    assert any("set $20=1" in text for text in doubtful)
    assert any("no monostable" in text for text in doubtful)
    assert any("add 2 to $10" in text for text in doubtful)
