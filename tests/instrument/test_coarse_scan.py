"""A coarse raster on the simulated instrument, from its plan to maps; no cell of a stroke passes for measured."""

from __future__ import annotations

import re
import shutil

import h5py
import numpy as np
import pytest

from edge.preview.live import Preview
from edge.reconstruct.cells import merged
from edge.record.folder import open_recording
from edge.record.maps_file import read_maps
from edge.results import fit_recording, read_planned
from edge.state import Ended
from tests.instrument.conftest import bench_in


@pytest.fixture(scope="module")
def strokes(tmp_path_factory, starter):
    """A scan in strokes of four cells, to be looked at and not written to."""
    bench = bench_in(tmp_path_factory.mktemp("strokes"), starter)
    bench.scan["sampling"] = {
        "coarse": {"factor": 4, "exposures": "strokes"},
        "dwell_s": 0.4,
        "seed": 1,
        "held_out": 0.07,
    }
    bench.instrument["twin"]["clock_factor"] = 20.0
    with bench.running():
        scan = bench.run("scan", str(bench.config), "--out", str(bench.recording))
    assert scan.returncode == 0, scan.stderr
    return bench, scan


def test_a_scan_in_strokes_goes_from_photograph_to_report(strokes):
    bench, scan = strokes
    with open_recording(bench.recording) as recording:
        planned, history = read_planned(recording), recording.history
    assert history.state == Ended("finished", is_planned=True)
    assert history.irregular == ()
    assert history.done == frozenset(range(len(planned.plan.table)))
    assert "one stroke through the middle of each block of 4 x 4 cells" in scan.stdout
    assert recording.paths.report.is_file()


def test_each_stroke_comes_out_of_the_journal_as_the_mean_of_the_cells_that_were_planned(strokes):
    bench, _ = strokes
    with open_recording(bench.recording) as recording:
        planned = read_planned(recording)
        fitted = fit_recording(recording, planned)
    shape = planned.plan.grid.shape
    cells = merged(fitted.samples, shape, fitted.model.elements, fitted.live_s)
    assert cells.operator is not None
    assert np.array_equal(np.diff(cells.operator.first), np.full(384, 4))
    rows, columns = np.divmod(cells.operator.cell.reshape(-1, 4), shape[1])
    assert np.array_equal(rows, np.repeat(cells.rows[:, None], 4, axis=1))
    assert np.array_equal(columns, cells.columns[:, None] // 4 * 4 + np.arange(4))
    assert np.allclose(cells.operator.weight, 0.25)


def test_no_cell_of_a_stroke_is_shown_as_measured(strokes):
    bench, _ = strokes
    with open_recording(bench.recording) as recording:
        kept = read_maps(recording.paths.maps)
    assert not kept.element_maps.measured.any()
    assert np.isfinite(kept.element_maps.maps).all()
    assert (kept.element_maps.standard_error > 0).all()


def test_its_cells_are_told_apart_from_those_that_no_stroke_went_over(strokes):
    bench, _ = strokes
    with open_recording(bench.recording) as recording:
        kept = read_maps(recording.paths.maps)
    expected = np.zeros(kept.element_maps.measured.shape, np.bool_)
    expected[2::4] = True
    assert np.array_equal(kept.element_maps.averaged, expected)
    page = recording.paths.report.read_text("utf-8")
    assert "No cell was measured alone." in page
    assert "planned but not visited" not in page


def test_exposures_held_out_tell_the_error_of_a_scan_in_strokes(strokes):
    _, scan = strokes
    assert "held out: " in scan.stdout


def test_the_preview_draws_a_scan_in_strokes_without_taking_any_cell_for_measured(strokes, tmp_path):
    bench, _ = strokes
    folder = shutil.copytree(bench.recording, tmp_path / "scan")
    shutil.rmtree(folder / "live", ignore_errors=True)
    preview = Preview(folder)
    try:
        assert preview.update(), preview.trouble
    finally:
        preview.close()
    assert not read_maps(folder / "live" / "maps.h5").element_maps.measured.any()


def test_means_taken_for_what_they_are_give_nearer_maps_than_lines_between_their_middles(strokes, tmp_path):
    bench, _ = strokes
    made = bench.run("reconstruct", str(bench.recording), "--method", "linear", "--out", str(tmp_path / "linear"))
    assert made.returncode == 0, made.stderr
    assert "exposures held out, of the scan's maps (kriging) and of these (linear):" in made.stdout
    overall = next(line for line in made.stdout.splitlines() if "all together" in line)
    kriged, linear = (float(found) for found in re.findall(r"([\d.]+) \(", overall))
    assert kriged < 0.9 * linear


def test_an_export_tells_cells_of_strokes_from_cells_that_were_measured(strokes, tmp_path):
    bench, _ = strokes
    made = bench.run("export", str(bench.recording), "--format", "nexus", "--out", str(tmp_path / "scan.nxs"))
    assert made.returncode == 0, made.stderr
    with h5py.File(tmp_path / "scan.nxs") as file:
        masks = file["scan/masks"]
        assert not masks["measured"][()].any()
        assert masks["averaged"][()].sum() == 16 * 96


@pytest.mark.campaign
@pytest.mark.parametrize("method", ["ssr", "ssr-baseline-2"])
def test_strokes_are_sharpened_as_the_means_that_they_are(strokes, tmp_path, method):
    bench, _ = strokes
    made = bench.run("reconstruct", str(bench.recording), "--method", method, "--out", str(tmp_path / method))
    assert made.returncode == 0, made.stderr
    assert "taken for the value of the cell in the middle" not in made.stdout
    assert f"of the scan's maps (kriging) and of these ({method}):" in made.stdout
