"""Spectra into HDF5 datasets in bounded memory: chunks shuffled and deflated here, by filters that every reader has.

Most channels of a spectrum count nothing, so runs of zeros are all that deflate is let look for: as small, and several
times as fast, as its usual search.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.export.contents import Contents, Progress

_LEVEL = 1
SPECTRA_A_CHUNK = 32
"""Of lists of spectra: 128 KiB of 2,048 channels."""


def write_list(group: Any, name: str, contents: Contents, progress: Progress) -> Any:
    """All spectra in the order of recording as a dataset of shape (exposures, channels); gives it."""
    chunk = (min(SPECTRA_A_CHUNK, contents.exposures), contents.channels)
    dataset = empty(group, name, contents, (contents.exposures, contents.channels), chunk)
    waiting = np.zeros((0, contents.channels), dataset.dtype)
    written = 0
    for batch, _ in contents.spectra():
        waiting = np.concatenate([waiting, batch.counts.astype(dataset.dtype)])
        whole = len(waiting) - len(waiting) % chunk[0]
        for first in range(0, whole, chunk[0]):
            dataset.id.write_direct_chunk((written, 0), packed(waiting[first : first + chunk[0]]))
            written += chunk[0]
        waiting = waiting[whole:]
        progress(written + len(waiting))
    if len(waiting):
        rest = np.zeros(chunk, dataset.dtype)
        rest[: len(waiting)] = waiting
        dataset.id.write_direct_chunk((written, 0), packed(rest))
    return dataset


def packed(values: NDArray[np.unsignedinteger]) -> bytes:
    """As HDF5's shuffle and deflate filters leave them: first bytes of all values, then second ones, and so on."""
    shuffled = np.ascontiguousarray(np.ascontiguousarray(values).view(np.uint8).reshape(-1, values.itemsize).T)
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
    return packer.compress(shuffled.data) + packer.flush()


def unpacked(chunk: bytes, kind: np.dtype[np.unsignedinteger]) -> NDArray[np.unsignedinteger]:
    """Inverse of `packed`, flat."""
    shuffled = np.frombuffer(zlib.decompress(chunk), np.uint8).reshape(kind.itemsize, -1)
    return np.ascontiguousarray(shuffled.T).view(kind).reshape(-1)


def empty(group: Any, name: str, contents: Contents, shape: tuple[int, ...], chunk: tuple[int, ...]) -> Any:
    """A dataset for spectra, to be filled with what `packed` makes of its chunks."""
    return group.create_dataset(
        name,
        shape=shape,
        dtype=contents.counts_type,
        chunks=chunk,
        shuffle=True,
        compression="gzip",
        compression_opts=_LEVEL,
    )
