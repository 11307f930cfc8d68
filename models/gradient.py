"""How much happens at each place of a photograph: the formulas that need no training."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

GRADIENT_SPOT_CELLS = 1.5
"""Standard deviation of the blur before the gradient: texture finer than the cells is not worth sampling."""
LAPLACIAN_SPOT_CELLS = 0.7
"""Standard deviation of the blur before the Laplacian, against the rounding of eight bits and sensor noise."""
SPREAD_CELLS = 1.0
"""Standard deviation of the blur after the gradient: photograph and maps agree within about a cell."""


def gradient_importance(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """Colour gradient per cell: root of the summed squares over L*, a*, b* and both directions.

    Parameters
    ----------
    lab
        Shape (rows, columns, 3).

    Returns
    -------
    NDArray[np.float32]
        Shape (rows, columns), at least 0.
    """
    import cv2

    blurred = _blur(lab, GRADIENT_SPOT_CELLS)
    slope = np.array([-0.5, 0.0, 0.5], np.float32)
    rest = np.ones(1, np.float32)
    horizontal = cv2.sepFilter2D(blurred, -1, slope, rest, borderType=cv2.BORDER_REPLICATE)
    vertical = cv2.sepFilter2D(blurred, -1, rest, slope, borderType=cv2.BORDER_REPLICATE)
    return _blur(_length(horizontal, vertical), SPREAD_CELLS)


def laplacian_importance(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """Square root of the Laplacian's magnitude per cell, over R, G, B.

    The density that suits harmonic inpainting follows the Laplacian's magnitude; its root, a gentler choice, did
    better once binarised (Belhachmi, Bucur, Burgeth, Weickert 2009, SIAM J. Appl. Math. 70, section 4).

    Parameters
    ----------
    rgb
        sRGB, shape (rows, columns, 3).

    Returns
    -------
    NDArray[np.float32]
        Shape (rows, columns), at least 0.
    """
    import cv2

    stencil = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], np.float32)
    curvature = cv2.filter2D(_blur(rgb, LAPLACIAN_SPOT_CELLS), -1, stencil, borderType=cv2.BORDER_REPLICATE)
    return np.sqrt(_length(curvature))


def _blur(image: NDArray[np.float32], sigma_cells: float) -> NDArray[np.float32]:
    import cv2

    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_cells, borderType=cv2.BORDER_REPLICATE), np.float32)


def _length(*images: NDArray[Any]) -> NDArray[np.float32]:
    """Root of the summed squares over images and channels."""
    total = np.zeros(images[0].shape[:2], np.float32)
    for image in images:
        total += np.einsum("rck,rck->rc", image, image)
    return np.sqrt(total)
