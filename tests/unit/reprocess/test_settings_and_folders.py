"""What may be changed afterwards, and where results may go."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.faults import UsageError
from edge.reprocess import software
from edge.reprocess.archive import MARK, recordings_below, results_folder
from edge.reprocess.changes import Settings


def settings(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "settings.yaml"
    file.write_text(text)
    return Settings.of(config=file)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("area: {x_mm: 1.0}\n", r"settings\.yaml:1:.*area: unknown key"),
        ("sampling: {rate: 0.2}\n", "unknown key"),
        ("instrument: {detector: {channels: 4096}}\n", "unknown key"),
        ("instrument: {tube: {kv: 500.0}}\n", r"instrument\.tube\.kv"),
        ("reconstruct: {method: magic}\n", "there is no reconstruction 'magic': choose one of automatic, kriging"),
    ],
)
def test_what_decided_where_the_beam_went_cannot_be_changed(text: str, told: str, tmp_path):
    with pytest.raises(UsageError, match=told):
        settings(tmp_path, text)


def test_settings_are_the_same_whatever_their_order(tmp_path):
    one = settings(tmp_path, "elements: [Ca]\nreconstruct: {method: linear}\n")
    assert one == settings(tmp_path, "reconstruct: {method: linear}\nelements: [Ca]\n")


def test_a_folder_without_a_recording_is_no_archive(tmp_path):
    with pytest.raises(UsageError, match="holds no recording"):
        recordings_below(tmp_path)
    with pytest.raises(UsageError, match="no such folder"):
        recordings_below(tmp_path / "missing")


def test_recordings_are_found_at_any_depth_and_in_the_archive_itself(tmp_path):
    for name in (".", "a/b/c", "z"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / name / "journal.sqlite").touch()
    assert recordings_below(tmp_path) == (".", "a/b/c", "z")


def test_results_may_not_lie_among_the_recordings(tmp_path):
    with pytest.raises(UsageError, match="lies among the recordings"):
        results_folder(tmp_path, tmp_path / "new")


def test_results_go_into_a_new_folder_or_one_of_an_earlier_run(tmp_path):
    archive, out = tmp_path / "archive", tmp_path / "out"
    archive.mkdir()
    assert results_folder(archive, out) == out
    out.mkdir()
    (out / "notes.txt").touch()
    with pytest.raises(UsageError, match="holds something else"):
        results_folder(archive, out)
    (out / MARK).touch()
    assert results_folder(archive, out) == out


def test_all_source_that_is_said_to_decide_results_is_there():
    root = Path(software.__file__).resolve().parents[2]
    assert [name for name in software._SOURCE if not (root / name).exists()] == []
