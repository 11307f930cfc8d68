"""The photograph as kriging sees it: CIE Lab, blurred to the beam's spot, moved to where the samples say it lies."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.compiled import compiled
from edge.reconstruct.reading import read_off


@dataclass(frozen=True, slots=True)
class Alignment:
    """How far the photograph must be moved and blurred to explain the samples best, in cells."""

    down: float = 0.0
    right: float = 0.0
    blur: float = 0.7
    """Standard deviation of the Gaussian blur."""


@dataclass(slots=True, eq=False)
class Photograph:
    """CIE Lab / 100 of a photograph on the scan grid, at any alignment; blurred versions are kept."""

    rgb: NDArray[np.float32]
    """Shape (rows, columns, 3), in [0, 1], sRGB."""
    _blurred: dict[float, NDArray[np.float32]] = field(default_factory=dict)

    def blurred(self, blur: float) -> NDArray[np.float32]:
        """Lab / 100 blurred by a Gaussian of `blur` cells, shape (rows, columns, 3)."""
        import cv2

        if 0.0 not in self._blurred:
            self._blurred[0.0] = np.asarray(cv2.cvtColor(self.rgb, cv2.COLOR_RGB2Lab), np.float32) / np.float32(100)
        if blur not in self._blurred:
            image = cv2.GaussianBlur(self._blurred[0.0], (0, 0), blur, borderType=cv2.BORDER_REFLECT)
            self._blurred[blur] = np.asarray(image, np.float32).reshape(self.rgb.shape)
        return self._blurred[blur]

    def contrast(self) -> float:
        """Largest standard deviation of lightness or colour over every fourth cell each way, in Lab / 100."""
        return float(self.blurred(Alignment().blur)[::4, ::4].std(axis=(0, 1)).max())

    def at(self, rows: NDArray[Any], columns: NDArray[Any], alignment: Alignment) -> NDArray[np.float32]:
        """Aligned colour at some cells, or places between them, shape (n, 3); edges are repeated."""
        if rows.dtype.kind == "f":
            return read_off(self.blurred(alignment.blur), rows - alignment.down, columns - alignment.right)
        colour = np.empty((len(rows), 3), np.float32)
        _look_up(self.blurred(alignment.blur), rows, columns, alignment.down, alignment.right, colour)
        return colour

    def aligned(self, alignment: Alignment) -> NDArray[np.float32]:
        """Aligned colour of every cell, shape (rows, columns, 3); edges are repeated."""
        import cv2

        image = self.blurred(alignment.blur)
        if alignment.down == 0 and alignment.right == 0:
            return image
        # A filter moves images of any size; OpenCV's warps take none longer than 32,767.
        across, down = _kernel(alignment.right), _kernel(alignment.down)
        moved = cv2.sepFilter2D(image, cv2.CV_32F, across, down, borderType=cv2.BORDER_REPLICATE)
        return np.asarray(moved, np.float32).reshape(image.shape)


def _taps(by: float) -> Iterator[tuple[int, float]]:
    """Whole cells to move by, and their weights, that together move by a part of a cell."""
    whole = math.floor(by)
    part = by - whole
    yield whole, 1 - part
    if part > 0:
        yield whole + 1, part


def _kernel(by: float) -> NDArray[np.float32]:
    """The filter that moves a line of cells."""
    reach = math.ceil(abs(by))
    kernel = np.zeros(2 * reach + 1, np.float32)
    for whole, weight in _taps(by):
        kernel[reach - whole] += weight
    return kernel


@compiled
def _look_up(
    image: NDArray[np.float32],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    down: float,
    right: float,
    out: NDArray[np.float32],
) -> None:
    """What stands at some cells of the moved image, between its cells in proportion."""
    above, before = math.floor(down), math.floor(right)
    y_part, x_part = np.float32(down - above), np.float32(right - before)
    one, last_row, last_column = np.float32(1), image.shape[0] - 1, image.shape[1] - 1
    for s in range(rows.shape[0]):
        y0, x0 = rows[s] - int(above), columns[s] - int(before)
        y1, x1 = min(max(y0 - 1, 0), last_row), min(max(x0 - 1, 0), last_column)
        y0, x0 = min(max(y0, 0), last_row), min(max(x0, 0), last_column)
        for c in range(3):
            upper = (one - x_part) * image[y0, x0, c] + x_part * image[y0, x1, c]
            lower = (one - x_part) * image[y1, x0, c] + x_part * image[y1, x1, c]
            out[s, c] = (one - y_part) * upper + y_part * lower
