"""The maps file: read back equal, opened by any HDF5 reader, damage and hostile files noticed."""

from __future__ import annotations

import dataclasses
import os
import random
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from edge.faults import IntegrityError, UsageError
from edge.grid import ScanGrid
from edge.maps import ElementMaps
from edge.record.maps_file import read_maps, write_maps

ROWS, COLUMNS = 7, 5
RNG = np.random.default_rng(0)
MAPS = ElementMaps(
    elements=("Pb-L", "Fe", "Zn"),
    maps=RNG.normal(size=(ROWS, COLUMNS, 3)).astype(np.float32),
    standard_error=RNG.random((ROWS, COLUMNS, 3), np.float32),
    measured=RNG.random((ROWS, COLUMNS)) < 0.3,
    method="kriging",
)
SPLIT = dataclasses.replace(MAPS, visible=np.random.default_rng(1).random((ROWS, COLUMNS, 3), np.float32))
MASK = RNG.random((ROWS, COLUMNS)) < 0.5
RGB = RNG.integers(0, 256, (ROWS, COLUMNS, 3), np.uint8)
GRID = ScanGrid(10.0, 20.0, 0.5, ROWS, COLUMNS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "maps.h5"


def write(path: Path) -> None:
    write_maps(path, MAPS, mask=MASK, rgb=RGB, grid=GRID, attributes={"units": "counts/s", "dose_s": 3.5})


def test_what_was_written_is_read_back(path: Path) -> None:
    write(path)
    read = read_maps(path)
    np.testing.assert_array_equal(read.element_maps.maps, MAPS.maps)
    np.testing.assert_array_equal(read.element_maps.standard_error, MAPS.standard_error)
    np.testing.assert_array_equal(read.element_maps.measured, MAPS.measured)
    np.testing.assert_array_equal(read.mask, MASK)
    assert read.rgb is not None
    np.testing.assert_array_equal(read.rgb, RGB)
    assert (read.element_maps.elements, read.element_maps.method) == (MAPS.elements, MAPS.method)
    assert read.grid == GRID
    assert read.attributes == {"units": "counts/s", "dose_s": 3.5}
    assert not read.element_maps.maps.flags.writeable


def test_maps_alone_are_enough(path: Path) -> None:
    write_maps(path, MAPS)
    read = read_maps(path)
    assert read.rgb is None
    assert read.grid is None
    np.testing.assert_array_equal(read.mask, MAPS.measured)


def test_the_visible_part_is_read_back_and_is_none_where_there_was_none(path: Path) -> None:
    write(path)
    assert read_maps(path).element_maps.visible is None
    with h5py.File(path) as file:
        assert "visible" not in file
    write_maps(path, SPLIT)
    read = read_maps(path).element_maps.visible
    assert read is not None
    np.testing.assert_array_equal(read, SPLIT.visible)
    assert not read.flags.writeable


def test_what_each_cell_received_is_read_back_and_is_nothing_where_nothing_was_given(path: Path) -> None:
    write(path)
    assert read_maps(path).received == {}
    beam_s = np.linspace(0, 1, MASK.size, dtype=np.float32).reshape(MASK.shape)
    write_maps(path, MAPS, received={"beam_s": beam_s, "live_s": beam_s / 2})
    received = read_maps(path).received
    assert received.keys() == {"beam_s", "live_s"}
    np.testing.assert_array_equal(received["beam_s"], beam_s)
    assert not received["beam_s"].flags.writeable
    with pytest.raises(ValueError, match="beam_s has the shape"):
        write_maps(path, MAPS, received={"beam_s": beam_s[1:]})


def test_a_damaged_or_foreign_visible_part_is_refused(path: Path) -> None:
    write_maps(path, SPLIT)
    with h5py.File(path, "r+") as file:
        file["visible"][2, 3, 1] += 1
    with pytest.raises(IntegrityError, match="/visible is damaged"):
        read_maps(path)
    with h5py.File(path, "r+") as file:
        replace("visible", data=np.zeros((ROWS, COLUMNS, 3)))(file)
    with pytest.raises(IntegrityError, match="/visible is not stored"):
        read_maps(path)
    with pytest.raises(ValueError, match="visible has the shape"):
        write_maps(path, dataclasses.replace(MAPS, visible=np.zeros((ROWS, COLUMNS, 2), np.float32)))


def test_any_reader_finds_the_datasets_by_name(path: Path) -> None:
    write(path)
    with h5py.File(path) as file:
        assert file["maps"].shape == (ROWS, COLUMNS, 3)
        assert file["maps"].dtype == np.float32
        assert file["standard_error"].shape == (ROWS, COLUMNS, 3)
        np.testing.assert_array_equal(file["mask"][()], MASK)
        assert list(file["elements"].asstr()) == list(MAPS.elements)
        assert file.attrs["pitch_mm"] == 0.5


def test_the_same_maps_give_the_same_bytes(path: Path) -> None:
    write(path)
    first = path.read_bytes()
    write(path)
    assert path.read_bytes() == first


def test_arrays_that_do_not_belong_together_are_refused_before_anything_is_written(path: Path) -> None:
    with pytest.raises(ValueError, match="mask has the shape"):
        write_maps(path, MAPS, mask=MASK[1:])
    with pytest.raises(ValueError, match="the grid has the shape"):
        write_maps(path, MAPS, grid=ScanGrid(0.0, 0.0, 1.0, COLUMNS, ROWS))
    with pytest.raises(ValueError, match="sets itself: method"):
        write_maps(path, MAPS, attributes={"method": "other"})
    assert list(path.parent.iterdir()) == []


def test_a_photograph_of_16_bits_is_refused_rather_than_cut_to_its_low_bytes(path: Path) -> None:
    with pytest.raises(ValueError, match="rgb is of the type uint16"):
        write_maps(path, MAPS, rgb=RGB.astype(np.uint16) * 257)  # type: ignore[arg-type]
    assert list(path.parent.iterdir()) == []


def test_a_folder_that_is_missing_is_named(path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        write(path.parent / "absent" / "maps.h5")
    with pytest.raises(UsageError, match="no such maps file"):
        read_maps(path)


def test_flipped_bits_are_noticed_or_harmless(path: Path) -> None:
    write(path)
    whole = path.read_bytes()
    rng = random.Random(3)
    noticed = 0
    for _ in range(200):
        mutated = bytearray(whole)
        mutated[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        path.write_bytes(mutated)
        try:
            read = read_maps(path)
        except IntegrityError:
            noticed += 1
            continue
        np.testing.assert_array_equal(read.element_maps.maps, MAPS.maps)
        np.testing.assert_array_equal(read.element_maps.standard_error, MAPS.standard_error)
        np.testing.assert_array_equal(read.mask, MASK)
        assert read.element_maps.elements == MAPS.elements
    assert noticed > 10


def replace(name: str, **how: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        file.create_dataset(name, **how)

    return change


def link(name: str) -> Callable[[h5py.File], None]:
    """Something that lies in another file, which would have to be opened: this one would be waited for for ever."""

    def change(file: h5py.File) -> None:
        if name in file:
            del file[name]
        pipe = Path(file.filename).with_name("pipe.h5")
        os.mkfifo(pipe)
        file[name] = h5py.ExternalLink(str(pipe), f"/{name}")

    return change


def long_names(file: h5py.File) -> None:
    del file["elements"]
    file.create_dataset("elements", (2,), dtype="S500000000")


def one_long_name(file: h5py.File) -> None:
    file["elements"][0] = "x" * 100_000


def many_attributes(file: h5py.File) -> None:
    for i in range(300):
        file.attrs[f"a{i}"] = float(i)


def newer(file: h5py.File) -> None:
    file.attrs["format_version"] = 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (replace("maps", shape=(200_000, 200_000, 20), dtype="<f4", chunks=(512, 512, 1), compression=1), "/maps"),
        (replace("maps", shape=(200_000, 200_000, 20), dtype="<f4"), "/maps"),
        (replace("maps", data=np.zeros((ROWS, COLUMNS, 3))), "/maps"),
        (replace("mask", data=np.zeros((ROWS, COLUMNS + 1), np.uint8)), "maps file"),
        (replace("elements", data=["Pb"]), "/elements"),
        (lambda file: file.pop("standard_error"), "/standard_error is missing"),
        (link("maps"), "/maps is missing"),
        (link("elements"), "/elements is missing"),
        (link("rgb"), "/rgb is missing"),
        (long_names, "/elements does not name"),
        (one_long_name, "/elements is damaged"),
        (many_attributes, "attributes, more than"),
        (newer, "upgrade"),
        (lambda file: file.attrs.clear(), "not a maps file"),
    ],
    ids=[
        "bomb",
        "hollow",
        "type",
        "shape",
        "elements",
        "absent",
        "link",
        "linked names",
        "linked picture",
        "long names",
        "one long name",
        "attributes",
        "newer",
        "foreign",
    ],
)
def test_a_hostile_or_foreign_file_is_refused(path: Path, change: Callable[[h5py.File], None], sentence: str) -> None:
    write(path)
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(IntegrityError, match=sentence):
        read_maps(path)


def test_a_file_that_is_not_hdf5_is_refused(path: Path) -> None:
    path.write_text("row;column;Pb\n")
    with pytest.raises(IntegrityError, match="not a maps file"):
        read_maps(path)


@pytest.mark.parametrize("room", [0, 1_000, 3_000, 6_000])
def test_a_full_disk_is_a_sentence_and_leaves_the_old_file(path: Path, room: int) -> None:
    write(path)
    before = path.read_bytes()
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limit[1]))
    try:
        with pytest.raises(UsageError, match=r"cannot be written \(File too large\): free space"):
            write(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
