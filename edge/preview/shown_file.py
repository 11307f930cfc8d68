"""``live/shown.bin``: the maps in parts of 64 x 64 cells, each with how often it changed by more than a screen shows.

Written in place, part by part, without maps ever being written whole: at 20 elements x 680 x 580 these are 63 MB.
Whoever reads a part while it is written reads it again, for its number goes up afterwards.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.maps import ElementMaps
from edge.preview import headed_file
from edge.preview.headed_file import HEAD_BYTES, Unfit

NAME = "shown.bin"
PART_CELLS = 64
"""Side of a part."""
LAYERS = 2
"""Estimate and standard error."""
_KIND = "shown"
_PART_BYTES = 4 * PART_CELLS * PART_CELLS
_VISIBLE = 1 / 500
"""Of a map's largest value: half a step of a screen's 256. Less is no change, until it has added up."""
_MOST_CELLS = 20_000_000
Floats = NDArray[np.float32]


class _Layout:
    """Where things lie in a file of so many elements and cells."""

    def __init__(self, elements: int, shape: tuple[int, int]) -> None:
        self.elements, self.shape = elements, shape
        self.parts = math.ceil(shape[0] / PART_CELLS), math.ceil(shape[1] / PART_CELLS)
        self.versions_shape = LAYERS, elements, *self.parts
        self.versions_bytes = 4 * math.prod(self.versions_shape)
        self._first = HEAD_BYTES + -(-self.versions_bytes // 4_096) * 4_096

    @property
    def length(self) -> int:
        """Bytes of a whole file."""
        return self._first + _PART_BYTES * math.prod(self.versions_shape)

    def at(self, layer: int, element: int, down: int, across: int) -> int:
        """Where a part begins."""
        return self._first + self._number(layer, element, down, across) * _PART_BYTES

    def version_at(self, layer: int, element: int, down: int, across: int) -> int:
        """Where it stands how often a part changed."""
        return HEAD_BYTES + 4 * self._number(layer, element, down, across)

    def _number(self, layer: int, element: int, down: int, across: int) -> int:
        return ((layer * self.elements + element) * self.parts[0] + down) * self.parts[1] + across


class ShownWriter:
    """The file of one model's maps, made beside and put in place at once.

    Parameters
    ----------
    live
        Folder of the recording's live files.
    generation
        Another one for another model of the spectra.
    """

    def __init__(self, live: Path, *, generation: int, elements: tuple[str, ...], shape: tuple[int, int], unit: str):
        live.mkdir(exist_ok=True)
        self._layout = _Layout(len(elements), shape)
        self._versions = np.zeros(self._layout.versions_shape, "<u4")
        self._written = np.full((LAYERS, len(elements), *shape), np.nan, np.float32)
        path = live / NAME
        part = path.with_suffix(".part")
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        self._descriptor = os.open(part, flags, 0o644)
        fields: dict[str, Any] = {
            "kind": _KIND,
            "generation": generation,
            "elements": list(elements),
            "rows": shape[0],
            "columns": shape[1],
            "unit": unit,
        }
        os.ftruncate(self._descriptor, self._layout.length)
        os.pwrite(self._descriptor, headed_file.head_of(fields), 0)
        part.replace(path)

    def show(self, maps: ElementMaps) -> int:
        """Write the parts that changed; gives how many.

        Raises
        ------
        OSError
            The disk has no room.
        """
        changed = 0
        for layer, values in enumerate((maps.maps, maps.standard_error)):
            # each element's cells lie together, as they are compared and written
            for element, plane in enumerate(np.ascontiguousarray(np.moveaxis(values, 2, 0))):
                changed += self._show_plane(layer, element, plane)
        if changed:
            # numbers go up after what they stand for
            os.pwrite(self._descriptor, self._versions.tobytes(), HEAD_BYTES)
        return changed

    def close(self) -> None:
        """Let go of it."""
        headed_file.close(self._descriptor)

    def _show_plane(self, layer: int, element: int, plane: Floats) -> int:
        before = self._written[layer, element]
        largest = float(np.nanmax(np.abs(plane), initial=0.0))
        with np.errstate(invalid="ignore"):
            differs = np.abs(plane - before) > _VISIBLE * largest
        # what was or is unknown differs from nothing by that
        differs |= np.isnan(plane) != np.isnan(before)
        marked = _any_in_parts(differs)
        for down, across in np.argwhere(marked):
            rows = slice(down * PART_CELLS, (down + 1) * PART_CELLS)
            columns = slice(across * PART_CELLS, (across + 1) * PART_CELLS)
            cells = plane[rows, columns]
            before[rows, columns] = cells
            part = np.full((PART_CELLS, PART_CELLS), np.nan, "<f4")
            part[: cells.shape[0], : cells.shape[1]] = cells
            os.pwrite(self._descriptor, part.tobytes(), self._layout.at(layer, element, int(down), int(across)))
        self._versions[layer, element] += marked
        return int(marked.sum())


class ShownReader:
    """The file as it is now.

    Parameters
    ----------
    path
        Of the file.

    Raises
    ------
    Unfit
        There is none, or not such a one.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = headed_file.opened(path)
        try:
            fields = headed_file.read_head(self._descriptor, _KIND)
            self.elements = headed_file.elements_of(fields)
            rows, columns = (int(headed_file.number_of(fields, name, at_most=30_000)) for name in ("rows", "columns"))
            self.generation = int(headed_file.number_of(fields, "generation", at_most=2**31))
            self.unit = str(fields.get("unit", ""))[:40]
            if not (rows > 0 and columns > 0 and rows * columns <= _MOST_CELLS):
                raise Unfit("has no cells")
            self.shape = rows, columns
            self._layout = _Layout(len(self.elements), self.shape)
            if os.fstat(self._descriptor).st_size != self._layout.length:
                raise Unfit("is cut off")
        except Unfit:
            headed_file.close(self._descriptor)
            raise

    def versions(self) -> NDArray[np.uint32]:
        """How often each part changed, shape (layers, elements, down, across); 0: nothing was written there."""
        content = os.pread(self._descriptor, self._layout.versions_bytes, HEAD_BYTES)
        return np.frombuffer(content, "<u4").reshape(self._layout.versions_shape)

    def values(self, layer: int, element: int, down: int, across: int, count: int = 1) -> Floats:
        """Cells of some parts side by side, NaN where nothing is known."""
        rows = min(PART_CELLS, self.shape[0] - down * PART_CELLS)
        columns = min(count * PART_CELLS, self.shape[1] - across * PART_CELLS)
        content = os.pread(self._descriptor, count * _PART_BYTES, self._layout.at(layer, element, down, across))
        parts: Floats = np.frombuffer(content, "<f4").reshape(count, PART_CELLS, PART_CELLS)
        # where nothing was written the file has holes, which read as zeros
        numbers = os.pread(self._descriptor, 4 * count, self._layout.version_at(layer, element, down, across))
        unknown = np.frombuffer(numbers, "<u4") == 0
        if unknown.any():
            parts = np.where(unknown[:, np.newaxis, np.newaxis], np.float32(np.nan), parts)
        return parts.transpose(1, 0, 2).reshape(PART_CELLS, -1)[:rows, :columns]

    def close(self) -> None:
        """Let go of it."""
        headed_file.close(self._descriptor)


def _any_in_parts(marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    rows = np.logical_or.reduceat(marked, np.arange(0, marked.shape[0], PART_CELLS), axis=0)
    found: NDArray[np.bool_] = np.logical_or.reduceat(rows, np.arange(0, marked.shape[1], PART_CELLS), axis=1)
    return found
