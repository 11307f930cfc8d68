"""What can be replayed: a full raster in an ``.npz``, or a recording of ours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.maps import Samples
from edge.npz import load_arrays


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Element maps that are known at some or all cells."""

    maps: NDArray[np.float32]
    """Shape (rows, columns, elements); meaningless where not known."""
    variance: NDArray[np.float32]
    """Variance of each value from counting, same shape; zeros where nobody knows."""
    elements: tuple[str, ...]
    rgb: NDArray[np.uint8] | None
    known: NDArray[np.bool_]
    """Cells that hold a measurement and count in the score, shape (rows, columns)."""
    is_full: bool
    """Whether this is a full raster, which is its own truth."""
    unit: str
    scanned: NDArray[np.bool_] | None = None
    """Cells that were to be scanned, shape (rows, columns); None: all."""

    @property
    def cells(self) -> int:
        """How many cells were to be scanned."""
        return int(self.known.size if self.scanned is None else self.scanned.sum())

    @property
    def shape(self) -> tuple[int, int]:
        rows, columns = self.known.shape
        return rows, columns

    def samples(self, cells: NDArray[np.bool_]) -> Samples:
        """What is known of the marked cells, shape (rows, columns)."""
        rows, columns = np.nonzero(cells)
        return Samples(rows, columns, self.maps[rows, columns], self.variance[rows, columns])


def load_stack(source: Path) -> Stack:
    """Load what a path holds.

    Raises
    ------
    UsageError
        There is nothing there, or it is neither kind of source.
    IntegrityError
        A recording is damaged.
    """
    if source.is_dir():
        from edge.results import stack_of_recording

        return stack_of_recording(source)
    if not source.exists():
        raise UsageError(f"{source}: no such file or folder: give a recording's folder or an .npz")
    return _load_npz(source)


def _load_npz(path: Path) -> Stack:
    arrays = load_arrays(path)
    for name in ("maps", "elements"):
        if name not in arrays:
            raise UsageError(f"{path}: has no array '{name}': save maps (rows x columns x elements) and elements")
    maps = arrays["maps"]
    if maps.ndim != 3 or 0 in maps.shape or maps.dtype.kind not in "fiu":
        raise UsageError(f"{path}: maps has shape {maps.shape} and type {maps.dtype}: give rows x columns x elements")
    elements = tuple(str(name) for name in arrays["elements"].ravel())
    if len(elements) != maps.shape[2]:
        raise UsageError(f"{path}: {maps.shape[2]} maps but {len(elements)} element names: give one name per map")
    maps = maps.astype(np.float32)
    valid = _optional(path, arrays, "valid", maps.shape[:2])
    known = np.isfinite(maps).all(axis=2)
    if valid is not None:
        known &= valid.astype(bool)
    if not known.any():
        raise UsageError(f"{path}: no cell is valid and finite: there is nothing to replay")
    rgb = _optional(path, arrays, "rgb", (*maps.shape[:2], 3))
    if rgb is not None and rgb.dtype != np.uint8:
        raise UsageError(f"{path}: rgb is {rgb.dtype}: give 8-bit sRGB (uint8)")
    return Stack(
        maps=np.where(known[..., None], maps, 0),
        variance=np.zeros_like(maps),
        elements=elements,
        rgb=rgb,
        known=known,
        is_full=True,
        unit="as in the source",
    )


def _optional(path: Path, arrays: dict[str, np.ndarray], name: str, shape: tuple[int, ...]) -> np.ndarray | None:
    array = arrays.get(name)
    if array is not None and array.shape != shape:
        raise UsageError(f"{path}: {name} has shape {array.shape}, the maps ask for {shape}: save both on one grid")
    return array
