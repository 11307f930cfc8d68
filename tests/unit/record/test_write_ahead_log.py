"""Damage in SQLite's write-ahead log that SQLite itself passes over."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.faults import UsageError
from edge.record.schema import complaint
from edge.record.wal import PAGE_SIZE, commits_behind_damage

COMMITS = 50
FRAME = 24 + PAGE_SIZE


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "base.sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("CREATE TABLE t (a)")
    for number in range(COMMITS):
        connection.execute("INSERT INTO t VALUES (?)", (number,))
    yield connection
    connection.close()


@pytest.fixture
def log(connection: sqlite3.Connection, tmp_path: Path) -> Path:
    """A copy of the log, at rest."""
    copy = tmp_path / "copy-wal"
    copy.write_bytes((tmp_path / "base.sqlite-wal").read_bytes())
    return copy


def flip(path: Path, offset: int) -> None:
    mutated = bytearray(path.read_bytes())
    mutated[offset] ^= 4
    path.write_bytes(mutated)


def test_a_sound_log_has_nothing_behind_damage(log: Path) -> None:
    assert commits_behind_damage(log) == 0


def test_no_log_is_a_sound_log(tmp_path: Path) -> None:
    assert commits_behind_damage(tmp_path / "absent-wal") == 0
    (tmp_path / "empty-wal").write_bytes(b"")
    assert commits_behind_damage(tmp_path / "empty-wal") == 0


@pytest.mark.parametrize("behind", [1, 2, 20])
def test_commits_at_and_behind_a_damaged_frame_are_counted(log: Path, behind: int) -> None:
    flip(log, log.stat().st_size - behind * FRAME + 100)
    assert commits_behind_damage(log) == behind


def test_a_damaged_header_hides_every_commit(log: Path) -> None:
    frames = (log.stat().st_size - 32) // FRAME
    for offset in (0, 9, 17, 25):
        flip(log, offset)
        assert commits_behind_damage(log) in (frames, COMMITS + 1)
        flip(log, offset)


def test_a_torn_end_is_not_damage(log: Path) -> None:
    whole = log.read_bytes()
    for cut in (1, 100, FRAME, FRAME + 1):
        log.write_bytes(whole[:-cut])
        assert commits_behind_damage(log) == 0


def test_what_an_earlier_round_of_the_log_left_is_not_lost(connection: sqlite3.Connection, tmp_path: Path) -> None:
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    connection.execute("INSERT INTO t VALUES (0)")
    log = tmp_path / "base.sqlite-wal"
    assert log.stat().st_size > 40 * FRAME
    assert commits_behind_damage(log) == 0


@pytest.mark.parametrize("is_folded", [True, False])
def test_a_torn_beginning_of_a_new_round_costs_nothing_once_the_old_one_was_folded_away(
    connection: sqlite3.Connection, tmp_path: Path, is_folded: bool
) -> None:
    if is_folded:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    for ending in ("", "-wal"):
        (tmp_path / f"copy.sqlite{ending}").write_bytes((tmp_path / f"base.sqlite{ending}").read_bytes())
    log = tmp_path / "copy.sqlite-wal"
    flip(log, 15)
    assert commits_behind_damage(log) == (0 if is_folded else COMMITS + 1)


@pytest.mark.parametrize("is_folded", [True, False])
@pytest.mark.parametrize(("length", "filled"), [(512, b"\0"), (4096, b"Z")])
def test_a_first_block_that_is_lost_hides_every_commit_that_was_not_folded_away(
    connection: sqlite3.Connection, tmp_path: Path, length: int, filled: bytes, is_folded: bool
) -> None:
    if is_folded:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    for ending in ("", "-wal"):
        (tmp_path / f"copy.sqlite{ending}").write_bytes((tmp_path / f"base.sqlite{ending}").read_bytes())
    log = tmp_path / "copy.sqlite-wal"
    log.write_bytes(length * filled + log.read_bytes()[length:])
    lost = commits_behind_damage(log)
    # the first frame's own commit cannot be told any more; one commit alone is what a power loss leaves
    assert lost <= 1 if is_folded else lost >= COMMITS


def test_a_disk_that_fails_is_not_called_a_damaged_journal(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").touch()
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = "SQLITE_IOERR_WRITE"
    said = complaint(tmp_path / "journal.sqlite", error)
    assert isinstance(said, UsageError)
    assert "its disk reports errors" in str(said)
