"""`pointillist copy`: nothing is believed that was not read back, and nothing is replaced that is another's."""

from __future__ import annotations

import contextlib
import errno
import filecmp
import os
import shutil
import sqlite3
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from edge import cli
from edge.events import Opened
from edge.faults import IntegrityError, UsageError
from edge.record.folder import open_recording
from edge.record.journal import Journal
from edge.recordings import copy as copying
from edge.recordings import copy_file as copying_file
from edge.recordings.bar import PlainBar
from edge.recordings.copy import Copied, copy_recording
from edge.recordings.copy_file import copy_file, part_of
from edge.recordings.receipt import read_receipt
from edge.recordings.verify import verify_recording
from tests.unit.recordings.made import end, make_files, make_recording, measured, preparation, state_of

BLOCK = 1024 * 1024


class Quiet:
    """A bar that nobody sees; may break off."""

    def __init__(self, breaks_at: int = -1) -> None:
        self.left = breaks_at
        self.begun: list[str] = []

    def begin(self, what: str, total: int, unit: str) -> None:
        self.begun.append(what)

    def advance(self, by: int) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def copied(source: Path, target: Path, breaks_at: int = -1) -> Copied:
    return copy_recording(source, target, bar=Quiet(breaks_at))


def is_sound(folder: Path) -> bool:
    return all(finding.passed for finding in verify_recording(folder))


