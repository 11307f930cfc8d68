"""Maps, masks, dose and photograph of a NeXus file: each an NXdata that viewers show by themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.export.contents import Contents
from edge.export.nexus_words import group_of, picture, put

_RECEIVED = {
    "live_s": ("live time", "s"),
    "beam_s": ("time with the beam on", "s"),
    "photons_per_mm2": ("photons", "1/mm^2"),
}

_Axes = tuple[NDArray[np.float64], NDArray[np.float64]]


def axes_of(contents: Contents) -> _Axes:
    """Stage y of every row's centre and x of every column's, mm."""
    grid = contents.grid
    y = grid.origin_y_mm + (np.arange(grid.rows) + 0.5) * grid.pitch_mm
    x = grid.origin_x_mm + (np.arange(grid.columns) + 0.5) * grid.pitch_mm
    return np.asarray(y, np.float64), np.asarray(x, np.float64)


def write_masks(scan: Any, contents: Contents) -> None:
    """Which cells are what, 1 or 0."""
    signals: dict[str, NDArray[Any]] = {
        "has_spectrum": contents.totals.visited,
        "planned": contents.planned,
        "held_out": contents.held_out,
    }
    if contents.maps is not None:
        maps = contents.maps.element_maps
        signals["measured"] = maps.measured
        if maps.averaged is not None:
            signals["averaged"] = maps.averaged
        signals["scanned"] = np.ones(contents.grid.shape, np.bool_) if maps.scanned is None else maps.scanned
    picture(scan, "masks", signals, axes_of(contents), title="Cells that have a spectrum")


def write_pictures(scan: Any, contents: Contents) -> str:
    """Element maps, what the cells received, and the photograph; gives the path of what is shown first."""
    axes = axes_of(contents)
    _write_received(scan, contents, axes)
    if contents.maps is None:
        return "sum_spectrum"
    if contents.maps.rgb is not None:
        _write_photograph(scan, contents.maps.rgb, axes)
    element_maps = contents.maps.element_maps
    maps = group_of(scan, "maps", "NXcollection")
    maps.attrs["default"] = element_maps.elements[0]
    unit = str(contents.provenance["maps"]["unit"])
    for i, element in enumerate(element_maps.elements):
        signals: dict[str, NDArray[Any]] = {"map": element_maps.maps[:, :, i]}
        if element_maps.visible is not None:
            visible = element_maps.visible[:, :, i]
            signals |= {"visible": visible, "hidden": signals["map"] - visible}
        errors = element_maps.standard_error[:, :, i]
        picture(maps, element, signals, axes, title=element, units=unit, errors=errors)
    return f"maps/{element_maps.elements[0]}"


def _write_received(scan: Any, contents: Contents, axes: _Axes) -> None:
    dose = group_of(scan, "received", "NXcollection")
    picture(dose, "exposures", {"exposures": contents.totals.exposures}, axes, title="exposures")
    for name, values in (contents.maps.received if contents.maps else {}).items():
        title, units = _RECEIVED[name]
        picture(dose, name, {name: values}, axes, title=title, units=units)


def _write_photograph(scan: Any, rgb: NDArray[np.uint8], axes: _Axes) -> None:
    group = group_of(
        scan, "photograph", "NXdata", signal="rgb", axes=["y", "x", "."], title="Photograph on the scan grid, sRGB"
    )
    put(group, "rgb", rgb, interpretation="rgba-image", CLASS="IMAGE")
    put(group, "y", axes[0], units="mm")
    put(group, "x", axes[1], units="mm")
