"""The photograph on the grid is the mean light of each cell, in place."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.projection import pixels_from_stage, stage_from_pixels
from calibration.registration import Registration
from edge.faults import SafetyStop, UsageError
from edge.grid import ScanGrid
from edge.photography.resample import light_on_grid, rgb_on_grid, visible_area_mm


def seen_from(camera_from_stage, distortion=(0, 0, 0, 0, 0), size=(800, 600)) -> Registration:
    """A registration with this homography, and a lens of 900 px focal length."""
    stage_from_camera = np.linalg.inv(np.asarray(camera_from_stage, float))
    matrix = np.array([[900.0, 0, (size[0] - 1) / 2], [0, 900.0, (size[1] - 1) / 2], [0, 0, 1]])
    return Registration(
        stage_from_camera / stage_from_camera[2, 2],
        matrix,
        np.asarray(distortion, float),
        (0, 1, 2, 3),
        np.zeros(16),
        "bench",
        "2026-01-02T03:04:05+00:00",
        "",
    )


def straight(px_per_mm: float, left_mm: float = 0.0, upper_mm: float = 0.0) -> np.ndarray:
    """Stage to pixels of a camera that looks straight on; the corner's pixel edge lies at (left, upper)."""
    offset = np.array([left_mm, upper_mm]) * px_per_mm + 0.5
    return np.array([[px_per_mm, 0, -offset[0]], [0, px_per_mm, -offset[1]], [0, 0, 1]])


def linear(srgb):
    """Decode sRGB levels to light."""
    share = np.asarray(srgb, float) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def levels(light):
    """Encode light as sRGB levels, not rounded."""
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)


@given(
    st.floats(-0.08, 0.03), st.floats(-8e-5, 8e-5), st.floats(-8e-5, 8e-5), st.floats(-0.1, 0.1), st.floats(0.3, 2.5)
)
@settings(max_examples=10, deadline=None)
def test_a_ramp_of_light_stays_the_same_ramp_through_any_view(k1, tilt_x, tilt_y, roll, pitch_mm):
    homography = np.array([[7.0, -7 * roll, 110.0], [7 * roll, 7.0, 90.0], [tilt_x, tilt_y, 1.0]])
    view = seen_from(homography, (k1, 0, 0, 0, 0))
    columns, rows = np.meshgrid(np.arange(800.0), np.arange(600.0))
    stage = stage_from_pixels(view, np.column_stack([columns.ravel(), rows.ravel()])).reshape(600, 800, 2)
    light = np.stack(
        [0.2 + 0.005 * stage[..., 0], 0.2 + 0.006 * stage[..., 1], 0.3 + 0.002 * stage.sum(axis=2)], axis=2
    )
    picture = np.round(np.clip(levels(light) * 257, 0, 65535)).astype(np.uint16)
    grid = ScanGrid(12.0, 10.0, pitch_mm, rows=int(40 / pitch_mm), columns=int(50 / pitch_mm))
    rgb = rgb_on_grid(picture, view, grid)
    x = grid.origin_x_mm + (np.arange(grid.columns) + 0.5) * pitch_mm
    y = (grid.origin_y_mm + (np.arange(grid.rows) + 0.5) * pitch_mm)[:, None]
    expected = np.stack(np.broadcast_arrays(0.2 + 0.005 * x, 0.2 + 0.006 * y, 0.3 + 0.002 * (x + y)), axis=2)
    # In levels of 8 bits: remap's positions are whole 1/32 px, 0.02 levels here; 16 bits of light in the dark, 0.02.
    assert rgb.dtype == np.uint16
    assert np.abs(rgb / 257 - levels(expected)).max() < 0.1


def test_every_pixel_counts_as_much_as_its_area_in_light():
    picture = np.random.default_rng(3).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    rgb = rgb_on_grid(picture, seen_from(straight(10.0)), ScanGrid(1.0, 1.0, 1.0, rows=4, columns=6))
    cells = linear(picture)[10:50, 10:70].reshape(4, 10, 6, 10, 3).mean(axis=(1, 3))
    assert np.abs(rgb - levels(cells)).max() < 0.8


def test_averaging_is_in_light_and_not_in_levels():
    stripes = np.zeros((60, 80, 3), np.uint8)
    stripes[:, ::2] = 255
    rgb = rgb_on_grid(stripes, seen_from(straight(10.0)), ScanGrid(1.0, 1.0, 1.0, rows=4, columns=6))
    assert (np.abs(rgb.astype(int) - 188) <= 1).all(), "half the light is level 188, half the level would be 128"


def test_a_cell_smaller_than_a_pixel_takes_the_colour_there():
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, 32:] = 200
    rgb = rgb_on_grid(picture, seen_from(straight(1.0)), ScanGrid(20.0, 20.0, 0.25, rows=8, columns=80))
    assert rgb[0, 0, 0] == 0
    assert rgb[0, -1, 0] == 200


