"""Reading a journal, also while a scan writes it: short snapshots, every record checked, bounded memory."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from edge.events import Measured, ScanEvent
from edge.faults import EdgeError, IntegrityError
from edge.record.block import UnpackedRow
from edge.record.check import check_journal
from edge.record.damage import DamagedRecord
from edge.record.event_codec import decode_event, letters_of
from edge.record.exposure_codec import check_exposure, decode_counts, decode_exposure, exposure_of
from edge.record.head import ExposureHead
from edge.record.measured import MeasuredArrays, columns_of
from edge.record.schema import (
    EVENT_COLUMNS,
    TRUNCATED,
    ReadMode,
    connect,
    explained,
    identify,
    read_extent,
    version_of,
)
from edge.record.window import DamagedAt, assemble, fetch
from firmware_bridge.messages import ExposureDone

_MOST_LETTERS = 1024**3
"""Most letters in the events of a journal: a history holds them all."""
_Row = tuple[Any, ...]


class JournalReader:
    """A read-only view of a journal at rest or being written; safe to share between threads.

    Every method works on a snapshot, raises `IntegrityError` at the first damaged or missing record, and never holds
    the writer up: no snapshot outlives a call, or a window of some hundred records in `events`.

    Parameters
    ----------
    upto_seq
        Read no record behind this one, whatever is written meanwhile; None: all that there is when asked.

    Raises
    ------
    UsageError
        There is no journal, or it cannot be opened by this user.
    IntegrityError
        The file is foreign, newer or damaged.
    """

    def __init__(self, path: Path, *, upto_seq: int | None = None, mode: ReadMode = "ro") -> None:
        self._path = path
        self._upto_seq = upto_seq
        self._turn = threading.Lock()
        with explained(path):
            self._connection = connect(path, mode)
            try:
                identify(self._connection, path)
            except BaseException:
                self._connection.close()
                raise

    def close(self) -> None:
        """Let go of the file."""
        with self._turn:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def last_seq(self) -> int:
        """Number of the last durable record, 0 when there is none."""
        with self._snapshot():
            return self._end()

    def format_version(self) -> int:
        """The format that the journal is written in, from 1 to the present one."""
        with self._snapshot():
            return version_of(self._connection)

    def events(self, after_seq: int = 0) -> Iterator[tuple[int, ScanEvent]]:
        """Every event behind a number, with its own number, in the order of recording, spectra among them."""
        letters = 0
        while True:
            last, rows = self._window(after_seq, whole_events=True)
            if last == after_seq:
                return
            for seq, row in rows:
                event = self._decoded(seq, row)
                letters += 0 if isinstance(event, Measured) else letters_of(event)
                if letters > _MOST_LETTERS:
                    raise IntegrityError(
                        f"{self._path}: its events up to record {seq} unpack to more than {_MOST_LETTERS} letters,"
                        " which no scan writes: keep the file, and restore a copy"
                    )
                yield seq, event
            after_seq = last

    def outline(self, after_seq: int = 0) -> Iterator[tuple[int, ScanEvent | ExposureHead]]:
        """As `events`, spectra left packed: every check sum holds, what is in a spectrum is not looked at."""
        while True:
            last, rows = self._window(after_seq, whole_events=True, with_spectra=False)
            if last == after_seq:
                return
            for seq, row in rows:
                if len(row) == 5:
                    yield seq, self._decoded(seq, row)
                else:
                    self._checked(seq, row)
                    yield seq, ExposureHead.of_row(row)
            after_seq = last

    def happened(self, *, newest_first: bool = False) -> Iterator[ScanEvent]:
        """Every event that is no exposure, each with its check sum compared; what stands between is not looked at."""
        order = "DESC" if newest_first else "ASC"
        query = f"SELECT {EVENT_COLUMNS} FROM events WHERE seq <= ? AND seq {{}} ? ORDER BY seq {order} LIMIT 1"
        query, seq = (query.format("<"), self.last_seq() + 1) if newest_first else (query.format(">"), 0)
        while True:
            with self._snapshot():
                row = self._connection.execute(query, (self._end(), seq)).fetchone()
            if row is None:
                return
            seq = row[0]
            yield self._decoded(seq, row)

    def measured(self, after_seq: int = 0) -> tuple[int, list[ExposureDone]]:
        """All exposures behind a number, and the number to go on from."""
        exposures: list[ExposureDone] = []
        for rows, after in self._exposure_windows(after_seq):
            exposures += [event.done for row in rows if isinstance(event := self._decoded(row[0], row), Measured)]
            after_seq = after
        return after_seq, exposures

    def measured_arrays(self, after_seq: int = 0, at_most: int = 100_000) -> MeasuredArrays:
        """Exposures behind a number as columns, for folds that need no object for each.

        Parameters
        ----------
        at_most
            Stop after the window that reaches so many exposures: 2,048 channels take 8 KiB each.
        """
        scalars: list[_Row] = []
        spectra: list[NDArray[np.uint32]] = []
        for rows, after in self._exposure_windows(after_seq):
            scalars += [(*row[:15], row[17]) for row in rows]
            spectra += self._unpacked(rows)
            after_seq = after
            if len(scalars) >= at_most:
                break
        return self._columns(after_seq, scalars, spectra)

    def done_indices(self) -> frozenset[int]:
        """Indices that were measured in full; truncated exposures are still to be repeated."""
        done: set[int] = set()
        for rows, _ in self._exposure_windows(0, with_spectra=False):
            for row in rows:
                self._checked(row[0], row)
                if not row[13] & TRUNCATED:
                    done.add(row[1])
        return frozenset(done)

    def _exposure_windows(self, after_seq: int, *, with_spectra: bool = True) -> Iterator[tuple[list[_Row], int]]:
        while True:
            last, rows = self._window(after_seq, whole_events=False, with_spectra=with_spectra)
            if last == after_seq:
                return
            yield [row for _, row in rows if len(row) > 5], last
            after_seq = last

    def _window(
        self, after: int, *, whole_events: bool, with_spectra: bool = True
    ) -> tuple[int, list[tuple[int, _Row]]]:
        """The next records without a gap, and the last one's number; nothing when there are no more."""
        try:
            with self._snapshot():
                fetched = fetch(self._connection, after, self._end(), whole_events=whole_events)
            return max(fetched.last, after), assemble(fetched, with_spectra=with_spectra)
        except DamagedAt as damage:
            raise self._damage(damage.seq, str(damage)) from None

    def _end(self) -> int:
        extent = read_extent(self._connection, self._path)
        return extent if self._upto_seq is None else min(extent, self._upto_seq)

    def _decoded(self, seq: int, row: _Row) -> ScanEvent:
        try:
            if isinstance(row, UnpackedRow):
                return exposure_of(row, row[15])
            return decode_event(row) if len(row) == 5 else decode_exposure(row)
        except DamagedRecord as reason:
            raise self._damage(seq, str(reason)) from None

    def _checked(self, seq: int, row: _Row) -> None:
        if isinstance(row, UnpackedRow):
            return
        try:
            check_exposure(row)
        except DamagedRecord as reason:
            raise self._damage(seq, str(reason)) from None

    def _unpacked(self, rows: list[_Row]) -> list[NDArray[np.uint32]]:
        """Spectra of rows, in arrays of shape (n, channels); none for no rows."""
        found: list[NDArray[np.uint32]] = []
        for is_unpacked, some in groupby(rows, key=lambda row: isinstance(row, UnpackedRow)):
            if is_unpacked:
                found += [row[15][np.newaxis] for row in some]
            else:
                found += self._inflated(list(some))
        return found

    def _inflated(self, rows: list[_Row]) -> list[NDArray[np.uint32]]:
        for row in rows:
            self._checked(row[0], row)
        try:
            return [decode_counts([row[15] for row in rows], rows[0][14])]
        except DamagedRecord:
            return [
                event.done.counts[np.newaxis]
                for row in rows
                if isinstance(event := self._decoded(row[0], row), Measured)
            ]

    def _columns(self, last_seq: int, rows: list[_Row], spectra: list[NDArray[np.uint32]]) -> MeasuredArrays:
        lengths = {row[14] for row in rows}
        if len(lengths) > 1:
            raise IntegrityError(f"{self._path}: spectra of {sorted(lengths)} channels are mixed: read them one by one")
        return columns_of(last_seq, rows, spectra)

    def _damage(self, seq: int, reason: str) -> IntegrityError:
        try:
            check = check_journal(self._path)
            intact = f", {check.intact} of {check.records} records are intact"
        except EdgeError:
            intact = ""
        return IntegrityError(
            f"{self._path}: record {seq} is damaged ({reason}){intact}: keep the file, and restore a copy"
        )

    @contextlib.contextmanager
    def _snapshot(self) -> Iterator[None]:
        with self._turn, explained(self._path):
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("COMMIT")


__all__ = ["JournalReader", "MeasuredArrays"]
