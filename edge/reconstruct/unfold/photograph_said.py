"""What whoever trains an unfolded network, or uses it, is told of the photograph's place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.kriged_means import at_centroids
from edge.reconstruct.kriging import learn_parameters, usable_photograph
from edge.reconstruct.wording import no_help, way_of, where_moved

Floats = NDArray[np.float32]

_BESIDE = 0.5
"""Cells by which a photograph that is left where it lies may be off before it is said."""


def said_of_photograph(cells: MeasuredCells, rgb: Floats, recipe: str) -> tuple[str, ...]:
    """Where kriging finds the photograph to lie, or that its colours help nowhere; nothing of one of a single colour.

    Parameters
    ----------
    rgb
        Shape (rows, columns, 3), in [0, 1].
    recipe
        How inputs are made, a name of `edge.reconstruct.unfold.inputs.RECIPES`.
    """
    photograph = usable_photograph(rgb)
    if photograph is None:
        return ()
    learned = learn_parameters(at_centroids(cells)[0], photograph)
    if not learned.follows_colour:
        return no_help(learned)
    place = learned.alignment
    if recipe != "interpolated":
        return where_moved(place)
    if max(abs(place.down), abs(place.right)) < _BESIDE:
        return ()
    return (
        f"The photograph would predict best what was measured if it were moved by {way_of(place)}, and this plan "
        "leaves it where it lies: register it anew, or choose another plan.",
    )
