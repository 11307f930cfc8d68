"""The pictures of a recording that formats of images and tables hold, by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.export.contents import Contents
from edge.record.maps_file import MapsFile


def maps_of(contents: Contents) -> MapsFile:
    """The maps of a recording that has some; the command refuses others for formats that need them."""
    assert contents.maps is not None
    return contents.maps


def layers(contents: Contents) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Maps, their standard errors as ``s(Pb-L)``, and visible and hidden part where the maps were split.

    ``s()`` is what PyMca calls them, and skips where it looks for maps.
    """
    maps = maps_of(contents).element_maps
    for i, element in enumerate(maps.elements):
        yield element, maps.maps[:, :, i]
    for i, element in enumerate(maps.elements):
        yield f"s({element})", maps.standard_error[:, :, i]
    if maps.visible is not None:
        for i, element in enumerate(maps.elements):
            yield f"visible({element})", maps.visible[:, :, i]
            yield f"hidden({element})", maps.maps[:, :, i] - maps.visible[:, :, i]


def masks(contents: Contents) -> Iterator[tuple[str, NDArray[Any]]]:
    """Which cells were measured, of which a mean alone was measured, and which were to be scanned, 1 or 0.

    Every format of maps has them: without, nobody could tell what was measured from what was inferred.
    """
    maps = maps_of(contents).element_maps
    yield "measured", maps.measured.astype(np.uint8)
    if maps.averaged is not None:
        yield "averaged", maps.averaged.astype(np.uint8)
    if maps.scanned is not None:
        yield "scanned", maps.scanned.astype(np.uint8)


def cell_figures(contents: Contents) -> dict[str, NDArray[Any]]:
    """What tells a cell without a spectrum from one that counted nothing, for formats that hold spectra on the grid.

    Live time in s and number of exposures, both 0 where there was none, each of shape (rows, columns).
    """
    totals = contents.totals
    return {"live_time": totals.live_s.astype("<f8"), "exposures": totals.exposures.astype("<u4")}
