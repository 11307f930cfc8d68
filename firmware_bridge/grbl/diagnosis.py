"""What can be found out about a GRBL board with the beam off and nothing moving."""

from __future__ import annotations

from statistics import median
from typing import Final

from firmware_bridge.grbl import codec as c
from firmware_bridge.grbl.configuration import GrblConfiguration
from firmware_bridge.grbl.dialogue import GrblDialogue
from firmware_bridge.messages import Observation

_QUESTIONS: Final = 10
_EVERY_S: Final = 0.2
"""Five questions a second at the most, as the firmware's makers advise."""
_SLOW_S: Final = 0.05
"""A question that takes longer makes reported poses in flight worth little: 0.3 mm at 10 mm/s."""


def observe(board: GrblConfiguration, dialogue: GrblDialogue) -> tuple[Observation, ...]:
    """Buffers, round trips, limits, and what could be safer; raises what the link finds wrong."""
    report = dialogue.hear()
    return (
        _buffers(board, report),
        _round_trip(_round_trips_s(dialogue)),
        _limits(board),
        *(Observation("settings", remark, is_good=False) for remark in board.remarks()),
    )


def _buffers(board: GrblConfiguration, report: c.Report) -> Observation:
    claimed = f"{board.planner_blocks} moves and {board.receive_bytes} bytes by $I"
    if report.blocks_free is None or report.receive_free is None:
        text = f"{claimed}, not told in status reports: add 2 to $10, so that the claim can be checked"
        return Observation("buffers", text, is_good=False)
    text = f"{claimed}, {report.blocks_free} moves and {report.receive_free} bytes free"
    is_idle = report.state is c.RunState.IDLE
    if is_idle and (report.blocks_free < board.planner_blocks - 1 or report.receive_free < board.receive_bytes - 1):
        return Observation("buffers", f"{text} though the stage is idle: restart it", is_good=False)
    return Observation("buffers", text)


def _round_trips_s(dialogue: GrblDialogue) -> list[float]:
    carrier, taken = dialogue.carrier, []
    for _ in range(_QUESTIONS):
        asked_s = carrier.now_s()
        dialogue.hear()
        taken.append(carrier.now_s() - asked_s)
        with carrier.changed:
            carrier.wait_for(lambda: False, _EVERY_S - taken[-1])
    return taken


def _round_trip(taken_s: list[float]) -> Observation:
    text = f"{1000 * median(taken_s):.1f} ms, {1000 * max(taken_s):.1f} ms at most, over {len(taken_s)} questions"
    if median(taken_s) > _SLOW_S:
        text += ": too slow to place strokes by; use a direct USB cable, and the baud rate that the firmware has"
        return Observation("round trip", text, is_good=False)
    return Observation("round trip", text)


def _limits(board: GrblConfiguration) -> Observation:
    x_mm, y_mm = board.travel_mm
    return Observation(
        "limits",
        f"x 0 to {x_mm:g}, y 0 to {y_mm:g} mm; {board.max_speed_mm_s:g} mm/s, {board.max_acceleration_mm_s2:g} mm/s^2",
    )
