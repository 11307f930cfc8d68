"""NeXus and other HDF5: maps that the file's own default leads to, or a cube of spectra, as PyMca and beamlines write.

What is looked for, in this order: the object that was named; an NXdata group on the way of the ``default``
attributes; any NXdata; any group of several maps of one shape; the largest dataset of three axes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.imports.bounds import FEWEST_CHANNELS, MOST_MAPS, require_cube, require_maps
from edge.imports.found import Found, FoundCube, FoundMaps
from edge.imports.hdf5_tree import channel_scale, energies_beside, members, named_object, plain_dataset, seconds_of
from edge.imports.names import is_map


def read_hdf5(path: Path, dataset: str | None) -> Found:
    """Maps or spectra of an HDF5 file.

    Parameters
    ----------
    dataset
        Path of a group or dataset within; None: looked for.

    Raises
    ------
    UsageError
        The file is damaged, foreign or out of bounds, or holds no raster.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            found = _found(file, path, dataset)
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, RecursionError) as error:
        what = (str(error).splitlines() or [type(error).__name__])[0]
        raise UsageError(f"{path}: is no HDF5 file that can be read ({what}): save it again") from None
    if found is None:
        raise UsageError(
            f"{path}: no element maps and no spectra of a raster are found in it: name the group or dataset that holds "
            "them, as --dataset /PATH/WITHIN"
        )
    return found


def _found(file: Any, path: Path, dataset: str | None) -> Found | None:
    import h5py

    if dataset is not None:
        named = named_object(file, path, dataset)
        found = _of_dataset(named, path) if isinstance(named, h5py.Dataset) else _of_groups([named], path)
        if found is None:
            raise UsageError(f"{path}: {dataset} is neither maps nor spectra of a raster: name another --dataset")
        return found
    groups = [one for one in members(file) if isinstance(one, h5py.Group)]
    data = [one for one in groups if _class(one) == "NXdata"]
    on_the_way = [one for one in _defaults(file) if one in data]
    return _of_groups([*on_the_way, *data], path) or _of_groups(groups, path, least=2) or _largest_cube(file, path)


def _defaults(file: Any) -> Iterator[Any]:
    """Groups that ``default`` attributes lead to."""
    import h5py

    at, seen = file, 0
    while isinstance(name := at.attrs.get("default"), str) and seen < 8:
        at = at.get(name)
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
            named = [name for name, one in group.items() if one is not None and "signal" in one.attrs]
        return [name for name in named if isinstance(group.get(name), h5py.Dataset)]
    images = [name for name, one in group.items() if isinstance(one, h5py.Dataset) and _is_image(one)]
    shapes = [group[name].shape for name in images]
    most = max(shapes, key=shapes.count, default=None)
    return [name for name, shape in zip(images, shapes, strict=True) if shape == most and is_map(name)]


def _of_signals(group: Any, signals: list[str], path: Path) -> Found | None:
    first = group[signals[0]]
    if first.ndim == 3 and len(signals) == 1:
        return _of_dataset(first, path)
    if len(beside := _siblings(group, signals[0], first.shape)) > 1:
        return _of_siblings(beside, signals[0], path)
    names = [name for name in signals if group[name].shape == first.shape and is_map(name)]
    if not names or not _is_image(first) or min(first.shape) < 2:
        return None
    rows, columns = first.shape
    require_maps(path, rows, columns, len(names))
    maps = [_array(group[name], path) for name in names]
    errors = [_error_of(group, name, first.shape, path) for name in names]
    known = None if any(one is None for one in errors) else np.stack([one for one in errors if one is not None], axis=2)
    return FoundMaps(np.stack(maps, axis=2), tuple(_short(name) for name in names), standard_error=known)


def _siblings(group: Any, signal: str, shape: tuple[int, ...]) -> list[Any]:
    """NXdata groups beside one another that each have a map under the same name: an element each, as exports have."""
    found = []
    for one in group.parent.values():
        is_alike = isinstance(one, type(group)) and _class(one) == "NXdata" and one.attrs.get("signal") == signal
        if is_alike and signal in one and one[signal].shape == shape and is_map(one.name.rpartition("/")[2]):
            found.append(one)
    return found if len(shape) == 2 else []


def _of_siblings(groups: list[Any], signal: str, path: Path) -> FoundMaps:
    rows, columns = groups[0][signal].shape
    require_maps(path, rows, columns, len(groups))
    maps = np.stack([_array(group[signal], path) for group in groups], axis=2)
    errors = [_error_of(group, signal, (rows, columns), path) for group in groups]
    known = None if any(one is None for one in errors) else np.stack([one for one in errors if one is not None], axis=2)
    return FoundMaps(maps, tuple(_short(group.name.rpartition("/")[2]) for group in groups), standard_error=known)


