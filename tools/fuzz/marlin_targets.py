"""Marlin: lines, the host's side of a session, the twin's core."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from firmware_bridge.marlin import codec as c
from firmware_bridge.marlin.session import MarlinSession
from firmware_bridge.twins.marlin.core import MarlinCore
from firmware_bridge.twins.marlin.settings import MarlinTwinSettings
from firmware_bridge.twins.twin_log import TwinLog
from tools.fuzz.properties import Target, pieces, require, timed_pieces
from tools.fuzz.seeds import said_by

_ROOM = 4_096
_GATE = (c.pin(57, 255), c.pin(57, 0))


def lines(octets: bytes) -> None:
    """Bytes of a line: answers come out, and their numbers are numbers."""
    reader = c.LineReader()
    for piece in pieces(octets):
        for answer in reader.feed(piece):
            require(all(map(math.isfinite, _numbers(answer))), f"{answer} holds what is no number")


def session(octets: bytes) -> None:
    """What a board might say to the host's side of a session."""
    host = MarlinSession("the port", 0.0)
    host.receive(b"start\n", 0.0)
    host.begin([c.move(float(x_mm), 20.0, 5.0) for x_mm in range(20)], 0.0)
    for turn, (piece, now_s) in enumerate(timed_pieces(octets, 0.0)):
        host.outgoing(now_s)
        host.receive(piece, now_s)
        host.deadline_s()
        if turn == 2:
            host.hold_gate(*_GATE, now_s, 0.5)
    host.outgoing(99.0)
    host.take_fault()


def twin(octets: bytes) -> None:
    """What a host might say to the twin's core, as it is and line by line with numbers that are right."""
    numbered = b"".join(c.numbered(number, line) for number, line in enumerate(octets.splitlines(), start=1))
    for said in (octets, c.numbered(0, b"M110 N0") + numbered):
        core = MarlinCore(MarlinTwinSettings(starts_homed=True), TwinLog(None), now_s=0.0)
        core.advance(1.0)
        for piece, now_s in timed_pieces(said, 1.0):
            core.receive(piece, now_s)
            core.outgoing(now_s, _ROOM)
            core.deadline_s(now_s)
        core.true_pose()


def _numbers(answer: c.Answer) -> Iterable[float]:
    match answer:
        case c.Place():
            return (answer.x_mm, answer.y_mm)
        case c.Limits():
            return (*answer.x_mm, *answer.y_mm)
        case c.Setting():
            return answer.values.values()
        case _:
            return ()


def _answers() -> Sequence[bytes]:
    said = said_by("board", "marlin_session")
    known = (b"Error:checksum mismatch, Last Line: 3\nResend: 4\nok\n", b"echo:busy: processing\n", b"x_min: open\n")
    return [b"".join(said), *dict.fromkeys(said), *known]


def _commands() -> Sequence[bytes]:
    said = said_by("host", "marlin_session")
    plain = [line.split(b" ", 1)[-1].rsplit(b"*", 1)[0] + b"\n" for line in said]
    known = (b"G28 X Y\nG1 X10 Y10 F600\nM400\nM114\n", b"M42 P57 S255\nG4 P100\nM410\n", b"M112\n", b"M999\n")
    return [b"".join(said), *dict.fromkeys((*said, *plain)), *known]


TARGETS = {
    "marlin-lines": Target(lines, _answers),
    "marlin-session": Target(session, _answers),
    "marlin-twin": Target(twin, _commands),
}
