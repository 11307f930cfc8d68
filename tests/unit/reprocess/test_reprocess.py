"""An archive's scans made again: the same maps, in pieces or not, gone on with, and originals left alone."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest

from edge.faults import ScanStopped, UsageError
from edge.record.folder import RecordingPaths
from edge.record.journal import Journal
from edge.record.maps_file import read_maps
from edge.reprocess.archive import PIECES
from edge.reprocess.changes import Settings
from edge.reprocess.drive import Failure, Outcome, failure_of
from edge.reprocess.job import Job
from edge.reprocess.look import look, refuse_written
from edge.reprocess.pieces import Pieces
from edge.reprocess.result import Result
from edge.reprocess.software import software_digest
from edge.reprocess.summary import SUMMARY
from tests.unit.reprocess.in_process import run
from tools.bench.made_recording import Made, make_recording

HOW = ("software_sha256", "settings")
"""Attributes that only reprocessed maps have."""
IN_PIECES = Settings.of(piece_cells=16)


@pytest.fixture(autouse=True, scope="module")
def in_ranges() -> Iterator[None]:
    """Spectra in ranges of 150 exposures, added up 64 at a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edge.reprocess.look.EXPOSURES_EACH", 150)
        patch.setattr("edge.results._PORTION", 64)
        yield


def differences(one: Path, other: Path) -> list[str]:
    """Names of datasets and attributes that differ in any bit, beside what says how the second was made."""
    with h5py.File(one) as first, h5py.File(other) as second:
        differ = sorted(set(first) ^ set(second))
        for name in set(first) & set(second):
            mine, theirs = first[name][()], second[name][()]
            mine, theirs = (list(v) if v.dtype == object else v.tobytes() for v in (mine, theirs))
            if mine != theirs or first[name].dtype != second[name].dtype:
                differ.append(name)
            if dict(first[name].attrs) != dict(second[name].attrs):
                differ.append(f"{name}'s check sum")
        if dict(first.attrs) != {name: value for name, value in second.attrs.items() if name not in HOW}:
            differ.append("attributes")
    return differ


def test_a_scan_that_fits_into_memory_gets_the_maps_and_the_report_that_followed_it(archive, tmp_path):
    """To the bit: the same functions on the same numbers, whichever ranges the spectra were read in."""
    outcome = run(archive, tmp_path / "out").outcomes["panel"]
    assert isinstance(outcome, Result), outcome
    assert differences(archive / "panel" / "maps.h5", tmp_path / "out" / "panel" / "maps.h5") == []
    assert outcome.comparison.is_same
    assert (tmp_path / "out" / "panel" / "report.html").is_file()


@dataclass(frozen=True)
class GoneOn:
    """A run that died twice, among the fits and among the pieces of the map, and was ended."""

    out: Path
    outcome: Outcome
    kept: list[list[str]]
    """Pieces that each of the three processes wrote."""


@pytest.fixture(scope="module")
def gone_on(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> GoneOn:
    out = tmp_path_factory.mktemp("gone-on")
    kept: list[list[str]] = []
    keep: Callable[..., None] = Pieces.keep

    def noted(self: Pieces, name: str, arrays: dict[str, np.ndarray]) -> None:
        kept[-1].append(name)
        keep(self, name, arrays)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pieces, "keep", noted)
        (out / "panel").mkdir()
        (out / "panel" / "report.html").touch()
        for dies_after in (8, 12):
            kept.append([])
            with pytest.raises(ScanStopped, match="what is finished is kept"):
                run(archive, out, IN_PIECES, dies_after=dies_after)
        kept.append([])
        return GoneOn(out, run(archive, out, IN_PIECES).outcomes["panel"], kept)


def test_a_scan_in_pieces_gets_the_maps_that_it_gets_at_once(archive, gone_on):
    """To the bit, so that no seam can show: global figures are settled once, tiles keep their coordinates."""
    assert isinstance(gone_on.outcome, Result), gone_on.outcome
    assert gone_on.outcome.pieces == 12
    made = gone_on.out / "panel" / "maps.h5"
    assert differences(archive / "panel" / "maps.h5", made) == []
    assert read_maps(made).element_maps.visible is not None
    assert np.isnan(read_maps(made).element_maps.maps).any()


def test_a_run_that_died_goes_on_and_makes_no_finished_piece_again(gone_on):
    assert all(gone_on.kept)
    written = [name for names in gone_on.kept for name in names]
    assert sorted(written) == sorted(set(written))


def test_nothing_is_left_of_what_was_under_way(gone_on):
    assert not (gone_on.out / PIECES).exists()


