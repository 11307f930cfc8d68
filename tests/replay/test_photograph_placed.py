"""A photograph on somebody else's raster: placed by points, by its frame, by its edges, or refused."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from edge.cameras.picture import write_picture
from edge.faults import UsageError
from edge.imports.found import ImportSettings
from edge.imports.photograph import on_cells, photograph_on_raster
from edge.imports.points import fit_points, pairs_of
from edge.imports.search import place_by_maps

SHAPE = 40, 60
CORNERS = [(2, 3), (3, 55), (36, 5), (35, 57), (20, 30), (10, 44), (30, 12), (6, 20)]
TRUE = {
    "similarity": np.array([[3 * math.cos(0.1), -3 * math.sin(0.1), 40], [3 * math.sin(0.1), 3 * math.cos(0.1), 9.5]]),
    "affine": np.array([[3.0, 0.4, 40], [-0.2, 2.0, 9.5]]),
    "homography": np.array([[3.0, 0.4, 40], [-0.2, 2.0, 9.5], [2e-3, -1e-3, 1.0]]),
}


def pairs_by(place, cells=CORNERS, noise_px=0.0):
    random = np.random.default_rng(1)
    place = np.vstack([place, [0, 0, 1]]) if len(place) == 2 else place
    pairs = []
    for row, column in cells:
        x, y, w = place @ (column, row, 1)
        pairs.append((row, column, *(np.array([x / w, y / w]) + random.normal(0, noise_px, 2))))
    return pairs


@pytest.mark.parametrize("kind", list(TRUE))
def test_points_are_followed_by_the_simplest_transformation_that_foretells_them(kind):
    fit = fit_points(pairs_by(TRUE[kind], noise_px=0.2), SHAPE)
    assert fit.kind == kind
    assert fit.residual_cells < 0.3, "0.2 pixels are a tenth of a cell, and left-out pairs lie beyond the others"
    for row, column, x, y in pairs_by(TRUE[kind]):
        at = fit.photo_from_cells @ (column, row, 1)
        assert at[:2] / at[2] == pytest.approx((x, y), abs=0.8)


def test_four_pairs_make_a_similarity_and_no_more():
    assert fit_points(pairs_by(TRUE["similarity"], CORNERS[:4]), SHAPE).kind == "similarity"


def test_the_pair_that_contradicts_the_others_is_named():
    pairs = pairs_by(TRUE["similarity"])
    pairs[5] = (*pairs[5][:2], pairs[5][2] + 120, pairs[5][3])
    with pytest.raises(UsageError, match=r"contradict each other.* most by pair 6: correct that one"):
        fit_points(pairs, SHAPE)


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (CORNERS[:3], "3 matching points do not place a photograph: give at least 4"),
        ([(5, 5), (10, 10), (20, 20), (30, 30)], "lie on a line"),
        ([*CORNERS[:3], (35, 70)], "pair 4 lies beyond the raster's 40 x 60 cells"),
    ],
)
def test_points_that_place_nothing_are_refused(cells, says):
    with pytest.raises(UsageError, match=says):
        fit_points(pairs_by(TRUE["similarity"], cells), SHAPE)


def test_pairs_come_from_the_command_line_and_from_files(tmp_path):
    (tmp_path / "points.txt").write_text("# corners\n12,40=310,95.5\n\n12 210 1490 101  # the other\n")
    assert pairs_of(["1,2=3,4.5", str(tmp_path / "points.txt")]) == (
        (1, 2, 3, 4.5),
        (12, 40, 310, 95.5),
        (12, 210, 1490, 101),
    )
    (tmp_path / "points.txt").write_text("12,40=310\n")
    with pytest.raises(UsageError, match=r"points.txt:1: '12,40=310' is no pair of points: write ROW,COLUMN=X,Y"):
        pairs_of([str(tmp_path / "points.txt")])
    with pytest.raises(UsageError, match="neither a pair ROW,COLUMN=X,Y nor a text file"):
        pairs_of([str(tmp_path / "none.txt")])


def test_light_is_averaged_over_each_cell():
    picture = np.zeros((8, 12, 3), np.uint8)
    picture[::2] = 255
    place = np.array([[4.0, 0, 1.5], [0, 4.0, 1.5], [0, 0, 1]])
    cells = on_cells(picture, place, (2, 3))
    assert (np.abs(cells.astype(int) - 188) <= 1).all(), (
        "half of the light is sRGB 188, half of the levels would be 128"
    )


def scene(shape):
    """Two elements in a few blots, and the colours that they have."""
    random = np.random.default_rng(8)
    maps = np.zeros((*shape, 2), np.float32)
    for k in range(14):
        centre = tuple(int(one) for one in random.uniform(0, 1, 2) * shape[::-1])
        cv2.circle(
            layer := maps[..., k % 2].copy(), centre, int(random.uniform(4, 12)), float(random.uniform(2, 9)), -1
        )
        maps[..., k % 2] = layer
    red, blue = maps[..., 0] / maps[..., 0].max(), maps[..., 1] / maps[..., 1].max()
    colours = np.stack([60 + 180 * red, 90 + 60 * blue, 40 + 150 * blue], axis=2)
    noisy = random.poisson(30 * maps + 2).astype(np.float32)
    return noisy, np.clip(colours, 0, 255).astype(np.uint8)


def photographed(colours, place, size):
    """The object on a mottled table."""
    around = np.random.default_rng(2).integers(70, 160, (12, 16, 3)).astype(np.uint8)
    table = cv2.resize(around, size, interpolation=cv2.INTER_CUBIC)
    return cv2.warpAffine(colours, place, size, table, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT)


def test_a_photograph_of_more_than_the_raster_is_found_by_its_edges():
    maps, colours = scene((90, 120))
    place = np.array([[2.2, 0.02, 70], [-0.02, 2.25, 95]])
    found = place_by_maps(photographed(colours, place, (480, 400)), maps, np.ones((90, 120), bool))
    assert found
    for corner in ((0, 0, 1), (119, 0, 1), (0, 89, 1), (119, 89, 1)):
        missed = np.abs((found.photo_from_cells[:2] - place) @ corner).max() / 2.2
        assert missed < 2.5, "cells, 2 % of the raster: the rim between object and table has no counterpart in the maps"


def test_a_photograph_of_something_else_is_refused_with_the_way_out(tmp_path):
    maps, colours = scene((90, 120))
    place = np.array([[2.2, 0, 70], [0, 2.2, 95]])
    write_picture(tmp_path / "other.png", photographed(colours[::-1, ::-1].copy(), place, (480, 400)))
    known = np.ones((90, 120), bool)
    with pytest.raises(UsageError, match=r"is in doubt \(edges correlate by .*--match ROW,COLUMN=X,Y, or crop it"):
        photograph_on_raster(tmp_path / "other.png", maps, known, ImportSettings())


def test_a_photograph_in_the_rasters_proportions_is_the_raster(tmp_path):
    maps, colours = scene((90, 120))
    write_picture(tmp_path / "same.png", cv2.resize(colours, (360, 270), interpolation=cv2.INTER_NEAREST))
    rgb, words = photograph_on_raster(tmp_path / "same.png", maps, np.ones((90, 120), bool), ImportSettings())
    assert np.abs(rgb.astype(int) - colours).max() <= 1
    assert "whole raster, whose proportions it has; its edges correlate with the maps' by 0." in words


def test_a_photograph_that_has_no_more_than_the_rasters_proportions_is_warned_of(tmp_path):
    maps, colours = scene((90, 120))
    write_picture(tmp_path / "other.png", np.ascontiguousarray(colours[::-1, ::-1]))
    _, words = photograph_on_raster(tmp_path / "other.png", maps, np.ones((90, 120), bool), ImportSettings())
    assert "its edges hardly bear that out" in words
    assert "--match" in words


def test_a_photograph_that_misses_part_of_the_raster_is_refused(tmp_path):
    maps, colours = scene((90, 120))
    write_picture(tmp_path / "part.png", colours)
    pairs = tuple(pairs_by(np.array([[1.0, 0, 30], [0, 1.0, 0]]), [(2, 3), (3, 80), (70, 5), (75, 77)]))
    with pytest.raises(UsageError, match=r"part.png: shows 75% of the raster"):
        photograph_on_raster(tmp_path / "part.png", maps, np.ones((90, 120), bool), ImportSettings(pairs=pairs))


def test_the_portrait_is_found_on_a_photograph_of_its_wall(measurement_data):
    with np.load(measurement_data / "maxrf_portrait" / "portrait_811x285.npz") as archive:
        maps, rgb, valid = archive["maps"], archive["rgb"], archive["valid"]
    size = (95, 270)
    small = np.stack([cv2.resize(maps[..., k], size, interpolation=cv2.INTER_AREA) for k in range(6)], axis=2)
    known = cv2.resize(valid.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST).astype(bool)
    place = np.array([[0.6, 0.005, 60], [-0.005, 0.6, 80]])
    found = place_by_maps(photographed(rgb, place, (300, 640)), small, known)
    assert found
    true = place @ np.array([[3, 0, 1], [0, 811 / 270, 1], [0, 0, 1]])
    for corner in ((0, 0, 1), (94, 0, 1), (0, 269, 1), (94, 269, 1)):
        missed = np.abs((found.photo_from_cells[:2] - true) @ corner).max() / 1.8
        assert missed < 3, "cells of three pixels; map and photograph agree within one or two of them"
