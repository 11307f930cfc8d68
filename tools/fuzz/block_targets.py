"""Blocks of exposures under a sound check sum: rows that can be packed again and come back the same, or refused."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from edge.events import Measured
from edge.record.block import block_crc, decode_columns, decode_spectra, encode_block, may_be_packed
from edge.record.damage import DamagedRecord
from edge.record.exposure_codec import encode_counts, encode_exposure
from firmware_bridge.messages import ExposureDone, ExposureFlag, StagePose
from tools.fuzz.kept import kept
from tools.fuzz.properties import Target, require

_AT: Final = "2026-01-02T03:04:05.000006+00:00"
_HEAD: Final = struct.Struct("<BHbH")
"""Exposures, channels, planes, and bytes of what the columns unpack to; the spectra's follow."""
_CHANNELS: Final = 6


def blocks(octets: bytes) -> None:
    """What a block's columns and spectra unpack to; as zlib packs them, so that no check sum of its is in the way."""
    exposures, channels, planes, length = _HEAD.unpack(octets[: _HEAD.size].ljust(_HEAD.size, b"\0"))
    rest = octets[_HEAD.size :]
    parts = (
        exposures,
        1,
        exposures,
        channels,
        planes,
        zlib.compress(rest[:length], 1),
        zlib.compress(rest[length:], 1),
    )
    block = (*parts, block_crc(*parts))
    try:
        rows, counts = decode_columns(block), decode_spectra(block)
    except DamagedRecord:
        return
    require(counts.shape == (len(rows), channels) == (exposures, channels), f"{counts.shape} of {exposures} exposures")
    stored = [_stored(row, encode_counts(spectrum)) for row, spectrum in zip(rows, counts, strict=True)]
    if all(may_be_packed(row) for row in stored):
        again = encode_block(stored)
        require(decode_columns(again) == rows, "columns come back otherwise")
        require((decode_spectra(again) == counts).all(), "counts come back otherwise")


def _stored(row: tuple[Any, ...], spectrum: bytes) -> tuple[Any, ...]:
    """An unpacked row as it stands alone; the sign of zero is lost there."""
    return (*row[:2], row[2].decode(), *row[3:15], spectrum, 0, row[17])


def _seeds() -> Sequence[bytes]:
    return [*(_seed(mean) for mean in (0.1, 3.0, 1e3, 1e9)), *kept("blocks")]


def _seed(mean: float) -> bytes:
    rows = []
    for index in range(3):
        counts = np.random.default_rng(index).poisson(mean, _CHANNELS).astype(np.uint32)
        start, end = StagePose(index / 1e3, 1 / 3), StagePose(0.5, 7.0)
        done = ExposureDone(index, start, end, 0.11, 0.1, 0.2, 0.31, 30 / 0.1, 3 / 7, ExposureFlag.NONE, counts)
        rows.append(encode_exposure(index + 1, Measured(_AT, done)))
    _, _, exposures, channels, planes, columns, spectra, _ = encode_block(rows)
    plain = zlib.decompress(columns)
    return _HEAD.pack(exposures, channels, planes, len(plain)) + plain + zlib.decompress(spectra)


TARGETS = {"recording-blocks": Target(blocks, _seeds)}
