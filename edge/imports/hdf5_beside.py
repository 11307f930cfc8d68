"""What lies beside a cube of spectra in an HDF5 file: its energies and live times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.imports.bounds import MOST_CELLS
from edge.imports.hdf5_tree import own, plain_dataset

_NEAR_LINEAR = 1e-3
_PER_KEV = {"kev": 1.0, "ev": 1e-3}
_PER_S = {"s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def channel_scale(dataset: Any, channels: int) -> tuple[float | None, float | None]:
    """Energy of channel 0 and energy per channel, keV, from what lies beside a cube.

    ``calibration`` [a, b, c] as PyMca writes it, where c is negligible; else an ``energy`` of each channel.
    """
    calibration = _beside(dataset, "calibration", (2, 3))
    if calibration is not None:
        a, b, *c = (float(value) for value in calibration[0])
        if b > 0 and abs(c[0] if c else 0.0) * channels < _NEAR_LINEAR * b:
            return a, b
    energies = energies_beside(dataset, channels)
    if energies is None:
        return None, None
    gain, offset = np.polyfit(np.arange(channels), energies, 1)
    return (float(offset), float(gain)) if gain > 0 else (None, None)


def energies_beside(dataset: Any, channels: int) -> NDArray[np.float64] | None:
    """Energy of each channel, keV: in the unit that the energies state, else in eV where they go beyond 1,000."""
    for name in ("energy", "energies", "channel_energy", "energy_axis"):
        found = _beside(dataset, name, (channels,))
        if found is not None and np.isfinite(found[0]).all():
            energy, unit = found
            return energy * _PER_KEV.get(unit.lower(), 1e-3 if energy[-1] > 1_000 else 1.0)
    return None


def seconds_of(dataset: Any, shape: tuple[int, int]) -> NDArray[np.float64] | float | None:
    """Live time of each cell, s unless it states another unit; real time where there is no other."""
    for name in ("live_time", "live_time_s", "elapsed_time", "real_time", "real_time_s", "preset_time"):
        found = _beside(dataset, name, None)
        if found is None:
            continue
        seconds = found[0] * _PER_S.get(found[1].lower(), 1.0)
        if seconds.size == 1:
            return float(seconds.ravel()[0])
        if seconds.size == shape[0] * shape[1]:
            return seconds.reshape(shape)
    return None


def _beside(dataset: Any, name: str, lengths: tuple[int, ...] | None) -> tuple[NDArray[np.float64], str] | None:
    """A small dataset in the same group or in the one around, and its unit; None where none has a length given."""
    import h5py

    for group in (dataset.parent, dataset.parent.parent):
        one = own(group, name)
        if not isinstance(one, h5py.Dataset) or one.dtype.kind not in "iuf" or one.size > MOST_CELLS:
            continue
        if lengths is None or (one.ndim == 1 and one.shape[0] in lengths):
            plain_dataset(one, Path(str(dataset.file.filename)))
            unit = one.attrs.get("units", "")
            return np.asarray(one[()], np.float64), unit.decode() if isinstance(unit, bytes) else str(unit)
    return None
