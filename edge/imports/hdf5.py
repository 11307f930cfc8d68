"""NeXus and other HDF5: maps that the file's own default leads to, or a cube of spectra, as PyMca and beamlines write.

What is looked for, in this order: the object that was named; an NXdata group on the way of the ``default``
attributes; any NXdata; spectra that say that they are; any group of several maps of one shape; the largest dataset of
three axes. Of a sparse scan's export the cells that were measured are told from those that were inferred.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.imports.bounds import require_cube, require_maps
from edge.imports.found import ChannelsAxis, Found, FoundCube, FoundMaps
from edge.imports.hdf5_axes import Axis, axis_of, names_beside
from edge.imports.hdf5_beside import channel_scale, seconds_of
from edge.imports.hdf5_rows import rows_of
from edge.imports.hdf5_tree import (
    allow_maps,
    coverage_beside,
    members,
    named_object,
    opened,
    own,
    own_items,
    plain_dataset,
    values_of,
)
from edge.imports.names import is_map


def read_hdf5(path: Path, dataset: str | None, channels: ChannelsAxis | None = None) -> Found:
    """Maps or spectra of an HDF5 file.

    Parameters
    ----------
    dataset
        Path of a group or dataset within; None: looked for.
    channels
        Which axis of a cube is that of channels; None: as the file says, or its lengths.

    Raises
    ------
    UsageError
        The file is damaged, foreign or out of bounds, or holds no raster.
    """
    with opened(path) as file:
        found = _found(file, path, dataset, channels)
    if found is None:
        raise UsageError(
            f"{path}: no element maps and no spectra of a raster are found in it: name the group or dataset that holds "
            "them, as --dataset /PATH/WITHIN"
        )
    return found


def _found(file: Any, path: Path, dataset: str | None, channels: ChannelsAxis | None) -> Found | None:
    import h5py

    if dataset is not None:
        named = named_object(file, path, dataset)
        is_dataset = isinstance(named, h5py.Dataset)
        found = _of_dataset(named, path, channels) if is_dataset else _of_groups([named], path)
        if found is None:
            raise UsageError(f"{path}: {dataset} is neither maps nor spectra of a raster: name another --dataset")
        return found
    if channels is not None:
        return _largest_cube(file, path, channels)
    groups = [one for one in members(file) if isinstance(one, h5py.Group)]
    data = [one for one in groups if _class(one) == "NXdata"]
    on_the_way = [one for one in _defaults(file) if one in data]
    named = _of_groups([*on_the_way, *data], path) or _largest_cube(file, path, None, said="spectrum")
    return named or _of_groups(groups, path, least=2) or _largest_cube(file, path, None)


def _defaults(file: Any) -> Iterator[Any]:
    """Groups that ``default`` attributes lead to."""
    import h5py

    at, seen = file, 0
    while isinstance(name := at.attrs.get("default"), str) and seen < 8:
        at = own(at, name)
        if not isinstance(at, h5py.Group):
            return
        seen += 1
        yield at


def _of_groups(groups: list[Any], path: Path, least: int = 1) -> Found | None:
    """What the first group with something to offer has."""
    for group in groups:
        signals = _signals(group)
        if len(signals) >= least and (found := _of_signals(group, signals, path)) is not None:
            return found
    return None


def _signals(group: Any) -> list[str]:
    """Names of datasets that a group offers to plot; of a plain group, all its images of the most frequent shape."""
    import h5py

    if _class(group) == "NXdata":
        names = [group.attrs.get("signal"), *np.atleast_1d(group.attrs.get("auxiliary_signals", []))]
        named = [str(name) for name in names if isinstance(name, str)]
        if not named:
            named = [name for name, one in own_items(group) if "signal" in one.attrs]
        return [name for name in named if isinstance(own(group, name), h5py.Dataset)]
    images = {name: one.shape for name, one in own_items(group) if isinstance(one, h5py.Dataset) and _is_image(one)}
    shapes = list(images.values())
    most = max(shapes, key=shapes.count, default=None)
    return [name for name, shape in images.items() if shape == most and is_map(name)]


def _of_signals(group: Any, signals: list[str], path: Path) -> Found | None:
    first = own(group, signals[0])
    if first.ndim == 3 and len(signals) == 1 and is_map(signals[0]):
        return _of_dataset(first, path)
    if len(beside := _siblings(group, signals[0], first.shape)) > 1:
        errors = [_error_of(one, signals[0], first.shape) for one in beside.values()]
        return _of_images({name: own(one, signals[0]) for name, one in beside.items()}, errors, path)
    maps = {name: one for name in signals if is_map(name) and (one := own(group, name)).shape == first.shape}
    if not maps or not _is_image(first):
        return None
    return _of_images(maps, [_error_of(group, name, first.shape) for name in maps], path)


def _siblings(group: Any, signal: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """NXdata groups beside one another that each have a map under the same name: an element each, as exports have."""
    found = {}
    for name, one in own_items(group.parent) if len(shape) == 2 else ():
        is_alike = isinstance(one, type(group)) and _class(one) == "NXdata" and one.attrs.get("signal") == signal
        if is_alike and is_map(name) and getattr(own(one, signal), "shape", None) == shape:
            found[name] = one
    return found


def _of_images(maps: dict[str, Any], errors: list[Any], path: Path) -> FoundMaps:
    """Maps of datasets by their names, with the errors of all or none."""
    first = next(iter(maps.values()))
    rows, columns = first.shape
    require_maps(path, rows, columns, len(maps))
    allow_maps(rows, columns, len(maps))
    return FoundMaps(
        np.stack([values_of(one, path) for one in maps.values()], axis=2),
        tuple(_short(name) for name in maps),
        standard_error=None if None in errors else np.stack([values_of(one, path) for one in errors], axis=2),
        coverage=coverage_beside(first, (rows, columns), path, mask="measured"),
    )


def _error_of(group: Any, name: str, shape: tuple[int, ...]) -> Any:
    """The dataset of a map's errors; None where there is none."""
    for candidate in (f"{name}_errors", f"{name}_error", f"{name}_uncertainties"):
        if getattr(one := own(group, candidate), "shape", None) == shape:
            return one
    return None


