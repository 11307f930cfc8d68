"""The path as it is gone along: a moving picture, and a page that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html import unescape
from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.grid import ScanGrid
from edge.motion.kinematics import ExposureTable, StageModel
from edge.path import animation
from edge.path import page as page_module
from edge.path.animation import MOST_BYTES, animation_png, place_at
from edge.path.course import Course, course_of
from edge.path.drawing import Confines
from edge.path.page import path_page

STAGE = StageModel(50, 500, settle_s=0.02)
GRID = ScanGrid(10.0, 20.0, 0.5, 40, 60)
RNG = np.random.default_rng(7)
PHOTO = np.repeat(np.linspace(0, 255, GRID.rows * GRID.columns).reshape(*GRID.shape, 1), 3, axis=2).astype(np.uint8)


def serpentine(grid: ScanGrid) -> ExposureTable:
    """Every cell, to and fro."""
    rows, columns = np.divmod(np.arange(grid.rows * grid.columns), grid.columns)
    columns = np.where(rows % 2 == 0, columns, grid.columns - 1 - columns)
    centres = grid.centres_mm(rows, columns)
    return np.column_stack([centres, centres, np.full(len(centres), 0.01)])


@pytest.fixture(scope="module")
def course() -> Course:
    table = serpentine(GRID)[::7]
    is_closed: NDArray[np.bool_] = np.zeros(len(table), np.bool_)
    is_closed[20] = True
    return course_of(table, STAGE, is_closed=is_closed)


@pytest.fixture(scope="module")
def html(course: Course) -> str:
    corners = np.array([[14.0, 24.0], [18.0, 24.0], [18.0, 28.0]])
    return path_page("Saint <Anne>", {"Plan": "ab" * 32}, PHOTO, GRID, course, confines=Confines((corners,)))


def template(html: str, name: str) -> str:
    found = re.search(rf'<template id="{name}">(.*?)</template>', html, re.DOTALL)
    assert found is not None
    return unescape(found.group(1))


def without_motion(png: bytes) -> bytes:
    """What a viewer sees that knows nothing of animation: the file without the chunks that it passes over."""
    kept, at = png[:8], 8
    while at < len(png):
        end = at + 12 + int.from_bytes(png[at : at + 4], "big")
        kept += b"" if png[at + 4 : at + 8] in (b"acTL", b"fcTL", b"fdAT") else png[at:end]
        at = end
    return kept


def test_the_moving_picture_goes_from_no_path_to_the_whole_one(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(animation, "_SIZES", ((320, 60),))
    content = animation_png(PHOTO, GRID, course)
    _, moving = cv2.imdecodeanimation(np.frombuffer(content, np.uint8))
    first, last = moving.frames[0].astype(int), moving.frames[-1].astype(int)
    changes = [int((np.abs(frame.astype(int) - first) > 8).any(axis=-1).sum()) for frame in moving.frames[::10]]
    assert len(moving.frames) == len(moving.durations) == 60
    assert all(after > before for before, after in pairwise(changes))
    # a viewer of still pictures shows the whole path, without the ring
    still = cv2.imdecode(np.frombuffer(without_motion(content), np.uint8), cv2.IMREAD_COLOR).astype(int)
    assert (np.abs(still - last[..., :3]) > 8).any(axis=-1).sum() < 0.05 * changes[-1]


def test_a_moving_picture_that_would_be_too_large_is_smaller_and_has_fewer_pictures(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(animation, "MOST_BYTES", 100_000)
    content = animation_png(PHOTO, GRID, course)
    _, moving = cv2.imdecodeanimation(np.frombuffer(content, np.uint8))
    assert len(content) < 100_000
    assert len(moving.frames) < 60
    assert moving.frames[0].shape[1] < 900


@pytest.mark.parametrize("seconds", [0.0, 1.0, 3.3])
def test_the_beam_is_on_its_way_where_the_clock_says(seconds: float) -> None:
    table = np.array([[10.0, 20.0, 10.0, 20.0, 1.0], [20.0, 20.0, 25.0, 20.0, 2.0]])
    course = course_of(table, StageModel(10, 1_000))
    legs_s = course.from_s[1] - course.until_s[0]
    where = place_at(course, seconds)
    expected = 10 + 10 * min(1.0, max(0.0, seconds - 1.0) / legs_s)
    if seconds > course.from_s[1]:
        expected = 20 + 2.5 * (seconds - course.from_s[1])
    assert where.tolist() == pytest.approx([expected, 20.0])


@pytest.mark.campaign
def test_a_full_raster_of_many_cells_stays_below_three_megabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    # the larger ones, which take long to pack, are tried first and given up for less
    monkeypatch.setattr(animation, "_SIZES", animation._SIZES[2:])
    grid = ScanGrid(0, 0, 0.5, 200, 180)
    photo = cv2.GaussianBlur(RNG.integers(0, 256, (*grid.shape, 3)).astype(np.uint8), (5, 5), 2)
    course = course_of(serpentine(grid), STAGE)
    assert len(animation_png(np.asarray(photo, np.uint8), grid, course)) < MOST_BYTES
    assert len(path_page("Raster", {}, np.asarray(photo, np.uint8), grid, course).encode()) < MOST_BYTES


def test_an_opencv_without_moving_pictures_is_named(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "imencodeanimation")
    with pytest.raises(UsageError, match=r"OpenCV .* writes no moving pictures: install opencv-python 4\.11"):
        animation_png(PHOTO, GRID, course)


def test_the_page_runs_its_own_script_and_style_and_asks_for_nothing_else(html: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    for kind in ("style", "script"):
        (text,) = re.findall(rf"<{kind}>(.*?)</{kind}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy.group(1)
    assert "default-src 'none'" in policy.group(1)
    sources = re.findall(r'(?:src|href|url)\s*[=(]\s*["\']?([^"\'\s>)]+)', html)
    assert all(source.startswith(("data:", "#")) for source in sources)
    assert not re.search(r'\son\w+="|style="', html)


def test_the_page_carries_the_course(html: str, course: Course) -> None:
    facts = json.loads(template(html, "facts"))
    content, n = base64.b64decode(template(html, "pieces")), facts["pieces"]
    assert n == len(course)
    path = np.frombuffer(content, "<u2", 4 * n).reshape(n, 2, 2) / 65_535
    times = np.frombuffer(content, "<f4", 2 * n, 8 * n).reshape(n, 2)
    exposures = np.frombuffer(content, "<u4", n, 16 * n)
    kinds = np.frombuffer(content, np.uint8, n, 20 * n)
    origin, size = (GRID.origin_x_mm, GRID.origin_y_mm), (GRID.width_mm, GRID.height_mm)
    # half a step of 65535ths of 30 mm
    assert path * size + origin == pytest.approx(course.path_mm.reshape(n, 2, 2), abs=2.5e-4)
    # single precision of a minute
    assert times == pytest.approx(np.column_stack([course.from_s, course.until_s]), abs=1e-5 * course.total_s)
    assert (exposures == course.exposures).all()
    assert np.flatnonzero(kinds & 2).tolist() == [20]
    assert facts["keep_outs"] == [[[8.0, 8.0], [16.0, 8.0], [16.0, 16.0]]]


def test_the_page_names_what_it_shows_and_escapes_it(html: str) -> None:
    assert "<h1>Saint &lt;Anne&gt;: path of the beam</h1>" in html
    assert "1 legs with the shutter closed" not in html
    assert "1 leg with the shutter closed" in html
    assert "kept out" in html


def test_a_path_too_long_to_carry_is_thinned_out_and_the_page_says_so(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_module, "MOST_PIECES", 100)
    html = path_page("Thin", {}, PHOTO, GRID, course)
    facts = json.loads(template(html, "facts"))
    every = -(-len(course) // 100)
    assert facts["pieces"] == -(-len(course) // every)
    assert facts["exposures"] == len(course)
    assert f"Of every {every} dwells and runs one is drawn" in html


@pytest.mark.skipif(shutil.which("node") is None, reason="no node to read scripts with")
def test_the_script_of_the_page_can_be_read(tmp_path) -> None:  # type: ignore[no-untyped-def]
    script = tmp_path / "page.js"
    script.write_text(page_module._part("page.js"))
    subprocess.run(["node", "--check", str(script)], check=True, capture_output=True)
