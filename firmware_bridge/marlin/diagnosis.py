"""What ``pointillist doctor`` finds out about a Marlin board."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Final

from firmware_bridge.marlin import codec as c
from firmware_bridge.marlin.board import MarlinBoard
from firmware_bridge.marlin.session import Exchange, MarlinSession
from firmware_bridge.messages import Observation

_ROUNDS: Final = 10
_SLOW_S: Final = 0.1
"""A round trip that leaves too little of the gate's 0.5 s."""


def observe(
    board: MarlinBoard, session: MarlinSession, now_s: Callable[[], float], do: Callable[[bytes], Exchange]
) -> tuple[Observation, ...]:
    """Look at a board that stands still.

    Parameters
    ----------
    do
        Sends a command and waits until it is done.
    """
    trips_s = []
    for _ in range(_ROUNDS):
        began_s = now_s()
        do(b"M114")
        trips_s.append(now_s() - began_s)
    endstops = [answer for answer in do(b"M119").told if isinstance(answer, c.Endstop)]
    return (
        Observation("firmware", board.firmware),
        _buffers(session),
        _limits(board),
        _switches(endstops),
        _halting(board),
        _round_trip(trips_s, session.resent),
    )


def _buffers(session: MarlinSession) -> Observation:
    room = session.room
    if room is None or room.lines_free is None:
        return Observation("buffers", "not told (no ADVANCED_OK in this firmware); 4 lines are assumed")
    return Observation("buffers", f"{room.lines_free + 1} lines, {room.moves_free} moves free")


def _limits(board: MarlinBoard) -> Observation:
    (x_low, x_high), (y_low, y_high) = board.x_limits_mm, board.y_limits_mm
    text = f"x {x_low:g} to {x_high:g} mm, y {y_low:g} to {y_high:g} mm"
    if board.keeps_limits:
        return Observation("limits", text)
    return Observation(
        "limits",
        f"{text}, but software endstops are off: a mangled move is not stopped by the board; send M211 S1",
        is_good=False,
    )


def _switches(endstops: list[c.Endstop]) -> Observation:
    shown = ", ".join(f"{each.name} {'pressed' if each.is_triggered else 'free'}" for each in endstops)
    if shown:
        return Observation("end switches", shown)
    return Observation("end switches", "none are told (M119): see that the firmware was built with them", is_good=False)


def _halting(board: MarlinBoard) -> Observation:
    if board.has_emergency_parser:
        return Observation("halting", "at once (emergency parser); after motion the stage has to be homed")
    return Observation(
        "halting",
        "this firmware has no emergency parser: a halt waits behind what the board is reading, and the gate's "
        "monostable alone closes the shutter meanwhile; build it with EMERGENCY_PARSER",
        is_good=False,
    )


def _round_trip(trips_s: list[float], resent: int) -> Observation:
    text = f"{1e3 * median(trips_s):.1f} ms, at most {1e3 * max(trips_s):.1f} ms; {resent} lines sent again so far"
    if max(trips_s) <= _SLOW_S:
        return Observation("round trip", text)
    return Observation(
        "round trip", f"{text}: too slow to renew the gate in time; use a higher baud rate", is_good=False
    )
