"""The preview follows the energy scale, and outlives what the exposures so far do not allow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.configuration.config import ScanConfig
from edge.events import Measured
from edge.grid import ScanGrid
from edge.preview.live import Preview
from edge.record.folder import RecordingPaths
from edge.record.journal import Journal
from edge.record.maps_file import read_maps
from edge.record.reader import JournalReader
from firmware_bridge.messages import ExposureDone, ExposureFlag, StagePose

AREAS = {"Ca": 90.0, "Fe": 70.0, "Cu": 30.0, "Pb": 250.0, "Pb-M": 60.0}
GRID = ScanGrid(0.0, 0.0, 1.0, 10, 20)
LIVE_S = 8.0
CONFIG = ScanConfig.model_validate(
    {
        "instrument": {
            "controller": {"kind": "native", "port": "port"},
            "camera": {"kind": "folder", "path": "frames"},
            "fiducials": {"markers": [{"id": 0, "x_mm": 0.0, "y_mm": 0.0}]},
        },
        "area": {"x_mm": 0.0, "y_mm": 0.0, "width_mm": 20.0, "height_mm": 10.0, "pitch_mm": 1.0},
        "elements": ["Ca", "Fe", "Cu", "Pb"],
        "reconstruct": {"method": "nearest"},
    }
)


class Bench:
    """A recording that grows under a preview."""

    def __init__(self, folder: Path) -> None:
        self.paths = RecordingPaths(folder)
        self.journal = Journal.create(self.paths.journal)
        self.reader = JournalReader(self.paths.journal)
        self.measured = 0

    def measure(self, counts: NDArray[Any], live_s: float = LIVE_S) -> None:
        """Exposures at one cell after the other."""
        events = []
        for spectrum in counts:
            row, column = divmod(self.measured, GRID.columns)
            pose = StagePose(column + 0.5, row + 0.5)
            done = ExposureDone(
                self.measured, pose, pose, LIVE_S, live_s, 0.0, 0.0, 1.0, 1.0, ExposureFlag.NONE, spectrum
            )
            events.append(Measured("2026-01-02T03:04:05.000006+00:00", done))
            self.measured += 1
        self.journal.append(events)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    recording = SimpleNamespace(paths=bench.paths, reader=bench.reader)
    mask = SimpleNamespace(cells=np.ones(GRID.shape, np.bool_))
    plan = SimpleNamespace(grid=GRID, exposures=range(10**6), table=range(10**6), mask=mask, held=None, way=None)
    planned = SimpleNamespace(config=CONFIG, plan=plan, sighting=SimpleNamespace(rgb=None))
    monkeypatch.setattr("edge.record.folder.open_recording", lambda folder: recording)
    monkeypatch.setattr("edge.results.read_planned", lambda _recording: planned)
    monkeypatch.setattr("edge.photography.correction.due_after", lambda exposures: exposures)
    yield bench
    bench.reader.close()
    bench.journal.close()


@pytest.fixture
def spectra(painter_of: Callable[..., Any]) -> NDArray[np.uint32]:
    """160 exposures whose gain rises by 0.8 %."""
    rng = np.random.default_rng(4)
    parts = [
        rng.poisson(np.broadcast_to(LIVE_S * painter_of(gain_kev=0.01 * (1 + gain)).rates(AREAS, 600), (8, 2048)))
        for gain in np.linspace(-0.004, 0.004, 20)
    ]
    return np.concatenate(parts).astype(np.uint32)


def drawn(bench: Bench) -> NDArray[np.float32]:
    return np.asarray(read_maps(bench.paths.live / "maps.h5").element_maps.maps)


def test_what_the_first_exposures_do_not_allow_is_said_once_and_passes(
    bench: Bench, spectra: NDArray[np.uint32], monkeypatch: pytest.MonkeyPatch
) -> None:
    preview = Preview(bench.paths.folder)
    note = bench.paths.live / "trouble.txt"
    bench.measure(np.zeros((32, 2048), np.uint32))
    assert not preview.update()
    assert "spectrum" in preview.trouble
    assert note.read_text() == f"{preview.trouble}\n"
    note.unlink()
    bench.measure(np.zeros((1, 2048), np.uint32))
    assert not preview.update()
    assert not note.exists()
    bench.measure(spectra[:40])
    assert preview.update()
    assert preview.trouble == ""
    assert drawn(bench).shape == (*GRID.shape, 4)
    preview.close()


def test_a_picture_that_cannot_be_written_is_tried_again(bench: Bench, spectra: NDArray[np.uint32]) -> None:
    preview = Preview(bench.paths.folder)
    bench.measure(spectra[:40])
    bench.paths.live.mkdir()
    (bench.paths.live / "maps.h5").mkdir()
    assert not preview.update()
    assert preview.trouble
    (bench.paths.live / "maps.h5").rmdir()
    assert preview.update()
    assert preview.trouble == ""
    preview.close()


def test_a_picture_that_the_disk_has_no_room_for_is_tried_again(
    bench: Bench, spectra: NDArray[np.uint32], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    preview = Preview(bench.paths.folder)
    bench.measure(spectra[:40])
    with monkeypatch.context() as patched:
        patched.setattr("edge.preview.files.replaced", full)
        assert not preview.update()
    assert "No space left on device" in preview.trouble
    assert preview.update()
    assert preview.trouble == ""
    preview.close()


def test_an_exposure_that_cannot_be_fitted_is_counted_nowhere_and_said(
    bench: Bench, spectra: NDArray[np.uint32]
) -> None:
    preview = Preview(bench.paths.folder)
    bench.measure(spectra[:40])
    assert preview.update()
    bench.measure(spectra[:1], live_s=0.0)
    for _ in range(2):
        assert not preview.update()
        assert "live time of 0 s" in preview.trouble
        assert (preview.exposures, preview._last_seq, preview._live_s) == (40, 40, 40 * LIVE_S)
    preview.close()


def test_a_scale_that_moves_is_followed_while_the_scan_runs(bench: Bench, spectra: NDArray[np.uint32]) -> None:
    preview = Preview(bench.paths.folder)
    bench.measure(spectra)
    assert preview.update()
    maps = drawn(bench).reshape(-1, 4)[: len(spectra)]
    truth = np.array([AREAS[element] for element in ("Ca", "Fe", "Cu", "Pb")])
    for part in (slice(0, 32), slice(-32, None)):
        np.testing.assert_allclose(maps[part].mean(axis=0), truth, rtol=0.04)
    preview.close()
