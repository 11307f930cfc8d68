"""How much of a journal is intact: every record looked at, past damage too."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.faults import IntegrityError
from edge.record.block import decode_columns
from edge.record.damage import DamagedRecord
from edge.record.event_codec import check_event
from edge.record.exposure_codec import check_exposure
from edge.record.schema import (
    EVENT_COLUMNS,
    ReadMode,
    blocks_within,
    connect,
    explained,
    exposure_columns,
    identify,
    read_extent,
    wal_path,
)
from edge.record.wal import commits_behind_damage

_WINDOW = 512
_MOST_TRIED = 64
"""Blocks without a sound record that are tried for one window: more than that and somebody has put them there."""
_TABLES = ("events", "exposures")


@dataclass(frozen=True, slots=True)
class JournalCheck:
    """What a look at every record of a journal at rest found."""

    records: int
    """Number of records that the journal says it holds."""
    intact: int
    damaged: tuple[int, ...]
    """Numbers of the records that are missing or whose check sum differs, the first hundred."""
    trouble: str
    """What else is wrong, empty when nothing is: a damaged index or write-ahead log."""

    @property
    def is_sound(self) -> bool:
        return self.intact == self.records and not self.trouble


def check_journal(path: Path, *, mode: ReadMode = "ro", is_running: bool = False) -> JournalCheck:
    """Look at every record of a journal; changes nothing.

    Parameters
    ----------
    is_running
        Whether somebody may be writing it: its log, which is being rewritten, is then left to SQLite.

    Raises
    ------
    UsageError
        There is no journal, or it cannot be opened by this user.
    IntegrityError
        The file is foreign, newer, or too damaged to say how many records it holds.
    """
    trouble = "" if is_running else _log_trouble(wal_path(path))
    with explained(path):
        connection = connect(path, mode)
        try:
            identify(connection, path)
            records = read_extent(connection, path)
            intact = 0
            damaged: list[int] = []
            first = 1
            while first <= records:
                last = min(first + _WINDOW - 1, records)
                sound = _sound_records(connection, first, last)
                intact += len(sound)
                if len(damaged) < 100:
                    damaged += [seq for seq in range(first, last + 1) if seq not in sound]
                first = last + 1 if sound else next_record(connection, last, records)
            return JournalCheck(records, intact, tuple(damaged[:100]), trouble or _structure_trouble(connection))
        finally:
            connection.close()


def next_record(connection: sqlite3.Connection, after: int, records: int) -> int:
    """The first record there is behind a number, one more than ``records`` where there is none: no hole is searched."""
    query = "SELECT min(seq) FROM {} WHERE seq > ? AND seq <= ?"
    try:
        found = [connection.execute(query.format(table), (after, records)).fetchone()[0] for table in _TABLES]
        found.append(_next_packed(connection, after, records))
    except sqlite3.Error:
        return after + 1
    return min((seq for seq in found if isinstance(seq, int)), default=records + 1)


def _next_packed(connection: sqlite3.Connection, after: int, records: int) -> int | None:
    for tried, block in enumerate(blocks_within(connection, after + 1, records)):
        if tried == _MOST_TRIED:
            return max(int(block[1]), after + 1)
        with contextlib.suppress(DamagedRecord):
            later = [int(row[0]) for row in decode_columns(block) if row[0] > after]
            if later:
                return later[0]
    return None


def refuse_unsound(path: Path) -> None:
    """Raise `IntegrityError` with what is left of a journal, unless all of it is intact."""
    check = check_journal(path)
    if check.is_sound:
        return
    what = f"{check.intact} of {check.records} records are intact"
    if check.damaged:
        what += f", record {check.damaged[0]} is the first that is not"
    if check.trouble:
        what += f"; {check.trouble}"
    raise IntegrityError(f"{path}: the journal is damaged: {what}: keep the file, and resume from a copy that is whole")


def _log_trouble(wal: Path) -> str:
    try:
        lost = commits_behind_damage(wal)
    except OSError as error:
        return f"its write-ahead log cannot be read ({error.strerror})"
    return f"its write-ahead log is damaged and {lost} commits lie behind" if lost > 1 else ""


def _structure_trouble(connection: sqlite3.Connection) -> str:
    try:
        found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        return f"its structure is damaged ({error})"
    return "" if found == b"ok" else "an index or a page of it is damaged"


def _sound_records(connection: sqlite3.Connection, first: int, last: int) -> set[int]:
    """Numbers within a range whose record is intact and stands there once."""
    try:
        times, sound = Counter[int](), set[int]()
        for row in _rows(connection, first, last):
            times[row[0]] += 1
            sound |= {row[0]} if _is_sound(row) else set()
        packed = _packed(connection, first, last)
        times.update(packed)
        return {seq for seq in sound | packed if times[seq] == 1}
    except sqlite3.Error:
        return {seq for seq in range(first, last + 1) if _is_sound_alone(connection, seq)}


def _is_sound_alone(connection: sqlite3.Connection, seq: int) -> bool:
    try:
        rows, packed = list(_rows(connection, seq, seq)), _packed(connection, seq, seq)
        return len(rows) + len(packed) == 1 and all(_is_sound(row) for row in rows)
    except sqlite3.Error:
        return False


def _rows(connection: sqlite3.Connection, first: int, last: int) -> Iterator[tuple[Any, ...]]:
    for table, columns in (("events", EVENT_COLUMNS), ("exposures", exposure_columns(connection))):
        yield from connection.execute(f"SELECT {columns} FROM {table} WHERE seq BETWEEN ? AND ?", (first, last))


def _packed(connection: sqlite3.Connection, first: int, last: int) -> set[int]:
    """Numbers within a range that stand in blocks whose check sums hold, and in none of the blocks before."""
    found: set[int] = set()
    behind = damaged = 0
    for block in blocks_within(connection, first, last):
        try:
            seqs = [row[0] for row in decode_columns(block)]
        except DamagedRecord:
            damaged += 1
            if damaged == _MOST_TRIED:
                break
            continue
        if seqs[0] <= behind:
            break
        found.update(seq for seq in seqs if first <= seq <= last)
        behind = seqs[-1]
    return found


def _is_sound(row: tuple[Any, ...]) -> bool:
    try:
        if len(row) == 5:
            check_event(row)
        else:
            check_exposure(row)
    except DamagedRecord:
        return False
    return True
