"""What an unfolded network is told of each cell: X of the papers, and more where a plan asks for it.

Training and application make inputs by the same recipe, whose name the network's manifest carries.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.exposure_operator import ExposureOperator
from edge.reconstruct.exposure_projection import projected
from edge.reconstruct.exposure_upsampling import bilinear
from edge.reconstruct.unfold.colour_steps import colour_steps
from edge.reconstruct.unfold.kriged_maps import kriged_maps
from edge.reconstruct.unfold.looks import looks

Floats = NDArray[np.float32]
Recipe: TypeAlias = Callable[[MeasuredCells, Floats], Floats]
"""Inputs, (rows, columns, inputs), the maps first, from cells with values of [0, 1] and a photograph."""

_ROUNDS = 8
"""Of handing back smoothly what exposures see too little of."""
WINDOWS = ((0.8, 0.0), (0.8, 1.0), (1.5, 0.7))
"""Of `colour_steps`: width in distances between exposures, and blur of the photograph in cells."""


def interpolated(cells: MeasuredCells, rgb: Floats) -> Floats:
    """X of both papers: bilinear maps, and the photograph."""
    return np.concatenate([bilinear(cells.seen_by(), cells.values), rgb], axis=2)


def kriged(cells: MeasuredCells, rgb: Floats) -> Floats:
    """Kriged maps that agree with the exposures, steps that follow colour around, the photograph and its own detail.

    Kriging has the photograph at its disposal too, and follows it, moved to where it predicts exposures left out best,
    as far as that does. The steps take the photograph to lie there.
    """
    operator = cells.seen_by()
    maps, placed = kriged_maps(cells, rgb)
    maps = refined(maps, operator, cells.values)
    steps = [colour_steps(cells, placed, width=width, blur=blur) for width, blur in WINDOWS]
    seen = operator.seen(placed)
    smooth = refined(bilinear(operator, seen), operator, seen)
    return np.concatenate([maps, *steps, placed, placed - smooth], axis=2)


RECIPES: dict[str, Recipe] = {"interpolated": interpolated, "kriged": kriged, "looks": looks}
"""Every way to make inputs by its name."""


def refined(maps: Floats, operator: ExposureOperator, measured: Floats) -> Floats:
    """Maps that agree with the exposures, without the steps between blocks that a projection alone leaves."""
    for _ in range(_ROUNDS):
        maps = maps + bilinear(operator, measured - operator.seen(maps))
    return projected(maps, operator, measured)
