"""The GRBL twin misbehaves as the board does: overflow, silence, stale answers, outputs that stay on."""

from __future__ import annotations

import re
from typing import Any

import pytest

from firmware_bridge.twins.grbl.core import GrblCore
from firmware_bridge.twins.grbl.settings import GrblTwinSettings
from tests.protocol.grbl_rehearsal import Witness


class Bench:
    """A board on a table: what is sent, what it says, and its log."""

    def __init__(self, **settings: Any) -> None:
        self.log = Witness()
        chosen = {"starts_homed": True, "speed_factor": 1.0, "acceleration_factor": 1.0, **settings}
        self.core = GrblCore(GrblTwinSettings(**chosen), self.log, now_s=0.0)
        self.now_s = 0.0
        self.wait(1.0)

    def wait(self, seconds: float) -> str:
        """Let time pass; returns what the board said."""
        self.now_s += seconds
        self.core.advance(self.now_s)
        return self.core.outgoing().decode()

    def send(self, octets: bytes, wait_s: float = 0.1) -> str:
        self.core.receive(octets, self.now_s)
        return self.wait(wait_s)

    def place(self) -> tuple[float, float]:
        """Machine position as reported."""
        found = re.search(r"MPos:([-.\d]+),([-.\d]+)", self.send(b"?", 0.0))
        assert found
        return float(found[1]), float(found[2])

    def outputs(self, name: str) -> list[tuple[float, bool]]:
        return [(e["device_s"], e["on"]) for e in self.log.of("output") if e["name"] == name]

    def beam(self) -> list[tuple[str, float]]:
        return [(e["event"], e["device_s"]) for e in self.log.of("beam_on", "beam_off")]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_what_does_not_fit_the_buffer_is_dropped_without_a_word(bench: Bench) -> None:
    lines = b"".join(b"G53G1X-%d.125Y-%d.5F600\n" % (10 + n, 20 + n) for n in range(31))
    said = bench.send(lines, 300.0)
    assert said.count("ok") < 10
    assert bench.core.fullest_bytes == 128
    assert bench.core.dropped_bytes > 300
    assert bench.place() != (-40.125, -50.5)


def test_ok_means_queued_and_not_done(bench: Bench) -> None:
    assert bench.send(b"G53G1X-200Y-200F600\n") == "ok\r\n"
    assert "<Run" in bench.send(b"?", 0.0)


def test_the_sixteenth_move_waits_for_room(bench: Bench) -> None:
    said = "".join(bench.send(b"G53G1X-%dF60\n" % (50 + n)) for n in range(16))
    assert said.count("ok") == 15
    assert "Bf:0," in bench.send(b"?", 0.0)


def test_a_soft_limit_silences_the_board_until_it_is_reset(bench: Bench) -> None:
    assert bench.send(b"G53G0X-301\n") == "ALARM:2\r\n"
    assert bench.wait(0.5) == "[MSG:Reset to continue]\r\n"
    assert bench.send(b"?", 5.0) == ""
    assert bench.send(b"$I\n", 5.0) == ""
    said = bench.send(b"\x18")
    assert said.splitlines() == ["ok", "", "Grbl 1.1h ['$' for help]", "[MSG:'$H'|'$X' to unlock]"]


def test_a_soft_limit_in_motion_brakes_first(bench: Bench) -> None:
    bench.send(b"G53G1X-100F3000\n", 0.5)
    bench.send(b"G53G1X-500F3000\n", 0.002)
    assert bench.wait(0.04) == ""
    assert "ALARM:2" in bench.wait(0.2)


def test_soft_limits_without_homing_are_error_10() -> None:
    bench = Bench(homing=False, soft_limits=False)
    assert bench.send(b"$20=1\n") == "error:10\r\n"
    assert bench.send(b"$H\n") == "error:5\r\n"


def test_a_reset_in_motion_is_alarm_3_and_loses_the_position(bench: Bench) -> None:
    bench.send(b"G53G1X-100Y-100F3000\n", 0.5)
    said = bench.send(b"\x18", 0.4)
    assert said == "ALARM:3\r\n"
    said = bench.wait(0.2)
    assert "unlock" in said
    assert bench.send(b"G53G0X-5\n") == "error:9\r\n"
    assert bench.core.board.lost_mm != (0.0, 0.0)


