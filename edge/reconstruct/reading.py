"""What an image on the grid shows at places that need not be the middles of cells."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def read_off(image: NDArray[np.float32], rows: NDArray[Any], columns: NDArray[Any]) -> NDArray[np.float32]:
    """An image, (rows, columns, channels), at some places in cells, shape (n, channels).

    Between cells it is bilinear, beyond the outermost ones as they are.
    """
    height, width = image.shape[:2]
    y, x = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
    above, before = y.astype(np.intp), x.astype(np.intp)
    if bool((above == y).all()) and bool((before == x).all()):
        cells: NDArray[np.float32] = image[above, before]
        return cells
    down, right = ((at - first).astype(np.float32)[:, None] for at, first in ((y, above), (x, before)))
    below, after = np.minimum(above + 1, height - 1), np.minimum(before + 1, width - 1)
    upper = image[above, before] * (1 - right) + image[above, after] * right
    lower = image[below, before] * (1 - right) + image[below, after] * right
    found: NDArray[np.float32] = upper * (1 - down) + lower * down
    return found
