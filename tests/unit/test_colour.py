"""Levels become the light that they mean, whatever space or profile they are in."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cameras.picture import decode_picture, png_of
from edge.cameras.profile import profile_of, with_profile
from edge.photography.colour import _D50_FROM_ADOBE, _D50_FROM_SRGB, colour_space
from edge.photography.icc import MatrixProfile, NotAMatrixProfile, parse_profile


def element(kind: bytes, body: bytes) -> bytes:
    return kind + bytes(4) + body


def profile(matrix: np.ndarray, curve: bytes, *, space: bytes = b"RGB ", name: bytes = b"Bench RGB") -> bytes:
    """A version 2 matrix profile."""
    columns = [element(b"XYZ ", struct.pack(">3i", *np.rint(column * 65536).astype(int))) for column in matrix.T]
    tags = dict(zip([b"rXYZ", b"gXYZ", b"bXYZ"], columns, strict=True))
    tags |= dict.fromkeys([b"rTRC", b"gTRC", b"bTRC"], curve)
    tags[b"desc"] = element(b"desc", struct.pack(">I", len(name) + 1) + name + b"\0")
    table, content, at = b"", b"", 128 + 4 + 12 * len(tags)
    for signature, body in tags.items():
        table += struct.pack(">4sII", signature, at + len(content), len(body))
        content += body
    header = bytearray(128)
    header[16:20], header[20:24], header[36:40] = space, b"XYZ ", b"acsp"
    return bytes(header) + struct.pack(">I", len(tags)) + table + content


GAMMA = element(b"curv", struct.pack(">IH", 1, 563))
"""2.2 as Adobe RGB has it, in 1/256."""
ADOBE = profile(_D50_FROM_ADOBE, GAMMA)


def colours() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)


def test_a_profile_of_adobe_rgb_means_the_named_space():
    by_profile, by_name = colour_space("embedded", ADOBE), colour_space("adobe-rgb", None)
    assert by_profile.name == "Bench RGB"
    # profiles hold numbers in 1/65536, the light is in 1/65535
    np.testing.assert_allclose(by_profile.light(colours()).astype(int), by_name.light(colours()), atol=8)


def test_grey_stays_grey_through_every_space():
    grey = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)
    for name in ("srgb", "linear", "adobe-rgb", "display-p3"):
        light = colour_space(name, None).light(grey).astype(int)
        assert np.ptp(light, axis=2).max() <= 3, name


def test_a_saturated_colour_of_a_wide_space_is_purer_than_the_same_levels_of_srgb():
    green = np.full((1, 1, 3), (100, 200, 100), np.uint8)
    narrow, wide = (colour_space(name, None).light(green)[0, 0].astype(int) for name in ("srgb", "display-p3"))
    assert wide[0] < narrow[0]
    assert wide[1] > narrow[1]


def test_a_profile_of_srgb_with_its_curve_changes_nothing():
    points = np.linspace(0, 1, 1024)
    curve = np.where(points <= 0.04045, points / 12.92, ((points + 0.055) / 1.055) ** 2.4)
    table = element(b"curv", struct.pack(">I", 1024) + np.rint(curve * 65535).astype(">u2").tobytes())
    space = colour_space("embedded", profile(_D50_FROM_SRGB, table))
    assert space.curves is None
    assert space.srgb_from_rgb is None


def test_srgbs_parametric_curve_is_recognised():
    numbers = [2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045]
    curve = element(b"para", struct.pack(">HH5i", 3, 0, *(round(number * 65536) for number in numbers)))
    assert colour_space("embedded", profile(_D50_FROM_SRGB, curve)).curves is None


def test_a_profile_without_a_matrix_is_taken_as_srgb_and_said_so():
    space = colour_space("embedded", profile(_D50_FROM_SRGB, GAMMA, space=b"CMYK", name=b"Press"))
    assert space.curves is None
    assert "Press, is no matrix profile and is taken as sRGB: have the camera save sRGB" in space.remark


@given(st.binary(max_size=400), st.integers(0, len(ADOBE)))
def test_a_damaged_profile_is_a_profile_of_nothing_and_no_fault(noise, cut):
    damaged = ADOBE[:cut] + noise
    assert isinstance(parse_profile(damaged), MatrixProfile | NotAMatrixProfile)
    assert isinstance(parse_profile(noise), NotAMatrixProfile)


def test_a_png_carries_a_profile_and_gives_it_back_with_the_picture():
    content = with_profile(png_of(colours()), ADOBE)
    picture = decode_picture(content, "a.png")
    assert picture is not None
    assert picture.profile == ADOBE
    np.testing.assert_array_equal(picture.image, colours())


def test_a_jpegs_profile_is_put_together_from_its_parts():
    jpeg = cv2.imencode(".jpg", colours())[1].tobytes()
    half = len(ADOBE) // 2
    parts = b""
    for number, body in ((2, ADOBE[half:]), (1, ADOBE[:half])):
        segment = b"ICC_PROFILE\0" + bytes([number, 2]) + body
        parts += b"\xff\xe2" + struct.pack(">H", len(segment) + 2) + segment
    assert profile_of(jpeg[:2] + parts + jpeg[2:]) == ADOBE


@pytest.mark.parametrize("content", [png_of(colours()), b"\x89PNG\r\n\x1a\n\0\0", b"\xff\xd8\xff\xe2\0", b"II*\0", b""])
def test_a_file_without_a_profile_has_none(content):
    assert profile_of(content) is None