def _of_dataset(dataset: Any, path: Path, channels: ChannelsAxis | None = None) -> Found | None:
    """A cube of spectra, or a stack of maps."""
    if dataset.ndim != 3 or dataset.dtype.kind not in "iuf":
        return None
    axis = axis_of(dataset, path, channels)
    if axis.is_of_spectra:
        return _cube(dataset, path, axis)
    rows, columns = (length for other, length in enumerate(dataset.shape) if other != axis.at)
    maps = dataset.shape[axis.at]
    require_maps(path, rows, columns, maps)
    allow_maps(rows, columns, maps)
    error = own(dataset.parent, "standard_error")
    return FoundMaps(
        _elements_last(dataset, axis.at, path),
        names_beside(dataset, maps, path) or tuple(f"map {number}" for number in range(1, maps + 1)),
        standard_error=None if getattr(error, "shape", None) != dataset.shape else _elements_last(error, axis.at, path),
        coverage=coverage_beside(dataset, (rows, columns), path, mask="measured"),
    )


def _largest_cube(file: Any, path: Path, channels: ChannelsAxis | None, said: str | None = None) -> Found | None:
    """The largest dataset of three axes; of those only that say what they are, where that is given."""
    import h5py

    cubes = [
        one
        for one in members(file)
        if isinstance(one, h5py.Dataset) and one.ndim == 3 and one.dtype.kind in "iuf" and min(one.shape) > 0
    ]
    if said is not None:
        cubes = [one for one in cubes if one.attrs.get("interpretation") == said]
    named = [one for one in cubes if is_map(one.name.rpartition("/")[2])] or cubes
    return _of_dataset(max(named, key=lambda one: one.size), path, channels) if named else None


def _cube(dataset: Any, path: Path, axis: Axis) -> FoundCube:
    row_axis, column_axis = (at for at in range(3) if at != axis.at)
    grid = (dataset.shape[row_axis], dataset.shape[column_axis])
    rows, columns, channels = require_cube(path, (*grid, dataset.shape[axis.at]))
    coverage = coverage_beside(dataset, grid, path, mask="has_spectrum")
    plain_dataset(dataset, path, coverage if row_axis == 0 else None)
    offset_kev, gain_kev = channel_scale(dataset, channels)
    return FoundCube(
        (rows, columns, channels),
        rows_of(dataset, path, row_axis=row_axis, channel_axis=axis.at),
        offset_kev=offset_kev,
        gain_kev=gain_kev,
        live_s=seconds_of(dataset, (rows, columns)),
        coverage=coverage,
        remarks=(axis.remark,) if axis.remark else (),
    )


def _elements_last(dataset: Any, axis: int, path: Path) -> NDArray[np.float32]:
    return np.ascontiguousarray(np.moveaxis(values_of(dataset, path), axis, 2))


def _is_image(dataset: Any) -> bool:
    return bool(dataset.ndim == 2 and dataset.dtype.kind in "iuf" and min(dataset.shape) > 1)


def _class(group: Any) -> str:
    return str(group.attrs.get("NX_class", ""))


def _short(name: str) -> str:
    """``Fe_K`` as ``Fe-K``."""
    return name.strip().replace("_", "-").replace(" ", "-")