def test_a_reset_after_a_hold_keeps_the_position(bench: Bench) -> None:
    bench.send(b"G53G1X-100Y-100F3000\n", 0.5)
    assert "<Hold:1" in bench.send(b"!", 0.01) + bench.send(b"?", 0.0)
    bench.wait(0.5)
    assert "<Hold:0" in bench.send(b"?", 0.0)
    before = bench.place()
    assert "ALARM" not in bench.send(b"\x18")
    assert bench.place() == before
    assert bench.core.board.lost_mm == (0.0, 0.0)


def test_dtr_forgets_the_position(bench: Bench) -> None:
    bench.send(b"G53G0X-100Y-100\n", 10.0)
    bench.core.power_cycle(bench.now_s)
    assert "unlock" in bench.wait(1.0)
    assert bench.place() == (0.0, 0.0)
    assert bench.core.true_pose().x_mm == pytest.approx(200.0)


@pytest.mark.parametrize(("line", "seconds"), [(b"G4P0\n", 0.0), (b"G4P0.01\n", 0.05), (b"G4P0.12\n", 0.15)])
def test_a_dwell_lasts_a_multiple_of_50_ms(bench: Bench, line: bytes, seconds: float) -> None:
    assert bench.send(line, seconds + 0.0002) == ""
    assert bench.wait(0.002) == "ok\r\n"


def test_a_reset_right_after_an_alarm_is_heeded_half_a_second_later(bench: Bench) -> None:
    bench.send(b"G53G0X-301\n")
    said = bench.send(b"\x18", 0.3)
    assert "Grbl" not in said
    assert "Grbl" in bench.wait(0.3)


def test_motors_that_let_go_hold_the_board_up_after_every_move() -> None:
    took_s = []
    for lock_ms in (255, 25):
        bench = Bench(idle_lock_ms=lock_ms)
        bench.send(b"G53G0X-1.5\nG4P0\n", 1.0)
        took_s.append(bench.log.of("line")[-1]["device_s"])
    assert took_s[1] - took_s[0] == pytest.approx(0.025, abs=0.001)


def test_the_output_follows_the_speed_while_m4_brakes() -> None:
    bench = Bench(has_trigger=True)
    bench.send(b"M4S1000\nG53G1X-100F1200\n", 0.5)
    held_s = bench.core.board.time_s
    bench.send(b"!", 1.0)
    fell_s = bench.log.of("edge")[-1]["device_s"]
    assert held_s <= fell_s < bench.outputs("M3")[-1][0] - 0.01


def test_the_report_counts_what_waits_in_the_receive_buffer(bench: Bench) -> None:
    bench.send(b"G4P1\nM8\n")
    assert "|Bf:15,125|" in bench.send(b"?", 0.0)


def test_offsets_and_overrides_come_less_often_in_motion(bench: Bench) -> None:
    bench.send(b"G53G1X-200F600\n")
    reports = [bench.send(b"?", 0.0) for _ in range(61)]
    assert [number for number, report in enumerate(reports) if "WCO" in report] == [0, 30, 60]
    assert sum("Ov:" in report for report in reports) == 3


def test_a_start_up_line_is_answered_after_the_banner_and_after_homing() -> None:
    bench = Bench(startup_line="G54", homing_s=0.5)
    assert bench.send(b"\x18").splitlines()[-2:] == ["Grbl 1.1h ['$' for help]", ">G54:ok"]
    assert bench.send(b"$H\n", 1.0) == ">G54:ok\r\nok\r\n"


def test_a_door_on_the_hold_input_is_a_hold_and_a_reset_forgets_it() -> None:
    bench = Bench(door_is_hold=True, door_opens_at_s=1.5, door_stays_open_s=3.0)
    bench.send(b"G53G1X-100F600\n", 1.0)
    assert re.search(r"<Hold:0.*\|Pn:H", bench.send(b"?", 0.0))
    bench.send(b"\x18")
    assert re.search(r"<Idle.*\|Pn:H", bench.send(b"?", 3.0))
    assert "Pn" not in bench.send(b"?", 0.0)


@pytest.mark.parametrize(("line", "name"), [(b"M3S1000\n", "M3"), (b"M8\n", "M8")])
def test_bare_outputs_stay_on_when_the_host_is_gone(bench: Bench, line: bytes, name: str) -> None:
    bench.send(line)
    bench.wait(3600.0)
    assert [is_on for _, is_on in bench.outputs(name)] == [True]


