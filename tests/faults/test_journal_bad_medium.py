"""Killed at any operation, disks that are full, read-only or broken, a clock that jumps: what was reported is there.

Each trial is one writer and one moment; afterwards the journal opens, holds everything that was reported once and byte
for byte, and goes on to its end.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from journal_writer import exposure_of, measured
from media import Fault, Writers, compiled, writers

from edge.faults import EdgeError, UsageError
from edge.record.check import check_journal
from edge.record.exposure_codec import is_same_measurement
from edge.record.journal import Journal, JournalReader

BATCHES = 60
"""Some 300 exposures: rows, and several blocks that replace them."""
HOUR_S = 3600
campaign = [pytest.mark.campaign, pytest.mark.timeout(3600)]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where trials take place: in memory, where there is such a place, for what is on the disk is the shim's to say."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as quick:
        yield Path(quick)


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Writers]:
    """Writers on a medium that can be told to fail."""
    with writers(compiled("bad_medium", tmp_path_factory.mktemp("shim"))) as started:
        yield started


def recorded(path: Path) -> list[int]:
    """Indices in the journal, each spectrum compared with what was sent."""
    if not path.exists():
        return []
    with JournalReader(path) as reader:
        exposures = reader.measured()[1]
    assert all(is_same_measurement(done, exposure_of(done.index)) for done in exposures)
    return [done.index for done in exposures]


def assert_nothing_is_lost(path: Path, reported: list[int]) -> int:
    """The number of exposures that the journal holds, after a look at each, and at what opening it to go on leaves."""
    found = recorded(path)
    assert found == list(range(len(found)))
    assert set(reported) <= set(found)
    if path.exists():
        assert check_journal(path).is_sound
    return len(found)


def assert_goes_on(path: Path, held: int) -> None:
    """Continue as a resumed scan would: some that are there arrive again, then what is lacking."""
    with Journal.open(path) if path.exists() else Journal.create(path) as journal:
        again = max(0, held - 3)
        journal.append([measured(index) for index in range(again, held + 5)])
    assert recorded(path) == list(range(held + 5))
    assert check_journal(path).is_sound


@pytest.fixture(scope="module")
def operations(bad: Writers, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], int]:
    """How many operations of a kind a writer asks for that nothing befalls."""

    @cache
    def counted(which: str) -> int:
        path = tmp_path_factory.mktemp("whole") / "journal.sqlite"
        told = bad.write(path, first=0, seed=1, batches=BATCHES, fault=Fault("fail", which, 0))
        assert not told.sentences
        assert recorded(path) == told.indices
        return told.operations

    return counted


def strike(bad: Writers, folder: Path, fault: Fault) -> bool:
    """One trial; whether the fault was noticed."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    path = folder / "journal.sqlite"
    told = bad.write(path, first=0, seed=1, batches=BATCHES, fault=fault)
    assert_goes_on(path, assert_nothing_is_lost(path, told.indices))
    assert all(sentence.split()[0] in ("ScanStopped", "UsageError") for sentence in told.sentences), told.sentences
    return bool(told.sentences) or told.was_killed


def moments(count: int, of: int, seed: int) -> list[int]:
    """Operations at which something goes wrong, without repetition, from 1."""
    return random.Random(seed).sample(range(1, of + 1), min(count, of))


MANY = [pytest.param(3), pytest.param(200, marks=campaign)]
NUMBERS = [
    errno.EIO,
    errno.ENOSPC,
    pytest.param(errno.EDQUOT, marks=campaign),
    pytest.param(errno.EROFS, marks=campaign),
]
SOME = [pytest.param(1), pytest.param(60, marks=campaign)]


@pytest.mark.parametrize("count", MANY)
def test_a_writer_killed_at_any_operation_loses_nothing_that_it_reported(
    bad: Writers, folder: Path, operations: Callable[[str], int], count: int
) -> None:
    total = operations("any")
    for at in moments(count, total, 1):
        assert strike(bad, folder / "trial", Fault("kill", "any", at))


@pytest.mark.parametrize("count", SOME)
def test_a_last_page_that_is_torn_costs_nothing_that_was_reported(
    bad: Writers, folder: Path, operations: Callable[[str], int], count: int
) -> None:
    total = operations("write")
    for at in moments(count, total, 2):
        assert strike(bad, folder / "trial", Fault("torn", "write", at))


