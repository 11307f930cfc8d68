"""The photograph as kriging sees it: CIE Lab, blurred to the beam's spot, moved to where the samples say it lies."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

_FOLD = 1024
"""Points are looked up in rows of this many: OpenCV takes no image longer than 32,767."""


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

    def at(self, rows: NDArray[np.intp], columns: NDArray[np.intp], alignment: Alignment) -> NDArray[np.float32]:
        """Aligned colour at some cells, shape (n, 3); edges are repeated."""
        import cv2

        folded = (-(-len(rows) // _FOLD), _FOLD)
        y = np.resize(rows - alignment.down, folded).astype(np.float32)
        x = np.resize(columns - alignment.right, folded).astype(np.float32)
        image = self.blurred(alignment.blur)
        colour = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(colour, np.float32).reshape(-1, 3)[: len(rows)]

    def aligned(self, alignment: Alignment) -> NDArray[np.float32]:
        """Aligned colour of every cell, shape (rows, columns, 3); edges are repeated."""
        import cv2

        image = self.blurred(alignment.blur)
        if alignment.down == 0 and alignment.right == 0:
            return image
        move = np.array([[1, 0, alignment.right], [0, 1, alignment.down]], np.float32)
        size = (image.shape[1], image.shape[0])
        moved = cv2.warpAffine(image, move, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(moved, np.float32).reshape(image.shape)
