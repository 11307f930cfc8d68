"""What stands beside the spectra of many exposures, packed column by column; it comes back bit by bit.

Instruments count micrometres, microseconds and events; in seconds and millimetres their numbers fill eight bytes each.
A column that is whole in millionths is kept as such, a rate that is events over a time as its events, anything else as
it is. What is left of whole columns after the one they go with, and after the row before, is mostly a byte or two.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.record.damage import DamagedRecord, inflate

_AS_IS, _MILLIONTHS, _EVENTS = range(3)
_WITH = {2: (0,), 3: (1,), 5: (4,), 7: (6, 4), 8: (9,)}
"""Numbers that go with others: ends with starts, live with real time, closing with opening and real time, input with
output. Positions are those within `NUMBERS`."""
_RATE_OVER = {8: 5, 9: 4}
"""Input rates are events over live time, output rates over real time."""
_OF_NUMBERS = (9, *range(9), 10)
"""The order in which the numbers are packed and unpacked: what others go with comes first."""
NUMBERS = (*range(3, 13), 17)
"""Where in an exposure's row the measured numbers stand."""
_WORDS = 4 + len(NUMBERS)
_EXACT = 2.0**53
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Row = tuple[Any, ...]
_Words = NDArray[np.uint64]
_Floats = NDArray[np.float64]


def microseconds_of(at: str) -> int | None:
    """A time as whole microseconds since 1970; None where it is not written as `edge.events.utc_text` does."""
    try:
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is not UTC or moment.isoformat(timespec="microseconds") != at:
            return None
    except ValueError:
        return None
    return (moment - _EPOCH) // timedelta(microseconds=1)


def pack_columns(rows: Sequence[_Row]) -> bytes:
    """Columns of at least one exposure's row, without spectra; each ``at`` must be what `microseconds_of` takes."""
    words = np.empty((_WORDS, len(rows)), np.uint64)
    whole = [(row[0], row[1], microseconds_of(row[2]), row[13]) for row in rows]
    for place, column in enumerate(np.array(whole, np.int64).T):
        words[place] = _folded(column.view(np.uint64))
    numbers = np.array([[row[place] for place in NUMBERS] for row in rows], np.float64).T
    kinds = bytearray(len(NUMBERS))
    kept: dict[int, _Words] = {}
    for place in _OF_NUMBERS:
        kinds[place], column = _whole_or_bits(numbers, place)
        kept[place] = column
        if kinds[place] != _AS_IS:
            column = _folded(column - _company(place, kinds, kept))
        words[4 + place] = column
    planes = np.ascontiguousarray(words).view(np.uint8).reshape(_WORDS, len(rows), 8).transpose(0, 2, 1)
    return zlib.compress(bytes(kinds) + planes.tobytes(), 6)


def unpack_columns(packed: bytes, count: int) -> list[_Row]:
    """Rows as they were, texts as bytes, spectrum and check sum None; raises `DamagedRecord`."""
    raw = inflate(packed, len(NUMBERS) + _WORDS * 8 * count)
    if len(raw) != len(NUMBERS) + _WORDS * 8 * count:
        raise DamagedRecord(f"it does not hold the columns of {count} exposures")
    kinds = raw[: len(NUMBERS)]
    if max(kinds) > _EVENTS or any(kinds[place] == _EVENTS for place in range(len(NUMBERS)) if place not in _RATE_OVER):
        raise DamagedRecord("it keeps a number in a way that there is not")
    planes = np.frombuffer(raw, np.uint8, offset=len(NUMBERS)).reshape(_WORDS, 8, count).transpose(0, 2, 1)
    words = np.ascontiguousarray(planes).view(np.uint64).reshape(_WORDS, count)
    seqs, indices, times, flags = (_unfolded(words[place]).view(np.int64).tolist() for place in range(4))
    kept: dict[int, _Words] = {}
    numbers = np.empty((len(NUMBERS), count))
    for place in _OF_NUMBERS:
        column = words[4 + place]
        kept[place] = column if kinds[place] == _AS_IS else _unfolded(column) + _company(place, kinds, kept)
    for place in range(len(NUMBERS)):
        if kinds[place] != _EVENTS:
            numbers[place] = (
                kept[place].view(np.float64) if kinds[place] == _AS_IS else kept[place].view(np.int64) / 1e6
            )
    for place, over in _RATE_OVER.items():
        if kinds[place] == _EVENTS:
            numbers[place] = _rate(kept[place].view(np.int64), numbers[over])
    measured = [[None if math.isnan(value) else value for value in row] for row in numbers.T.tolist()]
    return [
        (seq, index, _written(at), *values[:10], flag, None, None, None, values[10])
        for seq, index, at, flag, values in zip(seqs, indices, times, flags, measured, strict=True)
    ]


def _company(place: int, kinds: Sequence[int], kept: dict[int, _Words]) -> _Words | np.uint64:
    """What a whole column goes with, where all of that is whole in the same unit."""
    others = _WITH.get(place, ())
    if any(kinds[other] != kinds[place] for other in others):
        return np.uint64(0)
    return sum((kept[other] for other in others), start=np.uint64(0))


def _whole_or_bits(numbers: _Floats, place: int) -> tuple[int, _Words]:
    """The first way of keeping a column that gives every bit of it back."""
    values = numbers[place]
    with np.errstate(all="ignore"):
        millionths = np.rint(values * 1e6)
        if (np.abs(millionths) < _EXACT).all() and (millionths / 1e6 == values).all():
            return _MILLIONTHS, millionths.astype(np.int64).view(np.uint64)
        if place in _RATE_OVER:
            times = numbers[_RATE_OVER[place]]
            events = np.rint(values * times)
            if (np.abs(events) < _EXACT).all() and (_rate(events, times) == values).all():
                return _EVENTS, events.astype(np.int64).view(np.uint64)
    return _AS_IS, np.ascontiguousarray(values).view(np.uint64)


def _rate(events: NDArray[Any], times: _Floats) -> _Floats:
    """Events over a time, none over no time."""
    with np.errstate(all="ignore"):
        return np.where(times == 0, 0.0, events / times)


def _folded(column: _Words) -> _Words:
    """Differences from row to row, small ones of either sign as small numbers; modulo 2^64."""
    steps = np.diff(column, prepend=np.uint64(0))
    return (steps << np.uint64(1)) ^ (np.uint64(0) - (steps >> np.uint64(63)))


def _unfolded(folded: _Words) -> _Words:
    steps = (folded >> np.uint64(1)) ^ (np.uint64(0) - (folded & np.uint64(1)))
    return np.cumsum(steps, dtype=np.uint64)


def _written(at_us: int) -> bytes:
    try:
        return (_EPOCH + timedelta(microseconds=at_us)).isoformat(timespec="microseconds").encode()
    except OverflowError:
        raise DamagedRecord("its time is none") from None
