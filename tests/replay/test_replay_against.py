"""Two recordings of one object: found on each other, and differing by what errors explain or by more."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from edge import cli
from edge.faults import UsageError
from edge.grid import ScanGrid
from edge.maps import ElementMaps
from edge.record.folder import open_recording
from edge.record.maps_file import write_maps
from edge.recordings.stored_maps import stored_maps
from edge.replay_against.differences import differences
from edge.replay_against.placing import place
from edge.replay_against.reading import Reading, common_elements, read_maps_of
from edge.results import read_planned

RECORDINGS = Path(__file__).parent / "recordings"

ELEMENTS = ("Fe-K", "Pb-L", "Hg-L")
FINE = 10
"""Parts of a cell that the object is known in."""
ROWS, COLUMNS = 36, 50


@pytest.fixture(scope="module")
def painting():
    """An object of three elements, known finely, counts per cell."""
    random = np.random.default_rng(3)
    shape = (FINE * (ROWS + 8), FINE * (COLUMNS + 8), 3)
    rough = gaussian_filter(random.normal(size=shape), (25, 25, 0))
    return 60 * np.exp(1.2 * rough / rough.std(axis=(0, 1)))


def recorded(painting, *, at=(0, 0), intensity=1.0, seed=0, name="one", pitch=1.0):
    """Cells of an object whose first one begins at a place in tenths of a cell; counted."""
    side = round(FINE * pitch)
    rows, columns = round(ROWS / pitch), round(COLUMNS / pitch)
    part = painting[at[0] : at[0] + side * rows, at[1] : at[1] + side * columns]
    mean = intensity * part.reshape(rows, side, columns, side, 3).mean(axis=(1, 3))
    counts = np.random.default_rng(seed).poisson(mean).astype(np.float32)
    known = np.ones((rows, columns), bool)
    return Reading(name, ELEMENTS, counts, np.maximum(mean, 1e-3).astype(np.float32), known, known, None)


def on_grid(reading, grid):
    return Reading(reading.name, ELEMENTS, reading.maps, reading.variance, reading.known, reading.measured, grid)


def test_a_shift_of_part_of_a_cell_is_found_within_its_error(painting):
    placed = place(recorded(painting, at=(10, 10)), recorded(painting, at=(14, 3), seed=1, name="other"))
    x, y = placed.shift_cells
    x_error, y_error = placed.shift_error_cells
    assert (x, y) == pytest.approx((0.7, -0.4), abs=0.06)
    assert abs(x - 0.7) < 4 * x_error
    assert abs(y + 0.4) < 4 * y_error
    assert x_error < 0.05
    assert abs(placed.turn_deg) < 0.3
    assert placed.scale == pytest.approx(1, abs=0.01)
    assert placed.correlation > 0.9


def test_the_same_object_differs_by_its_errors_and_no_more(painting):
    one, other = recorded(painting), recorded(painting, intensity=1.8, seed=1, name="other")
    found = differences(one, other, place(one, other))
    assert found.factor == pytest.approx(1.8, abs=4 * found.factor_error)
    for element in found.elements:
        assert element.rms_errors == pytest.approx(1, abs=0.1), "1,800 cells tell it to 2 %; bilinear values, less well"
        assert element.beyond_two == pytest.approx(0.046, abs=0.025)
        assert abs(element.ratio - 1.8) < 4 * element.ratio_error + 0.02


def test_what_was_painted_over_is_seen_where_it_is_and_in_its_element_alone(painting):
    changed = painting.copy()
    changed[100:200, 150:300, 1] *= 0.4
    one, other = recorded(painting), recorded(changed, seed=1, name="other")
    found = differences(one, other, place(one, other))
    by_name = {element.element: element for element in found.elements}
    assert by_name["Pb-L"].rms_errors > 1.5
    assert by_name["Fe-K"].rms_errors < 1.15
    lead = found.in_errors[..., 1]
    assert np.nanmean(lead[10:20, 15:30]) < -3
    assert abs(np.nanmean(lead[24:, :])) < 1


def test_grids_of_other_pitch_and_place_meet_where_the_stage_says(painting):
    one = on_grid(recorded(painting), ScanGrid(100.0, 50.0, 1.0, ROWS, COLUMNS))
    finer = recorded(painting, at=(20, 30), seed=1, name="other", pitch=0.5)
    other = on_grid(finer, ScanGrid(103.0, 52.0, 0.5, 2 * ROWS, 2 * COLUMNS))
    placed = place(one, other)
    assert placed.shift_cells == pytest.approx((0, 0), abs=0.15), "cells of half a millimetre"
    assert "where the stage was" in placed.by
    found = differences(one, other, placed)
    assert found.both[:2].sum() == 0
    assert found.both[:, :3].sum() == 0
    assert found.both.mean() > 0.8


def test_recordings_of_different_places_are_refused(painting):
    one = on_grid(recorded(painting), ScanGrid(0.0, 0.0, 1.0, ROWS, COLUMNS))
    other = on_grid(recorded(painting, name="other"), ScanGrid(200.0, 0.0, 1.0, ROWS, COLUMNS))
    with pytest.raises(UsageError, match=r"other lies at .*they hardly overlap: compare recordings of the same place"):
        place(one, other)


def test_recordings_of_different_objects_are_refused(painting):
    other = recorded(np.roll(painting[::-1, ::-1], 3, axis=2), seed=1, name="other")
    with pytest.raises(UsageError, match=r"their maps correlate by .*compare recordings of one object"):
        place(recorded(painting), other)


def test_elements_meet_by_name_and_by_line():
    def of(*elements):
        blank = np.zeros((4, 4, len(elements)), np.float32)
        return Reading("x", elements, blank, blank, np.ones((4, 4), bool), np.ones((4, 4), bool), None)

    assert common_elements(of("Fe-K", "Pb-L"), of("Pb", "Fe-K", "Ca")) == (("Fe-K", "Pb-L"), ("Fe-K", "Pb"))
    assert common_elements(of("Pb-L", "Fe"), of("Pb-M", "Fe")) == (("Fe",), ("Fe",)), "another line group is another"
    with pytest.raises(UsageError, match="x has maps of Fe-K and x of Ca-K: compare recordings that share an element"):
        common_elements(of("Fe-K"), of("Ca-K"))


def write_recording(folder, reading, grid):
    folder.mkdir()
    error = np.sqrt(reading.variance)
    write_maps(folder / "maps.h5", ElementMaps(ELEMENTS, reading.maps, error, reading.known, "kriging"), grid=grid)
    return folder


def test_the_command_leaves_a_page_and_a_table(painting, tmp_path, capsys):
    grid = ScanGrid(0.0, 0.0, 1.0, ROWS, COLUMNS)
    one = write_recording(tmp_path / "before", recorded(painting), grid)
    other = write_recording(tmp_path / "after", recorded(painting, seed=1), grid)
    out = tmp_path / "out"
    assert cli.run(["replay", str(one), "--against", str(other), "--out", str(out)]) == 0
    assert "They agree within their errors in Fe-K, Pb-L, Hg-L" in capsys.readouterr().out
    table = json.loads((out / "against.json").read_text())
    assert set(table["elements"]) == set(ELEMENTS)
    assert table["common_cells"] == ROWS * COLUMNS
    assert "after against before" in (out / "against.html").read_text("utf-8")
    assert cli.run(["replay", str(one), "--against", str(other), "--mask", "grid", "--out", str(out)]) == 2
    assert "--against compares what was recorded" in capsys.readouterr().err


def test_a_raster_without_errors_is_compared_without_them(painting, tmp_path, capsys):
    np.savez(tmp_path / "old.npz", maps=recorded(painting).maps, elements=list(ELEMENTS))
    np.savez(tmp_path / "new.npz", maps=recorded(painting, seed=1).maps, elements=list(ELEMENTS))
    assert not read_maps_of(tmp_path / "old.npz").has_errors
    places = [str(tmp_path / name) for name in ("old.npz", "new.npz", "out")]
    assert cli.run(["replay", places[0], "--against", places[1], "--out", places[2]]) == 0
    assert "Neither tells the errors of its maps" in capsys.readouterr().out
    table = json.loads((tmp_path / "out" / "against.json").read_text())
    assert table["elements"]["Fe-K"]["rms_errors"] is None


@pytest.fixture
def scan(tmp_path):
    """A recording without maps; its grid, and the maps' attributes and time on each cell that would be its own."""
    folder = Path(shutil.copytree(RECORDINGS / "points", tmp_path / "scan"))
    with open_recording(folder) as recording:
        planned = read_planned(recording)
        live_s = np.zeros(planned.plan.grid.shape, np.float32)
        live_s[planned.plan.mask.cells] = planned.history.live_s / planned.plan.mask.cells.sum()
        own = {"scan_id": planned.history.scan_id, "plan": planned.plan.digest}
    return folder, planned.plan.grid, own, live_s


