"""`pointillist verify`: what is missing or altered is named, and nothing is touched."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge import cli
from edge.cameras import write_picture
from edge.events import Measured, Planned
from edge.faults import UsageError
from edge.readiness.doctor import Finding
from edge.record.folder import RecordingPaths
from edge.record.journal import Journal
from edge.record.schema import FORMAT_VERSION
from edge.recordings.verify import verify_recording
from tests.unit.recordings.made import (
    FRAME,
    at,
    end,
    exposure,
    make_files,
    make_recording,
    measured,
    plan_table,
    preparation,
    state_of,
    write_rows,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished recording, not to be changed."""
    return make_recording(tmp_path_factory.mktemp("made") / "panel").folder


@pytest.fixture
def paths(whole: Path, tmp_path: Path) -> RecordingPaths:
    """A finished recording of this test's own."""
    return RecordingPaths(Path(shutil.copytree(whole, tmp_path / "panel")))


def failed(folder: Path) -> dict[str, str]:
    return {finding.what: finding.text for finding in verify_recording(folder) if not finding.passed}


def said(folder: Path) -> str:
    return "\n".join(finding.line() for finding in verify_recording(folder))


def execute(paths: RecordingPaths, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(paths.journal)) as connection, connection:
        connection.execute(statement)


def test_a_finished_recording_passes_every_check_and_stays_as_it_was(whole: Path) -> None:
    before = state_of(whole)
    findings = verify_recording(whole)
    assert [finding.line() for finding in findings if not (finding.passed and finding.is_good)] == []
    assert {"records", "plan", "exposures", "spectra", "configuration", "photograph", "maps"} <= {
        finding.what for finding in findings
    }
    assert state_of(whole) == before


def test_findings_are_shown_as_they_are_found(whole: Path) -> None:
    shown: list[Finding] = []
    assert verify_recording(whole, show=shown.append) == shown


def _another_photograph(paths: RecordingPaths) -> None:
    write_picture(paths.frame, FRAME ^ np.uint8(1))


def _altered_config(paths: RecordingPaths) -> None:
    paths.config.write_text(paths.config.read_text("utf-8").replace("dwell_s: 0.1", "dwell_s: 0.2"), "utf-8")


