"""``maps.h5``: the element maps as everybody's tools open them, whole or absent, each dataset with its check sum."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.faults import IntegrityError, UsageError
from edge.grid import ScanGrid
from edge.maps import ElementMaps
from edge.record.durable import replace_durably
from edge.record.hdf5_file import is_endless, new_hdf5

FORMAT = "pointillist-maps"
FORMAT_VERSION = 1
_GRID = ("origin_x_mm", "origin_y_mm", "pitch_mm")
_MAX_ELEMENTS = 512
_LONGEST_NAME = 200
_MOST_ATTRIBUTES = 256
RECEIVED = ("live_s", "beam_s", "photons_per_mm2")
"""Maps of what each cell received, by the name of their dataset."""
_DTYPES = {
    "maps": "<f4",
    "standard_error": "<f4",
    "mask": "|u1",
    "measured": "|u1",
    "scanned": "|u1",
    "averaged": "|u1",
    "rgb": "|u1",
    "visible": "<f4",
} | dict.fromkeys(RECEIVED, "<f4")


@dataclass(frozen=True, slots=True, eq=False)
class MapsFile:
    """What a maps file holds."""

    element_maps: ElementMaps
    mask: NDArray[np.bool_]
    """Cells that the scan visited or was to visit, shape (rows, columns); read-only."""
    rgb: NDArray[np.uint8] | None
    """Photograph on the scan grid, shape (rows, columns, 3); read-only."""
    grid: ScanGrid | None
    attributes: dict[str, str | float]
    received: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    """What each cell received, by `RECEIVED`'s names, each of shape (rows, columns); read-only."""


def write_maps(
    path: Path,
    element_maps: ElementMaps,
    *,
    mask: NDArray[np.bool_] | None = None,
    rgb: NDArray[np.uint8] | None = None,
    grid: ScanGrid | None = None,
    attributes: Mapping[str, str | float] | None = None,
    received: Mapping[str, NDArray[np.floating]] | None = None,
) -> None:
    """Write ``/maps``, ``/standard_error``, ``/mask``, ``/measured``, ``/elements``; the others if there are any.

    Maps are rows x columns x elements, float32, unpacked, so that any HDF5 reader can map them into memory.

    Parameters
    ----------
    mask
        The sampling mask; the measured cells when absent.
    attributes
        Root attributes beside format, method and grid: units, digests, identities.
    received
        What each cell received, by `RECEIVED`'s names, each of shape (rows, columns).

    Raises
    ------
    ValueError
        The arrays' shapes do not belong together, or the photograph is not of 8 bits.
    UsageError
        The file cannot be written.
    """
    arrays: dict[str, NDArray[Any]] = {
        "maps": element_maps.maps,
        "standard_error": element_maps.standard_error,
        "mask": element_maps.measured if mask is None else mask,
        "measured": element_maps.measured,
    }
    if rgb is not None:
        if rgb.dtype != np.uint8:
            raise ValueError(f"rgb is of the type {rgb.dtype}, expected uint8: give the photograph as it is shown")
        arrays["rgb"] = rgb
    if element_maps.visible is not None:
        arrays["visible"] = element_maps.visible
    if element_maps.scanned is not None:
        arrays["scanned"] = element_maps.scanned
    if element_maps.averaged is not None:
        arrays["averaged"] = element_maps.averaged
    arrays |= dict(received or {})
    _check_shapes(arrays, len(element_maps.elements), grid)
    root: dict[str, str | float] = {"format": FORMAT, "format_version": FORMAT_VERSION, "method": element_maps.method}
    if grid is not None:
        root |= {name: getattr(grid, name) for name in _GRID}
    clash = set(root).intersection(attributes or {})
    if clash:
        raise ValueError(f"attributes that the file sets itself: {', '.join(sorted(clash))}")
    replace_durably(path, lambda part: _write(part, arrays, element_maps.elements, root | dict(attributes or {})))


def read_maps(path: Path) -> MapsFile:
    """Read a maps file, checking every dataset's check sum; arrays are read-only.

    Raises
    ------
    UsageError
        There is no such file.
    IntegrityError
        Not a maps file, a newer one, or damaged. Shapes that the file does not back with bytes are refused.
    """
    import h5py

    if not path.is_file():
        raise UsageError(f"{path}: no such maps file: give the maps.h5 of a recording")
    try:
        if is_endless(path):
            raise _Damage("not a maps file, or damaged (its texts have no end): reconstruct it again")
        with h5py.File(path, "r") as file:
            return _read(file)
    except _Damage as reason:
        raise IntegrityError(f"{path}: {reason}") from None
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, UnicodeDecodeError) as error:
        first_line = (str(error).splitlines() or [""])[0]
        raise IntegrityError(f"{path}: not a maps file, or damaged ({first_line}): reconstruct it again") from None


class _Damage(Exception):
    """Why a file is refused; without the path."""


def _check_shapes(arrays: Mapping[str, NDArray[Any]], elements: int, grid: ScanGrid | None) -> None:
    rows, columns = arrays["measured"].shape
    expected = {
        "maps": (rows, columns, elements),
        "standard_error": (rows, columns, elements),
        "mask": (rows, columns),
        "measured": (rows, columns),
        "scanned": (rows, columns),
        "averaged": (rows, columns),
        "rgb": (rows, columns, 3),
        "visible": (rows, columns, elements),
    } | dict.fromkeys(RECEIVED, (rows, columns))
    for name, array in arrays.items():
        if array.shape != expected[name]:
            raise ValueError(f"{name} has the shape {array.shape}, expected {expected[name]}")
    if grid is not None and grid.shape != (rows, columns):
        raise ValueError(f"the grid has the shape {grid.shape}, the maps have {(rows, columns)}")


