"""The export command: whole or absent, nothing overwritten, and of an unfinished scan what it has."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from edge.cli import run
from edge.console import Console
from edge.events import Measured
from edge.export import FORMATS
from edge.export.cube import write_cube
from edge.export.gather import contents_of
from edge.export.packed import packed, unpacked
from edge.faults import UsageError
from edge.finish import finish_recording
from edge.record.folder import RecordingPaths
from edge.record.journal import Journal
from edge.record.reader import JournalReader, MeasuredArrays
from edge.results import portions
from edge.spectra.model import SpectrumModel
from tests.unit.export.made_recording import GRID, VISITED, added_spectra, exposures, make_recording

AT = "2026-01-02T04:00:00.000000+00:00"


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err.strip()


def test_it_goes_beside_the_recording_under_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_recording(tmp_path / "inv-7", measured=20)
    monkeypatch.chdir(folder)
    assert run(["export", ".", "--format", "rpl"]) == 0
    assert sorted(path.name for path in (tmp_path / "inv-7-rpl").iterdir()) == [
        "exposures.raw",
        "exposures.rpl",
        "live_time.raw",
        "live_time.rpl",
        "provenance.json",
        "scan.yaml",
        "spectra.raw",
        "spectra.rpl",
    ]
    assert capsys.readouterr().out.splitlines()[-1].endswith("inv-7-rpl")


def test_an_unfinished_scan_gives_what_it_has_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_recording(tmp_path / "scan", measured=101)
    assert run(["export", str(folder), "--format", "nexus-points", "--out", str(tmp_path / "so-far.nxs")]) == 0
    assert "has not ended: what it has is exported, 100 of 144 exposures" in capsys.readouterr().out
    with h5py.File(tmp_path / "so-far.nxs") as file:
        assert np.array_equal(file["scan/instrument/mca0/data"], [done.counts for done in exposures()[:101]])
        assert file["scan/process/scan/outcome"].asstr()[()] == "not ended"
        assert file["scan/process/maps/origin"].asstr()[()] == "made for this export"
        assert file["scan/maps/Fe-K/map"].shape == GRID.shape
    assert not RecordingPaths(folder).maps.exists(), "the recording stays as it is"


def test_what_a_running_scan_records_meanwhile_is_not_seen(tmp_path: Path) -> None:
    folder = make_recording(tmp_path / "scan", measured=30)
    console = Console(quiet=True, log_level="info")
    with contents_of(folder, console) as contents, Journal.open(RecordingPaths(folder).journal) as journal:
        journal.append([Measured(AT, done) for done in exposures()[30:60]])
        assert sum(len(batch) for batch, _ in contents.spectra()) == contents.exposures == 30


def test_maps_of_fewer_exposures_than_there_are_now_are_made_anew(recording: Path, tmp_path: Path) -> None:
    folder = make_recording(tmp_path / "scan", measured=60)
    # as a scan leaves them that was stopped, reported, and went on
    stopped = make_recording(tmp_path / "stopped", measured=30)
    console = Console(quiet=True, log_level="info")
    finish_recording(stopped)
    RecordingPaths(stopped).maps.rename(RecordingPaths(folder).maps)
    with contents_of(folder, console) as contents:
        assert contents.provenance["maps"]["origin"] == "made for this export"
        assert contents.maps is not None
        assert contents.maps.element_maps.measured.sum() == 59
    with contents_of(recording, console) as contents:
        assert contents.provenance["maps"]["origin"] == "as the recording has them"


def test_spectra_are_exported_where_they_give_no_maps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> SpectrumModel:
        raise UsageError("the sum spectrum shows no element: name some under elements, or measure for longer")

    monkeypatch.setattr(SpectrumModel, "from_sum_spectrum", refuse)
    folder = make_recording(tmp_path / "scan", measured=5)
    assert run(["export", str(folder), "--format", "nexus", "--out", str(tmp_path / "a.nxs")]) == 0
    assert "no maps are exported: the sum spectrum shows no element" in said(capsys)
    with h5py.File(tmp_path / "a.nxs") as file:
        assert file["scan"].attrs["default"] == "sum_spectrum"
        assert file["scan/instrument/mca0/calibration"][:2] == pytest.approx([0.0, 0.02])
    assert run(["export", str(folder), "--format", "tiff", "--out", str(tmp_path / "maps")]) == 2
    assert "has no maps, and tiff holds nothing else: export its spectra, as nexus" in said(capsys)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--format", "jpeg"], "format 'jpeg' is not known: give one of nexus, nexus-points"),
        (["--format", "csv", "--out", "taken"], "taken: is there already, and nothing is overwritten"),
        (["--format", "csv", "--out", "dangling"], "dangling: is there already"),
        (["--format", "csv", "--out", "scan/maps"], "scan/maps: lies in the recording, which stays as it is"),
        (["--format", "csv", "--out", "absent/maps"], "absent: no such folder: make it, or give another place"),
    ],
)
def test_a_place_or_format_that_cannot_be_had_is_refused_before_anything_is_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("scan").mkdir()
    Path("taken").write_text("mine")
    Path("dangling").symlink_to("nowhere")
    assert run(["export", "scan", *arguments]) == 2
    assert sentence in said(capsys)
    assert Path("taken").read_text() == "mine"


def test_what_is_no_recording_or_holds_nothing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", str(tmp_path), "--format", "csv"]) == 2
    assert "not a recording" in said(capsys)
    empty = make_recording(tmp_path / "empty", measured=0)
    assert run(["export", str(empty), "--format", "nexus"]) == 2
    assert "holds no exposure yet: there is nothing to export" in said(capsys)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty"]


def test_a_damaged_recording_is_refused_as_damaged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_recording(tmp_path / "scan", measured=3)
    (folder / "frame.png").write_bytes((Path(folder) / "frame.png").read_bytes()[:-40])
    assert run(["export", str(folder), "--format", "nexus"]) == 5
    assert "frame.png" in said(capsys)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file may grow further, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_write_that_fails_leaves_nothing(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    with files_of_at_most(1_000):
        code = run(["export", str(recording), "--format", name, "-q", "--out", str(tmp_path / "out")])
    assert "out: cannot be written (" in said(capsys)
    assert (code, list(tmp_path.iterdir())) == (2, [])


def test_an_interrupted_export_leaves_nothing(recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("edge.export.nexus.write_masks", interrupt)
    assert run(["export", str(recording), "--format", "nexus", "--out", str(tmp_path / "out.nxs")]) == 6
    assert list(tmp_path.iterdir()) == []


def one_by_one(reader: JournalReader) -> Iterator[MeasuredArrays]:
    for batch in portions(reader):
        columns = {field.name: getattr(batch, field.name) for field in fields(batch)}
        for i in range(len(batch)):
            yield replace(
                batch, **{name: part[i : i + 1] for name, part in columns.items() if isinstance(part, np.ndarray)}
            )


def test_cells_measured_in_different_portions_are_added_up(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.export.contents.portions", one_by_one)
    place = tmp_path / "inv-7.nxs"
    assert run(["export", str(recording), "--format", "nexus", "-q", "--out", str(place)]) == 0
    with h5py.File(place) as file:
        assert np.array_equal(file["scan/instrument/mca0/data"], added_spectra())
    assert run(["export", str(recording), "--format", "rpl", "-q", "--out", str(tmp_path / "rpl")]) == 0
    raw = np.fromfile(tmp_path / "rpl" / "spectra.raw", "<u2").reshape(added_spectra().shape)
    assert np.array_equal(raw, added_spectra())


def test_tiles_that_the_path_leaves_and_finds_again_keep_what_they_had(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.export.contents.portions", one_by_one)
    monkeypatch.setattr("edge.export.cube._MOST_BYTES", 1)
    monkeypatch.setattr("edge.export.cube._SIDE", 3)
    with (
        contents_of(recording, Console(quiet=True, log_level="info")) as contents,
        h5py.File(tmp_path / "a.h5", "w") as file,
    ):
        write_cube(file, "data", contents, lambda _: None)
        assert np.array_equal(file["data"], added_spectra())


@pytest.mark.parametrize("kind", ["<u2", "<u4"])
def test_chunks_are_what_hdf5s_own_filters_read(tmp_path: Path, kind: str) -> None:
    values = np.random.default_rng(1).integers(0, 60_000, (3, 64)).astype(kind)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset("a", (3, 64), kind, chunks=(3, 64), shuffle=True, compression="gzip")
        dataset.id.write_direct_chunk((0, 0), packed(values))
        assert np.array_equal(dataset[:], values)
    assert np.array_equal(unpacked(packed(values), np.dtype(kind)), values.ravel())


def test_counts_beyond_sixteen_bits_are_kept(recording: Path) -> None:
    with contents_of(recording, Console(quiet=True, log_level="info")) as contents:
        assert contents.counts_type == np.dtype("<u2")
        assert contents.totals.most_counts >= added_spectra().max()
        assert np.array_equal(contents.totals.visited, VISITED)


def test_every_format_is_in_the_reference_with_what_it_needs() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "export.md").read_text("utf-8")
    for name, kind in FORMATS.items():
        assert f"| `{name}` | `{kind.ending}` |" in page
