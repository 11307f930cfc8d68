"""Maps of a scan in strokes take the whole grid, however large it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge.record.maps_file import read_maps
from edge.reprocess.changes import Settings
from edge.reprocess.result import Result
from tests.unit.export import made_recording
from tests.unit.reprocess.in_process import run

_HALF_MM = 1.5 * made_recording.GRID.pitch_mm


def test_a_large_scan_in_strokes_is_made_again_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grid = made_recording.GRID
    strokes = tuple(
        replace(
            done,
            start=replace(done.start, x_mm=max(done.start.x_mm - _HALF_MM, grid.origin_x_mm)),
            end=replace(done.end, x_mm=min(done.end.x_mm + _HALF_MM, grid.origin_x_mm + grid.columns * grid.pitch_mm)),
        )
        for done in made_recording.exposures()
    )
    monkeypatch.setattr(made_recording, "exposures", lambda: strokes)
    monkeypatch.setattr(made_recording, "finish_recording", lambda folder: None)
    archive = tmp_path / "archive"
    archive.mkdir()
    made_recording.make_recording(archive / "strokes")
    again = run(archive, tmp_path / "out", Settings(piece_cells=8))
    (outcome,) = again.outcomes.values()
    assert isinstance(outcome, Result)
    assert outcome.pieces == 1
    made = read_maps(next((tmp_path / "out").rglob("maps.h5"))).element_maps
    assert not made.measured.any()
    assert made.averaged is not None
    assert (made.averaged & made_recording.VISITED).sum() == made_recording.VISITED.sum()
