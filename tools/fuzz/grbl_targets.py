"""GRBL: lines, what a board says of itself, the host's side of a session, the twin's core."""

from __future__ import annotations

import math
from collections.abc import Sequence

from firmware_bridge.faults import BridgeError
from firmware_bridge.grbl import codec as c
from firmware_bridge.grbl.configuration import configuration_of
from firmware_bridge.grbl.queue import Order
from firmware_bridge.grbl.session import GrblSession
from firmware_bridge.grbl.stroke import plan_stroke
from firmware_bridge.messages import StagePose
from firmware_bridge.twins.grbl.core import GrblCore
from firmware_bridge.twins.grbl.settings import GrblTwinSettings
from firmware_bridge.twins.twin_log import TwinLog
from tools.fuzz.properties import Target, pieces, require, timed_pieces
from tools.fuzz.seeds import said_by

_BANNER = b"\r\nGrbl 1.1h ['$' for help]\r\n"
_RECEIVE_BYTES = 128
_MOST_ORDERS = 100_000
"""Lines of the stroke that is planned: what no sound board makes of 20 mm."""


def lines(octets: bytes) -> None:
    """Bytes of a line: answers come out, and their numbers are numbers."""
    reader = c.LineReader()
    for piece in pieces(octets):
        for answer in reader.feed(piece):
            _check(answer)


def board(octets: bytes) -> None:
    """What a board says of itself: refused in a sentence, or good enough to plan a stroke for."""
    answers = c.LineReader().feed(octets)
    options = next((answer for answer in answers if isinstance(answer, c.BuildOptions)), None)
    settings = {answer.number: answer.value for answer in answers if isinstance(answer, c.Setting)}
    try:
        told = configuration_of(c.Banner("Grbl", "1.1h"), options, settings, "M8")
        told.remarks()
        stroke = plan_stroke(told, StagePose(10.0, 20.0), StagePose(30.0, 20.0), 5.0, with_beam=True)
    except BridgeError:
        return
    require(len(stroke.orders) <= _MOST_ORDERS, f"a stroke of 20 mm takes {len(stroke.orders)} lines")
    require(math.isfinite(told.tolerance_mm), "no position would ever be wrong")


def session(octets: bytes) -> None:
    """What a board might say to the host's side: whatever it is, the count of its buffer holds."""
    host = GrblSession("the port", 0.0)
    host.receive(_BANNER, 0.0)
    host.queue.receive_bytes = _RECEIVE_BYTES
    host.submit([Order(c.stroke_line(float(x_mm), 20.0, 5.0)) for x_mm in range(20)])
    host.hold_gate(b"M8\n", c.COOLANT_OFF, 0.0, 0.5)
    for piece, now_s in timed_pieces(octets, 0.0):
        host.outgoing(now_s)
        require(host.queue.used_bytes <= _RECEIVE_BYTES, f"{host.queue.used_bytes} bytes are unanswered")
        host.receive(piece, now_s)
        host.deadline_s()
    host.outgoing(99.0)
    host.take_fault()


def twin(octets: bytes) -> None:
    """What a host might say to the twin's core."""
    core = GrblCore(GrblTwinSettings(starts_homed=True), TwinLog(None), now_s=0.0)
    core.advance(0.2)
    for piece, now_s in timed_pieces(octets, 0.2):
        core.receive(piece, now_s)
        core.outgoing()
        core.deadline_s()
        require(core.fullest_bytes <= _RECEIVE_BYTES, f"its buffer held {core.fullest_bytes} bytes")
    core.true_pose()


def _check(answer: c.Answer) -> None:
    match answer:
        case c.Setting(value=value):
            require(math.isfinite(value), f"{answer} is no number")
        case c.Report():
            places = (answer.machine_mm, answer.work_mm, answer.offset_mm)
            numbers = [number for place in places if place is not None for number in place]
            require(all(map(math.isfinite, numbers)), f"{answer} is nowhere")
        case c.Garbled(text):
            require(len(text) <= 4 * c.LONGEST_LINE, "a garbled line is shown at length")
        case _:
            pass


def _answers() -> Sequence[bytes]:
    said = said_by("board", "grbl_session")
    known = (
        b"ALARM:2\r\n",
        b"error:33\r\n",
        b"<Hold:0|WPos:1.000,2.000,0.000|WCO:1,2,3|Bf:15,128|Pn:D|Ov:1,2,3|A:SF>\r\n",
    )
    return [b"".join(said), *dict.fromkeys(said), *known]


def _introductions() -> Sequence[bytes]:
    return [b"".join(line for line in said_by("board", "grbl_session") if line.startswith((b"$", b"[")))]


def _commands() -> Sequence[bytes]:
    said = said_by("host", "grbl_session")
    known = (
        b"$H\n",
        b"$20=0\n",
        b"G53G1X-10Y-10F1000S5\n!~?\x18",
        b"$110=0\nG53G0X-10\n",
        b"M4S0\nM3S9\nM8\nM9\nG4P0.1\n",
    )
    return [b"".join(said), *dict.fromkeys(said), *known]


TARGETS = {
    "grbl-lines": Target(lines, _answers),
    "grbl-board": Target(board, _introductions),
    "grbl-session": Target(session, _answers),
    "grbl-twin": Target(twin, _commands),
}
