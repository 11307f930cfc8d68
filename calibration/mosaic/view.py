"""Where a head-mounted camera's pixels lie beside the beam, and the frame resampled to the stage's plane."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.lens import Lens
from calibration.projection import apply_homography

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]

_NODE_SPACING = 16
_BORDER_POINTS = 33


@dataclass(frozen=True, slots=True, eq=False)
class HeadView:
    """A camera that travels with the beam: a point of the object lies at ``pose + beam_from_camera(pixel)``."""

    beam_from_camera: Doubles
    """Undistorted pixels to mm from the beam, along the stage's axes; shape (3, 3)."""
    lens: Lens

    def beam_mm(self, points_px: Doubles) -> Doubles:
        """Millimetres from the beam of pixels as seen, shape (n, 2)."""
        return apply_homography(self.beam_from_camera, self.lens.undistort_points(points_px))

    def pixels(self, points_mm: Doubles) -> Doubles:
        """The inverse of `beam_mm`."""
        camera_from_beam = np.asarray(np.linalg.inv(self.beam_from_camera), dtype=np.float64)
        return self.lens.distort_points(apply_homography(camera_from_beam, points_mm))

    @property
    def centre_mm(self) -> Doubles:
        """Where the picture's centre lies from the beam, shape (2,)."""
        middle = np.array([[(self.lens.width_px - 1) / 2, (self.lens.height_px - 1) / 2]])
        return np.asarray(self.beam_mm(middle)[0])

    @property
    def mm_per_px(self) -> float:
        """At the picture's centre: root of the area of a pixel."""
        middle = np.array([(self.lens.width_px - 1) / 2, (self.lens.height_px - 1) / 2])
        corners = self.beam_mm(middle + np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
        across, down = corners[1] - corners[0], corners[2] - corners[0]
        return float(np.sqrt(abs(across[0] * down[1] - across[1] * down[0])))

    @property
    def box_mm(self) -> tuple[float, float, float, float]:
        """The picture's bounding rectangle from the beam: left, upper, right, lower."""
        x = np.linspace(-0.5, self.lens.width_px - 0.5, _BORDER_POINTS)
        y = np.linspace(-0.5, self.lens.height_px - 0.5, _BORDER_POINTS)
        border = [np.column_stack([x, np.full_like(x, edge)]) for edge in (y[0], y[-1])]
        border += [np.column_stack([np.full_like(y, edge), y]) for edge in (x[0], x[-1])]
        outline = self.beam_mm(np.concatenate(border))
        low, high = outline.min(axis=0), outline.max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    @property
    def inner_mm(self) -> tuple[float, float]:
        """Width and height of an upright rectangle about the picture's centre that lies wholly inside it."""
        x = np.linspace(0, self.lens.width_px - 1, _BORDER_POINTS)
        y = np.linspace(0, self.lens.height_px - 1, _BORDER_POINTS)
        border = [np.column_stack([x, np.full_like(x, edge)]) for edge in (y[0], y[-1])]
        border += [np.column_stack([np.full_like(y, edge), y]) for edge in (x[0], x[-1])]
        away = np.abs(self.beam_mm(np.concatenate(border)) - self.centre_mm)
        half = away.max(axis=0)
        reach = float(np.max(away / half, axis=1).min())
        return 2 * reach * float(half[0]), 2 * reach * float(half[1])

    def corrected(self, strain: Doubles) -> HeadView:
        """The same view with offsets from the picture's centre changed by the factor ``1 + strain``, shape (2, 2)."""
        centre = self.centre_mm
        change = np.eye(3)
        change[:2, :2] += strain
        change[:2, 2] = -strain @ centre
        return HeadView(change @ self.beam_from_camera, self.lens)


@dataclass(frozen=True, slots=True)
class Patch:
    """A rectangle of a regular grid in the stage's plane; cell (row, column) has its centre half a cell inside."""

    left_cell: int
    upper_cell: int
    columns: int
    rows: int
    cell_mm: float

    def centres_mm(self, step: int = 1) -> Doubles:
        """Stage positions of every `step`-th cell's centre, shape (rows, columns, 2)."""
        x = (self.left_cell + np.arange(0, self.columns, step) + 0.5) * self.cell_mm
        y = (self.upper_cell + np.arange(0, self.rows, step) + 0.5) * self.cell_mm
        return np.stack(np.meshgrid(x, y), axis=-1)


def patch_of(view: HeadView, place_mm: Doubles, cell_mm: float) -> Patch:
    """The cells that a frame taken with the beam at `place_mm` may show, shape (2,)."""
    left, upper, right, lower = view.box_mm
    left_cell = int(np.floor((place_mm[0] + left) / cell_mm))
    upper_cell = int(np.floor((place_mm[1] + upper) / cell_mm))
    # One size for all frames, whatever part of a cell they begin in.
    columns, rows = (int(np.ceil(size / cell_mm)) + 1 for size in (right - left, lower - upper))
    return Patch(left_cell, upper_cell, columns, rows, cell_mm)


def nodes_of(patch: Patch) -> Doubles:
    """Stage positions at which a patch's projection is exact, shape (high, wide, 2); see `spread`."""
    wide, high = -(-patch.columns // _NODE_SPACING) + 2, -(-patch.rows // _NODE_SPACING) + 2
    # Node k stands amid the k-th block of cells, one block beyond each border, as cv2.resize takes pixels to stand.
    x = (patch.left_cell + (np.arange(wide) - 0.5) * _NODE_SPACING) * patch.cell_mm
    y = (patch.upper_cell + (np.arange(high) - 0.5) * _NODE_SPACING) * patch.cell_mm
    return np.stack(np.meshgrid(x, y), axis=-1)


def spread(nodes: NDArray[np.floating], patch: Patch) -> Floats:
    """Values at `nodes_of` interpolated to every cell, shape (rows, columns, ...)."""
    high, wide = nodes.shape[:2]
    size = (wide * _NODE_SPACING, high * _NODE_SPACING)
    dense = cv2.resize(nodes.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    inner = dense[_NODE_SPACING : _NODE_SPACING + patch.rows, _NODE_SPACING : _NODE_SPACING + patch.columns]
    return np.asarray(inner, dtype=np.float32)


def on_plane(
    picture: NDArray[np.uint16], view: HeadView, place_mm: Doubles, patch: Patch
) -> tuple[NDArray[np.uint16], Doubles]:
    """A frame on a patch's cells, averaged where cells are wider than pixels.

    Returns
    -------
    picture : uint16, shape (rows, columns, channels)
        Beyond the frame's border the border's values.
    nodes_px : shape (high, wide, 2)
        Pixels, as seen, of `nodes_of` the patch.
    """
    nodes = nodes_of(patch)
    nodes_px = view.pixels((nodes - place_mm).reshape(-1, 2)).reshape(nodes.shape)
    shrink = max(1.0, patch.cell_mm / view.mm_per_px)
    at = nodes_px
    if shrink > 1.05:
        size = (max(1, round(view.lens.width_px / shrink)), max(1, round(view.lens.height_px / shrink)))
        factor = np.array([size[0] / view.lens.width_px, size[1] / view.lens.height_px])
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint16)
        at = (nodes_px + 0.5) * factor - 0.5
    sources = spread(at, patch)
    columns, rows = np.ascontiguousarray(sources[..., 0]), np.ascontiguousarray(sources[..., 1])
    placed = cv2.remap(picture, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(placed, dtype=np.uint16), nodes_px
