"""A journal whose writer is killed at any moment: everything reported durable is there, once, and it goes on."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from journal_writer import AT, exposure_of, measured

from edge.events import Paused
from edge.faults import ScanStopped, UsageError
from edge.record.check import check_journal
from edge.record.exposure_codec import is_same_measurement
from edge.record.journal import Journal, JournalReader
from edge.record.schema import wal_path

WRITER = Path(__file__).with_name("journal_writer.py")
CHECKOUT = Path(__file__).resolve().parents[2]
KILLS = [pytest.param(5), pytest.param(15, marks=pytest.mark.campaign)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def start_writer(path: Path, *, first: int, seed: int) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    return subprocess.Popen(
        [sys.executable, str(WRITER), str(path), str(first), str(seed), "1000000"],
        stdout=subprocess.PIPE,
        env=environment,
    )


def durable_until_killed(writer: subprocess.Popen[bytes], after_lines: int) -> list[int]:
    """Indices that a writer reported, killed once it has reported so many."""
    assert writer.stdout is not None
    with writer, writer.stdout:
        try:
            lines = [writer.stdout.readline() for _ in range(after_lines)]
        finally:
            writer.kill()
        lines += writer.stdout.readlines()
    return [int(line) for line in lines if line.endswith(b"\n")]


def recorded(path: Path) -> list[int]:
    """Indices in the journal, each spectrum compared with what was sent."""
    with JournalReader(path) as reader:
        exposures = reader.measured()[1]
    assert all(is_same_measurement(done, exposure_of(done.index)) for done in exposures)
    return [done.index for done in exposures]


@pytest.mark.parametrize("kills", KILLS)
def test_a_writer_killed_again_and_again_loses_nothing_that_it_reported(path: Path, kills: int) -> None:
    moments = random.Random(11)
    reported: list[int] = []
    found: list[int] = []
    for seed in range(kills):
        writer = start_writer(path, first=len(found), seed=seed)
        reported += durable_until_killed(writer, moments.choice((1, 2, 7, 30, 150)))
        found = recorded(path)
        assert found == list(range(len(found)))
        assert set(reported) <= set(found)
    assert len(reported) > kills
    assert check_journal(path).is_sound
    with Journal.open(path) as journal:
        journal.append([measured(0), measured(len(found))])
    assert recorded(path) == list(range(len(found) + 1))


def test_another_process_cannot_write_meanwhile_and_a_reader_can_read(path: Path) -> None:
    writer = start_writer(path, first=0, seed=3)
    assert writer.stdout is not None
    with writer, writer.stdout:
        try:
            writer.stdout.readline()
            with pytest.raises(UsageError, match="another process is writing"):
                Journal.open(path)
            with JournalReader(path) as reader:
                after = 0
                seen: list[int] = []
                while len(seen) < 100:
                    after, exposures = reader.measured(after)
                    seen += [done.index for done in exposures]
                assert seen == list(range(len(seen)))
        finally:
            writer.kill()
    assert recorded(path)[: len(seen)] == seen


FULL_DISK = """
import resource, sys
from pathlib import Path
sys.path.insert(0, {here!r})
from journal_writer import measured
from edge.faults import ScanStopped
from edge.record.journal import Journal
with Journal.create(Path(sys.argv[1])) as journal:
    resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
    durable = 0
    try:
        for first in range(0, 100_000, {batch}):
            journal.append([measured(i) for i in range(first, first + {batch})])
            durable = first + {batch}
    except ScanStopped as stop:
        print(durable, stop)
    try:
        journal.append([measured(100_000)])
    except ScanStopped:
        print("refused")
"""


@pytest.mark.parametrize(
    ("limit", "batch"), [(150_000, 1), (1_000_000, 20), pytest.param(5_000_000, 500, marks=pytest.mark.campaign)]
)
def test_a_full_disk_stops_the_scan_with_everything_before_safe(path: Path, limit: int, batch: int) -> None:
    program = FULL_DISK.format(here=str(WRITER.parent), limit=limit, batch=batch)
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    ended = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True, env=environment
    )
    first, refused = ended.stdout.splitlines()
    durable = int(first.split()[0])
    assert "cannot be written any more" in first
    assert "resume" in first
    assert refused == "refused"
    assert durable > 0
    assert recorded(path)[:durable] == list(range(durable))
    with Journal.open(path) as journal:
        journal.append([measured(i) for i in range(durable + batch)])
    assert recorded(path) == list(range(durable + batch))


def test_a_failed_write_ends_the_journal_for_good(path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    journal = Journal.create(path)
    journal.append([measured(0)])
    resource.setrlimit(resource.RLIMIT_FSIZE, (wal_path(path).stat().st_size, hard))
    try:
        with pytest.raises(ScanStopped):
            journal.append([measured(1)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with pytest.raises(ScanStopped, match="cannot be written any more"):
        journal.append([Paused(AT, "although there is room again")])
    journal.close()
    assert recorded(path) == [0]