def _error_of(group: Any, name: str, shape: tuple[int, int], path: Path) -> NDArray[np.float32] | None:
    for candidate in (f"{name}_errors", f"{name}_error", f"{name}_uncertainties"):
        if candidate in group and group[candidate].shape == shape:
            return _array(group[candidate], path)
    return None


def _of_dataset(dataset: Any, path: Path) -> Found | None:
    """A cube of spectra, or a stack of maps."""
    if dataset.ndim != 3 or dataset.dtype.kind not in "iuf":
        return None
    axis, is_of_spectra = _axis(dataset)
    if is_of_spectra:
        return _cube(dataset, path, channels_first=axis == 0)
    rows, columns = (length for other, length in enumerate(dataset.shape) if other != axis)
    maps = dataset.shape[axis]
    require_maps(path, rows, columns, maps)
    values = np.ascontiguousarray(np.moveaxis(_array(dataset, path), axis, 2))
    return FoundMaps(values, _names_beside(dataset, maps))


def _axis(dataset: Any) -> tuple[int, bool]:
    """Which axis, the first or the last, runs over elements or channels, and whether it is channels.

    By what the file says; else channels are as many as a power of two, and elements fewer than rows and columns.
    """
    said = str(dataset.attrs.get("interpretation", ""))
    if said in ("spectrum", "image"):
        return (2, True) if said == "spectrum" else (0, dataset.shape[0] > MOST_MAPS)
    ends = (2, 0)
    for axis in ends:
        if _list_beside(dataset, dataset.shape[axis]) is not None:
            return axis, False
    for test in (_has_energies, _is_of_channels):
        for axis in ends:
            if test(dataset, dataset.shape[axis]):
                return axis, True
    shortest = min(ends, key=lambda axis: int(dataset.shape[axis]))
    return (shortest, False) if dataset.shape[shortest] <= MOST_MAPS else (2, True)


def _has_energies(dataset: Any, length: int) -> bool:
    return length >= FEWEST_CHANNELS and energies_beside(dataset, length) is not None


def _is_of_channels(_dataset: Any, length: int) -> bool:
    return length >= 2 * FEWEST_CHANNELS and length & (length - 1) == 0


def _names_beside(dataset: Any, maps: int) -> tuple[str, ...]:
    """Names of a stack's maps, from a list beside it; else numbers."""
    return _list_beside(dataset, maps) or tuple(f"map {number}" for number in range(1, maps + 1))


def _list_beside(dataset: Any, maps: int) -> tuple[str, ...] | None:
    for name in ("elements", "names", "labels", "channels"):
        beside = dataset.parent.get(name)
        if beside is not None and getattr(beside, "shape", None) == (maps,) and beside.dtype.kind in "OS":
            return tuple(str(text) for text in beside.asstr()[()])
    return None


def _largest_cube(file: Any, path: Path) -> Found | None:
    import h5py

    cubes = [
        one
        for one in members(file)
        if isinstance(one, h5py.Dataset) and one.ndim == 3 and one.dtype.kind in "iuf" and min(one.shape) > 0
    ]
    return _of_dataset(max(cubes, key=lambda one: one.size), path) if cubes else None


def _cube(dataset: Any, path: Path, *, channels_first: bool) -> FoundCube:
    shape = (*dataset.shape[1:], dataset.shape[0]) if channels_first else dataset.shape
    rows, columns, channels = require_cube(path, shape)
    plain_dataset(dataset, path)
    name = dataset.name
    offset_kev, gain_kev = channel_scale(dataset, channels)

    def spectra(first: int, last: int) -> NDArray[np.generic]:
        import h5py

        try:
            with h5py.File(path, "r") as file:
                if channels_first:
                    return np.moveaxis(file[name][:, first:last], 0, 2)
                return np.asarray(file[name][first:last])
        except (OSError, KeyError, ValueError, RuntimeError) as error:
            what = (str(error).splitlines() or [""])[0]
            raise UsageError(f"{path}: {name} is damaged ({what}): copy the file again") from None

    return FoundCube(
        (rows, columns, channels),
        spectra,
        offset_kev=offset_kev,
        gain_kev=gain_kev,
        live_s=seconds_of(dataset, (rows, columns)),
    )


def _array(dataset: Any, path: Path) -> NDArray[np.float32]:
    plain_dataset(dataset, path)
    return np.asarray(dataset[()], np.float32)


def _is_image(dataset: Any) -> bool:
    return bool(dataset.ndim == 2 and dataset.dtype.kind in "iuf" and min(dataset.shape) > 1)


def _class(group: Any) -> str:
    return str(group.attrs.get("NX_class", ""))


def _short(name: str) -> str:
    """``Fe_K`` as ``Fe-K``."""
    return name.strip().replace("_", "-").replace(" ", "-")
