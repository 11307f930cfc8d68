"""HDF5 files that do not end the program: refused bytes, and heaps whose objects lead back."""

from __future__ import annotations

import struct
from pathlib import Path

import h5py
import numpy as np
import pytest

from edge.faults import IntegrityError
from edge.record.hdf5_file import is_endless, new_hdf5
from edge.record.maps_file import read_maps


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.h5"


def test_what_is_written_is_what_hdf5_reads(path: Path) -> None:
    values = np.arange(50_000).reshape(500, 100)
    with new_hdf5(path) as made:
        made.file["a"] = values
        made.file.attrs["said"] = "something"
    with h5py.File(path) as file:
        assert np.array_equal(file["a"], values)
        assert file.attrs["said"] == "something"


def test_what_breaks_while_it_is_written_is_raised_as_it_is(path: Path) -> None:
    with pytest.raises(KeyError, match="mine"), new_hdf5(path):
        raise KeyError("mine")


def test_a_file_that_is_there_is_not_overwritten(path: Path) -> None:
    path.write_text("mine")
    with pytest.raises(FileExistsError), new_hdf5(path):
        pass
    assert path.read_text() == "mine"


def test_a_text_whose_size_leads_back_is_noticed_before_it_is_read(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["format"] = "pointillist-maps"
        file.create_dataset("texts", data=["one", "another"], dtype=h5py.string_dtype())
    assert not is_endless(path)
    content = bytearray(path.read_bytes())
    heap = content.index(b"GCOL")
    index, size = struct.unpack_from("<H6xQ", content, heap + 16)
    assert (index, size) == (1, 16)
    content[heap + 31] = 0x80
    path.write_bytes(content)
    assert is_endless(path)
    with pytest.raises(IntegrityError, match="its texts have no end"):
        read_maps(path)


def test_a_file_without_texts_ends(path: Path) -> None:
    path.write_bytes(b"")
    assert not is_endless(path)
    path.write_bytes(b"GCOL\x01")
    assert not is_endless(path)
