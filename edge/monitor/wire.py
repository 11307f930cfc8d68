"""Bytes that the page's server sends, as docs/reference/monitor-protocol.md says; little endian throughout."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.grid import CellWindow

CELL = np.dtype(
    [
        *((name, "<u2") for name in ("row0", "column0", "row1", "column1")),
        ("live_s", "<f4"),
        ("held", "<u2"),
        ("averaged", "<u2"),
    ],
    align=False,
)
"""One exposure: first and last of the cells that it saw, its live time, 1 where it is kept back from the maps to check
them, and 1 where it saw several cells and is a mean over them."""
NOWHERE = 65_535
"""First and last row and column of an exposure that tells nothing of any cell, `MeasuredArrays.tells`."""
EXPOSURES, PARTS = 1, 2
"""First byte of a message."""
INFERRED, MEASURED, HELD, AVERAGED = 0, 1, 2, 3
"""Of a cell: nothing was measured there, it by itself, only what is kept back from the maps, or a mean over it and
others."""
UNKNOWN = 65_535
_STEPS = 65_534
_PART_STEPS = 4_094
"""A part of a map has its own range, of which so many steps are finer than a screen's."""
_QUICKLY = 1
Floats = NDArray[np.float32]


def cells_bytes(cells: NDArray[np.void]) -> bytes:
    """``u32`` count, then the exposures, of type `CELL`."""
    return struct.pack("<I", len(cells)) + cells.tobytes()


def states_bytes(exposures: int, states: NDArray[np.uint8]) -> bytes:
    """``u32`` how many exposures there were, then what is known of each cell in two bits, row by row, the lowest first.

    Parameters
    ----------
    states
        Shape (rows, columns): `INFERRED`, `MEASURED`, `HELD` or `AVERAGED`.
    """
    flat = np.zeros(-(-states.size // 4) * 4, np.uint8)
    flat[: states.size] = states.ravel()
    packed: NDArray[np.uint8] = (flat.reshape(-1, 4) << np.arange(0, 8, 2, dtype=np.uint8)).sum(axis=1, dtype=np.uint8)
    return struct.pack("<I", exposures) + packed.tobytes()


def map_bytes(values: Floats, generation: int) -> bytes:
    """A whole map: its range, and each cell between its ends, row by row."""
    low, high, steps = _in_steps(values)
    rows, columns = values.shape
    return struct.pack("<IHHff", generation & 0xFFFFFFFF, rows, columns, low, high) + steps.tobytes()


def exposures_head(n: int) -> bytes:
    """What precedes `exposures_body`, and differs from browser to browser."""
    return struct.pack("<BBHI", EXPOSURES, 0, 0, n & 0xFFFFFFFF)


def exposures_body(first: int, cells: NDArray[np.void], viewed: Sequence[int], values: Floats) -> bytes:
    """Exposures as they came, with what the viewed elements are there.

    Parameters
    ----------
    first
        How many exposures were recorded before these.
    cells
        Of type `CELL`, shape (n,).
    viewed
        Which elements, by their places.
    values
        Shape (n, viewed), NaN where nothing is known yet.
    """
    head = struct.pack("<II", first, len(cells)) + bytes([len(viewed), *viewed])
    return head + bytes(-len(head) % 4) + cells.tobytes() + values.astype("<f4").tobytes()


def parts_head(n: int, generation: int, count: int) -> bytes:
    """What precedes so many of `part_bytes`, and differs from browser to browser."""
    return struct.pack("<BBHII", PARTS, 0, count, n & 0xFFFFFFFF, generation & 0xFFFFFFFF)


def part_bytes(values: Floats, window: CellWindow, element: int, layer: int) -> bytes:
    """A part of a map: of what, its place and range, and its cells' differences from one to the next, deflated.

    Differences of either sign are numbered from 0 on, and their low bytes stand before all high ones, which are mostly
    0: runs of one byte are all that deflating looks for, in a third of the time that matches take it.

    Parameters
    ----------
    values
        Of the part alone.
    """
    low, high, codes = _coded(values)
    differences = np.empty(codes.size, "<i2")
    differences[:1] = codes[:1]
    np.subtract(codes[1:], codes[:-1], out=differences[1:])
    numbered = (differences << 1) ^ (differences >> 15)
    planes = numbered.view(np.uint8).reshape(-1, 2).T
    packer = zlib.compressobj(_QUICKLY, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
    packed = packer.compress(planes.tobytes()) + packer.flush()
    place = window.row, window.column, window.rows, window.columns
    return struct.pack("<BBHIHHHHff", element, layer, 0, len(packed), *place, low, high) + packed


def _coded(values: Floats) -> tuple[float, float, NDArray[np.int16]]:
    """Values of codes 1 and 4095, and each cell between them, row by row; 0 is unknown."""
    is_known = np.isfinite(values)
    known = values if is_known.all() else values[is_known]
    if not known.size:
        return 0.0, 0.0, np.zeros(values.size, "<i2")
    low, high = float(known.min()), float(known.max())
    span = np.float32(high - low)
    with np.errstate(divide="ignore", over="ignore"):
        per_unit = np.float32(_PART_STEPS) / span
    if not (np.isfinite(span) and np.isfinite(per_unit)):
        return low, high, is_known.ravel().astype("<i2")
    with np.errstate(invalid="ignore"):
        codes = (values - np.float32(low)) * per_unit
        codes += np.float32(1.5)
        found = codes.astype("<i2").ravel()
    if known is not values:
        found[~is_known.ravel()] = 0
    return low, high, found


def _in_steps(values: Floats) -> tuple[float, float, NDArray[np.uint16]]:
    """Values of step 0 and of step 65534, and each cell between them; else unknown."""
    is_known = np.isfinite(values)
    if not is_known.any():
        return 0.0, 0.0, np.full(values.shape, UNKNOWN, "<u2")
    known = values[is_known]
    low, high = float(known.min()), float(known.max())
    span = np.float32(high - low)
    if not np.isfinite(span) or span <= 0:
        return low, high, np.where(is_known, 0, UNKNOWN).astype("<u2")
    with np.errstate(invalid="ignore"):
        steps = np.rint((values - np.float32(low)) * (np.float32(_STEPS) / span))
    return low, high, np.where(is_known, np.clip(steps, 0, _STEPS), UNKNOWN).astype("<u2")
