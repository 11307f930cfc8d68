"""PNG files from arrays: palette images small enough to carry dozens of maps in one page.

Written here because OpenCV writes no palettes, which make a coloured map a third of the size.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PALETTE, _TRUECOLOUR = 3, 2


def palette_png(
    indices: NDArray[np.uint8], colours: NDArray[np.uint8], opacity: NDArray[np.uint8] | None = None
) -> bytes:
    """An image of palette indices as a PNG file.

    Parameters
    ----------
    indices : shape (rows, columns)
    colours : shape (n, 3), n <= 256, RGB; every index is below n
    opacity : shape (n,), 255 is opaque; opaque where omitted
    """
    chunks = [(b"PLTE", np.ascontiguousarray(colours, dtype=np.uint8).tobytes())]
    if opacity is not None:
        chunks.append((b"tRNS", np.ascontiguousarray(opacity, dtype=np.uint8).tobytes()))
    return _file(np.ascontiguousarray(indices)[..., None], _PALETTE, chunks)


def rgb_png(image: NDArray[np.uint8]) -> bytes:
    """An RGB image, shape (rows, columns, 3), as a PNG file."""
    return _file(np.ascontiguousarray(image), _TRUECOLOUR, [])


def _file(image: NDArray[np.uint8], colour_type: int, chunks: list[tuple[bytes, bytes]]) -> bytes:
    rows, columns, channels = image.shape
    lines = image.reshape(rows, columns * channels)
    header = struct.pack(">IIBBBBB", columns, rows, 8, colour_type, 0, 0, 0)
    plain = zlib.compress(_with_filter_bytes(lines, np.zeros(rows, dtype=np.uint8)), 6)
    filtered = zlib.compress(_filtered(lines, channels), 6)
    pixels = min(plain, filtered, key=len)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", pixels), (b"IEND", b"")]
    return _SIGNATURE + b"".join(_chunk(kind, body) for kind, body in parts)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _filtered(lines: NDArray[np.uint8], pixel_bytes: int) -> bytes:
    """Rows as differences from the left (filter 1) or from above (filter 2), whichever is the smaller in sum."""
    left = lines.copy()
    left[:, pixel_bytes:] -= lines[:, :-pixel_bytes]
    above = lines.copy()
    above[1:] -= lines[:-1]
    cost_left = np.abs(left.view(np.int8).astype(np.int16)).sum(axis=1)
    cost_above = np.abs(above.view(np.int8).astype(np.int16)).sum(axis=1)
    take_above = cost_above < cost_left
    chosen = np.where(take_above[:, None], above, left)
    return _with_filter_bytes(chosen, np.where(take_above, 2, 1).astype(np.uint8))


def _with_filter_bytes(lines: NDArray[np.uint8], filters: NDArray[np.uint8]) -> bytes:
    return np.column_stack([filters, lines]).tobytes()