def test_m4_in_laser_mode_is_on_while_a_block_with_power_moves(bench: Bench) -> None:
    bench.send(b"M4S0\nG53G1X-10F600S0\nG53G1X-20F600S1000\n", 10.0)
    (on_s, on), (off_s, off) = bench.outputs("M3")
    assert (on, off) == (True, False)
    assert 1.0 < off_s - on_s < 1.1


def test_m4_drops_on_hold(bench: Bench) -> None:
    bench.send(b"M4S1000\nG53G1X-100F3000\n", 0.5)
    held_s = bench.core.board.time_s
    bench.send(b"!", 5.0)
    assert bench.outputs("M3")[-1] == (pytest.approx(held_s + 0.1, abs=0.02), False)


def test_the_monostable_closes_by_itself_and_runs_anew_with_every_edge(bench: Bench) -> None:
    for _ in range(4):
        bench.send(b"M9\nM8\n", 0.3)
    bench.wait(10.0)
    (on, on_s), (off, off_s) = bench.beam()
    assert (on, off) == ("beam_on", "beam_off")
    assert off_s - on_s == pytest.approx(3 * 0.3 + 0.5, abs=0.01)


def test_the_outputs_falling_clears_the_monostable(bench: Bench) -> None:
    bench.send(b"M8\n")
    bench.send(b"M9\n")
    (_, on_s), (off, off_s) = bench.beam()
    assert off == "beam_off"
    assert off_s - on_s < 0.12


def test_a_byte_above_0x7f_inside_a_number_is_dropped_and_the_wrong_move_accepted(bench: Bench) -> None:
    assert bench.send(b"G53G1X-1\xb25F600\n", 20.0) == "ok\r\n"
    assert bench.place()[0] == -15.0


def test_real_time_bytes_bypass_a_full_buffer(bench: Bench) -> None:
    bench.send(b"".join(b"G53G1X-%dF60\n" % (2 + n) for n in range(40)))
    assert bench.core.fullest_bytes == 128
    assert "<Run" in bench.send(b"?", 0.0)
    assert "Grbl" in bench.send(b"\x18", 1.0)


def test_writing_a_setting_loses_what_comes_meanwhile(bench: Bench) -> None:
    assert bench.send(b"$10=1\n", 0.01) == ""
    assert bench.send(b"G53G0X-50\n", 1.0) == "ok\r\n"
    assert bench.place()[0] == -1.0
    assert bench.core.dropped_bytes == 10


def test_settings_are_refused_in_motion(bench: Bench) -> None:
    bench.send(b"G53G1X-100F600\n")
    assert bench.send(b"$10=1\n") == "error:8\r\n"


def test_homing_is_silent_and_owes_the_report(bench: Bench) -> None:
    assert bench.send(b"$H\n", 0.5) == ""
    assert bench.send(b"?", 0.5) == ""
    said = bench.wait(2.0)
    assert said.count("<") == 1
    assert "ok" in said


def test_an_open_door_stops_the_stage_and_its_outputs() -> None:
    bench = Bench(door_opens_at_s=1.5, door_stays_open_s=2.0)
    bench.send(b"M8\n")
    bench.send(b"G53G1X-100F3000\n", 1.0)
    assert "<Door:1" in bench.send(b"?", 0.0)
    assert "Pn:D" in bench.send(b"?", 0.0)
    assert bench.outputs("M8")[-1][1] is False
    bench.wait(2.0)
    assert "<Door:0" in bench.send(b"?", 0.0)


@pytest.mark.parametrize(
    ("line", "number"),
    [(b"G53G1X-5\n", 22), (b"X-\n", 2), (b"5G1\n", 1), (b"G2X1\n", 20), (b"G0G1X-1\n", 21), (b"X-1X-2\n", 25),
     (b"$Q\n", 3), (b"G4\n", 28), (b"M7\n", 20), (b"G53X-1" + b" " * 90 + b"\n", 11)],
)  # fmt: skip
def test_a_line_that_makes_no_sense_is_refused_by_number(bench: Bench, line: bytes, number: int) -> None:
    assert bench.send(line) == f"error:{number}\r\n"
