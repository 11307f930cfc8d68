"""The Marlin board's twin behaves as the firmware does, the unpleasant parts included."""

from __future__ import annotations

from typing import Any

import pytest

from firmware_bridge.marlin.codec import numbered
from firmware_bridge.messages import StagePose
from firmware_bridge.twins.marlin.core import MarlinCore
from firmware_bridge.twins.marlin.settings import MarlinTwinSettings
from tests.protocol.stage_rehearsal import Witness


class Bench:
    """A board with a hand at its cable."""

    def __init__(self, **settings: Any) -> None:
        self.log = Witness()
        self.core = MarlinCore(MarlinTwinSettings(starts_homed=True, **settings), self.log, now_s=0.0)
        self.time_s = 0.0
        self.after(1.0)

    def after(self, seconds: float) -> list[str]:
        """What it says in this time."""
        self.time_s += seconds
        self.core.advance(self.time_s)
        return self.core.outgoing(self.time_s, 4096).decode().splitlines()

    def tell(self, *lines: bytes, seconds: float = 0.2) -> list[str]:
        self.core.receive(b"".join(line if line.endswith(b"\n") else line + b"\n" for line in lines), self.time_s)
        return self.after(seconds)


def test_it_says_start_when_it_boots_and_again_when_it_is_reset() -> None:
    bench = Bench()
    bench.core.reboot(bench.time_s)
    assert bench.after(1.0)[:2] == ["start", "echo:Marlin 2.1.2"]


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        (b"N1 M400*1", "checksum mismatch, Last Line: 0"),
        (numbered(5, b"M400"), "Line Number is not Last Line Number+1, Last Line: 0"),
        (b"N1 M400", "No Checksum with line number, Last Line: 0"),
    ],
)
def test_a_mangled_line_is_asked_for_again(line: bytes, mistake: str) -> None:
    assert Bench().tell(line) == [f"Error:{mistake}", "Resend: 1", "ok"]


def test_counting_can_be_begun_anywhere() -> None:
    bench = Bench()
    assert bench.tell(numbered(0, b"M110 N41"), numbered(42, b"M400")) == ["ok P15 B2", "ok P15 B3"]


def test_a_line_without_a_number_is_taken_unchecked() -> None:
    assert Bench().tell(b"M118 hello") == ["hello", "ok P15 B3"]


def test_what_the_receive_buffer_does_not_hold_is_lost_without_a_word() -> None:
    bench = Bench()
    bench.tell(b"G4 P1000", *[b"M118 a line that is thirty bytes long"] * 12, seconds=3.0)
    assert bench.core.dropped_bytes > 0


def test_a_dwell_is_in_milliseconds() -> None:
    bench = Bench()
    assert bench.tell(b"G4 P300", seconds=0.29) == []
    assert bench.after(0.02) == ["ok P15 B3"]


def test_it_says_every_two_seconds_that_it_is_busy() -> None:
    assert Bench().tell(b"G4 P5000", seconds=4.5) == ["echo:busy: processing"] * 2


def test_a_pin_is_set_while_the_stage_still_moves() -> None:
    bench = Bench()
    bench.tell(b"G1 X100 F600", b"M42 P57 S255")
    assert bench.core.board.motion.is_moving
    assert bench.core.board.shutter.is_beam_on


def test_a_target_outside_is_clamped_without_a_word() -> None:
    bench = Bench(travel_mm=(50.0, 50.0))
    said = bench.tell(b"G1 X80 Y-5 F6000", b"M400", b"M114", seconds=5.0)
    assert said[2] == "X:50.00 Y:0.00 Z:0.00 E:0.00 Count X:4000 Y:0 Z:0"
    assert bench.core.true_pose() == StagePose(50.0, 0.0)


def test_a_quick_stop_leaves_the_stage_elsewhere_than_the_board_believes() -> None:
    bench = Bench()
    bench.tell(b"G1 X100 F3000", seconds=0.5)
    bench.tell(b"M410")
    assert not bench.core.board.motion.is_moving
    assert bench.core.true_pose() != bench.core.board.motion.end


def test_after_a_kill_nothing_is_answered() -> None:
    bench = Bench()
    assert bench.tell(b"M112") == ["echo:M112 Shutdown", "Error:Printer halted. kill() called!"]
    assert bench.tell(b"M115", seconds=5.0) == []


@pytest.mark.parametrize("emergency_parser", [True, False])
def test_a_quick_stop_takes_a_second_and_another_one_meanwhile_another_second(emergency_parser: bool) -> None:
    bench = Bench(emergency_parser=emergency_parser)
    bench.tell(b"G1 X100 F3000", seconds=0.5)
    bench.tell(b"M410", seconds=0.3)
    assert bench.tell(b"M410", b"M118 done", seconds=1.5) == []
    assert "done" in bench.after(3.0)


def test_a_quick_stop_while_homing_shuts_it_down() -> None:
    bench = Bench(homing_s=5.0)
    bench.tell(b"G28 X Y", seconds=1.0)
    assert bench.tell(b"M410") == ["echo:Homing Failed", "Error:Printer halted. kill() called!"]


def test_a_number_that_is_set_is_set_again_when_its_line_is_done() -> None:
    bench = Bench()
    told = bench.tell(b"G4 P100", numbered(0, b"M110 N0"), numbered(1, b"M400"))
    assert told == ["ok P15 B1", "ok P15 B2", "ok P15 B3"]
    assert "Resend: 1" in bench.tell(numbered(2, b"M400"))


def test_a_reset_lowers_the_pins_and_loses_the_position() -> None:
    bench = Bench()
    bench.tell(b"G1 X20 F6000", b"M400", b"M42 P57 S255", seconds=1.0)
    bench.core.reboot(bench.time_s)
    bench.after(1.0)
    assert not bench.core.board.shutter.is_beam_on
    assert (bench.core.board.motion.end, bench.core.true_pose()) == (StagePose(0.0, 0.0), StagePose(20.0, 0.0))


@pytest.mark.parametrize("faster", [1.0, 10.0])
def test_the_monostable_lasts_as_long_on_the_wall_whatever_the_stage_s_clock(faster: float) -> None:
    bench = Bench(clock_factor=faster)
    bench.tell(b"M42 P57 S255", seconds=0.4)
    assert bench.core.board.shutter.is_beam_on
    bench.after(0.2)
    assert not bench.core.board.shutter.is_beam_on


@pytest.mark.parametrize("wrong", [{"gate": "M8"}, {"monostable_wall_s": 0.6}, {"travel_mm": (0.0, 1.0)}])
def test_a_setting_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"give|name|may stay open"):
        MarlinTwinSettings(**wrong)
