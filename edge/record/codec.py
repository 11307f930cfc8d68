"""Records as bytes and back: pure functions, bounded on hostile input, a CRC-32 over every column."""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from edge.events import (
    Closed,
    Concluded,
    Corrected,
    Faulted,
    Judged,
    LeftOut,
    Measured,
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
from edge.record.visit_record import visit_from_dict, visit_to_dict
from firmware_bridge.messages import ExposureDone, ExposureFlag, StagePose

MAX_CHANNELS = 16_384
MAX_BODY = 256 * 1024 * 1024
"""Longest event body, in bytes before compression."""
MAX_STORED_BODY = 64 * 1024 * 1024
"""Longest event body as stored, in bytes."""
MAX_STORED_SPECTRUM = 4 * MAX_CHANNELS + 1024
"""Longest spectrum as stored: incompressible counts and the coder's overhead, in bytes."""
_LONGEST_TEXT = 1024 * 1024
_LONGEST_TEXTS = {"plan_json": MAX_BODY, "config_yaml": 4 * 1024 * 1024}
_PLAIN_BODY = 4096
_PLAIN_JSON = 1024 * 1024
"""Most bytes of a body outside its texts."""
_MOST_QUOTES = 4096
"""Most quotation marks in a body of more than that."""

EventRow = tuple[int, str, str, bytes, int]
"""seq, kind, at, body, crc."""
ExposureRow = tuple[Any, ...]
"""seq, exposure_index, at, ten measured numbers, flags, channels, spectrum, crc, the poses' uncertainty in mm."""

_EXPOSURE_HEAD = struct.Struct("<qqqqqq10d")
_EVENT_HEAD = struct.Struct("<qqqq")
_UNCERTAINTY = struct.Struct("<d")


class DamagedRecord(ValueError):
    """A stored record whose bytes cannot have been written by the journal; the text says what is wrong with it."""


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


def encode_exposure(seq: int, event: Measured) -> ExposureRow:
    """A row of the table ``exposures``.

    Raises
    ------
    ValueError
        The spectrum is not a vector of 1 to 16,384 counts that fit into 32 bits.
    """
    done = event.done
    *numbers, uncertainty_mm = _storable_numbers(done)
    spectrum = encode_counts(done.counts)
    measured = (*numbers, int(done.flags), done.counts.shape[0], spectrum)
    try:
        crc = exposure_crc((seq, done.index, event.at.encode(), *measured), uncertainty_mm)
    except struct.error:
        raise ValueError(f"the exposure's index {done.index} or flags {int(done.flags)} do not fit 64 bits") from None
    return seq, done.index, event.at, *measured, crc, uncertainty_mm


def decode_exposure(row: tuple[Any, ...]) -> Measured:
    """The event of a stored exposure (texts as bytes); raises `DamagedRecord`."""
    check_exposure(row)
    counts = decode_counts([row[15]], row[14])[0]
    counts.setflags(write=False)
    return exposure_of(row, counts)


def exposure_of(row: tuple[Any, ...], counts: NDArray[np.uint32]) -> Measured:
    """The event of a row that is known to be sound, its spectrum unpacked."""
    numbers = [math.nan if value is None else value for value in (*row[3:13], row[17])]
    done = ExposureDone(
        index=row[1],
        start=StagePose(numbers[0], numbers[1]),
        end=StagePose(numbers[2], numbers[3]),
        real_s=numbers[4],
        live_s=numbers[5],
        opened_at_s=numbers[6],
        closed_at_s=numbers[7],
        input_rate_hz=numbers[8],
        output_rate_hz=numbers[9],
        flags=ExposureFlag(row[13]),
        counts=counts,
        pose_uncertainty_mm=numbers[10],
    )
    return Measured(row[2].decode(errors="replace"), done)


def check_exposure(row: tuple[Any, ...]) -> None:
    """Compare a stored exposure's check sum without unpacking its spectrum; raises `DamagedRecord`."""
    try:
        *columns, crc, uncertainty_mm = row
        expected = exposure_crc(columns, uncertainty_mm)
    except (TypeError, ValueError, struct.error):
        raise DamagedRecord("its columns have the wrong types") from None
    if crc != expected:
        raise DamagedRecord("its check sum differs")
    if not 1 <= row[14] <= MAX_CHANNELS:
        raise DamagedRecord(f"it declares {row[14]} channels, outside 1 to {MAX_CHANNELS}")


def exposure_crc(columns: Sequence[Any], uncertainty_mm: float | None) -> int:
    """Check sum over all columns of an exposure before ``crc``, the time as bytes, and the uncertainty if stated.

    One that isn't stated adds nothing, so that records of the format without it keep their check sums.
    """
    seq, index, at, *numbers, flags, channels, spectrum = columns
    values = [math.nan if value is None else value for value in numbers]
    head = _EXPOSURE_HEAD.pack(seq, index, flags, channels, len(at), len(spectrum), *values)
    stated = b"" if uncertainty_mm is None else _UNCERTAINTY.pack(uncertainty_mm)
    return zlib.crc32(stated, zlib.crc32(spectrum, zlib.crc32(at, zlib.crc32(head))))


def _storable_numbers(done: ExposureDone) -> tuple[float | None, ...]:
    """The measured numbers as SQLite keeps them: it stores NaN as NULL, and loses the sign of zero."""
    numbers = (
        done.start.x_mm,
        done.start.y_mm,
        done.end.x_mm,
        done.end.y_mm,
        done.real_s,
        done.live_s,
        done.opened_at_s,
        done.closed_at_s,
        done.input_rate_hz,
        done.output_rate_hz,
        done.pose_uncertainty_mm,
    )
    return tuple(None if math.isnan(value) else float(value) + 0.0 for value in numbers)


def is_same_measurement(one: ExposureDone, other: ExposureDone) -> bool:
    """Whether two deliveries carry one and the same measurement, down to the last count."""
    return (
        one.index == other.index
        and int(one.flags) == int(other.flags)
        and _storable_numbers(one) == _storable_numbers(other)
        and np.array_equal(one.counts, other.counts)
    )


def encode_counts(counts: NDArray[Any]) -> bytes:
    """Counts as shuffled bytes under zlib level 1 with run-length matching, the quickest coder that stays small.

    Low bytes of all channels come first, then the next higher ones: most of the latter are one long run of zeros.

    Raises
    ------
    ValueError
        Not a vector of 1 to 16,384 whole counts below 2^32.
    """
    counts = np.asarray(counts)
    if counts.ndim != 1 or not 1 <= counts.shape[0] <= MAX_CHANNELS:
        raise ValueError(f"a spectrum has 1 to {MAX_CHANNELS} channels in one row, not the shape {counts.shape}")
    if counts.dtype != np.uint32 and (
        counts.dtype.kind not in "iu" or int(counts.min()) < 0 or int(counts.max()) >= 2**32
    ):
        raise ValueError(f"a spectrum holds whole counts from 0 to 2^32 - 1, not {counts.dtype}")
    planes = np.ascontiguousarray(counts, dtype="<u4").view(np.uint8).reshape(-1, 4).T
    coder = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
    return coder.compress(planes.tobytes()) + coder.flush()


def decode_counts(spectra: list[bytes], channels: int) -> NDArray[np.uint32]:
    """Counts of many spectra of one length, shape (n, channels); raises `DamagedRecord`."""
    raw = b"".join([inflate(spectrum, 4 * channels) for spectrum in spectra])
    if len(raw) != 4 * channels * len(spectra):
        raise DamagedRecord(f"its spectrum does not hold {channels} channels")
    planes = np.frombuffer(raw, dtype=np.uint8).reshape(len(spectra), 4, channels)
    counts = planes[:, 0].astype(np.uint32)
    for byte in (1, 2, 3):
        plane = planes[:, byte]
        if plane.any():
            counts |= plane.astype(np.uint32) << np.uint32(8 * byte)
    return counts


def inflate(compressed: bytes, longest: int) -> bytes:
    """What zlib packed, if it is no longer than that; raises `DamagedRecord`."""
    coder = zlib.decompressobj()
    try:
        raw = coder.decompress(compressed, longest + 1)
    except zlib.error:
        raise DamagedRecord("its content cannot be unpacked") from None
    if len(raw) > longest or not coder.eof or coder.unused_data:
        raise DamagedRecord(f"its content does not unpack to at most {longest} bytes")
    return raw