def indices(folder: Path) -> list[int]:
    with open_recording(folder) as recording:
        return recording.reader.measured_arrays().indices.tolist()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished recording, not to be changed."""
    return make_recording(tmp_path_factory.mktemp("made") / "panel").folder


def test_a_finished_recording_is_copied_byte_for_byte_and_left_as_it_was(whole: Path, tmp_path: Path) -> None:
    before = state_of(whole)
    found = copied(whole, tmp_path / "there" / "panel")
    names = ["scan.yaml", "frame.png", "journal.sqlite", "log.txt", "maps.h5", "report.html"]
    assert filecmp.cmpfiles(whole, tmp_path / "there" / "panel", names, shallow=False) == (names, [], [])
    assert (found.files, found.records, found.is_running) == (5, 30, False)
    assert state_of(whole) == before


def test_a_copy_that_is_whole_is_looked_at_and_left_alone(whole: Path, tmp_path: Path) -> None:
    copied(whole, tmp_path / "panel")
    before = {name: state for name, state in state_of(tmp_path / "panel").items() if name != "copy.json"}
    copied(whole, tmp_path / "panel")
    after = {name: state for name, state in state_of(tmp_path / "panel").items() if name != "copy.json"}
    assert after == before


@pytest.mark.parametrize("breaks_at", range(1, 6))
def test_a_copy_that_was_broken_off_goes_on_to_its_end(whole: Path, tmp_path: Path, breaks_at: int) -> None:
    target = tmp_path / "panel"
    with pytest.raises(KeyboardInterrupt):
        copied(whole, target, breaks_at)
    receipt = read_receipt(target)
    assert receipt is not None
    assert not receipt.is_complete
    copied(whole, target)
    assert (target / "journal.sqlite").read_bytes() == (whole / "journal.sqlite").read_bytes()
    assert [path.name for path in target.iterdir() if path.name.endswith(".part")] == []
    assert is_sound(target)


@pytest.mark.parametrize("there", [b"", b"same", b"other"])
def test_a_part_is_gone_on_with_as_far_as_it_is_the_source(tmp_path: Path, there: bytes) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    content = np.random.default_rng(0).bytes(3 * BLOCK + 17)
    source.write_bytes(content)
    prefix = content[: BLOCK + BLOCK // 2]
    part_of(target).write_bytes({b"": b"", b"same": prefix, b"other": prefix[:-1] + b"?" + content}[there])
    copy_file(source, target)
    assert target.read_bytes() == content
    assert not part_of(target).exists()


def test_what_reads_back_as_something_else_never_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"new")
    target.write_bytes(b"old")
    monkeypatch.setattr(copying_file, "_read_back", lambda part: "another digest")
    with pytest.raises(IntegrityError, match="reads back as something else"):
        copy_file(source, target)
    assert target.read_bytes() == b"old"
    assert not part_of(target).exists()


def test_a_full_disk_ends_a_copy_with_a_sentence_and_its_part_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"new")
    monkeypatch.setattr(copying_file.os, "fsync", full)
    with pytest.raises(UsageError, match=r"No space left on device.*copy again to go on"):
        copy_file(source, target)
    assert part_of(target).read_bytes() == b"new"


def test_too_little_room_is_said_before_anything_is_made(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(copying.shutil, "disk_usage", lambda place: usage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(UsageError, match="0 MB are free"):
        copied(whole, tmp_path / "panel")
    assert not (tmp_path / "panel").exists()


def test_a_folder_that_holds_something_else_is_refused(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="is no copy"):
        copied(whole, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_another_recordings_copy_is_refused_and_stays(whole: Path, tmp_path: Path) -> None:
    other = make_files(tmp_path / "other")
    events = preparation()
    first = events[0]
    assert isinstance(first, Opened)
    events[0] = Opened(first.at, "scan-2", first.config_yaml, first.versions, first.boot_id)
    with Journal.create(other.journal) as journal:
        journal.append(events)
    copied(other.folder, tmp_path / "copy")
    before = state_of(tmp_path / "copy")
    with pytest.raises(UsageError, match="holds another recording's copy"):
        copied(whole, tmp_path / "copy")
    assert state_of(tmp_path / "copy") == before


def test_a_copy_within_its_source_is_refused(whole: Path) -> None:
    with pytest.raises(UsageError, match="lie in each other"):
        copied(whole, whole / "copy")


def test_a_running_scan_is_copied_as_far_as_it_is_and_brought_up_to_date(tmp_path: Path) -> None:
    source, target = make_recording(tmp_path / "panel", exposures=10), tmp_path / "copy"
    with Journal.open(source.journal) as journal:
        assert copied(source.folder, target).is_running
        assert indices(target) == list(range(10))
        journal.append(measured(range(10, 24)))
        assert copied(source.folder, target).records == 28
        assert indices(target) == list(range(24))
        assert is_sound(target)
        journal.append(end())
    found = copied(source.folder, target)
    assert (found.records, found.is_running) == (30, False)
    assert (target / "journal.sqlite").read_bytes() == source.journal.read_bytes()
    assert not [path for path in target.iterdir() if path.name.startswith("journal.sqlite-")]


@pytest.mark.parametrize("breaks_at", [1, 2])
def test_a_running_scans_copy_that_was_broken_off_goes_on(tmp_path: Path, breaks_at: int) -> None:
    source, target = make_recording(tmp_path / "panel", exposures=20), tmp_path / "copy"
    with Journal.open(source.journal):
        with pytest.raises(KeyboardInterrupt):
            copied(source.folder, target, breaks_at)
        copied(source.folder, target)
        assert indices(target) == list(range(20))


def test_a_copy_in_which_the_scan_was_gone_on_with_is_refused(tmp_path: Path) -> None:
    source, target = make_recording(tmp_path / "panel", exposures=10), tmp_path / "copy"
    copied(source.folder, target)
    with Journal.open(target / "journal.sqlite") as journal:
        journal.append(measured(range(10, 12)))
    with pytest.raises(UsageError, match="was gone on with in this copy, it holds 16 records and the source 14"):
        copied(source.folder, target)


def test_a_record_of_a_copy_that_is_not_the_sources_is_refused(tmp_path: Path) -> None:
    source, target = make_recording(tmp_path / "panel", exposures=10), tmp_path / "copy"
    copied(source.folder, target)
    with Journal.open(target / "journal.sqlite") as journal:
        journal.append(measured([11]))
    with Journal.open(source.journal) as journal:
        journal.append(measured([10, 11]))
        with pytest.raises(UsageError, match="record 15 is not the source's"):
            copied(source.folder, target)


def test_a_copy_gone_on_with_by_itself_is_not_replaced_by_a_longer_source_at_rest(tmp_path: Path) -> None:
    source, target = make_recording(tmp_path / "panel", exposures=10), tmp_path / "copy"
    copied(source.folder, target)
    for folder, indices_there in ((target, [11]), (source.folder, [10, 11, 12])):
        with Journal.open(folder / "journal.sqlite") as journal:
            journal.append(measured(indices_there))
    before = (target / "journal.sqlite").read_bytes()
    with pytest.raises(UsageError, match="record 15 is not the source's"):
        copied(source.folder, target)
    assert (target / "journal.sqlite").read_bytes() == before


def rot(folder: Path, name: str) -> None:
    """Alter a file: a record of the journal, or a bit of any other."""
    if name == "journal.sqlite":
        with contextlib.closing(sqlite3.connect(folder / name)) as connection, connection:
            connection.execute("UPDATE events SET at = 'x' WHERE seq = 3")
        return
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)


@pytest.mark.parametrize("name", ["journal.sqlite", "frame.png", "scan.yaml"])
def test_what_rotted_in_the_source_never_replaces_a_sound_copy(whole: Path, tmp_path: Path, name: str) -> None:
    source, target = Path(shutil.copytree(whole, tmp_path / "panel")), tmp_path / "copy"
    copied(source, target)
    before = (target / name).read_bytes()
    rot(source, name)
    with pytest.raises(IntegrityError):
        copied(source, target)
    assert (target / name).read_bytes() == before
    assert is_sound(target)


def test_maps_and_report_that_were_made_again_replace_the_copys(whole: Path, tmp_path: Path) -> None:
    source, target = Path(shutil.copytree(whole, tmp_path / "panel")), tmp_path / "copy"
    copied(source, target)
    (source / "report.html").write_text("<html>a newer report</html>")
    copied(source, target)
    assert (target / "report.html").read_text() == "<html>a newer report</html>"


def test_a_journal_that_rotted_in_the_copy_is_made_anew(tmp_path: Path) -> None:
    source, target = make_recording(tmp_path / "panel", exposures=10), tmp_path / "copy"
    copied(source.folder, target)
    with contextlib.closing(sqlite3.connect(target / "journal.sqlite")) as connection, connection:
        connection.execute("UPDATE events SET at = 'x' WHERE seq = 3")
    with Journal.open(source.journal):
        copied(source.folder, target)
        assert indices(target) == list(range(10))
    assert is_sound(target)


def test_what_a_killed_scan_left_is_copied_with_its_log_and_can_be_read(tmp_path: Path) -> None:
    source, killed = make_recording(tmp_path / "panel", exposures=10), tmp_path / "killed"
    with Journal.open(source.journal) as journal:
        journal.append(measured(range(10, 20)))
        shutil.copytree(source.folder, killed)
    before = state_of(killed)
    found = copied(killed, tmp_path / "copy")
    assert state_of(killed) == before
    assert found.records == 24
    assert (tmp_path / "copy" / "journal.sqlite-wal").read_bytes() == (killed / "journal.sqlite-wal").read_bytes()
    assert is_sound(tmp_path / "copy")
    with Journal.open(killed / "journal.sqlite") as journal:
        journal.append(measured(range(20, 24)))
    copied(killed, tmp_path / "copy")
    assert not (tmp_path / "copy" / "journal.sqlite-wal").exists()
    assert indices(tmp_path / "copy") == list(range(24))


def test_a_damaged_recording_is_copied_exactly_and_said_to_be_damaged(whole: Path, tmp_path: Path) -> None:
    source = Path(shutil.copytree(whole, tmp_path / "panel"))
    with contextlib.closing(sqlite3.connect(source / "journal.sqlite")) as connection, connection:
        connection.execute("UPDATE events SET at = 'x' WHERE seq = 3")
    with pytest.raises(IntegrityError, match="copied exactly, and its journal is damaged"):
        copied(source, tmp_path / "copy")
    assert (tmp_path / "copy" / "journal.sqlite").read_bytes() == (source / "journal.sqlite").read_bytes()


def test_a_link_in_a_recording_is_not_followed(whole: Path, tmp_path: Path) -> None:
    source = Path(shutil.copytree(whole, tmp_path / "panel"))
    (tmp_path / "secret").write_text("mine")
    (source / "notes.txt").symlink_to(tmp_path / "secret")
    with pytest.raises(IntegrityError, match="a link to elsewhere"):
        copied(source, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_receipt_that_names_files_elsewhere_has_none_opened(whole: Path, tmp_path: Path) -> None:
    copied(whole, tmp_path / "copy")
    receipt = tmp_path / "copy" / "copy.json"
    receipt.write_text(receipt.read_text().replace('"log.txt"', '"../../secret"'))
    texts = [finding.text for finding in verify_recording(tmp_path / "copy") if finding.what == "copy"]
    assert "../../secret differ from what was copied, or are gone" in texts[0]


def test_the_command_says_what_was_copied(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["copy", str(whole), str(tmp_path / "copy")]) == 0
    assert "Copied 30 records and 5 files" in capsys.readouterr().out
    assert cli.run(["copy", str(whole), str(whole)]) == 2


def test_progress_is_a_line_now_and_then_where_nobody_sees_a_bar() -> None:
    said: list[str] = []
    now = [0.0]
    bar = PlainBar(said.append, clock=lambda: now[0])
    bar.begin("files", 2_000_000, "bytes")
    for _ in range(4):
        now[0] += 3.0
        bar.advance(500_000)
    assert said == ["Copying files: 2.0 MB", "Copying files: 50 %", "Copying files: 100 %"]