def test_a_report_of_earlier_maps_does_not_stay_beside_maps_in_pieces(gone_on):
    """It was there before the run, see `gone_on`."""
    assert (gone_on.out / "panel" / "maps.h5").is_file()
    assert not (gone_on.out / "panel" / "report.html").exists()


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("(-4:Insufficient memory) Failed to allocate 9 bytes")])
def test_a_task_that_finds_no_memory_is_told_with_the_remedy(error):
    failure = failure_of(error)
    assert failure.exit_code == 3
    assert failure.sentence.endswith(
        "no memory left at one task of this scan: give workers more memory, or make --piece smaller"
    )


def test_a_piece_that_was_cut_off_is_named_and_not_used(archive, tmp_path):
    with pytest.raises(ScanStopped):
        run(archive, tmp_path / "out", dies_after=3)
    (piece, *_) = (tmp_path / "out" / PIECES).rglob("sums-0.npz")
    piece.write_bytes(piece.read_bytes()[:-40])
    outcome = run(archive, tmp_path / "out").outcomes["panel"]
    assert isinstance(outcome, Failure)
    assert "sums-0.npz: this piece cannot be read" in outcome.sentence
    assert outcome.exit_code == 5


def tree(folder: Path) -> dict[str, tuple[int, str]]:
    """Every file and folder with its time of change and content."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path)] = (path.stat().st_mtime_ns, content)
    return found


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """An archive of two recordings that take no time: one whole, one never planned."""
    folder = tmp_path / "small"
    make_recording(folder / "whole", Made(12, 16, rate=0.5, channels=256, elements=("Ca", "Fe"), method="nearest"))
    make_recording(folder / "deep" / "damaged", Made(12, 16, channels=256, elements=("Ca", "Fe"), method="nearest"))
    return folder


def damage(recording: Path) -> None:
    """A record whose check sum does not hold."""
    with contextlib.closing(sqlite3.connect(RecordingPaths(recording).journal)) as connection:
        connection.execute("UPDATE events SET crc = crc + 1 WHERE seq = 2")
        connection.commit()


def test_a_damaged_recording_is_named_on_the_page_the_others_are_made_and_originals_stay_as_they_are(small, tmp_path):
    damage(small / "deep" / "damaged")
    before = tree(small)
    outcomes = run(small, tmp_path / "out").outcomes
    assert tree(small) == before
    assert isinstance(outcomes["whole"], Result)
    failure = outcomes["deep/damaged"]
    assert isinstance(failure, Failure)
    assert failure.exit_code == 5
    page = (tmp_path / "out" / SUMMARY).read_text("utf-8")
    assert "1 of 2 scans reprocessed, 1 failed" in page
    assert "damaged" in failure.sentence
    assert failure.sentence.split("(")[0].strip() in page


def test_a_recording_that_is_being_written_is_left_alone(small):
    with (
        Journal.open(RecordingPaths(small / "whole").journal),
        pytest.raises(UsageError, match="a scan is being recorded here"),
    ):
        refuse_written(small / "whole")


def is_passed_over(archive: Path, out: Path, settings: Settings) -> bool:
    return isinstance(look(Job(archive, "whole", out, settings, software_digest())), Job)


def test_finished_scans_are_passed_over_until_recording_or_settings_change(small, tmp_path):
    shutil.rmtree(small / "deep")
    first = run(small, tmp_path / "out")
    again = run(small, tmp_path / "out")
    assert again.done == ["look"]
    assert again.outcomes == first.outcomes
    assert not is_passed_over(small, tmp_path / "out", Settings.of(method="linear"))
    frame = small / "whole" / "frame.png"
    frame.write_bytes(frame.read_bytes() + b"\0")
    assert not is_passed_over(small, tmp_path / "out", Settings())


def test_settings_stand_in_place_of_the_recordings_own(small, tmp_path):
    shutil.rmtree(small / "deep")
    config = tmp_path / "settings.yaml"
    config.write_text("elements: [Fe]\nreconstruct: {method: linear}\n")
    outcome = run(small, tmp_path / "out", Settings.of(config=config)).outcomes["whole"]
    assert isinstance(outcome, Result), outcome
    assert (outcome.elements, outcome.method) == (("Fe-K",), "linear")
    made = read_maps(tmp_path / "out" / "whole" / "maps.h5")
    assert made.element_maps.elements == ("Fe-K",)
    kept = json.loads((tmp_path / "out" / "whole" / "result.json").read_text())
    for settings in (made.attributes["settings"], kept["settings"]):
        changed = json.loads(str(settings))
        assert (changed["elements"], changed["reconstruct"]["method"]) == (["Fe"], "linear")
    assert made.attributes["software_sha256"] == kept["software"] == software_digest()


def test_a_worker_with_other_software_refuses_to_work(archive, tmp_path):
    job = Job(archive, "panel", tmp_path, Settings(), software="another")
    with pytest.raises(Exception, match="runs another version of Pointillist"):
        job.enter()
