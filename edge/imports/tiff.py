"""A folder of TIFF, one map a file."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.imports.bounds import require_maps
from edge.imports.found import Coverage, FoundMaps
from edge.imports.names import MEASURED, SCANNED, element_names, is_map

SUFFIXES = frozenset({".tif", ".tiff"})
_MOST_BYTES = 2_000_000_000
_WIDTH, _HEIGHT = 256, 257
_SIZES = {3: "H", 4: "I", 16: "Q"}
"""Types of whole numbers in a directory (TIFF 6.0, section 2; BigTIFF)."""


def read_tiffs(folder: Path, files: list[Path]) -> FoundMaps:
    """Maps of the files of a folder, in their order, and what a mask of our exports says of their cells.

    Raises
    ------
    UsageError
        One cannot be read, is in colours, or has another size than the others.
    """
    masks = {path.stem: path for path in files if path.stem in (MEASURED, SCANNED)}
    files = [path for path in files if is_map(path.stem)] or files
    shapes = [_size(path) for path in files]
    for path, shape in zip(files, shapes, strict=True):
        if shape != shapes[0]:
            raise UsageError(
                f"{path}: has {shape[0]} x {shape[1]} cells and {files[0].name} {shapes[0][0]} x {shapes[0][1]}: "
                "keep the maps of one raster in one folder"
            )
    require_maps(folder, *shapes[0], len(files))
    maps = np.stack([_map(path, shapes[0]) for path in files], axis=2)
    known = {name: _mask(path, shapes[0]) for name, path in masks.items() if path not in files}
    coverage = Coverage(known[MEASURED], known.get(SCANNED)) if MEASURED in known else None
    return FoundMaps(maps, element_names([path.stem for path in files]), coverage=coverage)


def _mask(path: Path, shape: tuple[int, int]) -> NDArray[np.bool_]:
    if _size(path) != shape:
        raise UsageError(f"{path}: is of another size than the maps beside it: keep those of one raster in one folder")
    return np.asarray(_map(path, shape) > 0, np.bool_)


def _map(path: Path, shape: tuple[int, int]) -> NDArray[np.float32]:
    import cv2

    try:
        image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        image = None
    if image is None:
        raise UsageError(f"{path}: cannot be read as TIFF: save it again, as plain numbers")
    if image.ndim != 2:
        raise UsageError(f"{path}: is a picture in colours and no map: give it as --rgb, and keep it elsewhere")
    if image.shape != shape:
        raise UsageError(f"{path}: holds {image.shape[0]} x {image.shape[1]} cells and declares others: save it again")
    return np.asarray(image, np.float32)


def _size(path: Path) -> tuple[int, int]:
    """Rows and columns that the first directory of a TIFF declares, before anything is unpacked."""
    if path.stat().st_size > _MOST_BYTES:
        raise UsageError(f"{path}: is above 2 GB: crop it beforehand")
    with path.open("rb") as file:
        head = file.read(16)
        order = {b"II": "<", b"MM": ">"}.get(head[:2])
        if order is None or len(head) < 16:
            raise UsageError(f"{path}: is no TIFF: keep nothing but the maps in the folder")
        is_big = struct.unpack(order + "H", head[2:4])[0] == 43
        at = struct.unpack(order + ("Q" if is_big else "I"), head[8:16] if is_big else head[4:8])[0]
        file.seek(at)
        directory = file.read(8 + 20 * 512)
    found = _entries(directory, order, is_big=is_big)
    if not found.keys() >= {_WIDTH, _HEIGHT}:
        raise UsageError(f"{path}: does not say its size, or is cut short: save it again")
    return found[_HEIGHT], found[_WIDTH]


def _entries(directory: bytes, order: str, *, is_big: bool) -> dict[int, int]:
    """Whole numbers of a directory by their tags."""
    found = {}
    count_format, at, step = ("Q", 8, 20) if is_big else ("H", 2, 12)
    if len(directory) < at:
        return {}
    count = struct.unpack(order + count_format, directory[:at])[0]
    for _ in range(min(count, 512)):
        entry = directory[at : at + step]
        if len(entry) < step:
            break
        tag, kind = struct.unpack(order + "HH", entry[:4])
        if kind in _SIZES:
            value = entry[12 if is_big else 8 :]
            found[tag] = struct.unpack_from(order + _SIZES[kind], value)[0] if kind != 16 or is_big else 0
        at += step
    return found
