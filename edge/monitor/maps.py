"""Maps as a page is shown them: in parts, each with how often it changed, so that only what changed is sent."""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.faults import EdgeError
from edge.grid import CellWindow
from edge.monitor.wire import Floats
from edge.preview.headed_file import Unfit
from edge.preview.shown_file import NAME, PART_CELLS, ShownReader
from edge.record.folder import RecordingPaths
from edge.record.maps_file import read_maps

LAYERS = ("estimate", "error")
Versions = NDArray[np.uint32]


class _Source(Protocol):
    """Maps of a file."""

    elements: tuple[str, ...]
    shape: tuple[int, int]
    unit: str
    generation: int

    def versions(self) -> Versions: ...

    def values(self, layer: int, element: int, down: int, across: int, count: int = 1) -> Floats: ...

    def close(self) -> None: ...


class _Whole:
    """The maps of a ``maps.h5``, which do not change."""

    def __init__(self, path: Path) -> None:
        file = read_maps(path)
        maps = file.element_maps
        self.elements, self.unit = maps.elements, str(file.attributes.get("unit", ""))
        self.shape = maps.maps.shape[0], maps.maps.shape[1]
        self.generation = path.stat().st_mtime_ns // 1_000_000
        self._layers = maps.maps, maps.standard_error

    def versions(self) -> Versions:
        down, across = (math.ceil(cells / PART_CELLS) for cells in self.shape)
        return np.ones((len(LAYERS), len(self.elements), down, across), np.uint32)

    def values(self, layer: int, element: int, down: int, across: int, count: int = 1) -> Floats:
        rows = slice(down * PART_CELLS, (down + 1) * PART_CELLS)
        columns = slice(across * PART_CELLS, (across + count) * PART_CELLS)
        cells: Floats = self._layers[layer][rows, columns, element]
        return cells

    def close(self) -> None:
        """Nothing is held."""


class _None:
    """No maps yet."""

    elements: tuple[str, ...] = ()
    shape = (0, 0)
    unit = ""
    generation = 0

    def versions(self) -> Versions:
        return np.zeros((len(LAYERS), 0, 0, 0), np.uint32)

    def values(self, layer: int, element: int, down: int, across: int, count: int = 1) -> Floats:
        raise IndexError("there are no maps yet")

    def close(self) -> None:
        """Nothing is held."""


class ShownMaps:
    """The maps of one recording: the newest of those that the preview draws and those made at the end.

    Parameters
    ----------
    paths
        Of the recording.
    """

    def __init__(self, paths: RecordingPaths) -> None:
        self._paths = paths
        self._identity: tuple[object, ...] = ()
        self._stamp = 0
        self._source: _Source = _None()
        self._before: _Source = self._source
        self.versions: Versions = self._source.versions()
        """How often each part has changed, shape (layers, elements, down, across); 0: nothing is known there."""

    @property
    def elements(self) -> tuple[str, ...]:
        """Line groups, ``Pb-L``, in the maps' order; none while there are no maps."""
        return self._source.elements

    @property
    def unit(self) -> str:
        """What the values are given in."""
        return self._source.unit

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self._source.shape

    @property
    def generation(self) -> int:
        """Another one: nothing that was sent before holds."""
        return self._source.generation & 0xFFFFFFFF

    def refresh(self) -> bool:
        """Take in what was drawn meanwhile; whether anything was."""
        found = self._newest()
        if found is None:
            return False
        path, stamp, *identity = found
        if (path, *identity) != self._identity:
            return self._open(path, (path, *identity), stamp)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        versions = self._source.versions()
        if np.array_equal(versions, self.versions):
            return False
        self.versions = versions
        return True

    def close(self) -> None:
        """Let go of what is held open."""
        self._before.close()
        self._source.close()
        self._before = self._source = _None()

    def values(self, element: int, layer: int) -> Floats:
        """The whole map of an element, NaN where nothing is known."""
        source = self._source
        down, across = source.versions().shape[2:]
        return np.concatenate([source.values(layer, element, row, 0, across) for row in range(down)])

    def part(self, element: int, layer: int, down: int, across: int, count: int) -> tuple[CellWindow, Floats]:
        """Some parts side by side: where they lie, and their cells."""
        cells = self._source.values(layer, element, down, across, count)
        return CellWindow(down * PART_CELLS, across * PART_CELLS, cells.shape[0], cells.shape[1]), cells

    def _newest(self) -> tuple[Path, int, int, int] | None:
        """File, time of its last change, and what makes it this file and no other."""
        live = self._paths.live
        shown = _stated(live / NAME)
        stated = [shown or _stated(live / self._paths.maps.name), _stated(self._paths.maps)]
        return max((each for each in stated if each is not None), key=lambda each: each[1], default=None)

    def _open(self, path: Path, identity: tuple[object, ...], stamp: int) -> bool:
        self._identity, self._stamp = identity, stamp
        with suppress(EdgeError, Unfit, OSError):
            source: _Source = ShownReader(path) if path.name == NAME else _Whole(path)
            # the other thread may be reading what was the source until now
            self._before.close()
            self._before, self._source, self.versions = self._source, source, source.versions()
            return True
        return False


def _stated(path: Path) -> tuple[Path, int, int, int] | None:
    with suppress(OSError):
        state = path.lstat()
        return path, state.st_mtime_ns, state.st_dev, state.st_ino
    return None
