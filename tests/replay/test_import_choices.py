"""What a file leaves in doubt is asked for, or told; it is never guessed in silence."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from edge.commands.replay import _settings
from edge.faults import UsageError
from edge.imports.cube import maps_of_cube
from edge.imports.found import NOTHING_SET, FoundCube, FoundMaps, ImportSettings
from edge.imports.readers import read_found
from tests.replay.test_imports import edf

ROWS, COLUMNS, CHANNELS = 12, 5, 256


def edf_row(number):
    return edf(np.full((COLUMNS, CHANNELS), number, np.uint32), "UnsignedInteger")


def test_rows_of_edf_files_are_in_the_order_of_their_numbers(tmp_path):
    for row in range(ROWS):
        (tmp_path / f"spectra_{row}.edf").write_bytes(edf_row(row))
    found = read_found(tmp_path, NOTHING_SET)
    assert isinstance(found, FoundCube)
    assert found.rows(0, ROWS)[:, 0, 0].tolist() == list(range(ROWS))


def test_rows_of_two_detectors_are_no_raster(tmp_path):
    for detector in range(2):
        for row in range(6):
            (tmp_path / f"s_xia0{detector}_0001_0000_{row:04}.edf").write_bytes(edf_row(row))
    with pytest.raises(UsageError, match=r"as s_xia00_0001_0000_# and as s_xia01_0001_0000_#: keep those of one"):
        read_found(tmp_path, NOTHING_SET)


def test_a_row_that_is_missing_is_told(tmp_path):
    for row in (0, 1, 3, 4, 5):
        (tmp_path / f"s_xia00_{row:04}.edf").write_bytes(edf_row(row))
    with pytest.raises(UsageError, match="has row 1 and then row 3: copy all rows, each once"):
        read_found(tmp_path, NOTHING_SET)


def test_counters_beside_rows_of_spectra_are_left_out(tmp_path):
    for row in range(6):
        (tmp_path / f"s_xia00_{row:04}.edf").write_bytes(edf_row(row))
        (tmp_path / f"s_xiast_{row:04}.edf").write_bytes(edf(np.ones((COLUMNS, 6), np.uint32), "UnsignedInteger"))
    found = read_found(tmp_path, NOTHING_SET)
    assert found.shape == (6, COLUMNS, CHANNELS)


def test_an_edf_of_three_sides_is_refused_and_not_cut(tmp_path):
    image = edf(np.ones((8, 8), np.float32), "FloatValue").replace(b"Dim_2 = 8 ;\n", b"Dim_2 = 8 ; Dim_3 = 3 ;\n")
    (tmp_path / "volume.edf").write_bytes(image + 2 * np.ones((8, 8), np.float32).tobytes())
    with pytest.raises(UsageError, match="dim_3 is 3, and images have two sides"):
        read_found(tmp_path / "volume.edf", NOTHING_SET)


@pytest.mark.parametrize("length", ["\u00b2", "-3", "0", "1e3", "9" * 5_000])
def test_a_length_that_is_no_number_of_cells_is_refused(tmp_path, length):
    """As fuzzing found: a raised two is a digit, and no number."""
    image = edf(np.ones((8, 8), np.float32), "FloatValue").replace(b"Dim_1 = 8", f"Dim_1 = {length}".encode("latin-1"))
    (tmp_path / "odd.edf").write_bytes(image)
    with pytest.raises(UsageError, match=r"dim_1 is .* and no number of cells"):
        read_found(tmp_path / "odd.edf", NOTHING_SET)


def test_bytes_behind_an_edf_image_are_refused_unless_they_fill_up(tmp_path):
    image = edf(np.ones((8, 8), np.float32), "FloatValue")
    (tmp_path / "more.edf").write_bytes(image + b"what is this")
    with pytest.raises(UsageError, match=rf"what follows its image at byte {len(image)} is no other one"):
        read_found(tmp_path / "more.edf", NOTHING_SET)
    (tmp_path / "filled.edf").write_bytes(image + bytes(512))
    assert isinstance(read_found(tmp_path / "filled.edf", NOTHING_SET), FoundMaps)


def cube(path, shape):
    with h5py.File(path, "w") as file:
        file["cube"] = np.ones(shape, np.uint8)
    return path


@pytest.mark.parametrize("shape", [(512, 20, 256), (256, 20, 500)])
def test_an_axis_in_doubt_is_asked_for(tmp_path, shape):
    path = cube(tmp_path / "cube.h5", shape)
    with pytest.raises(UsageError, match=rf"{' x '.join(map(str, shape))}: whether .* --channels first or"):
        read_found(path, NOTHING_SET)
    first = read_found(path, ImportSettings(channels="first"))
    assert first.shape == (*shape[1:], shape[0])
    assert first.rows(0, 3).shape == (3, shape[2], shape[0])
    assert read_found(path, ImportSettings(channels="last")).shape == shape


@pytest.mark.parametrize(("shape", "channels"), [((512, 20, 300), 512), ((300, 20, 256), 256), ((256, 20, 512), 512)])
def test_an_axis_that_lengths_tell_is_told(tmp_path, shape, channels):
    found = read_found(cube(tmp_path / "cube.h5", shape), NOTHING_SET)
    assert isinstance(found, FoundCube)
    assert found.shape[2] == channels
    assert f"{channels} long, is taken for channels" in found.remarks[0]


def test_the_command_takes_first_or_last_and_nothing_else():
    given = _settings(None, [], None, None, None, None, None, "first")
    assert given.channels == "first"
    with pytest.raises(UsageError, match="--channels middle: say first or last"):
        _settings(None, [], None, None, None, None, None, "middle")


def test_channels_of_what_is_no_hdf5_are_refused(tmp_path):
    (tmp_path / "one.edf").write_bytes(edf_row(1))
    with pytest.raises(UsageError, match="is no HDF5 file, whose axes --channels could name"):
        read_found(tmp_path / "one.edf", ImportSettings(channels="last"))


@pytest.mark.parametrize(
    ("unit", "stored", "kev"), [("keV", 0.02, 0.02), ("eV", 2.0, 0.002), ("", 20.0, 0.02), ("", 0.02, 0.02)]
)
def test_energies_and_live_times_are_taken_in_the_units_that_they_state(tmp_path, unit, stored, kev):
    """2 eV a channel stay below 1,000: without the unit they would be keV."""
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file["data"] = np.ones((6, 8, CHANNELS), np.uint16)
        file["data"].attrs["interpretation"] = "spectrum"
        file["energy"] = stored * np.arange(CHANNELS)
        file["energy"].attrs["units"] = unit
        file["live_time"] = np.full((6, 8), 250.0)
        file["live_time"].attrs["units"] = "ms"
    found = read_found(tmp_path / "old.h5", NOTHING_SET)
    assert found.gain_kev == pytest.approx(kev)
    assert np.array_equal(found.live_s, np.full((6, 8), 0.25))


def test_maps_of_a_cube_are_bounded_before_they_are_made(tmp_path, monkeypatch):
    counts = np.random.default_rng(0).poisson(20.0, (6, 8, 1024)).astype(np.uint16)
    found = FoundCube(counts.shape, lambda first, last: counts[first:last], offset_kev=0.0, gain_kev=0.02)
    settings = ImportSettings(elements=("Fe", "Pb"))
    assert maps_of_cube(found, tmp_path, settings).maps.shape == (6, 8, 2)
    monkeypatch.setattr("edge.imports.bounds._MOST_MAP_BYTES", 6 * 8 * 2 * 4 - 1)
    with pytest.raises(UsageError, match="2 maps of 6 x 8 cells are above 8 GB"):
        maps_of_cube(found, tmp_path, settings)


def test_a_row_of_spectra_longer_than_a_block_is_fitted_in_parts(tmp_path, monkeypatch):
    counts = np.random.default_rng(1).poisson(20.0, (4, 8, 1024)).astype(np.uint16)
    found = FoundCube(counts.shape, lambda first, last: counts[first:last], offset_kev=0.0, gain_kev=0.02)
    settings = ImportSettings(elements=("Fe", "Pb"))
    whole = maps_of_cube(found, tmp_path, settings)
    monkeypatch.setattr("edge.imports.bounds.BLOCK_BYTES", 3 * 1024 * 4)
    assert np.allclose(maps_of_cube(found, tmp_path, settings).maps, whole.maps, rtol=1e-5)
