"""A photograph moved by parts of a cell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def moved(image: Floats, down: float, right: float) -> Floats:
    """An image, (rows, columns, channels), moved by parts of a cell; edges are repeated."""
    if not down and not right:
        return image
    from scipy.ndimage import shift

    found: Floats = shift(image, (down, right, 0), order=3, mode="nearest").astype(np.float32)
    return found
