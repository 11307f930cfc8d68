"""A coarse raster on the simulated instrument, from its plan to maps; no cell of a stroke passes for measured."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace

import h5py
import numpy as np
import pytest

from edge.maps import by_live_time
from edge.photography.correction import placed_by_samples
from edge.preview.live import Preview
from edge.reconstruct.cells import checked_photograph, merged
from edge.reconstruct.means import AS_CELLS
from edge.reconstruct.super_resolution import solving
from edge.record.folder import open_recording
from edge.record.maps_file import read_maps
from edge.results import Asked, fit_recording, read_planned, results_from
from edge.state import Ended
from tests.instrument.conftest import bench_in
from tests.instrument.made_network import EXPOSURES, make_network


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
    bench.instrument["twin"]["clock_factor"] = 60.0
    bench.beforehand = ("leave_out_preview",)
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


@pytest.fixture(scope="module")
def fitted(strokes):
    """Its plan, and its spectra fitted."""
    bench, _ = strokes
    with open_recording(bench.recording) as recording:
        planned = read_planned(recording)
        return planned, fit_recording(recording, planned)


@pytest.fixture(scope="module")
def means(fitted):
    """What its strokes measured, as a reconstruction gets it."""
    planned, found = fitted
    once, live_s = by_live_time(found.samples, found.live_s, planned.plan.grid.shape)
    return merged(once, planned.plan.grid.shape, found.model.elements, live_s)


def test_each_stroke_comes_out_of_the_journal_as_the_mean_of_the_cells_that_were_planned(means):
    cells, shape = means, means.shape
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


def test_a_network_sharpens_the_recording_that_it_is_of(strokes, fitted, means, tmp_path):
    pytest.importorskip("onnx")
    bench, _ = strokes
    planned, found = fitted
    seen = placed_by_samples(found.samples, found.model.elements, planned.sighting, planned.config).sighting
    make_network(tmp_path / "network.onnx", means, checked_photograph(seen.rgb, means.shape), recipe="kriged")
    options = ["--method", "unfold", "--model", str(tmp_path / "network.onnx"), "--out", str(tmp_path / "unfolded")]
    made = bench.run("reconstruct", str(bench.recording), *options)
    assert made.returncode == 0, made.stderr
    assert "of the scan's maps (kriging) and of these (unfold):" in made.stdout
    assert f"its standard errors come from {EXPOSURES} exposures" in made.stdout
    maps = read_maps(tmp_path / "unfolded" / "maps.h5").element_maps
    assert maps.averaged.sum() == 16 * 96
    # single precision, three roundings
    np.testing.assert_allclose(means.operator.seen(maps.maps), means.values, atol=1e-6 * means.values.max())


def test_strokes_are_the_means_that_they_are_to_super_resolution(fitted, monkeypatch):
    planned, found = fitted
    monkeypatch.setattr(solving, "PLAN", replace(solving.PLAN, most_iterations=60))
    made = results_from(found, planned, Asked("ssr"))
    assert made.maps.method == "ssr"
    assert AS_CELLS not in made.maps.remarks
    assert not made.maps.measured.any()
    lines_between = results_from(found, planned, Asked("linear"))
    assert made.figure.overall.rmse < 0.9 * lines_between.figure.overall.rmse


@pytest.mark.campaign
@pytest.mark.parametrize("method", ["ssr", "ssr-baseline-2"])
def test_strokes_are_sharpened_as_the_means_that_they_are(strokes, tmp_path, method):
    bench, _ = strokes
    made = bench.run("reconstruct", str(bench.recording), "--method", method, "--out", str(tmp_path / method))
    assert made.returncode == 0, made.stderr
    assert "taken for the value of the cell in the middle" not in made.stdout
    assert f"of the scan's maps (kriging) and of these ({method}):" in made.stdout
