"""Detail that maps would have if they followed the photograph as the exposures around do.

In a window around each cell the exposures' values are regressed on the colours that they saw (as in the guided filter
of K. He, J. Sun and X. Tang 2013), and the photograph's own detail, which no exposure resolves, is multiplied by the
slopes.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.exposure_upsampling import bilinear

Floats = NDArray[np.float32]

_LEAST_CONTRAST = 1e-3
"""Added to the variance of each colour: 3 % of full scale are not followed in full."""
_LEAST_WEIGHT = 1e-6


def colour_steps(cells: MeasuredCells, rgb: Floats, *, width: float, blur: float) -> Floats:
    """Slopes times the photograph's detail, shape (rows, columns, elements), in the values' unit.

    Parameters
    ----------
    width
        Standard deviation of the window, in mean distances between exposures.
    blur
        Standard deviation by which the photograph is blurred before, in cells, as a wide beam would.
    """
    from cv2 import GaussianBlur

    operator = cells.seen_by()
    seen = rgb if not blur else np.asarray(GaussianBlur(rgb, (0, 0), blur), np.float32)
    colours = operator.seen(seen)
    spacing = math.sqrt(cells.shape[0] * cells.shape[1] / len(cells))
    slopes = _slopes(cells, colours, width * spacing)
    detail = seen - bilinear(operator, colours)
    steps: Floats = np.einsum("rcke,rck->rce", slopes, detail)
    return steps


def _slopes(cells: MeasuredCells, colours: Floats, sigma: float) -> Floats:
    """Of values by colours in a window around each cell, shape (rows, columns, 3, elements)."""
    elements = cells.elements
    products = np.concatenate(
        [
            np.ones((len(cells), 1), np.float32),
            colours,
            cells.values,
            (colours[:, :, None] * colours[:, None, :]).reshape(len(cells), 9),
            (colours[:, :, None] * cells.values[:, None, :]).reshape(len(cells), 3 * elements),
        ],
        axis=1,
    )
    sums = _windowed(cells, products, sigma)
    means = sums[:, :, 1:] / np.maximum(sums[:, :, :1], _LEAST_WEIGHT)
    of_colours, of_values = means[:, :, :3], means[:, :, 3 : 3 + elements]
    squares = means[:, :, 3 + elements : 12 + elements].reshape(*cells.shape, 3, 3)
    crossed = means[:, :, 12 + elements :].reshape(*cells.shape, 3, elements)
    scatter = squares - of_colours[:, :, :, None] * of_colours[:, :, None, :]
    together = crossed - of_colours[:, :, :, None] * of_values[:, :, None, :]
    scatter += _LEAST_CONTRAST * np.eye(3, dtype=np.float32)
    found: Floats = np.linalg.solve(scatter, together).astype(np.float32)
    return found


def _windowed(cells: MeasuredCells, values: Floats, sigma: float) -> Floats:
    """Sums over a Gaussian window of what lies at the exposures' middles, (rows, columns, channels)."""
    from cv2 import BORDER_CONSTANT, GaussianBlur

    places = np.rint(cells.seen_by().centroids()).astype(np.intp)
    place = places[:, 0] * cells.shape[1] + places[:, 1]
    total = np.empty((*cells.shape, values.shape[1]), np.float32)
    for channel in range(values.shape[1]):
        spread = np.bincount(place, values[:, channel], cells.shape[0] * cells.shape[1]).astype(np.float32)
        total[:, :, channel] = GaussianBlur(spread.reshape(cells.shape), (0, 0), sigma, borderType=BORDER_CONSTANT)
    return total
