"""`pointillist copy` to shares that know less than a disk, and of scans that end or are photographed anew meanwhile."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import sqlite3
import stat
from collections import namedtuple
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.cameras import write_picture
from edge.events import Registered
from edge.faults import IntegrityError, UsageError
from edge.prepare import frame_digest
from edge.record import writer_lock
from edge.record.check import check_journal
from edge.record.exposure_codec import encode_exposure
from edge.record.journal import Journal
from edge.record.schema import wal_path
from edge.recordings import copy as copying
from edge.recordings import copy_file as copying_file
from edge.recordings import presence
from edge.recordings.copy import Copied, copy_recording
from edge.recordings.receipt import read_receipt
from edge.recordings.verify import verify_recording
from tests.unit.recordings.made import FRAME, end, make_files, make_recording, measured, preparation

PAGE = 4096


class Meanwhile:
    """A bar; something happens once records have been copied."""

    def __init__(self, happens: Callable[[], None] = lambda: None) -> None:
        self._happens = happens
        self._what = ""

    def begin(self, what: str, total: int, unit: str) -> None:
        self._what = what

    def advance(self, by: int) -> None:
        if self._what == "records":
            self._what = ""
            self._happens()


def copied(source: Path, target: Path) -> Copied:
    return copy_recording(source, target, bar=Meanwhile())


def said(folder: Path, what: str) -> str:
    return next(finding.text for finding in verify_recording(folder) if finding.what == what)


def fail_for_folders(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)


def know_no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr(fcntl, "flock", flock)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_a_share_that_cannot_flush_folders_takes_copies_of_scans_at_rest_and_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    source = make_recording(tmp_path / "panel", exposures=10)
    with Journal.open(source.journal) as journal:
        journal.append(measured([10]))
        fail_for_folders(monkeypatch, number)
        assert copied(source.folder, tmp_path / "copy").records == 15
    copied(source.folder, tmp_path / "copy")
    copied(source.folder, tmp_path / "another")
    assert (tmp_path / "copy" / "journal.sqlite").read_bytes() == source.journal.read_bytes()


def test_a_folder_that_a_disk_fails_to_flush_is_no_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_recording(tmp_path / "panel")
    fail_for_folders(monkeypatch, errno.EIO)
    with pytest.raises(UsageError, match="Input/output error"):
        copied(source.folder, tmp_path / "copy")


def test_a_share_without_locks_takes_the_copy_of_a_running_scan_and_no_scan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_recording(tmp_path / "panel", exposures=10)
    monkeypatch.setattr(presence, "is_locked", lambda folder: folder == source.folder)
    with Journal.open(source.journal):
        know_no_locks(monkeypatch)
        assert copied(source.folder, tmp_path / "copy").is_running
    with pytest.raises(UsageError, match=r"cannot be locked .*record on a disk of this computer"):
        Journal.open(source.journal)


def test_a_scan_is_not_refused_its_folder_because_somebody_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who looks holds the lock for an instant: until the writer's third try here."""
    path = tmp_path / "journal.sqlite"
    Journal.create(path).close()
    looking = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            os.close(looking)

    monkeypatch.setattr(writer_lock.time, "sleep", wait)
    Journal.open(path).close()
    assert len(waits) == 2


def test_a_scan_that_ends_while_it_is_copied_leaves_one_plain_file(tmp_path: Path) -> None:
    source = make_files(tmp_path / "panel")
    journal = Journal.create(source.journal)
    journal.append([*preparation(), *measured(range(24))])

    def end_scan() -> None:
        journal.append(end())
        journal.close()

    found = copy_recording(source.folder, tmp_path / "copy", bar=Meanwhile(end_scan))
    assert found.is_running
    assert not wal_path(source.journal).exists()
    assert said(source.folder, "scan") == "is at rest, its journal closed"
    assert copied(source.folder, tmp_path / "copy").records == 30


def test_a_finished_scan_whose_log_a_reader_kept_is_not_taken_for_a_killed_one(tmp_path: Path) -> None:
    source, left = make_files(tmp_path / "panel"), tmp_path / "left"
    with Journal.create(source.journal) as journal:
        journal.append([*preparation(), *measured(range(24)), *end()])
        shutil.copytree(source.folder, left)
    assert said(left, "scan").startswith("is finished; a log stands beside its journal")


