"""What may be changed afterwards, and where results may go."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.faults import UsageError
from edge.reprocess import software
from edge.reprocess.archive import MARK, mark, recordings_below, results_folder
from edge.reprocess.changes import Settings
from tools.bench.made_recording import Made, make_recording


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


def test_a_recording_behind_links_is_found_once_and_a_circle_of_links_ends(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    for folder in (tmp_path / "archive" / "a", elsewhere / "b"):
        folder.mkdir(parents=True)
        (folder / "journal.sqlite").touch()
    (tmp_path / "archive" / "0-link-to-a").symlink_to("a")
    (tmp_path / "archive" / "shelf").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(tmp_path / "archive")
    assert recordings_below(tmp_path / "archive") == ("a", "shelf/b")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_cannot_be_read_is_named_and_not_passed_over(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "journal.sqlite").touch()
    (tmp_path / "locked").mkdir(mode=0)
    with pytest.raises(UsageError, match="locked: cannot be read"):
        recordings_below(tmp_path)


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


def test_results_of_two_archives_do_not_share_a_folder(tmp_path):
    out = tmp_path / "out"
    for folder in (out, tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
    mark(out, tmp_path / "a")
    (tmp_path / "a-by-another-way").symlink_to("a")
    assert results_folder(tmp_path / "a-by-another-way", out) == out
    with pytest.raises(UsageError, match=r"holds results of .*/a: give another folder"):
        results_folder(tmp_path / "b", out)


_LOADED = """
import sys
from pathlib import Path
from edge.reprocess.recipe import Done, recipe_for
from edge.reprocess.changes import Settings
from edge.reprocess.job import Job
from edge.reprocess.software import software_digest

archive, out = map(Path, sys.argv[1:])
recipe, sent = recipe_for(Job(archive, "scan", out, Settings(), software_digest())), None
try:
    while True:
        tasks = next(recipe) if sent is None else recipe.send(sent)
        values = [task.function(*task.arguments) for task in tasks]
        sent = [Done(value, value) for value in values]
except StopIteration:
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ("edge", "models", "calibration", "firmware_bridge"):
            print(module.__file__)
"""


ROOT = Path(software.__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def counted() -> list[Path]:
    """What counts as the software of a result."""
    return software.source_of("edge.reprocess.recipe", ROOT)


def test_every_module_of_ours_that_reprocessing_a_scan_loads_counts_as_software(counted, tmp_path):
    out = tmp_path / "out"
    made = Made(8, 12, rate=0.5, channels=256, elements=("Ca", "Fe"), method="nearest")
    make_recording(tmp_path / "archive" / "scan", made)
    out.mkdir()
    (out / MARK).touch()
    command = [sys.executable, "-c", _LOADED, str(tmp_path / "archive"), str(out)]
    told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    loaded = {Path(line) for line in told.stdout.splitlines()}
    assert ROOT / "edge" / "reconstruct" / "plain.py" in loaded
    assert loaded - set(counted) == set()


def test_software_that_no_task_can_reach_does_not_count(counted):
    names = {path.relative_to(ROOT).as_posix() for path in counted}
    assert not [name for name in names if name.startswith(("edge/commands/", "firmware_bridge/twins/"))]
    assert [name for name in names if name.endswith(".csv")]


def test_software_is_followed_through_imports_in_functions_and_of_packages(tmp_path):
    for name, text in {
        "edge/__init__.py": "",
        "edge/a.py": "def f():\n    from edge.b import g\n",
        "edge/b/__init__.py": "import models.c\n",
        "edge/b/lines.csv": "",
        "edge/d.py": "import edge.a\n",
        "models/__init__.py": "",
        "models/c.py": "import numpy\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = [path.relative_to(tmp_path).as_posix() for path in software.source_of("edge.a", tmp_path)]
    assert found == [
        "edge/__init__.py", "edge/a.py", "edge/b/__init__.py", "edge/b/lines.csv", "models/__init__.py", "models/c.py",
    ]  # fmt: skip