@pytest.mark.parametrize("count", SOME)
@pytest.mark.parametrize("number", NUMBERS, ids=errno.errorcode.get)
@pytest.mark.parametrize("lasting", [0, 1], ids=["once", "from then on"])
def test_a_write_that_fails_stops_the_journal_with_everything_before_safe(
    bad: Writers, folder: Path, operations: Callable[[str], int], number: int, lasting: int, count: int
) -> None:
    total = operations("write")
    for at in moments(count, total, 3 + number + lasting):
        strike(bad, folder / "trial", Fault("fail", "write", at, lasting, number))
        strike(bad, folder / "trial", Fault("short", "write", at, lasting, number))


@pytest.mark.parametrize("count", SOME)
@pytest.mark.parametrize("lasting", [0, 1], ids=["once", "from then on"])
def test_a_sync_that_fails_stops_the_journal_with_everything_before_safe(
    bad: Writers, folder: Path, operations: Callable[[str], int], lasting: int, count: int
) -> None:
    total = operations("sync")
    for at in moments(count, total, 5 + lasting):
        strike(bad, folder / "trial", Fault("fail", "sync", at, lasting, errno.EIO))


def test_a_sync_that_fails_while_a_scan_runs_is_never_passed_over(
    bad: Writers, folder: Path, operations: Callable[[str], int]
) -> None:
    total = operations("sync")
    first, last = 12, total - 12
    for at in moments(6, last - first, 9):
        assert strike(bad, folder / "trial", Fault("fail", "sync", first + at, 0, errno.EIO))


@pytest.mark.parametrize("count", SOME)
def test_a_medium_on_which_nothing_can_be_changed_any_more_loses_nothing(
    bad: Writers, folder: Path, operations: Callable[[str], int], count: int
) -> None:
    total = operations("any")
    for at in moments(count, total, 6):
        strike(bad, folder / "trial", Fault("fail", "any", at, 1, errno.EROFS))


@pytest.mark.parametrize("jump_s", [-HOUR_S, HOUR_S, -40 * 365 * 24 * HOUR_S], ids=["back", "forwards", "to 1986"])
def test_a_wall_clock_that_jumps_changes_nothing(bad: Writers, folder: Path, jump_s: int) -> None:
    path = folder / "journal.sqlite"
    began_s = time.monotonic()
    told = bad.write(path, first=0, seed=1, batches=BATCHES, fault=Fault("clock", "any", 60, 0, jump_s))
    took = timedelta(seconds=time.monotonic() - began_s)
    assert (told.jumped_s, told.sentences) == (jump_s, [])
    assert recorded(path) == told.indices
    with JournalReader(path) as reader:
        times = [datetime.fromisoformat(event.at) for _, event in reader.events()]
    assert times == sorted(times)
    assert times[-1] - times[0] <= took
    assert_goes_on(path, len(told.indices))


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_a_scan_killed_two_hundred_times_on_its_way_holds_each_exposure_once(bad: Writers, folder: Path) -> None:
    path, chance = folder / "journal.sqlite", random.Random(10)
    reported: list[int] = []
    held = 0
    for seed in range(200):
        fault = Fault(chance.choice(["kill", "torn"]), chance.choice(["any", "write"]), chance.randrange(1, 120))
        reported += bad.write(path, first=held, seed=seed, batches=BATCHES, fault=fault).indices
        held = assert_nothing_is_lost(path, reported)
    assert_goes_on(path, held)
    assert held > 1000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte; skips where none may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None:
        pytest.skip("no mount and umount: a real full disk cannot be had here")
    made = subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("file systems may not be mounted by this user: a real full disk cannot be had here")
    try:
        yield folder
    finally:
        subprocess.run([umount, "-l", folder], check=True)


def test_a_disk_that_is_really_full_keeps_what_was_reported_and_the_scan_goes_on_with_more_room(
    bad: Writers, small_disk: Path
) -> None:
    path = small_disk / "journal.sqlite"
    told = bad.write(path, first=0, seed=2, batches=100_000, fault=None)
    (sentence,) = told.sentences
    assert sentence.startswith("ScanStopped")
    assert "free space" in sentence
    held = assert_nothing_is_lost(path, told.indices)
    assert held > 100
    with pytest.raises(EdgeError):
        assert_goes_on(path, held + 1_000)
    subprocess.run(["mount", "-o", "remount,size=4m", small_disk], check=True)
    assert_goes_on(path, assert_nothing_is_lost(path, told.indices))


def test_a_disk_that_became_read_only_is_read_and_not_continued(bad: Writers, small_disk: Path) -> None:
    path = small_disk / "journal.sqlite"
    told = bad.write(path, first=0, seed=2, batches=40, fault=Fault("kill", "sync", 60))
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(UsageError, match=str(path)):
        Journal.open(path)
    copy = small_disk.parent / "copy"
    shutil.copytree(small_disk, copy)
    assert_goes_on(copy / path.name, assert_nothing_is_lost(copy / path.name, told.indices))