def leave_maps(folder, grid, attributes, live_s):
    """Maps of one element that nobody measured."""
    maps = np.full((*grid.shape, 1), 7.0, np.float32)
    element_maps = ElementMaps(("Xe-L",), maps, np.ones_like(maps), np.ones(grid.shape, bool), "kriging")
    write_maps(folder / "maps.h5", element_maps, grid=grid, attributes=attributes, received={"live_s": live_s})


def test_maps_of_all_that_a_recording_holds_are_taken_as_they_lie_there(scan):
    folder, grid, own, live_s = scan
    leave_maps(folder, grid, own, live_s)
    assert read_maps_of(folder).elements == ("Xe-L",)
    assert read_maps_of(folder).remark == ""


def test_maps_of_another_scan_beside_a_journal_are_not_taken_for_its_own(scan):
    folder, grid, own, live_s = scan
    leave_maps(folder, grid, own | {"scan_id": "another"}, live_s)
    found = read_maps_of(folder)
    assert "Pb-L" in found.elements, "made anew of the spectra"
    assert found.remark.startswith("scan: its maps.h5 is not of all that its journal holds")


def test_maps_of_fewer_exposures_than_the_journal_holds_are_not_its_own(scan):
    folder, grid, own, live_s = scan
    leave_maps(folder, grid, own, 0.9 * live_s)
    with open_recording(folder) as recording:
        assert stored_maps(recording, read_planned(recording)) is None


def test_one_exposure_that_maps_lack_is_told_by_their_number_however_short_it_was(scan):
    folder, grid, own, live_s = scan
    with open_recording(folder) as recording:
        planned = read_planned(recording)
        for lacking in (0, 1):
            leave_maps(folder, grid, own | {"exposures": planned.history.exposures - lacking}, live_s)
            assert (stored_maps(recording, planned) is None) == bool(lacking)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--calibration=0,0.01"], "a recording holds its own scale, elements and live times: leave --calibration"),
        (["--elements", "Pb"], "a recording holds its own scale"),
        (["--rgb", "photograph.png"], "--against compares maps: leave --rgb and --match out"),
    ],
)
def test_options_that_nothing_would_follow_are_refused(tmp_path, capsys, options, says):
    one = str(RECORDINGS / "points")
    assert cli.run(["replay", one, "--against", one, *options, "--out", str(tmp_path / "out")]) == 2
    assert says in capsys.readouterr().err