def test_room_is_asked_for_the_file_that_is_written_beside_the_one_it_replaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = make_recording(tmp_path / "panel", exposures=4), tmp_path / "copy"
    copied(source.folder, target)
    with Journal.open(source.journal) as journal:
        journal.append([*measured(range(4, 24)), *end()])
    usage = namedtuple("usage", "total used free")
    free = copying._ROOM + source.journal.stat().st_size - PAGE
    monkeypatch.setattr(copying.shutil, "disk_usage", lambda place: usage(free, 0, free))
    before = (target / "journal.sqlite").read_bytes()
    with pytest.raises(UsageError, match="are free"):
        copied(source.folder, target)
    assert (target / "journal.sqlite").read_bytes() == before


def test_a_photograph_that_was_taken_anew_before_the_plan_replaces_the_copys(tmp_path: Path) -> None:
    source, target = make_files(tmp_path / "panel"), tmp_path / "copy"
    opened, registered, planned, *_ = preparation()
    assert isinstance(registered, Registered)
    another = FRAME ^ np.uint8(1)
    with Journal.create(source.journal) as journal:
        journal.append([opened, registered])
    copied(source.folder, target)
    write_picture(source.frame, another)
    with Journal.open(source.journal) as journal:
        journal.append([opened, replace(registered, frame_sha256=frame_digest(another)), planned])
    copied(source.folder, target)
    assert (target / "frame.png").read_bytes() == source.frame.read_bytes()
    write_picture(source.frame, FRAME)
    with pytest.raises(IntegrityError, match="is not what was copied"):
        copied(source.folder, target)


def test_a_copy_of_what_a_killed_scan_left_is_read_where_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, killed = make_recording(tmp_path / "panel", exposures=10), tmp_path / "killed"
    with Journal.open(source.journal) as journal:
        journal.append(measured(range(10, 20)))
        shutil.copytree(source.folder, killed)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the journal is copied to be looked at")

    monkeypatch.setattr(presence.tempfile, "TemporaryDirectory", refuse)
    copied(killed, tmp_path / "copy")
    assert all(finding.passed for finding in verify_recording(tmp_path / "copy"))
    assert copied(killed, tmp_path / "copy").records == 24


@pytest.mark.parametrize(("exposures", "is_final"), [(None, True), (10, False)])
def test_a_copy_is_final_once_the_scan_is_finished(tmp_path: Path, exposures: int | None, is_final: bool) -> None:
    source = make_recording(tmp_path / "panel", exposures=exposures)
    copied(source.folder, tmp_path / "copy")
    receipt = read_receipt(tmp_path / "copy")
    assert receipt is not None
    assert receipt.is_final == is_final
    assert ("was not finished" in said(tmp_path / "copy", "copy")) != is_final


def test_what_is_kept_as_equal_was_compared_on_the_medium(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = make_recording(tmp_path / "panel"), tmp_path / "copy"
    copied(source.folder, target)
    dropped: list[str] = []
    monkeypatch.setattr(copying_file, "forget_cached", lambda file: dropped.append(Path(file.name).name))
    copied(source.folder, target)
    assert set(dropped) >= {"journal.sqlite", "frame.png", "maps.h5", "report.html", "scan.yaml", "log.txt"}


def test_a_record_that_stands_twice_is_damage_and_is_not_gone_on_with(tmp_path: Path) -> None:
    source = make_recording(tmp_path / "panel")
    with closing(sqlite3.connect(source.journal)) as connection, connection:
        (first,) = connection.execute("SELECT min(first_seq) FROM blocks").fetchone()
        row = encode_exposure(first, measured([0])[0])  # type: ignore[arg-type]
        connection.execute(f"INSERT INTO exposures VALUES ({', '.join('?' * len(row))})", row)
    found = check_journal(source.journal)
    assert (found.intact, found.damaged) == (found.records - 1, (first,))
    with pytest.raises(IntegrityError, match="first that is not"):
        Journal.open(source.journal)
