"""How fast short moves are streamed to a GRBL board, beside what the board can execute, and how full its buffer is."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from firmware_bridge.grbl import codec as c
from firmware_bridge.grbl.connect import introduce
from firmware_bridge.grbl.dialogue import GrblDialogue
from firmware_bridge.grbl.link import GrblLink
from firmware_bridge.grbl.queue import Order, SendQueue
from firmware_bridge.grbl.session import GrblSession
from firmware_bridge.ports import open_port
from firmware_bridge.twins.grbl.core import GrblCore
from firmware_bridge.twins.twin_log import TwinLog
from tools.bench.device_twins import BAUD, events, grbl_settings, running
from tools.bench.table import Row

STEPS_MM = (0.1, 0.2, 0.5)
_SPEED_MM_S = 50.0
_ROW_S = 1.0
"""About how long a row takes."""
_ROW_MM = 100.0
_START_MM = (195.0, 298.0)
"""Not far from where the board stands after homing."""
_PATIENCE_S = 60.0
_TARGET = 0.95

NOTES = (
    f"GRBL: moves of one length at {_SPEED_MM_S:g} mm/s along a row, on a line of {BAUD} baud or an unpaced one; from "
    "the first line sent to rest at the row's end. Best peer: the same client sending each line alone and waiting for "
    "its answer.",
    "GRBL's limit: the same lines fed to the twin's core without a link, its buffer always full; the twin takes 3 ms "
    "for a line, as boards do that execute about 300 short moves a second.",
)


@dataclass(slots=True)
class Streamed:
    """What one connection was measured to do, by the length of a move."""

    streamed_per_s: dict[float, float] = field(default_factory=dict)
    waited_per_s: dict[float, float] = field(default_factory=dict)
    fullest_bytes: int = 0
    dropped_bytes: int = 0


def measure(repeats: int) -> list[Row]:
    """Rows of a GRBL stage."""
    paced = [one_connection(BAUD, STEPS_MM) for _ in range(repeats)]
    unpaced = [one_connection(None, STEPS_MM[:1])]
    rows = [_row(paced, step_mm, f"{step_mm:g} mm") for step_mm in STEPS_MM]
    rows.append(_row(unpaced, STEPS_MM[0], f"{STEPS_MM[0]:g} mm, unpaced"))
    runs, room = paced + unpaced, grbl_settings(None, None).receive_bytes
    fullest, dropped = max(run.fullest_bytes for run in runs), sum(run.dropped_bytes for run in runs)
    size = f"{len(runs)} connections"
    return [
        *rows,
        Row("GRBL: fullest receive buffer", size, fullest, "B", limit=room, target=room),
        Row("GRBL: bytes dropped by the board", size, dropped, "B", limit=0.0, target=0.0),
    ]


def _row(runs: Sequence[Streamed], step_mm: float, size: str) -> Row:
    limit = executable_per_s(step_mm)
    best = max(run.streamed_per_s[step_mm] for run in runs)
    waited = max(run.waited_per_s[step_mm] for run in runs)
    return Row("GRBL: moves streamed", size, best, "1/s", waited, limit, _TARGET * limit)


def one_connection(baud: int | None, steps_mm: Sequence[float]) -> Streamed:
    """Rows of some lengths, streamed and waited for, over one connection; then what the twin says of its buffer."""
    result = Streamed()
    with tempfile.TemporaryDirectory() as folder:
        with running("grbl", folder, baud=baud) as (port,):
            link = GrblLink(GrblSession(port, GrblLink.now_s()), open_port(port, BAUD))
            try:
                low_mm = introduce(link, port, "M8").low_mm
                dialogue = GrblDialogue(link, port)
                dialogue.carry_out([Order(c.HOME, company=0)], _PATIENCE_S)
                for step_mm in steps_mm:
                    lines = row_of(step_mm, low_mm)
                    result.streamed_per_s[step_mm] = _rate(dialogue, lines, low_mm, alone=False)
                    result.waited_per_s[step_mm] = _rate(dialogue, lines[: len(lines) // 2], low_mm, alone=True)
            finally:
                link.close()
        (ended,) = events(folder, "grbl", "ended")
        result.fullest_bytes, result.dropped_bytes = ended["fullest_bytes"], ended["dropped_bytes"]
    return result


def row_of(step_mm: float, low_mm: tuple[float, float]) -> list[bytes]:
    """Lines of a row of equal moves that takes about `_ROW_S`, or as much of it as fits."""
    per_s = min(_SPEED_MM_S / step_mm, 330.0)
    count = min(round(_ROW_S * per_s), int(_ROW_MM / step_mm))
    x_mm, y_mm = (start + low for start, low in zip(_START_MM, low_mm, strict=True))
    return [c.stroke_line(x_mm + step_mm * step, y_mm, _SPEED_MM_S) for step in range(1, count + 1)]


def executable_per_s(step_mm: float) -> float:
    """Moves a second of the twin's core, fed without a link: the answers come, and lines arrive, in no time."""
    core = GrblCore(grbl_settings(None, None), TwinLog(None), now_s=0.0)
    low_mm = (-core.board.registers[130], -core.board.registers[131])
    core.advance(1.0)
    core.outgoing()
    begin_s = _feed(core, [_travel(low_mm), c.SYNCHRONISE], 1.0)
    lines = row_of(step_mm, low_mm)
    return len(lines) / (_feed(core, [*lines, c.SYNCHRONISE], begin_s) - begin_s)


def _feed(core: GrblCore, lines: Sequence[bytes], now_s: float) -> float:
    """Let a core carry lines out; returns when it has answered the last."""
    queue = SendQueue()
    queue.receive_bytes = grbl_settings(None, None).receive_bytes
    queue.append([Order(line) for line in lines])
    while not queue.is_empty:
        core.receive(queue.take(), now_s)
        for _ in range(core.outgoing().count(b"ok\r\n")):
            queue.answer()
        if not queue.is_empty:
            now_s = max(now_s, core.deadline_s())
            core.advance(now_s)
    return now_s


def _rate(dialogue: GrblDialogue, lines: Sequence[bytes], low_mm: tuple[float, float], *, alone: bool) -> float:
    """Moves a second of a row, from its start at rest to its end at rest."""
    dialogue.carry_out([Order(_travel(low_mm)), Order(c.SYNCHRONISE)], _PATIENCE_S)
    orders = [Order(line, company=0) if alone else Order(line) for line in lines]
    began_s = time.monotonic()
    dialogue.carry_out([*orders, Order(c.SYNCHRONISE)], _PATIENCE_S)
    return len(lines) / (time.monotonic() - began_s)


def _travel(low_mm: tuple[float, float]) -> bytes:
    return c.travel_line(*(start + low for start, low in zip(_START_MM, low_mm, strict=True)))
