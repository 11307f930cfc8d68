"""NeXus groups and attributes, as <https://manual.nexusformat.org> has them, through h5py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FEW = 4_096
"""Values from which on an array is packed."""


def group_of(parent: Any, name: str, kind: str, **attributes: Any) -> Any:
    """A new group of a NeXus class."""
    group = parent.create_group(name)
    group.attrs["NX_class"] = kind
    for key, value in attributes.items():
        group.attrs[key] = value
    return group


def put(group: Any, name: str, value: Any, *, units: str = "", **attributes: Any) -> Any:
    """A field with its unit; large arrays are packed."""
    array = np.asarray(value)
    if array.dtype == np.bool_:
        value = array.astype(np.uint8)
    packing: dict[str, Any] = {"compression": "gzip", "shuffle": True} if array.size >= _FEW else {}
    field = group.create_dataset(name, data=value, **packing)
    if units:
        field.attrs["units"] = units
    for key, attribute in attributes.items():
        field.attrs[key] = attribute
    return field


def put_all(group: Any, section: Mapping[str, str | float | int]) -> None:
    """Fields of a section of the provenance, under names without blanks."""
    for name, value in section.items():
        put(group, name.replace(" ", "_").replace("/", "_"), value)


def picture(
    parent: Any,
    name: str,
    signals: Mapping[str, NDArray[Any]],
    axes: tuple[NDArray[np.float64], NDArray[np.float64]],
    *,
    title: str,
    units: str = "",
    errors: NDArray[Any] | None = None,
) -> Any:
    """An NXdata of images over stage y (rows) and x (columns), mm: the first is its signal, the others stand beside.

    Parameters
    ----------
    errors
        One standard deviation of the first one.
    """
    names: Sequence[str] = list(signals)
    group = group_of(parent, name, "NXdata", signal=names[0], axes=["y", "x"], title=title)
    if len(names) > 1:
        group.attrs["auxiliary_signals"] = names[1:]
    for key, image in signals.items():
        put(group, key, image, units=units, interpretation="image", long_name=title if key == names[0] else key)
    if errors is not None:
        put(group, f"{names[0]}_errors", errors, units=units, interpretation="image")
    put(group, "y", axes[0], units="mm", long_name="stage y (mm)")
    put(group, "x", axes[1], units="mm", long_name="stage x (mm)")
    return group
