"""Maps as a page is shown them: in parts, each with how often it changed, so that only what changed is sent."""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.faults import EdgeError
from edge.monitor.wire import Floats, Window
from edge.record.folder import RecordingPaths
from edge.record.maps_file import read_maps

PART_CELLS = 64
"""Side of a part."""
LAYERS = ("estimate", "error")


class ShownMaps:
    """The maps of one recording, those of the preview until there are final ones.

    Parameters
    ----------
    paths
        Of the recording.
    """

    def __init__(self, paths: RecordingPaths) -> None:
        self._paths = paths
        self._stamp: tuple[str, int, int] = ("", 0, 0)
        self.generation = 0
        """Another one: nothing that was sent before holds."""
        self.elements: tuple[str, ...] = ()
        self.unit = ""
        self.shape = (0, 0)
        self.versions: NDArray[np.uint32] = np.zeros((0, 0), np.uint32)
        """How often each part has changed, shape (down, across)."""
        self._layers: tuple[Floats, Floats] = (np.zeros((0, 0, 0), np.float32), np.zeros((0, 0, 0), np.float32))

    def refresh(self) -> bool:
        """Take in what was drawn meanwhile; whether anything was."""
        for path in (self._paths.maps, self._paths.live / self._paths.maps.name):
            with suppress(OSError):
                state = path.stat()
                stamp = str(path), state.st_mtime_ns, state.st_size
                if stamp == self._stamp:
                    return False
                with suppress(EdgeError):
                    self._take(path)
                    self._stamp = stamp
                    return True
        return False

    def values(self, element: int, layer: int, window: Window | None = None) -> Floats:
        """What is shown of one element, NaN where nothing is known; the whole map, or a part of it."""
        plane: Floats = self._layers[layer][:, :, element]
        return plane if window is None else plane[window.slices]

    def window(self, part_row: int, part_column: int, across: int = 1) -> Window:
        """Where some parts of a row lie."""
        row, column = part_row * PART_CELLS, part_column * PART_CELLS
        return Window(
            row, column, min(PART_CELLS, self.shape[0] - row), min(across * PART_CELLS, self.shape[1] - column)
        )

    def _take(self, path: Path) -> None:
        file = read_maps(path)
        maps = file.element_maps
        layers = maps.maps, maps.standard_error
        if maps.elements != self.elements or maps.maps.shape[:2] != self.shape:
            self.generation += 1
            self.elements, self.shape = maps.elements, (maps.maps.shape[0], maps.maps.shape[1])
            self.versions = np.ones([math.ceil(cells / PART_CELLS) for cells in self.shape], np.uint32)
        else:
            changed = np.zeros(self.shape, np.bool_)
            for before, after in zip(self._layers, layers, strict=True):
                changed |= ((before != after) & ~(np.isnan(before) & np.isnan(after))).any(axis=2)
            self.versions = self.versions + _in_parts(changed)
        self._layers = layers
        self.unit = str(file.attributes.get("unit", ""))


def _in_parts(marked: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """1 for each part that holds a marked cell, else 0."""
    rows = np.logical_or.reduceat(marked, np.arange(0, marked.shape[0], PART_CELLS), axis=0)
    return np.logical_or.reduceat(rows, np.arange(0, marked.shape[1], PART_CELLS), axis=1).astype(np.uint32)
