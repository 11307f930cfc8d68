"""The next records of a journal, at most some hundred: fetched in one short snapshot, put together after it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from edge.record.block import MAX_STORED_BLOCK, UnpackedRow, check_block, decode_columns, decode_spectra
from edge.record.damage import DamagedRecord
from edge.record.exposure_codec import MAX_STORED_SPECTRUM
from edge.record.schema import EVENT_COLUMNS, blocks_within, exposure_columns

_WINDOW = 512
_WINDOW_BYTES = 16 * 1024 * 1024
_EXPOSURES = f"FROM exposures WHERE seq > ? AND seq <= ? AND length(spectrum) <= {MAX_STORED_SPECTRUM} ORDER BY seq"
_EVENTS = f"SELECT {EVENT_COLUMNS} FROM events WHERE seq > ? AND seq <= ? ORDER BY seq"
_EVENT_NUMBERS = "SELECT seq FROM events WHERE seq > ? AND seq <= ? ORDER BY seq"
_Row = tuple[Any, ...]


class DamagedAt(ValueError):
    """A record that is missing or damaged, by its number; the text says what is wrong with it."""

    def __init__(self, seq: int, reason: str) -> None:
        super().__init__(reason)
        self.seq = seq


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was read of a stretch of records, as it is stored."""

    after: int
    last: int
    rows: list[_Row]
    """Events and exposures in rows of their own; of events perhaps the number alone."""
    blocks: list[_Row]


def fetch(connection: sqlite3.Connection, after: int, end: int, *, whole_events: bool) -> Fetched:
    """The records behind a number, no further than ``end``, within the caller's transaction.

    Mostly a stretch ends with a block, so that none is unpacked twice.
    """
    last = min(after + _WINDOW, end)
    last, blocks = _blocks(connection, after, last, end)
    rows: list[_Row] = []
    size = 0
    for row in connection.execute(_EVENTS if whole_events else _EVENT_NUMBERS, (after, last)):
        rows.append(row)
        size += len(row[3]) if whole_events and isinstance(row[3], bytes) else 0
        if size > _WINDOW_BYTES:
            last = row[0]
            break
    last = _add_exposures(connection, rows, after, last)
    return Fetched(after, last, rows, blocks)


def assemble(fetched: Fetched, *, with_spectra: bool) -> list[tuple[int, _Row]]:
    """The records in order, each with its number: rows as they are stored, and `UnpackedRow` out of blocks.

    Raises
    ------
    DamagedAt
        The first record that is missing, or whose block is damaged.
    """
    after, last = fetched.after, fetched.last
    numbered = [(row[0], row) for row in fetched.rows]
    for block in fetched.blocks:
        numbered += [(row[0], row) for row in _unpacked(block, after, last, with_spectra=with_spectra)]
    numbered.sort(key=lambda each: each[0])
    for expected, (seq, _) in enumerate(numbered, start=after + 1):
        if seq != expected:
            raise DamagedAt(expected, "it is missing" if seq > expected else "its number stands twice")
    if after + len(numbered) < last:
        raise DamagedAt(after + len(numbered) + 1, "it is missing")
    return numbered


def _blocks(connection: sqlite3.Connection, after: int, last: int, end: int) -> tuple[int, list[_Row]]:
    """Blocks that reach into a stretch, and where it had better end; none may overlap the one before."""
    blocks: list[_Row] = []
    size = behind = 0
    longest = connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 2 * MAX_STORED_BLOCK)
    try:
        for block in blocks_within(connection, after + 1, last):
            stored_last, first = block[:2]
            if first <= behind:
                raise DamagedAt(max(first, after + 1), "its number stands twice")
            if stored_last > last and first > after + 1:
                return first - 1, blocks
            behind = stored_last
            blocks.append(block)
            size += sum(len(column) for column in block if isinstance(column, bytes))
            if last < stored_last <= after + 2 * _WINDOW:
                last = min(stored_last, end)
            if size > _WINDOW_BYTES:
                return min(last, stored_last), blocks
    finally:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, longest)
    return last, blocks


def _add_exposures(connection: sqlite3.Connection, rows: list[_Row], after: int, last: int) -> int:
    """Add the exposures among the next records; gives the last record, nearer where they fill the stretch.

    No column of a hostile file may be longer than a spectrum: its pages could be shared by all rows.
    """
    exposures = f"SELECT {exposure_columns(connection)} {_EXPOSURES}"
    longest = connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 2 * MAX_STORED_SPECTRUM)
    try:
        size = 0
        for row in connection.execute(exposures, (after, last)):
            rows.append(row)
            size += sum(len(column) for column in row if isinstance(column, bytes))
            if size > _WINDOW_BYTES:
                last = row[0]
                rows[:] = [kept for kept in rows if kept[0] <= last]
                break
    finally:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, longest)
    return last


def _unpacked(block: _Row, after: int, last: int, *, with_spectra: bool) -> list[UnpackedRow]:
    """The rows of a block within a stretch."""
    try:
        check_block(block)
        rows = decode_columns(block)
        counts = decode_spectra(block) if with_spectra else [None] * len(rows)
    except DamagedRecord as reason:
        first = block[1] if isinstance(block[1], int) else 0
        raise DamagedAt(max(first, after + 1), f"{reason}, as all of its block") from None
    return [
        UnpackedRow((*row[:15], spectrum, *row[16:]))
        for row, spectrum in zip(rows, counts, strict=True)
        if after < row[0] <= last
    ]
