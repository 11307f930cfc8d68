"""Pictures say what the numbers say: colours, limits, scale bars, and which cells were measured."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from edge.report.contents import ScanReport
from edge.report.figures import (
    MARK_RGB,
    NO_VALUE_RGB,
    Colormap,
    ColourLimits,
    block_mean,
    colour_limits,
    cover_png,
    liveliest_window,
    map_png,
    montage_png,
    overlay_mask,
    palette,
    palette_indices,
)
from edge.report.mapfigure import fitted_frame, map_figure
from edge.report.page import render
from edge.report.png import palette_png, rgb_png
from edge.report.scales import scale_bar_mm, ticks

MakeReport = Callable[..., ScanReport]
images = st.tuples(st.integers(1, 9), st.integers(1, 9))


def decoded(png: bytes, flags: int = cv2.IMREAD_COLOR) -> NDArray[np.uint8]:
    """Pixels of a PNG file, RGB or RGBA, read by an independent decoder."""
    image = cv2.imdecode(np.frombuffer(png, dtype=np.uint8), flags)
    assert image is not None
    order = [2, 1, 0] if image.shape[2] == 3 else [2, 1, 0, 3]
    return np.asarray(image[..., order], dtype=np.uint8)


@given(images.flatmap(lambda shape: arrays(np.uint8, (*shape, 3))))
@settings(max_examples=40, deadline=None)
def test_an_rgb_png_reads_back_as_it_was(image: NDArray[np.uint8]) -> None:
    np.testing.assert_array_equal(decoded(rgb_png(image)), image)


@given(images.flatmap(lambda shape: arrays(np.uint8, shape)))
@settings(max_examples=40, deadline=None)
def test_a_palette_png_reads_back_in_its_colours(indices: NDArray[np.uint8]) -> None:
    colours = palette("viridis")
    np.testing.assert_array_equal(decoded(palette_png(indices, colours)), colours[indices])


def test_a_smooth_picture_is_stored_smaller_than_its_pixels() -> None:
    smooth = np.add.outer(np.arange(200), np.arange(300)).astype(np.uint8)
    assert len(palette_png(smooth, palette("grey"))) < smooth.size / 20


def test_a_cover_is_opaque_where_its_fraction_is_one_and_clear_where_it_is_zero() -> None:
    pixels = decoded(cover_png(np.array([[0.0, 1.0]]), (10, 20, 30)), cv2.IMREAD_UNCHANGED)
    assert pixels[0, 0, 3] == 0
    np.testing.assert_array_equal(pixels[0, 1], [10, 20, 30, 255])


def test_a_map_runs_from_the_first_to_the_last_colour_of_its_scale() -> None:
    pixels = decoded(map_png(np.array([[2.0, 3.0, np.nan]]), "viridis", ColourLimits(2.0, 3.0)))
    np.testing.assert_array_equal(pixels[0], [palette("viridis")[1], palette("viridis")[255], NO_VALUE_RGB])


@pytest.mark.parametrize("name", ["viridis", "cividis", "grey"])
def test_scales_change_lightness_one_way_only_so_that_the_colour_blind_can_read_them(name: Colormap) -> None:
    colours = palette(name)[1:]
    lightness = cv2.cvtColor(colours[None], cv2.COLOR_RGB2LAB)[0, :, 0].astype(float)
    steps = np.diff(lightness) * np.sign(lightness[-1] - lightness[0])
    assert steps.min() >= -1.0  # one level of eight-bit rounding
    assert abs(lightness[-1] - lightness[0]) > 150


@given(arrays(np.float64, (6, 7), elements=st.floats(-1e6, 1e6)))
@settings(max_examples=60, deadline=None)
def test_every_value_within_the_limits_keeps_its_order_in_the_palette(values: NDArray[np.float64]) -> None:
    indices = palette_indices(values, colour_limits(values)).ravel()
    assert indices.min() >= 1
    assert np.all(np.diff(indices[np.argsort(values, axis=None)].astype(int)) >= 0)


def test_limits_are_the_smallest_and_largest_value() -> None:
    values = np.random.default_rng(0).uniform(3.0, 8.0, (50, 60))
    assert colour_limits(values) == ColourLimits(float(values.min()), float(values.max()))


def test_a_single_nail_does_not_darken_the_map_and_is_counted() -> None:
    values = np.random.default_rng(0).uniform(0.0, 1.0, (100, 100))
    values[40, 40] = 500.0
    limits = colour_limits(values)
    assert limits.high < 1.1
    assert limits.cells_above >= 1
    assert limits.cells_below == 0


def test_limits_of_a_map_without_values_are_drawable() -> None:
    assert palette_indices(np.full((2, 2), np.nan), colour_limits(np.full((2, 2), np.nan))).max() == 0


def test_the_colour_bars_carry_the_limits_of_the_values(make_report: MakeReport) -> None:
    report = make_report(elements=("Fe",))
    maps = report.maps.maps.copy()
    maps.flat[:2] = [0.123, 45.6]
    maps[3:7] = 40.0
    page = render(dataclasses.replace(report, maps=dataclasses.replace(report.maps, maps=maps)))
    ends = re.findall(r'class="bar-(low|high)">([^<]+)<', page.split('id="element-0"')[1])
    assert ends[:2] == [("low", "0.123"), ("high", "45.6")]


@given(rows=st.integers(1, 900), columns=st.integers(1, 900), pitch_mm=st.floats(0.01, 20), box=st.floats(60, 600))
@settings(max_examples=80, deadline=None)
def test_a_scale_bar_is_as_long_as_it_says(rows: int, columns: int, pitch_mm: float, box: float) -> None:
    frame = fitted_frame(rows, columns, pitch_mm, (box, box))
    drawing = map_figure(frame, "a map", "")
    bar = re.search(r'width="([\d.]+)" height="3" class="scale-bar" data-mm="([\d.e+-]+)"', drawing)
    assert bar is not None
    length_px, length_mm = float(bar[1]), float(bar[2])
    # printed to a thousandth of a pixel
    assert length_px / frame.width_px * columns * pitch_mm == pytest.approx(length_mm, abs=6e-4 / frame.px_per_mm)
    assert length_px <= 0.36 * frame.width_px + 1e-3


@given(width_mm=st.floats(1e-3, 1e5))
def test_scale_bars_are_round_numbers(width_mm: float) -> None:
    digit = f"{scale_bar_mm(width_mm):e}"[0]
    assert digit in "125"
    assert 0.13 * width_mm <= scale_bar_mm(width_mm) <= 0.351 * width_mm


@given(low=st.floats(-1e6, 1e6), span=st.floats(1e-3, 1e6), about=st.integers(1, 12))
def test_ticks_lie_within_the_axis_and_are_never_more_than_asked_for(low: float, span: float, about: int) -> None:
    values = ticks(low, low + span, about)
    assert len(values) <= about + 1
    slack = 1e-6 * (span + abs(low))
    assert all(low - slack <= value <= low + span + slack for value in values)


@given(rows=st.integers(1, 2000), columns=st.integers(1, 2000))
def test_frames_fit_their_box_and_enlarge_by_whole_pixels(rows: int, columns: int) -> None:
    frame = fitted_frame(rows, columns, 0.5, (380, 600))
    assert frame.width_px <= 380 + 1e-9
    assert frame.height_px <= 600 + 1e-9
    assert frame.px_per_cell < 1 or frame.px_per_cell == int(frame.px_per_cell)


def test_block_means_ignore_cells_without_value_and_keep_the_far_edges() -> None:
    values = np.array([[1.0, 3.0, 5.0], [np.nan, 2.0, 7.0], [np.nan, np.nan, 9.0]])
    np.testing.assert_allclose(block_mean(values, 2), [[2.0, 6.0], [np.nan, 9.0]])


def test_marks_stand_on_visited_cells_and_leave_the_photograph_between_them() -> None:
    photograph = np.full((2, 2, 3), 100, dtype=np.uint8)
    marked = overlay_mask(photograph, np.array([[True, False], [False, False]]), cell_px=4)
    assert marked.shape == (8, 8, 3)
    np.testing.assert_array_equal(marked[1, 1], MARK_RGB)
    assert np.all(marked[4:] == 100)
    assert np.all(marked[0] == 100)
    assert np.all(photograph == 100)


def test_marks_can_be_half_transparent() -> None:
    photograph = np.full((1, 1, 3), 100, dtype=np.uint8)
    marked = overlay_mask(photograph, np.ones((1, 1), dtype=bool), opacity=0.5)
    np.testing.assert_allclose(marked[0, 0], (np.array(MARK_RGB) + 100) / 2, atol=0.51)


def test_the_detail_is_taken_where_visited_cells_hold_most_contrast() -> None:
    picture = np.zeros((100, 120))
    picture[70:80, 90:100] = 1.0
    picture[5:15, 5:15] = 9.0
    picture[:3] = np.nan
    measured = np.zeros((100, 120), dtype=bool)
    measured[60:, 60:] = True
    window = liveliest_window(picture, measured, 30)
    rows, columns = window.slices
    assert picture[rows, columns].sum() == 100
    assert (window.rows, window.columns) == (30, 30)


def test_measured_cells_of_a_small_map_are_dotted_one_by_one(make_report: MakeReport) -> None:
    report = make_report()
    page = render(report)
    dots = page.split('<g id="dots">')[1].split("</g>")[0]
    assert dots.count("h0") == 2 * report.measured_cells


def test_a_large_map_comes_with_a_detail_that_dots_its_measured_cells(make_report: MakeReport) -> None:
    report = make_report(300, 400)
    page = render(report)
    dots = page.split('<g id="dots">')[1].split("</g>")[0]
    assert 0 < dots.count("h0") <= 2 * 36 * 36
    assert page.count("Framed detail; dots: measured") == 2


def test_a_montage_holds_one_tile_for_each_element() -> None:
    maps = np.random.default_rng(0).random((40, 30, 3))
    one = decoded(montage_png(maps[..., :1], ["Fe"], unit="counts/s"))
    three = decoded(montage_png(maps, ["Fe", "Pb-L", "Ca"], unit="counts/s"))
    assert three.shape[0] * three.shape[1] >= 3 * one.shape[0] * one.shape[1]
    assert np.unique(one.reshape(-1, 3), axis=0).shape[0] > 50


def test_a_montage_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no elements"):
        montage_png(np.zeros((4, 4, 0)), [])
