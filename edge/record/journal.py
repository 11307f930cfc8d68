"""The journal: what happened, durable before anyone sees it. docs/adr/0002-journal.md says what is synced when."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final, Literal, Self

from edge.events import Measured, ScanEvent
from edge.faults import ScanStopped, UsageError
from edge.record.block import (
    MOST_EXPOSURES,
    BlockRow,
    Cut,
    cut_into_blocks,
    encode_block,
    may_be_packed,
)
from edge.record.check import refuse_unsound
from edge.record.damage import DamagedRecord
from edge.record.durable import replace_durably, sync_folder, sync_folder_if_known_how
from edge.record.event_codec import EventRow, encode_event
from edge.record.exposure_codec import ExposureRow, encode_exposure
from edge.record.known import Known, without_repeats
from edge.record.reader import JournalReader, MeasuredArrays
from edge.record.schema import (
    EXPOSURE_COLUMNS,
    TRUNCATED,
    bring_up_to_date,
    connect,
    explained,
    extent_crc,
    lay_out,
    read_extent,
)
from edge.record.writer_lock import Place, locked_folder_of, sync_entries

Log = Literal["write-ahead", "rollback"]
"""How a transaction is made all or nothing."""
_JOURNAL_MODE: Final[dict[Log, str]] = {"write-ahead": "WAL", "rollback": "DELETE"}
_PLACE: Final[dict[Log, Place]] = {"write-ahead": "disk", "rollback": "share"}
_LOOKS, _LOOK_S = 40, 0.025
"""How often, and how long each time, whoever is reading is waited for when a journal is closed."""
_CHECKPOINT_BYTES = 4 * 1024 * 1024
_COMMIT_BYTES = 16 * 1024
_INSERT_EVENT = "INSERT INTO events VALUES (?, ?, ?, ?, ?)"
_INSERT_BLOCK = "INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_BEHIND_BLOCKS = (
    f"SELECT {EXPOSURE_COLUMNS} FROM exposures WHERE seq > (SELECT ifnull(max(last_seq), 0) FROM blocks)"
    " ORDER BY seq DESC"
)
_MUCH = 8
"""Empty pages are much of a file from one in so many on."""
_INSERT_EXPOSURE = f"INSERT INTO exposures VALUES ({', '.join('?' * 18)})"


class Journal:
    """The one writer of a scan's journal; safe to share between threads.

    A folder has one writer at a time: the lock is held on the folder, and dies with the process.
    """

    def __init__(self, path: Path, folder: int, log: Log = "write-ahead") -> None:
        """Use `create` or `open`; takes over the locked folder's descriptor.

        The checkpoint writes and syncs what a failed process may have left in the log unsynced.
        """
        self._path = path
        self._folder = folder
        self._turn = threading.Lock()
        self._failure = ""
        self._bytes_in_log = 0
        with explained(path):
            self._connection = connect(path, "rw")
            self._connection.execute(f"PRAGMA journal_mode = {_JOURNAL_MODE[log]}")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("PRAGMA wal_autocheckpoint = 0")
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            sync_entries(folder, path, _PLACE[log])
            bring_up_to_date(self._connection)
            self._last_seq = read_extent(self._connection, path)
            self._known = Known.of(self._connection, path)
            self._cut = _waiting(self._connection)

    @classmethod
    def create(cls, path: Path, *, log: Log = "write-ahead") -> Self:
        """Begin an empty journal; the file is whole, or absent, whatever happens meanwhile.

        Parameters
        ----------
        log
            ``rollback`` for a copy on a share, where processes cannot share memory: readers and writer hold each other
            up.

        Raises
        ------
        UsageError
            The journal exists, or the folder cannot be written.
        """

        def write(part: Path) -> None:
            with contextlib.closing(connect(part, "rwc")) as connection:
                lay_out(connection)

        with locked_folder_of(path, _PLACE[log]) as folder:
            if path.exists():
                raise UsageError(f"{path}: a journal is there already: resume that scan, or give another folder")
            try:
                synced = sync_folder if log == "write-ahead" else sync_folder_if_known_how
                replace_durably(path, write, sync_entries=synced)
            except sqlite3.Error as error:
                raise UsageError(f"{path}: cannot be made ({error}): free space, or give a writable folder") from None
            return cls(path, folder, log)

    @classmethod
    def open(cls, path: Path, *, log: Log = "write-ahead") -> Self:
        """Go on with a journal, after looking at every record of it; one of an older format gets the present one.

        Raises
        ------
        UsageError
            There is no journal, or another process is writing it.
        IntegrityError
            The file is foreign, newer, or any record of it is damaged: adding to it could bury what is wrong.
        """
        with locked_folder_of(path, _PLACE[log]) as folder:
            refuse_unsound(path)
            return cls(path, folder, log)

    @property
    def path(self) -> Path:
        return self._path

    @property
    def last_seq(self) -> int:
        """Number of the last durable record, 0 when there is none."""
        return self._last_seq

    def append(self, events: Sequence[ScanEvent]) -> None:
        """Make events durable, all or none of them; when this returns they survive power loss.

        An exposure that is recorded already and arrives again, identical, is passed over. A truncated one is kept
        beside the full one that repeats it.

        Raises
        ------
        IntegrityError
            An exposure's index is recorded with another measurement; nothing of this call is recorded, and the journal
            can be used on.
        ValueError
            An event cannot be stored (a spectrum of too many channels, a body that is too long); nothing is recorded.
        ScanStopped
            The medium failed or is full: everything before this call is safe, this journal refuses all further use.
        """
        with self._turn:
            self._refuse_when_failed()
            if self._folder < 0:
                raise ValueError(f"{self._path}: the journal is closed")
            try:
                self._append(events)
                self._checkpoint_when_due()
            except sqlite3.Error as error:
                self._failure = f"{self._path}: cannot be written any more ({error})"
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                self._refuse_when_failed()

    def close(self) -> None:
        """Pack what is in rows, fold the write-ahead log into the one file, and give the folder back.

        Safe to call twice. What fails here fails in silence, and leaves the log beside the file.
        """
        with self._turn:
            if self._folder < 0:
                return
            with contextlib.suppress(sqlite3.Error):
                if not self._failure:
                    self._connection.execute("PRAGMA busy_timeout = 0")
                    self._pack_rest()
                    self._fold_away()
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            os.close(self._folder)
            self._folder = -1

    def _fold_away(self) -> None:
        """Make one plain file; a reader's look is waited for, one that holds on is not."""
        for turn in range(_LOOKS):
            try:
                self._connection.execute("PRAGMA journal_mode = DELETE")
                return
            except sqlite3.OperationalError:
                if turn == _LOOKS - 1:
                    raise
                time.sleep(_LOOK_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _refuse_when_failed(self) -> None:
        if self._failure:
            raise ScanStopped(
                f"{self._failure}: what was recorded is safe; free space or change the disk, then resume the scan"
            )

    def _append(self, events: Sequence[ScanEvent]) -> None:
        if not self._known.has_news_only(events):
            events = without_repeats(self._connection, self._path, events, self._known)
        if not events:
            return
        event_rows: list[EventRow] = []
        exposure_rows: list[ExposureRow] = []
        for seq, event in enumerate(events, start=self._last_seq + 1):
            if isinstance(event, Measured):
                exposure_rows.append(encode_exposure(seq, event))
            else:
                event_rows.append(encode_event(seq, event))
        cut = cut_into_blocks(self._cut, filter(may_be_packed, exposure_rows))
        self._commit(event_rows, exposure_rows, cut, self._last_seq + len(events))

    def _commit(self, event_rows: list[EventRow], exposure_rows: list[ExposureRow], cut: Cut, last_seq: int) -> None:
        """One transaction: what is new, and blocks in place of the rows that fill them."""
        blocks, packed = _encoded(cut)
        kept = [row for row in exposure_rows if row[0] not in packed]
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(_INSERT_EVENT, event_rows)
            self._connection.executemany(_INSERT_EXPOSURE, kept)
            self._connection.executemany(_INSERT_BLOCK, blocks)
            self._connection.executemany(
                "DELETE FROM exposures WHERE seq = ?", [(seq,) for seq in packed if seq <= self._last_seq]
            )
            self._connection.execute("UPDATE extent SET last_seq = ?, crc = ?", (last_seq, extent_crc(last_seq)))
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            raise
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if last_seq == read_extent(self._connection, self._path):
                self._adopt(exposure_rows, cut, last_seq)
            raise
        self._adopt(exposure_rows, cut, last_seq)
        self._bytes_in_log += _COMMIT_BYTES + sum(len(row[3]) for row in event_rows)
        self._bytes_in_log += sum(len(row[15]) for row in kept) + sum(len(block[6]) for block in blocks)

    def _adopt(self, exposure_rows: list[ExposureRow], cut: Cut, last_seq: int) -> None:
        self._known.add(row[1] for row in exposure_rows if not row[13] & TRUNCATED)
        self._cut = cut
        self._last_seq = last_seq

    def _pack_rest(self) -> None:
        """Leave no row waiting, and give the space back that rows had, where it is much of the file."""
        if self._cut.waiting:
            self._commit([], [], Cut([self._cut.waiting], [], 0), self._last_seq)
        pages = self._connection.execute("PRAGMA page_count").fetchone()[0]
        if _MUCH * self._connection.execute("PRAGMA freelist_count").fetchone()[0] > pages:
            self._connection.execute("PRAGMA temp_store = MEMORY")
            self._connection.execute("VACUUM")

    def _checkpoint_when_due(self) -> None:
        """Fold the log into the file under our own eyes: SQLite's automatic checkpoint hides a failed sync."""
        if self._bytes_in_log < _CHECKPOINT_BYTES:
            return
        self._bytes_in_log = 0
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()


def _encoded(cut: Cut) -> tuple[list[BlockRow], set[int]]:
    """Blocks ready to be stored, and the numbers of all rows in them; rows that do not come back as they were stay."""
    blocks: list[BlockRow] = []
    packed: set[int] = set()
    for rows in cut.blocks:
        with contextlib.suppress(DamagedRecord):
            blocks.append(encode_block(rows))
            packed.update(row[0] for row in rows)
    return blocks, packed


def _waiting(connection: sqlite3.Connection) -> Cut:
    """The last rows behind all blocks, which the next block begins with; more than fill one are left as they are."""
    rows = [
        (*row[:2], row[2].decode(errors="replace"), *row[3:])
        for row in islice(connection.execute(_BEHIND_BLOCKS), MOST_EXPOSURES - 1)
    ]
    return replace(cut_into_blocks(Cut([], [], 0), filter(may_be_packed, reversed(rows))), blocks=[])


__all__ = ["Journal", "JournalReader", "MeasuredArrays"]
