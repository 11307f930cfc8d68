"""What a line does to a GRBL stage, by script: time or a named fault, and never a beam where none is wanted."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from firmware_bridge.faults import BridgeError, LinkLost, PortUnavailable, ProtocolViolation, Rebooted
from firmware_bridge.grbl.stage import GrblStage, connect_grbl
from firmware_bridge.messages import StagePose
from firmware_bridge.twins.fault_script import FaultScript, fault_of
from firmware_bridge.twins.grbl.settings import GrblTwinSettings
from firmware_bridge.twins.shared_pose import SharedPoseReader
from tests.protocol.grbl_rehearsal import LONGEST_STEP_S, GrblRehearsal
from tests.protocol.grbl_twin_process import GrblProcess, running_grbl

LINE_END = ord("\n")
NEAR_MM = 0.06
"""A stroke may be reported so far from its line; a place of the beam at rest is nearer."""
LONGEST_S = 0.5
"""What the lease of a shutter allows."""
STRIKES = [
    {"kind": "drop"},
    {"kind": "drop", "count": 7},
    {"kind": "flip"},
    {"kind": "flip", "bit": 3},
    {"kind": "flip", "count": 3, "bit": 6},
    {"kind": "flip", "bit": 7},
    {"kind": "duplicate"},
    {"kind": "duplicate", "count": 20},
    {"kind": "delay", "for_s": 0.3},
    {"kind": "stall", "for_s": 0.3},
    {"kind": "half"},
]
UNNOTICED_S = 0.1
"""A run-out with the beam that is over so soon falls between two reports."""
SILENCES = [{"kind": "delay", "for_s": 3.0}, {"kind": "stall", "for_s": 3.0}]
EVERY_BYTES = [pytest.param(389, id="389"), pytest.param(127, id="127", marks=pytest.mark.campaign)]
"""Offsets at which the faults are tried; primes, so that they meet every part of a line."""
SENTENCES = re.compile(
    "check the board's power, cable and baud rate|check that the port is the stage's and that the baud rate"
    "|check its power and cable, and that the shutter is closed|check its supply, home it, and resume the scan"
    "|check the baud rate and the cable's shielding|see that no other program uses the port"
    "|check the cable, and that the receive buffer is as large|check the cable and its shielding; the stage was stopped"
    "|home it first|release it there, then go on|the stage was stopped on its way: move it to where the beam is wanted"
    r"|the stage refused '.*' \(error \d+\): .*:|the stage stopped \(alarm \d+\): .*:"
    "|outside its stroke: .*; the stage was stopped|within its stroke: .*; the stroke is measured again"
    "|took more than twice as long: .*; the stage was stopped"
    "|doesn't tell its setting .*: update its firmware|too few to stream: update its firmware"
)
ROWS = (290.0, 289.0)
STROKE_MM = (280.0, 270.0)


class ScriptedRehearsal(GrblRehearsal):
    """A rehearsal on a line with a sense of time, and somebody who watches the beam."""

    def __init__(self, script: FaultScript) -> None:
        super().__init__(GrblTwinSettings())
        self.script = script
        self.under_way = bytearray()
        """What the line does not take yet."""
        self.sent = bytearray()
        """What the client has sent so far."""
        self.carried = {"controller": 0, "host": 0}
        """Bytes sent so far, by who takes them."""
        self.seen: list[tuple[float, StagePose, bool, bool]] = []
        """Time, place, whether the beam was on, whether the stage stood still."""

    def turn(self) -> None:
        now_s, core, script = self.time_s, self.core, self.script
        self.write_down_faults()
        out = self.session.outgoing(now_s)
        self.under_way += out
        self.sent += out
        self.carried["controller"] += len(out)
        takes = script.room_to_controller(now_s)
        core.receive(script.to_controller(bytes(self.under_way[:takes]), now_s), now_s)
        del self.under_way[:takes]
        core.advance(now_s)
        self.watch()
        said = core.outgoing() if script.room_to_host(now_s) else b""
        self.carried["host"] += len(said)
        back = script.to_host(said, now_s)
        if back:
            self.session.receive(back, now_s)
        if not out and not back:
            due_s = min(core.deadline_s(), self.session.deadline_s(), script.deadline_s(now_s))
            self.time_s = min(max(due_s, now_s + 1e-4), now_s + LONGEST_STEP_S)

    def write_down_faults(self) -> None:
        for event in self.script.take_events(self.time_s):
            self.log.write(f"line_{event.what}", self.core.board.time_s)

    def leave(self, seconds: float) -> None:
        """The host is gone: time passes for the board alone, and is watched."""
        self.write_down_faults()
        ends_s = self.time_s + seconds
        while self.time_s < ends_s:
            self.time_s += LONGEST_STEP_S
            self.core.advance(self.time_s)
            self.watch()

    def watch(self) -> None:
        board = self.core.board
        is_at_rest = not board.motion.is_moving
        self.seen.append((board.time_s, self.core.true_pose(), board.outputs.is_beam_on, is_at_rest))


def scan(rehearsal: ScriptedRehearsal, stage: GrblStage) -> None:
    """Strokes and dwells, as a scan drives them."""
    for y_mm in ROWS:
        stage.fly(StagePose(STROKE_MM[0], y_mm), StagePose(STROKE_MM[1], y_mm), 20.0, with_beam=True)
        stage.move_to(StagePose(265.0, y_mm))
        stage.hold_beam(0.3)
        rehearsal.pass_time(0.25)
        stage.drop_beam()


def is_wanted(pose: StagePose) -> bool:
    """Whether the scan wants the beam there at any time."""
    is_in_row = min(abs(pose.y_mm - y_mm) for y_mm in ROWS) <= NEAR_MM
    is_in_stroke = STROKE_MM[1] - NEAR_MM <= pose.x_mm <= STROKE_MM[0] + NEAR_MM
    return is_in_row and (is_in_stroke or abs(pose.x_mm - 265.0) <= NEAR_MM)


def stretches(rehearsal: ScriptedRehearsal) -> Iterator[tuple[float, float]]:
    """When the beam was on where nobody wants it."""
    for is_stray, group in groupby(rehearsal.seen, key=lambda seen: seen[2] and not is_wanted(seen[1])):
        if is_stray:
            moments_s = [time_s for time_s, *_ in group]
            yield moments_s[0], moments_s[-1]


def run(fault: dict[str, Any] | None) -> tuple[ScriptedRehearsal, BridgeError | None, float]:
    """A scan over a line with one fault: what was seen, what was raised, and when it was over."""
    script = FaultScript([] if fault is None else [fault_of(fault)], LINE_END)
    rehearsal, raised = ScriptedRehearsal(script), None
    try:
        scan(rehearsal, rehearsal.stage())
    except BridgeError as error:
        raised = error
    over_s = rehearsal.core.board.time_s
    rehearsal.leave(2.0)
    return rehearsal, raised, over_s


def beams(rehearsal: ScriptedRehearsal) -> list[tuple[float, float]]:
    """Where the beam went on and off, in order, in millimetres."""
    return [(event["x_mm"], event["y_mm"]) for event in rehearsal.log.of("beam_on", "beam_off")]


@pytest.fixture(scope="module")
def sent() -> dict[str, int]:
    """Bytes of a scan without faults, by who takes them."""
    rehearsal, raised, _ = run(None)
    assert raised is None
    assert len(beams(rehearsal)) == 8
    return rehearsal.carried


@pytest.mark.parametrize("every_bytes", EVERY_BYTES)
@pytest.mark.parametrize("towards", ["host", "controller"])
@pytest.mark.parametrize("fault", [*STRIKES, *SILENCES], ids=str)
def test_a_fault_costs_time_or_is_named_and_the_beam_is_where_it_is_wanted_or_off(
    fault: dict[str, Any], towards: str, every_bytes: int, sent: dict[str, int]
) -> None:
    for offset in range(3, sent[towards], every_bytes):
        rehearsal, raised, over_s = run({**fault, "towards": towards, "at_byte": offset})
        where = f"byte {offset}: {raised}"
        assert rehearsal.log.of(f"line_{fault['kind']}"), where
        assert raised is None or SENTENCES.search(str(raised)), where
        assert all(end_s - start_s < LONGEST_S for start_s, end_s in stretches(rehearsal)), where
        assert not any(is_on and is_at_rest and not is_wanted(pose) for _, pose, is_on, is_at_rest in rehearsal.seen)
        assert all(off_s - over_s <= LONGEST_S for _, off_s in rehearsal.beam_intervals()), where


@pytest.mark.parametrize("fault", [{"kind": "half"}, {"kind": "drop", "count": 7}], ids=str)
def test_a_run_out_that_is_cut_short_anywhere_ends_with_the_beam_off_soon(fault: dict[str, Any]) -> None:
    whole, _, _ = run(None)
    begins = whole.sent.index(b"G53G1S0", whole.sent.index(b"S1000F"))
    for offset in range(begins, whole.sent.index(b"\n", begins)):
        rehearsal, raised, _ = run({**fault, "towards": "controller", "at_byte": offset})
        assert raised is None or SENTENCES.search(str(raised)), f"byte {offset}: {raised}"
        longest_s = UNNOTICED_S if raised is None else LONGEST_S
        assert all(end_s - start_s < longest_s for start_s, end_s in stretches(rehearsal)), f"byte {offset}: {raised}"


def test_a_stroke_whose_beam_is_missing_is_named() -> None:
    whole, _, _ = run(None)
    last = whole.sent.rindex(b"M4S0") + 1
    _, raised, _ = run({"kind": "flip", "bit": 0, "towards": "controller", "at_byte": last})
    assert raised is not None
    assert "the beam was off at" in str(raised)


@pytest.mark.parametrize("every_bytes", EVERY_BYTES)
@pytest.mark.parametrize("towards", ["host", "controller"])
@pytest.mark.parametrize("fault", SILENCES, ids=str)
def test_a_line_that_goes_silent_leaves_the_beam_on_for_half_a_second_at_most(
    fault: dict[str, Any], towards: str, every_bytes: int, sent: dict[str, int]
) -> None:
    for offset in range(sent[towards] // 2, sent[towards], every_bytes):
        rehearsal, raised, _ = run({**fault, "towards": towards, "at_byte": offset})
        assert isinstance(raised, LinkLost), f"byte {offset}"
        (silent,) = rehearsal.log.of(f"line_{fault['kind']}")
        for on_s, off_s in rehearsal.beam_intervals():
            assert off_s - max(on_s, silent["device_s"]) <= LONGEST_S, f"byte {offset}"


def await_port(twin: GrblProcess) -> GrblStage:
    """Connect as soon as the port is there again."""
    ends_s = time.monotonic() + 10.0
    while True:
        try:
            return connect_grbl(twin.port, 115_200, gate="M8")
        except (PortUnavailable, LinkLost):
            assert time.monotonic() < ends_s, "the port did not come back"
            time.sleep(0.02)


def dwell_on(stage: GrblStage) -> None:
    """Hold the beam, as a long dwell does, until something happens."""
    while True:
        stage.hold_beam(0.45)
        time.sleep(0.1)


def usable_again(stage: GrblStage) -> bool:
    """Whether a stage that has lost its position says so, and works once homed."""
    if stage.status().is_homed:
        return False
    stage.home()
    return stage.move_to(StagePose(280.0, 280.0)) == StagePose(280.0, 280.0)


def test_a_pulled_cable_lets_the_beam_fall_and_the_stage_returns_under_another_name(tmp_path: Path) -> None:
    hang_up = {"kind": "hang_up", "at_s": 1.0, "for_s": 1.0}
    with running_grbl(tmp_path, faults=[hang_up], homing_s=0.1) as twin:
        before = Path(twin.port).readlink()
        with connect_grbl(twin.port, 115_200, gate="M8") as stage:
            stage.home()
            with pytest.raises(LinkLost, match="has gone: check the cable"):
                dwell_on(stage)
        with await_port(twin) as stage:
            assert usable_again(stage)
        assert Path(twin.port).readlink() != before
        (gone,) = twin.events("line_hang_up")
        assert twin.events("beam_on")
        assert all(off["device_s"] - gone["device_s"] <= LONGEST_S for off in twin.events("beam_off"))
        assert len(twin.events("beam_on")) == len(twin.events("beam_off"))


def test_a_board_whose_cable_was_pulled_ends_the_move_that_it_holds(tmp_path: Path) -> None:
    hang_up = {"kind": "hang_up", "at_s": 1.0, "for_s": 60.0}
    pose = tmp_path / "pose"
    with running_grbl(tmp_path, faults=[hang_up], homing_s=0.1, pose=str(pose)) as twin, SharedPoseReader(pose) as seen:
        with connect_grbl(twin.port, 115_200, gate="M8") as stage:
            stage.home()
            with pytest.raises(LinkLost, match="has gone: check the cable"):
                stage.move_to(StagePose(199.0, 299.0))
        (gone,) = twin.events("line_hang_up")
        last, ends_s = seen.news()[-1], time.monotonic() + 10.0
        while abs(last.pose.x_mm - 199.0) > 0.01:
            assert time.monotonic() < ends_s, f"the stage stands at {last.pose}"
            last = (seen.news() or [last])[-1]
            time.sleep(0.01)
        assert last.monotonic_s > gone["monotonic_s"]


def test_a_reset_in_a_dwell_is_named_and_the_beam_falls(tmp_path: Path) -> None:
    with running_grbl(tmp_path, faults=[{"kind": "reset", "at_s": 1.0}], homing_s=0.1) as twin:
        with connect_grbl(twin.port, 115_200, gate="M8") as stage:
            stage.home()
            with pytest.raises(Rebooted, match="doesn't know where it is: check its supply, home it"):
                dwell_on(stage)
            assert usable_again(stage)
        (reset,) = twin.events("line_reset")
        assert all(off["device_s"] - reset["device_s"] <= LONGEST_S for off in twin.events("beam_off"))
        assert len(twin.events("beam_on")) == len(twin.events("beam_off"))


def test_a_port_that_stalls_in_a_dwell_is_named_and_the_beam_falls(tmp_path: Path) -> None:
    stall = {"kind": "stall", "towards": "controller", "at_s": 1.0, "for_s": 1.5}
    with running_grbl(tmp_path, faults=[stall], homing_s=0.1) as twin:
        with connect_grbl(twin.port, 115_200, gate="M8") as stage:
            stage.home()
            with pytest.raises(ProtocolViolation, match="has lost a line or its answer: check the cable"):
                dwell_on(stage)
        (stalled,) = twin.events("line_stall")
        assert twin.events("beam_on")
        assert all(off["device_s"] - stalled["device_s"] <= LONGEST_S for off in twin.events("beam_off"))
        assert len(twin.events("beam_on")) == len(twin.events("beam_off"))


def test_a_board_that_is_heard_no_more_is_told_to_stop() -> None:
    whole, _, _ = run(None)
    offset = whole.carried["host"] * 3 // 4
    rehearsal, raised, over_s = run({"kind": "stall", "for_s": 30.0, "towards": "host", "at_byte": offset})
    assert isinstance(raised, LinkLost)
    assert any(event["device_s"] >= over_s - 0.1 for event in rehearsal.log.of("reset"))
