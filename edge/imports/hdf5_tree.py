"""Walking somebody else's HDF5 file: no further than the file itself, and trusting no size that it declares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError

_MOST_OBJECTS = 20_000
_MOST_DEPTH = 12
_MOST_EXPANSION = 1_100
"""Deflate makes at most 1,032 bytes of one; a dataset that declares more is not backed by its file."""
_MOST_CHUNK_BYTES = 512_000_000
_NEAR_LINEAR = 1e-3


def members(file: Any) -> Iterator[Any]:
    """Groups and datasets that lie in the file itself, parents first; links to other files are not followed."""
    import h5py

    waiting, seen = [(file, 0)], 0
    met = set()
    while waiting:
        group, depth = waiting.pop(0)
        if group.id.__hash__() in met:
            continue
        met.add(group.id.__hash__())
        yield group
        for name in group:
            seen += 1
            if seen > _MOST_OBJECTS:
                return
            if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
                continue
            one = group.get(name)
            if isinstance(one, h5py.Group) and depth < _MOST_DEPTH:
                waiting.append((one, depth + 1))
            elif isinstance(one, h5py.Dataset):
                yield one


def named_object(file: Any, path: Path, name: str) -> Any:
    """The object at a path within.

    Raises
    ------
    UsageError
        There is none.
    """
    one = file.get(name)
    if one is None:
        within = ", ".join(list(file)[:8])
        raise UsageError(f"{path}: has nothing at {name}: it begins with {within or 'nothing at all'}")
    return one


def plain_dataset(dataset: Any, path: Path) -> None:
    """Refuse what is not in the file, or what would need more memory than its bytes justify.

    Raises
    ------
    UsageError
        It is in other files, or its declared size is not backed.
    """
    name = dataset.name
    if dataset.is_virtual or dataset.external:
        raise UsageError(f"{path}: {name} lies in other files: copy it into one, with h5repack or h5copy")
    stored = int(dataset.id.get_storage_size())
    if dataset.nbytes > _MOST_EXPANSION * max(stored, 1):
        raise UsageError(
            f"{path}: {name} declares {dataset.nbytes / 1e9:.3g} GB and is stored in {stored} bytes: "
            "it was never written, or is damaged"
        )
    if dataset.chunks and dataset.dtype.itemsize * int(np.prod(dataset.chunks, dtype=np.int64)) > _MOST_CHUNK_BYTES:
        raise UsageError(f"{path}: {name} is stored in pieces above 512 MB: store it anew with smaller chunks")


def channel_scale(dataset: Any, channels: int) -> tuple[float | None, float | None]:
    """Energy of channel 0 and energy per channel, keV, from what lies beside a cube.

    ``calibration`` [a, b, c] as PyMca writes it, where c is negligible; else an ``energy`` of each channel, in keV or,
    where its unit or size says so, eV.
    """
    calibration = _beside(dataset, "calibration", (2, 3))
    if calibration is not None:
        a, b, *c = (float(value) for value in calibration)
        if b > 0 and abs(c[0] if c else 0.0) * channels < _NEAR_LINEAR * b:
            return a, b
    energies = energies_beside(dataset, channels)
    if energies is None:
        return None, None
    gain, offset = np.polyfit(np.arange(channels), energies, 1)
    return (float(offset), float(gain)) if gain > 0 else (None, None)


def energies_beside(dataset: Any, channels: int) -> NDArray[np.float64] | None:
    """Energy of each channel, keV, from beside a cube."""
    for name in ("energy", "energies", "channel_energy", "energy_axis"):
        energy = _beside(dataset, name, (channels,))
        if energy is not None and np.isfinite(energy).all():
            return energy * (1e-3 if energy[-1] > 1_000 else 1.0)
    return None


def seconds_of(dataset: Any, shape: tuple[int, int]) -> NDArray[np.float64] | float | None:
    """Live time of each cell, from beside a cube; real time where there is no other."""
    for name in ("live_time", "live_time_s", "elapsed_time", "real_time", "real_time_s", "preset_time"):
        found = _beside(dataset, name, None)
        if found is None:
            continue
        if found.size == 1:
            return float(found.ravel()[0])
        if found.size == shape[0] * shape[1]:
            return found.reshape(shape)
    return None


def _beside(dataset: Any, name: str, lengths: tuple[int, ...] | None) -> NDArray[np.float64] | None:
    """A small dataset in the same group, or in the one around; None where there is none of a length given."""
    import h5py

    for group in (dataset.parent, dataset.parent.parent):
        one = group.get(name)
        if not isinstance(one, h5py.Dataset) or one.dtype.kind not in "iuf" or one.size > 20_000_000:
            continue
        if lengths is None or (one.ndim == 1 and one.shape[0] in lengths):
            plain_dataset(one, Path(str(dataset.file.filename)))
            return np.asarray(one[()], np.float64)
    return None