def test_row_zero_is_the_smallest_y_and_column_zero_the_smallest_x():
    picture = np.zeros((100, 100, 3), np.uint8)
    picture[:50, :50] = 255
    rgb = rgb_on_grid(picture, seen_from(straight(10.0)), ScanGrid(1.0, 1.0, 4.0, rows=2, columns=2))
    assert rgb[..., 0].tolist() == [[255, 0], [0, 0]]


def test_a_scan_area_beyond_the_picture_stops_and_says_which_edge():
    view = seen_from(straight(10.0))
    with pytest.raises(SafetyStop, match=r"right edge by \d+ px.*move the camera back, or keep area within"):
        rgb_on_grid(np.zeros((600, 800, 3), np.uint8), view, ScanGrid(70.0, 10.0, 1.0, rows=5, columns=20))


def test_an_area_that_reaches_the_pictures_edge_is_accepted():
    view = seen_from(straight(10.0))
    rgb = rgb_on_grid(np.full((600, 800, 3), 9, np.uint8), view, ScanGrid(0.0, 0.0, 1.0, rows=60, columns=80))
    assert (rgb == 9).all()


def test_a_lens_model_that_folds_over_stops():
    view = seen_from(straight(10.0), (-0.9, 0, 0, 0, 0))
    with pytest.raises(SafetyStop, match="scan area leaves the picture"):
        rgb_on_grid(np.zeros((600, 800, 3), np.uint8), view, ScanGrid(-60.0, 10.0, 1.0, rows=40, columns=200))


@pytest.mark.parametrize("picture", [np.zeros((60, 80), np.uint8), np.zeros((60, 80, 3))])
def test_a_picture_of_another_kind_is_refused(picture):
    with pytest.raises(UsageError, match="8- or 16-bit RGB"):
        rgb_on_grid(picture, seen_from(straight(10.0)), ScanGrid(1, 1, 1, 2, 2))


@given(st.floats(-0.1, 0.05), st.floats(-3e-4, 3e-4), st.floats(-0.2, 0.2))
@settings(max_examples=10, deadline=None)
def test_the_visible_area_is_visible(k1, tilt, roll):
    homography = np.array([[7.0, -7 * roll, 110.0], [7 * roll, 7.0, 90.0], [tilt, -tilt, 1.0]])
    view = seen_from(homography, (k1, 0, 0, 0, 0))
    left, upper, right, lower = visible_area_mm(view, 800, 600)
    assert right > left
    assert lower > upper
    corners = pixels_from_stage(view, np.array([[left, upper], [right, upper], [right, lower], [left, lower]]))
    assert (corners > -1).all()
    assert (corners < [800, 600]).all()


def test_the_reference_of_area_averaging_is_opencvs_own_on_whole_factors():
    picture = cv2.GaussianBlur(np.random.default_rng(4).integers(0, 256, (60, 80, 3), dtype=np.uint8), (0, 0), 2)
    rgb = rgb_on_grid(picture, seen_from(straight(10.0)), ScanGrid(0.0, 0.0, 1.0, rows=6, columns=8))
    reference = levels(cv2.resize(linear(picture), (8, 6), interpolation=cv2.INTER_AREA))
    assert np.abs(rgb - reference).max() < 0.8


@pytest.mark.parametrize("fwhm_mm", [0.2, 1.2, 2.0, 5.0])
def test_an_edge_is_as_wide_as_the_beam_and_at_least_as_a_cell(fwhm_mm):
    """The variance of a step's response is the footprint's: the beam's, or a twelfth of a cell's square."""
    picture = np.zeros((400, 600, 3), np.uint16)
    picture[:, 300:] = 65535
    grid = ScanGrid(10.0, 10.0, 1.0, rows=20, columns=40)
    light = light_on_grid(picture, seen_from(straight(10.0), size=(600, 400)), grid, beam_fwhm_mm=fwhm_mm)[10, :, 0]
    steps = np.diff(light / 65535)
    places = grid.origin_x_mm + 1.0 + np.arange(steps.size)
    centre = (steps * places).sum()
    variance = (steps * (places - centre) ** 2).sum()
    assert centre == pytest.approx(30.0, abs=0.01)
    # cell averages of a step on a cell's border add nothing of their own to the spread between cells' borders
    assert variance == pytest.approx(max(0.0, (fwhm_mm / 2.3548) ** 2 - 1 / 12), abs=0.01)


def test_a_wide_beam_sees_what_lies_around_the_area():
    picture = np.full((200, 300, 3), 100, np.uint8)
    picture[:, :95] = 0
    grid = ScanGrid(10.0, 5.0, 1.0, rows=4, columns=10)
    view = seen_from(straight(10.0), size=(300, 200))
    assert (rgb_on_grid(picture, view, grid)[:, 0] == 100).all()
    assert (rgb_on_grid(picture, view, grid, beam_fwhm_mm=3.0)[:, 0] < 90).all()
