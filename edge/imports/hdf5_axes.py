"""Which axis of a nameless cube runs over channels or elements: the file is asked first, then lengths are compared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.faults import UsageError
from edge.imports.bounds import FEWEST_CHANNELS, MOST_MAPS
from edge.imports.found import ChannelsAxis
from edge.imports.hdf5_beside import energies_beside
from edge.imports.hdf5_tree import own, texts_of

FIRST, LAST = 0, 2
_ENDS = (LAST, FIRST)
_NAMED = {"first": FIRST, "last": LAST}


@dataclass(frozen=True, slots=True)
class Axis:
    """The axis that is none of the raster."""

    at: int
    is_of_spectra: bool
    remark: str = ""
    """Where it was chosen by lengths alone, what was taken for what."""


def axis_of(dataset: Any, path: Path, channels: ChannelsAxis | None) -> Axis:
    """By what the user or the file says; else channels are as many as a power of two, and elements are few.

    Raises
    ------
    UsageError
        Lengths alone leave in doubt which axis the channels are on.
    """
    if channels is not None:
        return Axis(_NAMED[channels], is_of_spectra=True)
    shape = tuple(int(length) for length in dataset.shape)
    said = str(dataset.attrs.get("interpretation", ""))
    if said == "spectrum":
        return Axis(LAST, is_of_spectra=True)
    if said == "image":
        return Axis(FIRST, is_of_spectra=shape[FIRST] > MOST_MAPS)
    for axis in _ENDS:
        if names_beside(dataset, shape[axis], path) is not None:
            return Axis(axis, is_of_spectra=False)
    for axis in _ENDS:
        if shape[axis] >= FEWEST_CHANNELS and energies_beside(dataset, shape[axis]) is not None:
            return Axis(axis, is_of_spectra=True)
    return _by_lengths(shape, path)


def _by_lengths(shape: tuple[int, ...], path: Path) -> Axis:
    likely = [axis for axis in _ENDS if _is_power_of_two(shape[axis])]
    if likely:
        # rows are seldom a power of two, and channels seldom fewer than rows and columns
        if FIRST in likely and shape[FIRST] != shape[LAST] and (LAST in likely) == (shape[FIRST] > shape[LAST]):
            raise UsageError(
                f"{path}: spectra of {' x '.join(map(str, shape))}: whether the first or the last axis is that of "
                "channels is in doubt: say it as --channels first or --channels last"
            )
        return _told(likely[0], shape)
    shortest = min(_ENDS, key=lambda axis: shape[axis])
    return Axis(shortest, is_of_spectra=False) if shape[shortest] <= MOST_MAPS else _told(LAST, shape)


def _told(axis: int, shape: tuple[int, ...]) -> Axis:
    channels, rest = shape[axis], [str(length) for at, length in enumerate(shape) if at != axis]
    which = "first" if axis == FIRST else "last"
    return Axis(
        axis,
        is_of_spectra=True,
        remark=f"the file does not name its axes: the {which} one, {channels} long, is taken for channels, and "
        f"{' x '.join(rest)} for rows x columns",
    )


def _is_power_of_two(length: int) -> bool:
    return length >= 2 * FEWEST_CHANNELS and length & (length - 1) == 0


def names_beside(dataset: Any, maps: int, path: Path) -> tuple[str, ...] | None:
    """Names of a stack's maps, from a list beside it."""
    if maps > MOST_MAPS:
        return None
    for name in ("elements", "names", "labels", "channels"):
        beside = own(dataset.parent, name)
        if getattr(beside, "shape", None) == (maps,) and beside.dtype.kind in "OS":
            return texts_of(beside, path)
    return None
