"""Bytes that the page's server sends, as docs/reference/monitor-protocol.md says; little endian throughout."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.grid import CellWindow

CELL = np.dtype(
    [("row0", "<u2"), ("column0", "<u2"), ("row1", "<u2"), ("column1", "<u2"), ("live_s", "<f4")], align=False
)
"""One exposure: first and last of the cells that the maps count as measured by it, and its live time."""
EXPOSURES, TILE = 1, 2
"""First byte of a message."""
UNKNOWN = 65_535
_STEPS = 65_534
_TILE_STEPS = 4_095
"""A part of a map has its own range, of which so many steps are below a screen's."""
_COARSE = _STEPS // _TILE_STEPS
_QUICKLY = 1
Floats = NDArray[np.float32]


def cells_bytes(cells: NDArray[np.void]) -> bytes:
    """``u32`` count, then the exposures, of type `CELL`."""
    return struct.pack("<I", len(cells)) + cells.tobytes()


def map_bytes(values: Floats, generation: int) -> bytes:
    """A whole map: its range, and each cell between its ends, row by row."""
    low, high, steps = _in_steps(values, 1)
    rows, columns = values.shape
    return struct.pack("<IHHff", generation & 0xFFFFFFFF, rows, columns, low, high) + steps.tobytes()


def exposures_bytes(n: int, first: int, cells: NDArray[np.void], viewed: Sequence[int], values: Floats) -> bytes:
    """Exposures as they came, with what the viewed elements are there.

    Parameters
    ----------
    n
        Number of the message.
    first
        How many exposures were recorded before these.
    cells
        Of type `CELL`, shape (n,).
    viewed
        Which elements, by their places.
    values
        Shape (n, viewed), NaN where nothing is known yet.
    """
    names = bytes([len(viewed), *viewed])
    head = struct.pack("<BBHIII", EXPOSURES, 0, 0, n & 0xFFFFFFFF, first, len(cells)) + names
    return head + bytes(-len(head) % 4) + cells.tobytes() + values.astype("<f4").tobytes()


def tile_head(n: int, element: int, layer: int, generation: int) -> bytes:
    """What precedes `tile_body`, and differs from client to client."""
    return struct.pack("<BBBBII", TILE, element, layer, 0, n & 0xFFFFFFFF, generation & 0xFFFFFFFF)


def tile_body(values: Floats, window: CellWindow) -> bytes:
    """A part of a map: its place and range, and its cells' differences from one to the next, deflated.

    Parameters
    ----------
    values
        Of the part alone.
    """
    low, high, steps = _in_steps(values, _COARSE)
    flat = steps.ravel()
    differences = np.diff(flat, prepend=np.uint16(0)).astype("<u2")
    packer = zlib.compressobj(_QUICKLY, zlib.DEFLATED, wbits=15)
    packed = packer.compress(differences.tobytes()) + packer.flush()
    place = struct.pack("<HHHHff", window.row, window.column, window.rows, window.columns, low, high)
    return place + packed


def _in_steps(values: Floats, coarse: int) -> tuple[float, float, NDArray[np.uint16]]:
    """Values of step 0 and of step 65534, and each cell between them, in multiples of so many steps; else unknown."""
    is_known = np.isfinite(values)
    if not is_known.any():
        return 0.0, 0.0, np.full(values.shape, UNKNOWN, "<u2")
    known = values[is_known]
    low, high = float(known.min()), float(known.max())
    span = np.float32(high - low)
    if not np.isfinite(span) or span <= 0:
        return low, high, np.where(is_known, 0, UNKNOWN).astype("<u2")
    whole = _STEPS // coarse
    with np.errstate(invalid="ignore"):
        steps = np.rint((values - np.float32(low)) * (np.float32(whole) / span))
    steps = np.where(is_known, np.clip(steps, 0, whole) * coarse, UNKNOWN)
    # the largest value lies at the last multiple, which step 65534 need not be
    return low, low + float(span) * _STEPS / (whole * coarse), steps.astype("<u2")
