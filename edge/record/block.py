"""Exposures by the block: what stood in rows of its own, packed together under one check sum; nothing is lost.

Alone, an exposure of some milliseconds takes more bytes for its times and positions than for its counts, and each
spectrum pays for its coder's beginning. A block is as long as the medium's own damage is wide, some tens of kilobytes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.record.block_columns import microseconds_of, pack_columns, unpack_columns
from edge.record.block_spectra import pack_spectra, unpack_spectra
from edge.record.damage import DamagedRecord
from edge.record.exposure_codec import MAX_CHANNELS, ExposureRow, decode_counts
from firmware_bridge.messages import ExposureFlag

MOST_EXPOSURES = 512
"""Exposures in a block."""
MAX_STORED_BLOCK = 512 * 1024
"""Longest column of a stored block: incompressible counts at their worst, in bytes."""
_MOST_COUNTS = 1024 * 1024
"""Channels of all spectra of a block together."""
_FULL_BYTES = 32 * 1024
"""A block is full with so many bytes of spectra as their rows held them."""
_HEAD = struct.Struct("<qqqqqqq")

BlockRow = tuple[int, int, int, int, int, bytes, bytes, int]
"""last_seq, first_seq, exposures, channels, planes, columns, spectra, crc."""


class UnpackedRow(tuple[Any, ...]):
    """An exposure's row out of a block whose check sum held; the spectrum in it is its counts, or None."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Cut:
    """Rows in order, divided into what is packed now and what waits for more."""

    blocks: list[list[ExposureRow]]
    waiting: list[ExposureRow]
    waiting_bytes: int
    """Of the spectra of what waits."""


def may_be_packed(row: ExposureRow) -> bool:
    """Whether an exposure's row comes back from a block as it was: full, and its time written as ours are."""
    return not row[13] & ExposureFlag.TRUNCATED and microseconds_of(row[2]) is not None


def cut_into_blocks(earlier: Cut, rows: Iterable[ExposureRow]) -> Cut:
    """Add rows that may be packed to those that wait; the last ones wait on, unless they fill a block."""
    blocks: list[list[ExposureRow]] = []
    waiting, size = list(earlier.waiting), earlier.waiting_bytes
    for row in rows:
        if waiting and (waiting[0][14] != row[14] or (len(waiting) + 1) * row[14] > _MOST_COUNTS):
            blocks.append(waiting)
            waiting, size = [], 0
        waiting.append(row)
        size += len(row[15])
        if size >= _FULL_BYTES or len(waiting) == MOST_EXPOSURES:
            blocks.append(waiting)
            waiting, size = [], 0
    return Cut(blocks, waiting, size)


def encode_block(rows: Sequence[ExposureRow]) -> BlockRow:
    """A row of the table ``blocks`` for rows of one length of spectrum that may be packed.

    What was packed is unpacked again and compared: these rows are about to be deleted.

    Raises
    ------
    DamagedRecord
        A row's spectrum cannot be unpacked, or the block does not give every bit of the rows back.
    """
    channels = rows[0][14]
    counts = decode_counts([row[15] for row in rows], channels)
    planes, spectra = pack_spectra(counts)
    first, last, columns = rows[0][0], rows[-1][0], pack_columns(rows)
    block = (last, first, len(rows), channels, planes, columns, spectra)
    found = decode_columns(packed := (*block, block_crc(*block)))
    if not np.array_equal(decode_spectra(packed), counts) or any(
        (*again[:15], again[17]) != (row[0], row[1], row[2].encode(), *row[3:15], row[17])
        for again, row in zip(found, rows, strict=True)
    ):
        raise DamagedRecord("the block does not give back what was packed")
    return packed


def check_block(block: tuple[Any, ...]) -> None:
    """Compare a stored block's check sum, and what it declares with what one can hold; raises `DamagedRecord`."""
    try:
        *parts, crc = block
        expected = block_crc(*parts)
    except (TypeError, ValueError, struct.error):
        raise DamagedRecord("its columns have the wrong types") from None
    if crc != expected:
        raise DamagedRecord("its check sum differs")
    last, first, exposures, channels = block[:4]
    if not (
        1 <= channels <= MAX_CHANNELS
        and 1 <= exposures <= min(MOST_EXPOSURES, last - first + 1)
        and exposures * channels <= _MOST_COUNTS
    ):
        raise DamagedRecord(f"it declares {exposures} exposures of {channels} channels in one block")


def decode_columns(block: tuple[Any, ...]) -> list[ExposureRow]:
    """The rows of a stored block in order, texts as bytes, without spectra and check sums; raises `DamagedRecord`."""
    check_block(block)
    last, first, exposures, channels, _, columns = block[:6]
    rows = [(*row[:14], channels, *row[15:]) for row in unpack_columns(columns, exposures)]
    seqs = [row[0] for row in rows]
    if seqs[0] != first or seqs[-1] != last or any(a >= b for a, b in pairwise(seqs)):
        raise DamagedRecord("its exposures' numbers are not in order")
    if any(row[13] & ExposureFlag.TRUNCATED for row in rows):
        raise DamagedRecord("a truncated exposure is among its full ones")
    return rows


def decode_spectra(block: tuple[Any, ...]) -> NDArray[np.uint32]:
    """Counts of a stored block, shape (exposures, channels), read-only; raises `DamagedRecord`."""
    check_block(block)
    exposures, channels, planes, _, spectra = block[2:7]
    return unpack_spectra(planes, spectra, exposures, channels)


def block_crc(last: int, first: int, exposures: int, channels: int, planes: int, columns: bytes, spectra: bytes) -> int:
    """Check sum over all of a stored block."""
    head = _HEAD.pack(last, first, exposures, channels, planes, len(columns), len(spectra))
    return zlib.crc32(spectra, zlib.crc32(columns, zlib.crc32(head)))