def _write(
    part: Path, arrays: Mapping[str, NDArray[Any]], elements: tuple[str, ...], root: Mapping[str, str | float]
) -> None:
    import h5py

    with new_hdf5(part) as made:
        file = made.file
        for name, array in arrays.items():
            stored = np.ascontiguousarray(array, dtype=_DTYPES[name])
            dataset = file.create_dataset(name, data=stored)
            dataset.attrs["crc32"] = np.uint32(zlib.crc32(stored.data))
        names = file.create_dataset("elements", data=list(elements), dtype=h5py.string_dtype("utf-8"))
        names.attrs["crc32"] = np.uint32(zlib.crc32("\n".join(elements).encode()))
        for name, value in root.items():
            file.attrs[name] = value


def _read(file: Any) -> MapsFile:
    if len(file.attrs) > _MOST_ATTRIBUTES:
        raise _Damage(f"it has {len(file.attrs)} attributes, more than Pointillist writes: reconstruct the maps again")
    attributes = {str(name): _attribute(value) for name, value in file.attrs.items()}
    if attributes.pop("format", "") != FORMAT:
        raise _Damage("not a maps file of Pointillist: give the maps.h5 of a recording")
    version = attributes.pop("format_version", 0.0)
    if not isinstance(version, float) or version > FORMAT_VERSION:
        raise _Damage(f"written in format {version}, newer than this version's {FORMAT_VERSION}: upgrade Pointillist")
    maps = _array(file, "maps", 3)
    elements = _elements(file, maps.shape[2])
    measured = _array(file, "measured", 2).astype(bool)
    mask = _array(file, "mask", 2).astype(bool)
    standard_error = _array(file, "standard_error", 3)
    optional = {name: _array(file, name, 3) if _is_there(file, name) else None for name in ("rgb", "visible")}
    arrays = {"maps": maps, "standard_error": standard_error, "mask": mask, "measured": measured}
    given = {name: array for name, array in optional.items() if array is not None}
    received = {name: _array(file, name, 2) for name in RECEIVED if _is_there(file, name)}
    given |= received
    planes = {name: _array(file, name, 2).astype(bool) for name in ("scanned", "averaged") if _is_there(file, name)}
    given |= planes
    _check_shapes(arrays | given, len(elements), None)
    for array in (mask, measured, *planes.values()):
        array.setflags(write=False)
    x_mm, y_mm, pitch_mm = (attributes.pop(name, None) for name in _GRID)
    grid = None
    if isinstance(x_mm, float) and isinstance(y_mm, float) and isinstance(pitch_mm, float):
        grid = ScanGrid(x_mm, y_mm, pitch_mm, *measured.shape)
    method = str(attributes.pop("method", ""))
    element_maps = ElementMaps(
        elements,
        maps,
        standard_error,
        measured,
        method,
        visible=optional["visible"],
        scanned=planes.get("scanned"),
        averaged=planes.get("averaged"),
    )
    return MapsFile(element_maps, mask, optional["rgb"], grid, attributes, received)


def _array(file: Any, name: str, dimensions: int) -> NDArray[Any]:
    """A dataset whose every declared byte lies in the file itself: no filter, no external or virtual storage."""
    dataset = _own_dataset(file, name)
    is_plain = (
        dataset.chunks is None
        and not dataset.is_virtual
        and not dataset.external
        and dataset.dtype.str == _DTYPES[name]
        and dataset.ndim == dimensions
        and dataset.id.get_storage_size() == dataset.nbytes <= file.id.get_filesize()
    )
    if not is_plain:
        raise _Damage(f"/{name} is not stored as Pointillist stores it: reconstruct the maps again")
    array: NDArray[Any] = dataset[()]
    if zlib.crc32(np.ascontiguousarray(array).data) != int(dataset.attrs["crc32"]):
        raise _Damage(f"/{name} is damaged, its check sum differs: reconstruct the maps again")
    array.setflags(write=False)
    return array


def _is_there(file: Any, name: str) -> bool:
    """Whether the file has something of this name; a link to another file is not followed to see."""
    return file.get(name, getlink=True) is not None


def _own_dataset(file: Any, name: str) -> Any:
    """A dataset of the file itself: a link could have any other file opened."""
    import h5py

    if not isinstance(file.get(name, getlink=True), h5py.HardLink) or not isinstance(file[name], h5py.Dataset):
        raise _Damage(f"/{name} is missing, or not stored as Pointillist stores it: reconstruct the maps again")
    return file[name]


def _elements(file: Any, expected: int) -> tuple[str, ...]:
    import h5py

    dataset = _own_dataset(file, "elements")
    kind = h5py.check_string_dtype(dataset.dtype)
    is_plain = kind is not None and kind.length is None and not dataset.is_virtual and not dataset.external
    if not is_plain or dataset.shape != (expected,) or expected > _MAX_ELEMENTS:
        raise _Damage(f"/elements does not name the {expected} maps: reconstruct the maps again")
    # one by one: all of them may point to one long text
    names = tuple(str(dataset.asstr()[i])[:_LONGEST_NAME] for i in range(expected))
    if zlib.crc32("\n".join(names).encode()) != int(dataset.attrs["crc32"]):
        raise _Damage("/elements is damaged, its check sum differs: reconstruct the maps again")
    return names


def _attribute(value: Any) -> str | float:
    return value if isinstance(value, str) else float(value)