def _flipped(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def _flipped_map(paths: RecordingPaths) -> None:
    import h5py

    with h5py.File(paths.maps, "r") as file:
        place = file["maps"].id.get_offset()
    _flipped(paths.maps, place + 3)


def _linked(paths: RecordingPaths) -> None:
    paths.frame.rename(paths.folder.parent / "elsewhere.png")
    paths.frame.symlink_to(paths.folder.parent / "elsewhere.png")


@pytest.mark.parametrize(
    ("alter", "what", "sentence"),
    [
        (_another_photograph, "photograph", "is not the one that the plan was made from"),
        (lambda paths: paths.frame.unlink(), "photograph", "no whole picture there"),
        (_altered_config, "configuration", "was altered since the scan began"),
        (_flipped_map, "maps", "/maps is damaged, its check sum differs"),
        (
            lambda paths: execute(paths, "UPDATE events SET at = 'never' WHERE seq = 3"),
            "records",
            "missing or altered (3)",
        ),
        (lambda paths: execute(paths, "DELETE FROM events WHERE seq = 2"), "records", "missing or altered (2)"),
        (
            lambda paths: execute(paths, "UPDATE extent SET last_seq = 9"),
            "journal",
            "how far the journal goes is damaged",
        ),
        (lambda paths: execute(paths, "CREATE VIEW pretty AS SELECT 1"), "journal", "tables are damaged or altered"),
        (_linked, "folder", "a link to elsewhere"),
    ],
)
def test_what_was_altered_is_named(
    paths: RecordingPaths, alter: Callable[[RecordingPaths], None], what: str, sentence: str
) -> None:
    alter(paths)
    assert sentence in failed(paths.folder)[what]


@pytest.mark.parametrize("lacking", [0, 1])
def test_maps_that_lack_exposures_are_told(paths: RecordingPaths, lacking: int) -> None:
    import h5py

    made = len(plan_table())
    with h5py.File(paths.maps, "r+") as file:
        file.attrs["exposures"] = float(made - lacking)
    assert (f"maps.h5 is of {made - lacking} of the {made} exposures" in said(paths.folder)) == bool(lacking)


def test_an_altered_number_of_exposures_is_no_fault_of_the_program(paths: RecordingPaths) -> None:
    import h5py

    with h5py.File(paths.maps, "r+") as file:
        file.attrs["exposures"] = "many"
    assert "every check sum holds" in said(paths.folder)


def test_damage_in_a_journal_leaves_the_rest_looked_at(paths: RecordingPaths) -> None:
    execute(paths, "UPDATE events SET at = 'never' WHERE kind = 'closed'")
    words = said(paths.folder)
    assert "29 of 30 are intact" in words
    assert "said of the first 29" in words
    assert "ok    photograph" in words


def made_by_hand(folder: Path, events: list, version: int = FORMAT_VERSION) -> Path:
    paths = make_files(folder)
    write_rows(paths.journal, events, version=version)
    return folder


def test_an_exposure_that_no_plan_holds_is_noticed_whatever_its_check_sum(tmp_path: Path) -> None:
    events = [*preparation(), *measured(range(24)), Measured(at(9), exposure(24)), *end()]
    folder = made_by_hand(tmp_path / "panel", events)
    assert "1 are in no plan, the first has index 24" in failed(folder)["exposures"]


def test_a_plan_that_was_edited_is_noticed_whatever_its_check_sum(tmp_path: Path) -> None:
    events = preparation()
    planned = events[2]
    assert isinstance(planned, Planned)
    events[2] = Planned(planned.at, planned.plan_json.replace("0.1]", "0.2]", 1), planned.plan_digest)
    folder = made_by_hand(tmp_path / "panel", [*events, *measured(range(24)), *end()])
    assert "its digest does not match" in failed(folder)["events"]


def test_what_a_scan_left_out_is_counted_and_no_damage(tmp_path: Path) -> None:
    made = make_recording(tmp_path / "panel", exposures=10)
    assert failed(made.folder) == {}
    words = said(made.folder)
    assert "10 of 24 in full" in words
    assert "14 not measured, from index 10 on" in words
    assert "can go on with pointillist scan --resume" in words


@pytest.mark.parametrize("version", range(1, FORMAT_VERSION))
def test_an_older_format_is_looked_through_as_it_is(tmp_path: Path, version: int) -> None:
    folder = made_by_hand(tmp_path / "panel", [*preparation(), *measured(range(24)), *end()], version)
    before = state_of(folder)
    assert failed(folder) == {}
    assert f"{version}, older than this version's {FORMAT_VERSION}" in said(folder)
    assert state_of(folder) == before


def killed(tmp_path: Path, *, without: str = "nothing") -> Path:
    """What a killed scan leaves: the log beside the journal, and mostly an index of it."""
    folder, paths = tmp_path / "killed", make_recording(tmp_path / "panel", exposures=10)
    with Journal.open(paths.journal) as journal:
        journal.append(measured(range(10, 15)))
        journal.append(measured(range(15, 20)))
        shutil.copytree(paths.folder, folder, ignore=shutil.ignore_patterns(without))
    return folder


@pytest.mark.parametrize("without", ["nothing", "*-shm"])
def test_the_log_of_a_killed_scan_is_read_and_nothing_left_beside_it(tmp_path: Path, without: str) -> None:
    folder = killed(tmp_path, without=without)
    before = state_of(folder)
    assert "journal.sqlite-wal" in before
    assert failed(folder) == {}
    words = said(folder)
    assert "20 of 24 in full" in words
    assert "its program was killed" in words
    assert state_of(folder) == before


@pytest.mark.parametrize("without", ["nothing", "*-shm"])
def test_damage_in_the_log_of_a_killed_scan_is_noticed_and_left_alone(tmp_path: Path, without: str) -> None:
    folder = killed(tmp_path, without=without)
    _flipped(folder / "journal.sqlite-wal", 32 + 24 + 100)
    before = state_of(folder)
    assert "its write-ahead log is damaged and 2 commits lie behind" in failed(folder)["records"]
    assert state_of(folder) == before


def test_a_journal_whose_closing_was_cut_off_is_mended_in_a_copy_only(paths: RecordingPaths) -> None:
    paths.journal.with_name("journal.sqlite-journal").write_bytes(b"\0" * 512)
    state = state_of(paths.folder)
    assert failed(paths.folder) == {}
    assert state_of(paths.folder) == state


def test_a_running_scan_is_looked_at_as_far_as_it_is(tmp_path: Path) -> None:
    made = make_recording(tmp_path / "panel", exposures=10)
    with Journal.open(made.journal) as journal:
        journal.append(measured(range(10, 15)))
        assert failed(made.folder) == {}
        words = said(made.folder)
        journal.append(measured(range(15, 20)))
    assert "is being written" in words
    assert "15 of 24 in full" in words
    assert "9 to come" in words


def test_a_scan_that_begins_to_write_meanwhile_voids_what_was_said(tmp_path: Path) -> None:
    made = make_recording(tmp_path / "panel", exposures=10)

    def resume(finding: Finding) -> None:
        if finding.what == "spectra":
            with Journal.open(made.journal) as journal:
                journal.append(measured(range(10, 15)))

    with pytest.raises(UsageError, match="verify again"):
        verify_recording(made.folder, show=resume)


def test_a_folder_without_a_journal_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a recording"):
        verify_recording(tmp_path)


def test_the_command_ends_with_the_code_that_is_stated(
    paths: RecordingPaths, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["verify", str(paths.folder)]) == 0
    assert "ok    records" in capsys.readouterr().out
    paths.frame.unlink()
    assert cli.run(["verify", str(paths.folder)]) == 5
    assert "one thing is wrong: photograph:" in capsys.readouterr().err
    assert cli.run(["verify", str(paths.folder / "nowhere")]) == 2


def test_every_exposure_of_the_plan_is_in_the_plan(whole: Path) -> None:
    assert len(plan_table()) == 24
    assert f"{len(plan_table())} of {len(plan_table())} in full" in said(whole)
