"""Sparse coding of a spectrum: zero runs and counts as varints, without a zero byte. See ``PROTOCOL.md``.

A token t is an unsigned LEB128 varint of at most five bytes. Even: one channel holding t / 2 counts. Odd: (t >> 2) + 1
empty channels, followed, where bit 1 is set, by one channel holding a single count. The token 0 does not exist. In
sparse spectra most occupied channels hold one count, and cost one byte together with the gap before them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_COUNT = 2**32 - 1
_MAX_TOKEN_BYTES = 5


class SpectrumCodingError(ValueError):
    """Bytes that are no spectrum of the expected length."""


def encode_spectrum(counts: NDArray[np.uint32]) -> bytes:
    """Code a spectrum, shape (channels,), into about one byte per occupied channel."""
    occupied = np.flatnonzero(counts)
    values = counts[occupied].astype(np.int64)
    gaps = np.diff(occupied, prepend=-1) - 1
    tokens = np.zeros(2 * occupied.size + 1, dtype=np.int64)
    follows_gap = gaps > 0
    is_single = (values == 1) & follows_gap
    tokens[0:-1:2] = np.where(follows_gap, ((gaps - 1) << 2) | (is_single << 1) | 1, 0)
    tokens[1::2] = np.where(is_single, 0, values << 1)
    trailing = counts.size - 1 - (int(occupied[-1]) if occupied.size else -1)
    if trailing:
        tokens[-1] = ((trailing - 1) << 2) | 1
    return _pack_varints(tokens[tokens != 0])


def decode_spectrum(coded: bytes, channels: int) -> NDArray[np.uint32]:
    """Undo `encode_spectrum`; the result has shape (channels,) and is read-only.

    Raises
    ------
    SpectrumCodingError
        The bytes are no sequence of tokens, or cover another number of channels.
    """
    if len(coded) > _MAX_TOKEN_BYTES * channels:
        raise SpectrumCodingError(f"{len(coded)} bytes are more than {channels} channels can take")
    tokens = _unpack_varints(coded)
    is_count = (tokens & 1) == 0
    is_single = (tokens & 3) == 3
    after = np.cumsum(np.where(is_count, 1, (tokens >> 2) + 1 + is_single))
    covered = int(after[-1]) if after.size else 0
    if covered != channels:
        raise SpectrumCodingError(f"the spectrum covers {covered} channels instead of {channels}")
    values = tokens[is_count] >> 1
    if values.size and int(values.max()) > MAX_COUNT:
        raise SpectrumCodingError("a channel holds more than 32 bits can count")
    counts = np.zeros(channels, dtype=np.uint32)
    counts[after[is_count] - 1] = values
    counts[after[is_single] - 1] = 1
    counts.flags.writeable = False
    return counts


def _pack_varints(tokens: NDArray[np.int64]) -> bytes:
    if not tokens.size or int(tokens.max()) < 0x80:
        return tokens.astype(np.uint8).tobytes()
    sizes = np.ones(tokens.size, dtype=np.int64)
    for place in range(1, _MAX_TOKEN_BYTES):
        sizes += tokens >= 1 << (7 * place)
    starts = np.cumsum(sizes) - sizes
    octets = np.empty(int(sizes.sum()), dtype=np.uint8)
    octets[starts] = (tokens & 0x7F) | ((sizes > 1) << 7)
    for place in range(1, int(sizes.max())):
        longer = np.flatnonzero(sizes > place)
        septets = (tokens[longer] >> (7 * place)) & 0x7F
        octets[starts[longer] + place] = septets | ((sizes[longer] > place + 1) << 7)
    return octets.tobytes()


def _unpack_varints(coded: bytes) -> NDArray[np.int64]:
    octets = np.frombuffer(coded, dtype=np.uint8)
    if not octets.all():
        raise SpectrumCodingError("a zero byte stands in a spectrum")
    is_last = octets < 0x80
    if is_last.all():
        return octets.astype(np.int64)
    if not is_last[-1]:
        raise SpectrumCodingError("the last token is cut off")
    ends = np.flatnonzero(is_last)
    starts = np.concatenate(([0], ends[:-1] + 1))
    place = np.arange(octets.size) - np.repeat(starts, ends - starts + 1)
    if int(place.max()) >= _MAX_TOKEN_BYTES:
        raise SpectrumCodingError("a token is longer than five bytes")
    septets = (octets & 0x7F).astype(np.int64) << (7 * place)
    return np.add.reduceat(septets, starts)
