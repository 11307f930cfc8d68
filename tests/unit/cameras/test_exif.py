"""A picture's own words name the camera that took it, so that another one is noticed."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cameras.exif import body_of
from edge.cameras.files import FileCamera
from edge.faults import DeviceError

JPEG = cv2.imencode(".jpg", np.random.default_rng(1).integers(0, 256, (96, 128, 3), dtype=np.uint8))[1].tobytes()


def tags(model: bytes, serial: bytes, focal: tuple[int, int], order: str = "<") -> bytes:
    """A TIFF header with a directory that leads to another one."""
    first, inner, texts = 8, 8 + 2 + 2 * 12 + 4, 8 + 2 + 2 * 12 + 4 + 2 + 2 * 12 + 4
    content = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", first)
    content += struct.pack(f"{order}HHHIIHHII", 2, 0x0110, 2, len(model), texts, 0x8769, 4, 1, inner) + bytes(4)
    at_serial, at_focal = texts + len(model), texts + len(model) + len(serial)
    content += struct.pack(f"{order}HHHIIHHII", 2, 0x920A, 5, 1, at_focal, 0xA431, 2, len(serial), at_serial)
    return content + bytes(4) + model + serial + struct.pack(f"{order}II", *focal)


def with_tags(tiff: bytes) -> bytes:
    body = b"Exif\0\0" + tiff
    return JPEG[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + JPEG[2:]


@pytest.mark.parametrize("order", ["<", ">"])
def test_model_serial_number_and_focal_length_are_read(order):
    content = with_tags(tags(b"Bench 5\0", b"A1234567\0", (355, 10), order))
    assert body_of(content) == "Bench 5 A1234567 at 35.5 mm"


def test_another_body_in_the_same_place_has_another_identity(tmp_path: Path):
    path = tmp_path / "a.jpg"
    found = []
    for serial in (b"A1234567\0", b"B7654321\0"):
        path.write_bytes(with_tags(tags(b"Bench 5\0", serial, (50, 1))))
        found.append(FileCamera(path).capture().identity)
    assert found == [f"file:{path} (Bench 5 {serial} at 50 mm)" for serial in ("A1234567", "B7654321")]


@pytest.mark.parametrize("content", [JPEG, b"", b"\xff\xd8\xff\xe1\0", b"II*\0\xff\xff\xff\xff", b"\x89PNG"])
def test_a_picture_that_says_nothing_names_nobody(content):
    assert body_of(content) == ""


@given(st.binary(max_size=200), st.integers(0, 120))
def test_damaged_words_are_no_fault(noise, cut):
    whole = tags(b"Bench 5\0", b"A1234567\0", (50, 0))
    assert isinstance(body_of(whole[:cut] + noise), str)
    assert isinstance(body_of(with_tags(whole[:cut] + noise)), str)


def test_a_picture_of_floating_point_levels_is_refused(tmp_path):
    path = tmp_path / "a.tiff"
    assert cv2.imwrite(str(path), np.random.default_rng(1).random((96, 128, 3), np.float32))
    with pytest.raises(DeviceError, match="pixels of type float32 cannot be used: save 8- or 16-bit pictures"):
        FileCamera(path).capture()
