"""What a sparse scan's exports hold for cells that were not measured is never replayed as if it had been."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from shutil import copyfile

import cv2
import h5py
import numpy as np
import pytest

from edge.imports.found import NOTHING_SET, FoundCube, ImportSettings
from edge.imports.readers import read_found
from edge.replaying.replay import replay_source
from edge.replaying.sources import Stack, load_stack
from tests.unit.export.made_recording import GRID, LIVE_S, VISITED, added_spectra

Exported = Callable[[str], Path]
ELEMENTS = ImportSettings(elements=("Fe", "Pb"))


def assert_is_sparse(stack: Stack) -> None:
    assert np.array_equal(stack.known, VISITED)
    assert not stack.is_full
    assert "the source is a sparse scan, 144 of its 432 cells measured" in stack.remarks[-1]


@pytest.mark.parametrize("name", ["nexus", "nexus-points", "tiff", "edf"])
def test_maps_of_an_export_are_known_where_they_were_measured(exported: Exported, name: str) -> None:
    stack = load_stack(exported(name))
    assert_is_sparse(stack)
    assert stack.elements == ("Fe-K", "Pb-L"), "masks and doses beside them are no elements"


@pytest.mark.parametrize(("name", "file"), [("hyperspy", ""), ("rpl", "spectra.rpl")])
def test_spectra_of_an_export_are_known_where_they_were_measured(exported: Exported, name: str, file: str) -> None:
    stack = load_stack(exported(name) / file, ELEMENTS)
    assert_is_sparse(stack)
    assert stack.unit == "counts/s", "live times came along"


def test_nexus_spectra_are_known_where_they_were_measured(exported: Exported) -> None:
    named = ImportSettings(elements=("Fe", "Pb"), dataset="/scan/instrument/mca0/data")
    assert_is_sparse(load_stack(exported("nexus"), named))


def test_a_live_time_given_for_all_cells_makes_no_cell_measured(exported: Exported) -> None:
    given = ImportSettings(elements=("Fe", "Pb"), live_s=0.5)
    assert_is_sparse(load_stack(exported("hyperspy"), given))


def test_maps_h5_of_a_recording_is_known_where_it_was_measured(recording: Path, tmp_path: Path) -> None:
    copyfile(recording / "maps.h5", tmp_path / "maps.h5")
    stack = load_stack(tmp_path / "maps.h5")
    assert_is_sparse(stack)
    assert (stack.variance[stack.known] > 0).all(), "standard errors came along"


@pytest.mark.parametrize("name", ["hyperspy", "rpl"])
def test_our_own_readers_give_back_spectra_scale_and_pitch(exported: Exported, name: str) -> None:
    found = read_found(exported(name) / ("spectra.rpl" if name == "rpl" else ""), NOTHING_SET)
    assert isinstance(found, FoundCube)
    assert np.array_equal(found.rows(2, 9), added_spectra()[2:9])
    with h5py.File(exported("nexus")) as file:
        zero_kev, gain_kev, _ = file["scan/instrument/mca0/calibration"][()]
    assert (found.offset_kev, found.gain_kev) == (pytest.approx(zero_kev, abs=1e-7), pytest.approx(gain_kev, rel=1e-7))
    assert found.pitch_mm == GRID.pitch_mm


def test_a_replay_of_an_export_is_scored_on_exposures_left_out(exported: Exported, tmp_path: Path) -> None:
    replay_source(exported("tiff"), rate=0.1, mask="random", method="linear", seed=0, out=tmp_path / "out")
    told = json.loads((tmp_path / "out" / "report.json").read_text())
    assert told["scored_on"] == "exposures left out"
    assert told["scored_cells"] == VISITED.sum() - told["samples"]


def test_cells_outside_the_outline_are_not_asked_for(exported: Exported, tmp_path: Path) -> None:
    """Where every cell that was to be scanned was measured, the raster is full."""
    for file in exported("tiff").glob("*-[KL].tif"):
        copyfile(file, tmp_path / file.name)
    inside = np.zeros(GRID.shape, np.uint8)
    inside[2:9, 3:12] = 1
    for name in ("measured", "scanned"):
        cv2.imwrite(str(tmp_path / f"{name}.tif"), inside)
    stack = load_stack(tmp_path)
    assert stack.is_full
    assert (stack.cells, int(stack.known.sum())) == (inside.sum(), inside.sum())
    assert stack.remarks == ()


def test_a_flux_and_an_outline_beside_maps_are_no_elements(exported: Exported, tmp_path: Path) -> None:
    for file in exported("tiff").glob("*.tif"):
        copyfile(file, tmp_path / file.name)
    for name in ("photons_per_mm2", "scanned"):
        copyfile(exported("tiff") / "live_s.tif", tmp_path / f"{name}.tif")
    assert load_stack(tmp_path).elements == ("Fe-K", "Pb-L")


def test_what_was_written_for_unmeasured_cells_of_a_cube_may_take_no_room(tmp_path: Path) -> None:
    """A wide sparse scan declares thousands of times what it stores, and is read where it was measured."""
    shape = (400, 400, 2048)
    measured = np.zeros(shape[:2], np.uint32)
    measured[5:8, 6:9] = 1
    with h5py.File(tmp_path / "wide.hspy", "w") as file:
        signal = file.create_group("Experiments/wide")
        data = signal.create_dataset("data", shape, "u2", chunks=(8, 8, 2048), compression="gzip")
        data[5:8, 6:9] = np.random.default_rng(0).poisson(2.0, (3, 3, 2048))
        assert data.nbytes > 1_100 * data.id.get_storage_size()
        cells = signal.create_group("original_metadata/cells")
        cells["exposures"], cells["live_time"] = measured, LIVE_S * measured
        for at, (name, units) in enumerate((("y", "mm"), ("x", "mm"), ("Energy", "keV"))):
            axis = signal.create_group(f"axis-{at}")
            axis.attrs.update({"name": name, "units": units, "scale": 0.01, "offset": 0.0, "navigate": units == "mm"})
    found = read_found(tmp_path / "wide.hspy", NOTHING_SET)
    assert isinstance(found, FoundCube)
    assert found.coverage is not None
    assert np.array_equal(found.coverage.measured, measured > 0)
    assert found.rows(5, 8)[:, 6:9].any(axis=2).all()
