"""Recordings read by others' programs while a scan writes them: the same figures, and the writer never held up."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge.faults import UsageError
from edge.record import reader as readers
from edge.record import window as windows
from edge.record.journal import Journal
from edge.record.schema import connect, wal_path
from edge.recordings import reading
from edge.recordings.reading import open_read_only
from edge.state import Scanning
from tests.unit.recordings.made import (
    CONFIG,
    end,
    exposure,
    make_files,
    make_recording,
    measured,
    preparation,
    state_of,
)

READER = """
import sys
from edge.recordings.progress import Follower
from edge.recordings.reading import open_read_only
from edge.recordings.verify import verify_recording
from pathlib import Path

folder = Path(sys.argv[1])
follower, looks = Follower(folder), 0
while not Path(sys.argv[2]).exists():
    follower.look()
    for block in open_read_only(folder).blocks():
        block.counts.sum()
    assert all(finding.passed for finding in verify_recording(folder)), "not whole"
    looks += 1
    print("looked", flush=True)
"""


def test_spectra_come_as_arrays_and_add_up(tmp_path: Path) -> None:
    recording = open_read_only(str(make_recording(tmp_path / "panel").folder))
    before = state_of(tmp_path / "panel")
    (block,) = recording.blocks()
    assert block.indices.tolist() == list(range(24))
    assert np.array_equal(block.counts[7], exposure(7).counts)
    assert np.array_equal(recording.sum_spectrum(), block.counts.sum(axis=0))
    assert recording.config().sampling == CONFIG.sampling
    assert len(recording.plan().table) == 24
    assert recording.maps().element_maps.elements == ("Fe-K", "Pb-L")
    assert recording.history().exposures == 24
    assert state_of(tmp_path / "panel") == before


def test_of_a_running_scan_blocks_go_on_where_the_last_one_ended(tmp_path: Path) -> None:
    paths = make_files(tmp_path / "panel")
    with Journal.create(paths.journal) as journal:
        journal.append([*preparation(), *measured(range(10))])
        recording = open_read_only(paths.folder)
        (first,) = recording.blocks()
        journal.append(measured(range(10, 13)))
        (second,) = recording.blocks(first.last_seq)
        assert second.indices.tolist() == [10, 11, 12]
        assert recording.progress().state == Scanning()
        assert list(recording.blocks(second.last_seq)) == []


def test_while_a_scan_runs_the_preview_stands_for_the_maps_of_an_earlier_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = make_recording(tmp_path / "panel", exposures=10)
    recording, live = open_read_only(paths.folder), paths.live / "maps.h5"
    assert recording.maps().element_maps.elements == ("Fe-K", "Pb-L")
    monkeypatch.setattr(reading, "read_maps", lambda path: path)
    with Journal.open(paths.journal):
        assert recording.maps() == paths.maps
        shutil.copy(paths.maps, live)
        os.utime(live, ns=(0, paths.maps.stat().st_mtime_ns + 1))
        assert recording.maps() == live
    assert recording.maps() == paths.maps
    paths.maps.unlink()
    assert recording.maps() == live


def test_no_exposure_is_read_for_configuration_and_plan_and_none_twice_for_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = open_read_only(make_recording(tmp_path / "panel").folder)
    read: list[int] = []

    def assemble(fetched: windows.Fetched, *, with_spectra: bool) -> list:
        rows = windows.assemble(fetched, with_spectra=with_spectra)
        read.extend(seq for seq, _ in rows)
        return rows

    monkeypatch.setattr(readers, "assemble", assemble)
    assert recording.config().object.identifier == "panel"
    assert len(recording.plan().table) == 24
    assert not read
    assert recording.progress().done == recording.progress().done == 24
    assert read == list(range(1, 31))


def test_what_is_not_there_yet_is_said(tmp_path: Path) -> None:
    paths = make_files(tmp_path / "panel")
    with Journal.create(paths.journal) as journal:
        recording = open_read_only(paths.folder)
        for ask in (recording.config, recording.plan, recording.sum_spectrum):
            with pytest.raises(UsageError):
                ask()
        journal.append(preparation()[:2])
        with pytest.raises(UsageError, match="not planned yet"):
            recording.plan()


def test_a_reader_that_holds_a_snapshot_never_has_the_writer_wait(tmp_path: Path) -> None:
    paths = make_files(tmp_path / "panel")
    with Journal.create(paths.journal) as journal:
        # whatever is locked for the writer is an error at once
        journal._connection.execute("PRAGMA busy_timeout = 0")
        journal.append(preparation())
        reader = connect(paths.journal, "ro")
        reader.execute("BEGIN")
        held = reader.execute("SELECT last_seq FROM extent").fetchone()
        for index in range(24):
            journal.append(measured([index]))
            journal._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        assert reader.execute("SELECT last_seq FROM extent").fetchone() == held
        reader.execute("COMMIT")
        reader.close()
        journal.append(end())
    assert not wal_path(paths.journal).exists()
    assert len(next(open_read_only(paths.folder).blocks())) == 24


def test_readers_in_another_process_never_have_the_writer_wait(tmp_path: Path) -> None:
    paths, over = make_files(tmp_path / "panel"), tmp_path / "over"
    with Journal.create(paths.journal) as journal:
        journal._connection.execute("PRAGMA busy_timeout = 0")
        journal.append([*preparation(), *measured([0])])
        command = [sys.executable, "-c", READER, str(paths.folder), str(over)]
        reader = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert reader.stdout is not None
        try:
            assert reader.stdout.readline() == b"looked\n"
            for index in range(1, 24):
                journal.append(measured([index]))
                journal._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            assert reader.stdout.readline() == b"looked\n"
        finally:
            over.touch()
            _, complaint = reader.communicate(timeout=60)
        journal.append(end())
    assert (complaint.decode(), reader.returncode) == ("", 0)
    assert not wal_path(paths.journal).exists()
