"""Events as rows and back: pure functions, bounded on hostile input, a CRC-32 over every column."""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import fields
from typing import Any, get_args

from edge.events import (
    Closed,
    Concluded,
    Corrected,
    Faulted,
    Judged,
    LeftOut,
    Opened,
    Outcome,
    Paused,
    Planned,
    Registered,
    Resumed,
    ScanEvent,
    ShutterClosed,
    ShutterOpened,
    StandardMeasured,
    StandardMissed,
    Target,
)
from edge.record.damage import DamagedRecord, inflate
from edge.record.visit_record import visit_from_dict, visit_to_dict

MAX_BODY = 256 * 1024 * 1024
"""Longest event body, in bytes before compression."""
MAX_STORED_BODY = 64 * 1024 * 1024
"""Longest event body as stored, in bytes."""
_LONGEST_TEXT = 1024 * 1024
_LONGEST_TEXTS = {"plan_json": MAX_BODY, "config_yaml": 4 * 1024 * 1024}
_PLAIN_BODY = 4096
_PLAIN_JSON = 1024 * 1024
"""Most bytes of a body outside its texts."""
_MOST_QUOTES = 4096
"""Most quotation marks in a body of more than that."""

EventRow = tuple[int, str, str, bytes, int]
"""seq, kind, at, body, crc."""

_EVENT_HEAD = struct.Struct("<qqqq")

KINDS: dict[str, type[ScanEvent]] = {
    "opened": Opened,
    "registered": Registered,
    "corrected": Corrected,
    "planned": Planned,
    "shutter-opened": ShutterOpened,
    "shutter-closed": ShutterClosed,
    "left-out": LeftOut,
    "standard-measured": StandardMeasured,
    "standard-missed": StandardMissed,
    "paused": Paused,
    "resumed": Resumed,
    "faulted": Faulted,
    "judged": Judged,
    "concluded": Concluded,
    "closed": Closed,
}
"""Events by the word that they are stored under; spectra have a table of their own."""
_KIND_OF = {event_type: kind for kind, event_type in KINDS.items()}


def encode_event(seq: int, event: ScanEvent) -> EventRow:
    """A row of the table ``events``; spectra go to `encode_exposure`.

    Raises
    ------
    ValueError
        The body is longer than the journal can ever read back.
    """
    kind = _KIND_OF[type(event)]
    if isinstance(event, StandardMeasured):
        content = visit_to_dict(event.done)
    else:
        content = {field.name: getattr(event, field.name) for field in fields(event) if field.name != "at"}
    for name, value in content.items():
        if isinstance(value, str) and len(value) > longest_text(name):
            raise ValueError(f"the event '{kind}' holds a {name} of {len(value)} letters, too many: shorten it")
    body = json.dumps(content, separators=(",", ":")).encode("ascii")
    if len(body) > MAX_BODY:
        raise ValueError(f"the event '{kind}' holds {len(body)} bytes, more than the journal's {MAX_BODY}: shorten it")
    if len(body) > _PLAIN_BODY:
        body = zlib.compress(body, 1)
    if len(body) > MAX_STORED_BODY:
        raise ValueError(f"the event '{kind}' takes {len(body)} bytes, more than {MAX_STORED_BODY}: shorten it")
    return seq, kind, event.at, body, event_crc(seq, kind.encode(), event.at.encode(), body)


def decode_event(row: tuple[Any, ...]) -> ScanEvent:
    """The event of a stored row (texts as bytes).

    Raises
    ------
    DamagedRecord
        The check sum differs, or the content is not an event.
    """
    check_event(row)
    _, kind_text, at, body, _ = row
    kind = kind_text.decode(errors="replace")
    event_type = KINDS.get(kind)
    if event_type is None:
        raise DamagedRecord(f"its kind '{kind[:40]}' is unknown")
    if not body.startswith(b"{"):
        body = inflate(body, MAX_BODY)
    if not _is_flat(body):
        raise DamagedRecord(f"its content is not that of an event '{kind}'")
    try:
        content = json.loads(body)
        return _event(event_type, at.decode(), content)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise DamagedRecord(f"its content is not that of an event '{kind}'") from None


def longest_text(name: str) -> int:
    """Most letters that a field of an event may have: texts that are parsed later take many times as much then."""
    return _LONGEST_TEXTS.get(name, _LONGEST_TEXT)


def letters_of(event: ScanEvent) -> int:
    """How many letters an event's texts have."""
    return sum(len(value) for field in fields(event) if isinstance(value := getattr(event, field.name), str))


def _is_flat(body: bytes) -> bool:
    """Whether a body is few long texts: of many small things each takes many times its bytes in memory."""
    if len(body) <= _PLAIN_JSON:
        return True
    bare = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    if bare.count(b'"') > _MOST_QUOTES:
        return False
    return sum(len(outside) for outside in bare.split(b'"')[::2]) <= _PLAIN_JSON


def check_event(row: tuple[Any, ...]) -> None:
    """Compare a stored event's check sum; raises `DamagedRecord`."""
    try:
        seq, kind, at, body, crc = row
        expected = event_crc(seq, kind, at, body)
    except (TypeError, ValueError, struct.error):
        raise DamagedRecord("its columns have the wrong types") from None
    if crc != expected:
        raise DamagedRecord("its check sum differs")


def event_crc(seq: int, kind: bytes, at: bytes, body: bytes) -> int:
    """Check sum over all columns of an event, texts as bytes."""
    head = _EVENT_HEAD.pack(seq, len(kind), len(at), len(body))
    return zlib.crc32(body, zlib.crc32(at, zlib.crc32(kind, zlib.crc32(head))))


def _event(event_type: type[ScanEvent], at: str, content: dict[str, Any]) -> ScanEvent:
    if event_type is Opened:
        content["versions"] = tuple((str(name), str(version)) for name, version in content["versions"])
    if event_type is StandardMeasured:
        return StandardMeasured(at, visit_from_dict(content))
    event: ScanEvent = event_type(at=at, **content)
    for field in fields(event):
        value = getattr(event, field.name)
        if not isinstance(value, _ALLOWED[str(field.type)]):
            raise TypeError(field.name)
        if isinstance(value, str) and len(value) > longest_text(field.name):
            raise ValueError(field.name)
    if isinstance(event, Closed) and event.outcome not in get_args(Outcome):
        raise ValueError("outcome")
    if isinstance(event, ShutterOpened) and event.over not in get_args(Target):
        raise ValueError("over")
    return event


_ALLOWED: dict[str, type | tuple[type, ...]] = {
    "str": str,
    "int": int,
    "bool": bool,
    "float": (float, int),
    "Outcome": str,
    "Target": str,
    "tuple[tuple[str, str], ...]": tuple,
}
