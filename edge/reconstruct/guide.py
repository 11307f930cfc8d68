"""A first look at the maps, by which a second look is guided: edges run on where all elements together show them.

Where two samples lie on either side of an edge they say little of each other, however near they are. The photograph
shows edges only as far as the paint's colour does; the maps themselves show all, once they are known roughly. So the
principal components of the elements are kriged first, from few samples, and the result enters the second look in two
ways: as further colours that make places alike, in the manner of a bilateral filter (C. Tomasi and R. Manduchi 1998),
and as a metric that shortens distances along edges, after the steering kernels of H. Takeda, S. Farsiu and P. Milanfar,
"Kernel regression for image processing and reconstruction" (2007).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct import tiles
from edge.reconstruct.neighbours import nearest_samples
from edge.reconstruct.reading import read_off
from edge.reconstruct.tiling import TILE_CELLS, in_shares, tile_centres, tile_count

Floats = NDArray[np.float32]

_COMPONENTS = 3
_SAMPLES = 16
"""Samples of a tile at the first look: half as many as at the last, a fifth of the time, and no worse as a guide."""
_BLUR = 0.7
"""Cells: what a map of sparse samples shows is no finer than that."""
_STRUCTURE_BLUR = 1.5
_STEERING = 0.125
"""Power of the ratio of squared gradients across and along an edge by which distances are stretched across it, and
shortened along it. The least error lies between 0.06 and 0.25 on each of three stacks, and is flat there."""
_MOST_STEERING = 2.0
_FLAT = 0.05
"""Part of the mean squared gradient that is taken for none."""
NO_COLOUR = np.zeros((1, 1, 3), np.float32)
"""Stands for the colours of a grid on which all cells are alike."""


@dataclass(frozen=True, slots=True, eq=False)
class Guide:
    """What a first look shows, on the whole grid."""

    colours: Floats
    """Blurred principal components of the normalised elements, shape (rows, columns, 3): a distance of 1 is a
    difference of one standard deviation in all of them."""
    structure: Floats
    """Smoothed squared gradients of the components: down, down times right, and right; shape (rows, columns, 3)."""

    def metric(self, rows: NDArray[Any], columns: NDArray[Any]) -> Floats:
        """Upper triangle of the matrix by which what lies around some places is to be stretched, shape (n, 3).

        Its determinant is 1.
        """
        down, both, right = read_off(self.structure, rows, columns).T
        mean = (down + right) / 2
        half, spread = (down - right) / 2, np.hypot((down - right) / 2, both)
        flat = _FLAT * float(self.structure[:, :, [0, 2]].mean()) + 1e-12
        across, along = mean + spread + flat, np.maximum(mean - spread, 0) + flat
        stretch = np.minimum((across / along) ** np.float32(_STEERING), np.float32(_MOST_STEERING))
        equal, apart = (stretch + 1 / stretch) / 2, (stretch - 1 / stretch) / 2
        safe = np.maximum(spread, np.float32(1e-12))
        metric = np.stack([equal + apart * half / safe, apart * both / safe, equal - apart * half / safe], axis=1)
        return metric.astype(np.float32)


def unguided(count: int) -> Floats:
    """The metric that leaves `count` neighbourhoods as they are."""
    return np.tile(np.array([1, 0, 1], np.float32), (count, 1))


def components_of(values: Floats) -> Floats:
    """Weights of the elements in up to three principal components, shape (elements, components).

    The scale is such that a difference of one standard deviation in every element that varies is at most 1.
    """
    alive = values.any(axis=0)
    vectors = np.linalg.eigh(values.T @ values)[1][:, ::-1][:, :_COMPONENTS]
    weights: Floats = (vectors / np.sqrt(max(int(alive.sum()), 1))).astype(np.float32)
    return weights


def look(
    features: Floats, values: Floats, noise: Floats, colour: Floats, law: Floats, *, shape: tuple[int, int]
) -> Guide:
    """The guide that samples give under a covariance: looked for twice, the second time by what the first one showed.

    Parameters
    ----------
    features
        Row, column, colour and three columns that are not looked at, shape (n, 8).
    values
        Components of the normalised samples, shape (n, up to 3).
    noise
        Relative noise variance, shape (n,).
    colour
        Colour of each cell, (rows, columns, 3), or (1, 1, 3) where there is none.
    law
        `Covariance.as_array`.
    """
    which = np.arange(tile_count(shape))
    neighbours = nearest_samples(
        features[:, 0], features[:, 1], tile_centres(which, shape), min(_SAMPLES, len(features))
    )
    count, metric, places, seen = values.shape[1], unguided(len(which)), features, NO_COLOUR
    ones, zeros = np.ones(count, np.float32), np.zeros(count, np.float32)
    scaling = np.array([ones, zeros, ones, zeros, ones, values.min(axis=0), zeros, zeros], np.float32)
    maps = np.zeros((*shape, _COMPONENTS), np.float32)
    error, deviation = np.empty_like(maps), np.empty((len(which), _COMPONENTS), np.float32)

    def share(part: slice) -> None:
        tiles.krige_tiles(
            which[part].astype(np.int32), TILE_CELLS, neighbours[part], places, values, noise, metric[part], colour,
            seen, law, scaling, 1.0, np.arange(count, dtype=np.int32), 0, 0, shape[1], maps, error, deviation,
        )  # fmt: skip

    in_shares(share, len(which))
    before = _guide_from(maps)
    places, metric, seen = with_guide(features, before), metric_of_tiles(which, shape, before), before.colours
    in_shares(share, len(which))
    return _guide_from(maps)


def with_guide(features: Floats, guide: Guide) -> Floats:
    """The features with the guide's colours in their last three columns."""
    guided = features.copy()
    guided[:, 5:] = read_off(guide.colours, features[:, 0], features[:, 1])
    return guided


def metric_of_tiles(which: NDArray[np.intp], shape: tuple[int, int], guide: Guide) -> Floats:
    """Metric at the middle of each tile, or at the last cell before it where the tile reaches beyond the grid."""
    middle = (tile_centres(which, shape) + np.float32(0.5)).astype(np.intp)
    return guide.metric(np.minimum(middle[:, 0], shape[0] - 1), np.minimum(middle[:, 1], shape[1] - 1))


def _guide_from(maps: Floats) -> Guide:
    import cv2

    def blurred(image: Floats, by: float) -> Floats:
        smooth = cv2.GaussianBlur(image, (0, 0), by, borderType=cv2.BORDER_REFLECT)
        return np.asarray(smooth, np.float32).reshape(image.shape)

    difference = np.array([-0.5, 0, 0.5], np.float32)
    same = np.ones(1, np.float32)
    down, right = (
        np.asarray(cv2.sepFilter2D(maps, cv2.CV_32F, x, y, borderType=cv2.BORDER_REPLICATE), np.float32)
        for x, y in ((same, difference), (difference, same))
    )
    down, right = down.reshape(maps.shape), right.reshape(maps.shape)
    structure = np.stack(
        [np.einsum("ijk,ijk->ij", a, b) for a, b in ((down, down), (down, right), (right, right))], axis=2
    )
    return Guide(blurred(maps, _BLUR), blurred(structure, _STRUCTURE_BLUR))
