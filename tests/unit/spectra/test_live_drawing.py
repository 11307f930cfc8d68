"""How the preview draws, and what becomes of a scan whose preview ends by itself."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from edge.grid import ScanGrid
from edge.maps import Samples
from edge.planning.scan_plan import Way
from edge.preview.drawing import Anew, Followed, drawing_of
from edge.preview.process import LiveMaps


def planned_of(method: str, way: Way | None = None):
    return SimpleNamespace(
        plan=SimpleNamespace(grid=ScanGrid(0.0, 0.0, 0.5, 4, 5), way=way, table=np.zeros((3, 5))),
        config=SimpleNamespace(reconstruct=SimpleNamespace(method=method)),
        sighting=SimpleNamespace(rgb=None),
    )


MODEL = SimpleNamespace(elements=("Fe",))


def seen(row: int, column: int, photons: float, live_s: float) -> tuple[Samples, np.ndarray]:
    rate, variance = (np.array([[photons / live_s**power]], np.float32) for power in (1, 2))
    return Samples(np.array([row]), np.array([column]), rate, variance), np.array([live_s])


def test_visits_of_one_cell_count_by_their_time_and_not_by_their_luck():
    drawing = Anew(MODEL, planned_of("nearest", Way("runs", 60.0)))
    drawing.add(*seen(1, 2, photons=4, live_s=1.0))
    drawing.add(*seen(1, 2, photons=8, live_s=3.0))
    maps, is_current = drawing.drawn()
    assert is_current
    # twelve photons in four seconds; by inverse variance it would be 2.91
    assert maps.maps[1, 2, 0] == pytest.approx(3.0, rel=1e-6)


@pytest.mark.parametrize(
    ("method", "way", "kind"),
    [("automatic", None, Followed), ("kriging", Way("runs", 60.0), Followed), ("automatic", Way("runs", 60.0), Anew),
     ("nearest", None, Anew)],
)  # fmt: skip
def test_maps_follow_the_exposures_where_their_method_can(method, way, kind):
    drawing = drawing_of(MODEL, planned_of(method, way))
    assert isinstance(drawing, kind)
    drawing.close()


def test_a_preview_that_ends_by_itself_is_told_of_once(tmp_path, monkeypatch):
    monkeypatch.setattr("edge.preview.process.sys.executable", "/bin/false")
    with LiveMaps(tmp_path) as preview:
        assert preview._process is not None
        preview._process.wait(timeout=60)
        assert "no error of them is told" in preview.trouble()
        assert preview.trouble() == ""


def test_of_a_preview_that_runs_nothing_is_told(tmp_path, monkeypatch):
    (tmp_path / "idle").write_text("#!/bin/sh\nexec tail -f /dev/null\n")
    (tmp_path / "idle").chmod(0o755)
    monkeypatch.setattr("edge.preview.process.sys.executable", str(tmp_path / "idle"))
    with LiveMaps(tmp_path) as preview:
        assert preview.trouble() == ""
    assert preview._process is not None
    assert preview._process.poll() is not None
