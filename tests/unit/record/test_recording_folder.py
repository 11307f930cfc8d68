"""One scan, one folder."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from edge.cameras import write_picture
from edge.events import Opened, Registered
from edge.faults import IntegrityError, UsageError
from edge.photography.photograph import keep_flat_field
from edge.record.durable import write_durably
from edge.record.folder import RecordingPaths, create_recording, open_recording
from edge.record.journal import Journal
from edge.state import Prepared
from tests.unit.recordings.made import CONFIG

AT = "2026-01-02T03:04:05.000006+00:00"


def test_a_new_recording_gets_its_folder_and_parents(tmp_path: Path) -> None:
    paths = create_recording(tmp_path / "archive" / "panel")
    assert paths.folder.is_dir()
    assert list(paths.folder.iterdir()) == []
    assert {path.name for path in (paths.config, paths.frame, paths.journal, paths.maps, paths.report, paths.log)} == {
        "scan.yaml",
        "frame.png",
        "journal.sqlite",
        "maps.h5",
        "report.html",
        "log.txt",
    }


def test_an_empty_folder_can_become_a_recording(tmp_path: Path) -> None:
    assert create_recording(tmp_path) == RecordingPaths(tmp_path)


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds something already: give a new one, or resume"):
        create_recording(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_file_in_the_way_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="a file is in the way"):
        create_recording(tmp_path / name)


def test_an_existing_recording_opens_with_its_history(tmp_path: Path) -> None:
    paths = create_recording(tmp_path / "panel")
    with Journal.create(paths.journal) as journal:
        journal.append([Opened(AT, "panel", "area:\n", (), 7), Registered(AT, "{}", "aa")])
        with open_recording(paths.folder) as recording:
            assert recording.history.state == Prepared()
            assert recording.history.scan_id == "panel"
            assert recording.last_seq == 2


def test_a_folder_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"not a recording, it holds no journal\.sqlite"):
        open_recording(tmp_path)
    with pytest.raises(UsageError, match="no such folder"):
        open_recording(tmp_path / "absent")
    RecordingPaths(tmp_path).journal.write_text("not a database at all, but long enough to be looked at")
    with pytest.raises(IntegrityError):
        open_recording(tmp_path)


def test_a_file_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    write_durably(target, b"first")
    write_durably(target, b"second")
    assert target.read_bytes() == b"second"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_cannot_be_written_is_named_and_the_old_one_stays(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"report\.html: cannot be written"):
        write_durably(tmp_path / "absent" / "report.html", b"first")
    (tmp_path / "report.html").mkdir()
    with pytest.raises(UsageError, match="cannot be written"):
        write_durably(tmp_path / "report.html", b"first")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def flushed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of what is flushed from now on, in order."""
    names: list[str] = []
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: names.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
    )
    return names


def test_a_photograph_that_is_written_has_its_name_on_the_medium_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = flushed(monkeypatch)
    write_picture(tmp_path / "frame.png", np.zeros((4, 4, 3), np.uint8))
    assert names[-1] == tmp_path.name
    assert names[0].startswith(".frame.png.")


def test_a_flat_field_that_is_kept_is_on_the_medium_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scan").mkdir()
    write_picture(tmp_path / "white.png", np.zeros((4, 4, 3), np.uint8))
    colour = CONFIG.instrument.colour.model_copy(update={"flat_field": str(tmp_path / "white.png")})
    instrument = CONFIG.instrument.model_copy(update={"colour": colour})
    names = flushed(monkeypatch)
    keep_flat_field(CONFIG.model_copy(update={"instrument": instrument}), tmp_path / "scan")
    assert names == ["flat_field.png", "scan"]
