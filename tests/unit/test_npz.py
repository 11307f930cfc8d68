"""Other people's archives: read, or refused in one sentence, never a crash."""

from __future__ import annotations

import io
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge import npz
from edge.faults import UsageError
from edge.npz import load_arrays

ARRAYS = {
    "maps": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "elements": np.array(["Pb", "Fe"]),
    "turned": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "one": np.float64(3.5),
}


def saved(path, **arrays):
    np.savez_compressed(path, **arrays)
    return path


def test_what_numpy_saves_is_read(tmp_path):
    read = load_arrays(saved(tmp_path / "a.npz", **ARRAYS))
    assert read.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == array.dtype


def archive_of(path, header: bytes, body: bytes = b"", *, method: int = zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("maps.npy", header + body)
    return path


def header(text: str) -> bytes:
    padded = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(padded)) + padded


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        (header("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000, 20), }"), "declares more"),
        (header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 4), }"), "not an .npz of plain arrays"),
        (header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"), "holds Python objects"),
        (header("{'descr': 'nonsense"), "not an .npz of plain arrays"),
        (b"not numpy at all", "not an .npz of plain arrays"),
        (b"\x93NUMPY\x09\x00", "not an .npz of plain arrays"),
    ],
)
def test_a_forged_header_is_refused(tmp_path, head, sentence):
    with pytest.raises(UsageError) as refusal:
        load_arrays(archive_of(tmp_path / "a.npz", head))
    assert sentence in str(refusal.value)


def test_a_single_array_file_is_refused(tmp_path):
    np.save(tmp_path / "maps.npy", ARRAYS["maps"])
    with pytest.raises(UsageError, match=r"not an \.npz of plain arrays"):
        load_arrays(tmp_path / "maps.npy")


def test_pickled_objects_are_refused(tmp_path):
    with pytest.raises(UsageError, match="Python objects"):
        load_arrays(saved(tmp_path / "a.npz", maps=np.array([{}], object)))


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_a_damaged_archive_is_read_or_refused(tmp_path, data):
    whole = io.BytesIO()
    np.savez_compressed(whole, **ARRAYS)
    content = bytearray(whole.getvalue())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "a.npz"
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    refusal = ""
    try:
        load_arrays(path)
    except UsageError as error:
        refusal = str(error)
    assert refusal == "" or refusal.startswith(str(path))


def test_an_archive_that_unpacks_to_far_more_than_measurements_do_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(npz, "_HARMLESS", 1_000_000)
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, maps=np.zeros((500, 500, 20), np.float32))
    with pytest.raises(UsageError, match="far more than measurements do: save it unpacked"):
        load_arrays(path)
