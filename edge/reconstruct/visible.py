"""Maps of a method with the part of them that the photograph's colours explain, where the method can tell it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge.maps import ElementMaps, Samples
from edge.reconstruct.cells import MeasuredCells, checked_photograph, merged

Floats = NDArray[np.float32]


def _of_kriging(cells: MeasuredCells, rgb: Floats) -> Floats | None:
    from edge.reconstruct.layers import kriging_visible

    return kriging_visible(cells, rgb)


def _of_fusion(cells: MeasuredCells, rgb: Floats) -> Floats | None:
    from edge.reconstruct.fusion import fusion_layers

    return fusion_layers(cells, rgb).visible


_VISIBLE: dict[str, Callable[[MeasuredCells, Floats], Floats | None]] = {"kriging": _of_kriging, "fusion": _of_fusion}


def with_visible(maps: ElementMaps, samples: Samples, rgb: NDArray[np.generic] | None) -> ElementMaps:
    """The same maps with their visible part; as they are where there is none.

    That is: without a photograph, with one that the method could not use, or by a method that knows no such part. It is
    apart from the reconstruction because a growing map is drawn without it.

    Parameters
    ----------
    maps
        What `reconstruct` gave for these samples and this photograph.
    rgb
        As for `reconstruct`.
    """
    explain = _VISIBLE.get(maps.method)
    if explain is None or rgb is None:
        return maps
    shape = maps.measured.shape
    cells = merged(samples, (shape[0], shape[1]), maps.elements)
    visible = explain(cells, checked_photograph(rgb, cells.shape))
    if visible is None:
        return maps
    visible.setflags(write=False)
    return replace(maps, visible=visible)
