"""The photograph where the exposures say it lies, and as sharp as they say it serves.

Maps take every detail of the photograph for paint of the same cell. One that lies a cell or two beside them, or shows
what is finer than the maps, puts detail where there is none; exposures tell the place better than their own size.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.kriged_means import at_centroids
from edge.reconstruct.kriging import learn_parameters, usable_photograph
from edge.reconstruct.photograph_moved import moved
from edge.reconstruct.wording import no_help, where_moved

Floats = NDArray[np.float32]

_WITHOUT = ", or compare with the maps of ssr-baseline-1, which needs none"


def placed(cells: MeasuredCells, rgb: Floats) -> tuple[Floats, tuple[str, ...]]:
    """The photograph moved and blurred as kriging of the exposures by its colour leaves least error, and what is said.

    Parameters
    ----------
    rgb
        Shape (rows, columns, 3), in [0, 1].

    Returns
    -------
    tuple
        The photograph, same shape and range; a remark where it was moved, and one where it helps to predict nothing
        wherever it lies. One of a single colour stays as it is.
    """
    photograph = usable_photograph(rgb)
    if photograph is None:
        return rgb, ()
    learned = learn_parameters(at_centroids(cells)[0], photograph)
    place = learned.alignment
    there = moved(rgb, place.down, place.right)
    blurred = cv2.GaussianBlur(there, (0, 0), place.blur, borderType=cv2.BORDER_REPLICATE)
    found: Floats = np.clip(np.asarray(blurred, np.float32).reshape(rgb.shape), 0, 1)
    return found, (*where_moved(place), *no_help(learned, _WITHOUT))
