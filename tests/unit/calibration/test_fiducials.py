"""Markers are found, placed to a small part of a pixel, and told apart."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.fiducials import DuplicateFiducial, Fiducial, UnknownDictionary, detect_fiducials
from calibration.homography import PlaneFit
from firmware_bridge.messages import StagePose

FAMILY = "DICT_4X4_50"


def corner_error_px(found, view: PlaneFit, fiducials) -> float:
    """Root mean square distance of the corners from the truth."""
    off = [found[fiducial.id] - view.pixels(fiducial.corners_mm) for fiducial in fiducials]
    return float(np.sqrt(np.mean(np.sum(np.concatenate(off) ** 2, axis=1))))


def test_a_marker_is_upright_with_its_top_edge_towards_smaller_y():
    corners = Fiducial(3, StagePose(20.0, 30.0), 10.0).corners_mm
    assert corners.tolist() == [[15, 25], [25, 25], [25, 35], [15, 35]]


def test_corners_are_found_within_a_tenth_of_a_pixel_in_the_markers_own_order(draw, view, eight):
    found = detect_fiducials(draw(eight), FAMILY, range(8))
    assert sorted(found) == list(range(8))
    assert corner_error_px(found, view, eight) < 0.1


def test_a_picture_with_uneven_light_moves_no_corner_by_a_fifth_of_a_pixel(draw, view, eight):
    image = draw(eight).astype(float)
    image *= np.linspace(1.0, 0.6, image.shape[1])[None, :, None]
    found = detect_fiducials(image.astype(np.uint8), FAMILY, range(8))
    assert corner_error_px(found, view, eight) < 0.2


def test_noise_costs_little_because_whole_edges_are_fitted(draw, view, eight):
    noisy = draw(eight) + np.random.default_rng(1).normal(0, 6, (900, 1200, 3))
    found = detect_fiducials(np.clip(noisy, 0, 255).astype(np.uint8), FAMILY, range(8))
    assert corner_error_px(found, view, eight) < 0.15


def test_grey_and_sixteen_bit_pictures_give_the_same_corners(draw, eight):
    image = draw(eight)
    colour = detect_fiducials(image, FAMILY, range(8))
    grey = detect_fiducials(image[:, :, 0], FAMILY, range(8))
    deep = detect_fiducials(image.astype(np.uint16) * 257, FAMILY, range(8))
    for marker, corners in colour.items():
        np.testing.assert_allclose(grey[marker], corners, atol=1e-3)
        np.testing.assert_allclose(deep[marker], corners, atol=1e-3)


def test_only_the_markers_asked_for_are_given(draw, eight):
    assert sorted(detect_fiducials(draw(eight), FAMILY, [2, 5, 40])) == [2, 5]


def test_a_marker_printed_twice_is_refused_by_name(draw, eight):
    twin = Fiducial(3, StagePose(60.0, 45.0), 10.0)
    with pytest.raises(DuplicateFiducial, match="marker 3 is seen twice"):
        detect_fiducials(draw((*eight, twin)), FAMILY, range(8))


@pytest.mark.parametrize("name", ["DICT_9X9", "4X4_50", "ArucoDetector"])
def test_an_unknown_dictionary_is_refused_by_name(name):
    with pytest.raises(UnknownDictionary, match=name):
        detect_fiducials(np.zeros((64, 64), np.uint8), name, [0])


def test_a_floating_point_picture_is_refused():
    with pytest.raises(ValueError, match="8- or 16-bit"):
        detect_fiducials(np.zeros((64, 64)), FAMILY, [0])
