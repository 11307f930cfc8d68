"""A photograph moved by parts of a cell, and what is said of its place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.covariance import Learned
from edge.reconstruct.photograph import Alignment

Floats = NDArray[np.float32]


def moved(image: Floats, down: float, right: float) -> Floats:
    """An image, (rows, columns, channels), moved by parts of a cell; edges are repeated."""
    if not down and not right:
        return image
    from scipy.ndimage import shift

    found: Floats = shift(image, (down, right, 0), order=3, mode="nearest").astype(np.float32)
    return found


def helps(learned: Learned) -> bool:
    """Whether the photograph's colours help kriging to predict any element."""
    return any(group.follows_colour for group in learned.groups)


def said_where_moved(alignment: Alignment) -> tuple[str, ...]:
    """By how much the photograph was moved, in a sentence; none where it was not."""
    if not alignment.down and not alignment.right:
        return ()
    return (
        f"The photograph was moved {alignment.down:+.1f} cells down and {alignment.right:+.1f} to the right, where it "
        "predicts best what was measured.",
    )


def said_of_no_help(learned: Learned, besides: str = "") -> tuple[str, ...]:
    """That its colours help nowhere, in a sentence; none where they do, or where too little was measured to tell.

    Parameters
    ----------
    besides
        What else can be done about it than to see where it lies.
    """
    if learned.left_out is None or helps(learned):
        return ()
    return (
        "The photograph's colours did not help kriging to predict what was measured, wherever within four cells it was "
        f"moved: check that it lies on the scan{besides}.",
    )
