"""Exposures as rows and back: pure functions, bounded on hostile input, a CRC-32 over every column."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.events import Measured
from edge.record.damage import DamagedRecord, inflate
from firmware_bridge.messages import ExposureDone, ExposureFlag, StagePose

MAX_CHANNELS = 16_384
MAX_STORED_SPECTRUM = 4 * MAX_CHANNELS + 1024
"""Longest spectrum as stored: incompressible counts and the coder's overhead, in bytes."""

ExposureRow = tuple[Any, ...]
"""seq, exposure_index, at, ten measured numbers, flags, channels, spectrum, crc, the poses' uncertainty in mm."""

_EXPOSURE_HEAD = struct.Struct("<qqqqqq10d")
_UNCERTAINTY = struct.Struct("<d")


def encode_exposure(seq: int, event: Measured) -> ExposureRow:
    """A row of the table ``exposures``.

    Raises
    ------
    ValueError
        The spectrum is not a vector of 1 to 16,384 counts that fit into 32 bits.
    """
    done = event.done
    *numbers, uncertainty_mm = _storable_numbers(done)
    spectrum = encode_counts(done.counts)
    measured = (*numbers, int(done.flags), done.counts.shape[0], spectrum)
    try:
        crc = exposure_crc((seq, done.index, event.at.encode(), *measured), uncertainty_mm)
    except struct.error:
        raise ValueError(f"the exposure's index {done.index} or flags {int(done.flags)} do not fit 64 bits") from None
    return seq, done.index, event.at, *measured, crc, uncertainty_mm


def decode_exposure(row: tuple[Any, ...]) -> Measured:
    """The event of a stored exposure (texts as bytes); raises `DamagedRecord`."""
    check_exposure(row)
    counts = decode_counts([row[15]], row[14])[0]
    counts.setflags(write=False)
    return exposure_of(row, counts)


def exposure_of(row: tuple[Any, ...], counts: NDArray[np.uint32]) -> Measured:
    """The event of a row that is known to be sound, its spectrum unpacked."""
    numbers = [math.nan if value is None else value for value in (*row[3:13], row[17])]
    done = ExposureDone(
        index=row[1],
        start=StagePose(numbers[0], numbers[1]),
        end=StagePose(numbers[2], numbers[3]),
        real_s=numbers[4],
        live_s=numbers[5],
        opened_at_s=numbers[6],
        closed_at_s=numbers[7],
        input_rate_hz=numbers[8],
        output_rate_hz=numbers[9],
        flags=ExposureFlag(row[13]),
        counts=counts,
        pose_uncertainty_mm=numbers[10],
    )
    return Measured(row[2].decode(errors="replace"), done)


def check_exposure(row: tuple[Any, ...]) -> None:
    """Compare a stored exposure's check sum without unpacking its spectrum; raises `DamagedRecord`."""
    try:
        *columns, crc, uncertainty_mm = row
        expected = exposure_crc(columns, uncertainty_mm)
    except (TypeError, ValueError, struct.error):
        raise DamagedRecord("its columns have the wrong types") from None
    if crc != expected:
        raise DamagedRecord("its check sum differs")
    if not 1 <= row[14] <= MAX_CHANNELS:
        raise DamagedRecord(f"it declares {row[14]} channels, outside 1 to {MAX_CHANNELS}")


def exposure_crc(columns: Sequence[Any], uncertainty_mm: float | None) -> int:
    """Check sum over all columns of an exposure before ``crc``, the time as bytes, and the uncertainty if stated.

    One that isn't stated adds nothing, so that records of the format without it keep their check sums.
    """
    seq, index, at, *numbers, flags, channels, spectrum = columns
    values = [math.nan if value is None else value for value in numbers]
    head = _EXPOSURE_HEAD.pack(seq, index, flags, channels, len(at), len(spectrum), *values)
    stated = b"" if uncertainty_mm is None else _UNCERTAINTY.pack(uncertainty_mm)
    return zlib.crc32(stated, zlib.crc32(spectrum, zlib.crc32(at, zlib.crc32(head))))


def _storable_numbers(done: ExposureDone) -> tuple[float | None, ...]:
    """The measured numbers as SQLite keeps them: it stores NaN as NULL, and loses the sign of zero."""
    numbers = (
        done.start.x_mm,
        done.start.y_mm,
        done.end.x_mm,
        done.end.y_mm,
        done.real_s,
        done.live_s,
        done.opened_at_s,
        done.closed_at_s,
        done.input_rate_hz,
        done.output_rate_hz,
        done.pose_uncertainty_mm,
    )
    return tuple(None if math.isnan(value) else float(value) + 0.0 for value in numbers)


def is_same_measurement(one: ExposureDone, other: ExposureDone) -> bool:
    """Whether two deliveries carry one and the same measurement, down to the last count."""
    return (
        one.index == other.index
        and int(one.flags) == int(other.flags)
        and _storable_numbers(one) == _storable_numbers(other)
        and np.array_equal(one.counts, other.counts)
    )


def encode_counts(counts: NDArray[Any]) -> bytes:
    """Counts as shuffled bytes under zlib level 1 with run-length matching, the quickest coder that stays small.

    Low bytes of all channels come first, then the next higher ones: most of the latter are one long run of zeros.

    Raises
    ------
    ValueError
        Not a vector of 1 to 16,384 whole counts below 2^32.
    """
    counts = np.asarray(counts)
    if counts.ndim != 1 or not 1 <= counts.shape[0] <= MAX_CHANNELS:
        raise ValueError(f"a spectrum has 1 to {MAX_CHANNELS} channels in one row, not the shape {counts.shape}")
    if counts.dtype != np.uint32 and (
        counts.dtype.kind not in "iu" or int(counts.min()) < 0 or int(counts.max()) >= 2**32
    ):
        raise ValueError(f"a spectrum holds whole counts from 0 to 2^32 - 1, not {counts.dtype}")
    planes = np.ascontiguousarray(counts, dtype="<u4").view(np.uint8).reshape(-1, 4).T
    coder = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
    return coder.compress(planes.tobytes()) + coder.flush()


def decode_counts(spectra: list[bytes], channels: int) -> NDArray[np.uint32]:
    """Counts of many spectra of one length, shape (n, channels); raises `DamagedRecord`."""
    raw = b"".join([inflate(spectrum, 4 * channels) for spectrum in spectra])
    if len(raw) != 4 * channels * len(spectra):
        raise DamagedRecord(f"its spectrum does not hold {channels} channels")
    planes = np.frombuffer(raw, dtype=np.uint8).reshape(len(spectra), 4, channels)
    counts = planes[:, 0].astype(np.uint32)
    for byte in (1, 2, 3):
        plane = planes[:, byte]
        if plane.any():
            counts |= plane.astype(np.uint32) << np.uint32(8 * byte)
    return counts
