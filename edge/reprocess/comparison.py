"""New maps held against those that lie beside a recording, some rows at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.record.maps_file import FORMAT

_BAND_BYTES = 16 * 1024 * 1024
_MOST_ELEMENTS = 512


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed; empty where nothing was there to compare with."""

    reason: str = ""
    """Why there was nothing to compare with."""
    is_same: bool = False
    """To the bit, all of maps and standard errors."""
    came: list[str] = field(default_factory=list)
    """Elements that the old maps lack."""
    went: list[str] = field(default_factory=list)
    """Elements that only the old maps have."""
    method_before: str = ""
    shifts: dict[str, float] = field(default_factory=dict)
    """Root mean square of the change of each common element, in the new maps' mean standard errors."""

    @property
    def words(self) -> str:
        """The comparison as people read it."""
        if self.reason:
            return self.reason
        if self.is_same:
            return "The same as before, to the bit"
        parts = [f"{', '.join(names)} {verb}" for names, verb in ((self.came, "new"), (self.went, "gone")) if names]
        parts += [f"made by {self.method_before} before"] if self.method_before else []
        if self.shifts:
            name = max(self.shifts, key=lambda key: self.shifts[key])
            parts.append(f"{name} changed most, by {self.shifts[name]:.2g} standard errors (root mean square)")
        return "; ".join(parts)


def compared(old: Path, new: Path) -> Comparison:
    """Compare the maps of two files on one grid."""
    import h5py

    if not old.is_file():
        return Comparison(reason="no maps beside the recording")
    try:
        with h5py.File(old, "r") as before, h5py.File(new, "r") as after:
            return _compared(before, after)
    except (OSError, LookupError, ValueError, TypeError, RuntimeError):
        return Comparison(reason="the maps beside the recording cannot be read")


def _compared(before: Any, after: Any) -> Comparison:
    if before.attrs["format"] != FORMAT or not (_is_plain(before, "maps") and _is_plain(before, "standard_error")):
        return Comparison(reason="the maps beside the recording are no maps of Pointillist")
    if before["maps"].shape[:2] != after["maps"].shape[:2] or before["elements"].shape[0] > _MOST_ELEMENTS:
        return Comparison(reason="the maps beside the recording are on another grid")
    old, new = ([str(name) for name in file["elements"].asstr()[()]] for file in (before, after))
    common = [name for name in new if name in old]
    mine, theirs = [new.index(name) for name in common], [old.index(name) for name in common]
    changes, variance, is_same = _sums(before, after, theirs, mine)
    method = str(before.attrs["method"])
    return Comparison(
        is_same=is_same and old == new,
        came=[name for name in new if name not in old],
        went=[name for name in old if name not in new],
        method_before=method if method != after.attrs["method"] else "",
        shifts={
            name: float(np.sqrt(changes[e] / variance[e])) if variance[e] > 0 else 0.0 for e, name in enumerate(common)
        },
    )


def _sums(
    before: Any, after: Any, theirs: list[int], mine: list[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64], bool]:
    """Squared changes and squared standard errors of the common elements, and whether nothing changed."""
    rows = len(after["maps"])
    each = max(1, _BAND_BYTES // max(1, after["maps"].nbytes // rows))
    changes, variance, is_same = np.zeros(len(mine)), np.zeros(len(mine)), True
    for first in range(0, rows, each):
        band = slice(first, first + each)
        one, other = before["maps"][band][:, :, theirs], after["maps"][band][:, :, mine]
        error = after["standard_error"][band][:, :, mine]
        is_same = is_same and np.array_equal(one, other, equal_nan=True)
        is_same = is_same and np.array_equal(before["standard_error"][band][:, :, theirs], error, equal_nan=True)
        changes += np.nansum(np.square(other.astype(np.float64) - one), axis=(0, 1))
        variance += np.nansum(np.square(error.astype(np.float64)), axis=(0, 1))
    return changes, variance, is_same


def _is_plain(file: Any, name: str) -> bool:
    """Whether every declared byte of a dataset lies in the file itself."""
    import h5py

    dataset = file[name]
    return bool(
        isinstance(file.get(name, getlink=True), h5py.HardLink)
        and isinstance(dataset, h5py.Dataset)
        and dataset.chunks is None
        and not dataset.is_virtual
        and not dataset.external
        and dataset.dtype.str == "<f4"
        and dataset.ndim == 3
        and dataset.id.get_storage_size() == dataset.nbytes <= file.id.get_filesize()
    )
