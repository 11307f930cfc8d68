"""Spectra of many exposures packed together, in the smaller of two ways."""

from __future__ import annotations

import zlib
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from edge.record.damage import DamagedRecord, inflate
from firmware_bridge.native.spectrum_coding import SpectrumCodingError, decode_spectrum, encode_spectrum

SPARSE = 0
"""In place of a number of planes: the native protocol's sparse coding of all spectra as one, under a Huffman code."""
_SPARSE_BELOW = 0.25
"""Mean counts in a channel below which the sparse coding is the smaller one: 3 bytes for 4 at a tenth of that."""
_TOKEN_BYTES = 5


def pack_spectra(counts: NDArray[np.uint32]) -> tuple[int, bytes]:
    """Number of planes, and the packed counts of shape (exposures, channels).

    Planes: the low byte of every count, then the next higher ones as far as any count has them, with runs matched.
    """
    if int(counts.sum(dtype=np.uint64)) < _SPARSE_BELOW * counts.size:
        return SPARSE, _deflated(encode_spectrum(counts.reshape(-1)), zlib.Z_HUFFMAN_ONLY)
    planes = max(1, (int(counts.max()).bit_length() + 7) // 8)
    octets = counts.astype("<u4").view(np.uint8).reshape(-1, 4)[:, :planes].T
    return planes, _deflated(octets.tobytes(), zlib.Z_RLE)


def unpack_spectra(planes: int, packed: bytes, exposures: int, channels: int) -> NDArray[np.uint32]:
    """Counts of shape (exposures, channels), read-only; raises `DamagedRecord`."""
    total = exposures * channels
    if planes == SPARSE:
        try:
            return decode_spectrum(inflate(packed, _TOKEN_BYTES * total), total).reshape(exposures, channels)
        except SpectrumCodingError as reason:
            raise DamagedRecord(str(reason)) from None
    if not 1 <= planes <= 4:
        raise DamagedRecord(f"it declares {planes} bytes for each count")
    raw = inflate(packed, planes * total)
    if len(raw) != planes * total:
        raise DamagedRecord(f"it does not hold the spectra of {exposures} exposures")
    octets = np.frombuffer(raw, np.uint8).reshape(planes, total)
    counts = octets[0].astype(np.uint32)
    for byte in range(1, planes):
        counts |= octets[byte].astype(np.uint32) << np.uint32(8 * byte)
    counts.setflags(write=False)
    return cast("NDArray[np.uint32]", counts.reshape(exposures, channels))


def _deflated(octets: Any, strategy: int) -> bytes:
    coder = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, strategy)
    return coder.compress(octets) + coder.flush()
