"""Measured maps as objects to scan again, each photon counted, and a truth that no scan has seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.modes.counted import CountedObject
from edge.modes.pieces import Pieces
from edge.modes.setting import Seen
from edge.reconstruct.cells import MeasuredCells
from edge.replaying.sources import load_stack
from tools.reproduce.faults import ReproductionError
from tools.reproduce.photon_budget import HALF, read_raster

_TOP = 99.9
"""Percentile of a map that counts as its brightest cell."""


class HalvedObject:
    """Real counts: exposures draw from one half of the photons, each photon once; the other half is the truth."""

    def __init__(self, half: NDArray[np.int64], elements: tuple[str, ...], dwell_s: float, seed: int) -> None:
        """Of a half that was counted in a dwell in every cell; nothing is left once a cell was exposed for so long."""
        self._left = half.copy()
        self._dwell_s = dwell_s
        self._elements = elements
        self._chance = np.random.default_rng((seed, 2))
        self._counts = np.zeros(half.shape)
        self._live_s = np.zeros((half.shape[0], half.shape[1]))

    def expose(self, pieces: Pieces) -> None:
        """Draw for each cell the share of its photons that falls into the time."""
        where, cell_s = pieces.cells()
        rows, columns = where[:, 0], where[:, 1]
        left_s = self._dwell_s - self._live_s[rows, columns]
        taken_s = np.minimum(cell_s, left_s)
        share = np.divide(taken_s, left_s, out=np.zeros_like(taken_s), where=left_s > 0)
        drawn = self._chance.binomial(self._left[rows, columns], np.clip(share, 0, 1)[:, None])
        self._left[rows, columns] -= drawn
        self._counts[rows, columns] += drawn
        self._live_s[rows, columns] += taken_s

    def seen(self) -> Seen:
        """All counts so far as rates."""
        rows, columns = np.nonzero(self._live_s > 0)
        live_s = self._live_s[rows, columns]
        counts = self._counts[rows, columns]
        shape = (int(self._live_s.shape[0]), int(self._live_s.shape[1]))
        values, variance = counts / live_s[:, None], counts / np.square(live_s)[:, None]
        cells = MeasuredCells(
            shape,
            rows,
            columns,
            values.astype(np.float32),
            variance.astype(np.float32),
            self._elements,
            live_s.astype(np.float32),
        )
        return Seen(cells, self._live_s.astype(np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class TimedObject:
    """One object of the page."""

    name: str
    about: str
    elements: tuple[str, ...]
    truth: NDArray[np.float32]
    """Counts of a full dwell, shape (rows, columns, elements)."""
    rgb: NDArray[np.uint8] | None
    begun: Callable[[float, int], CountedObject | HalvedObject]
    """Before any scan, of a dwell in which the truth would be counted, and a seed."""

    @property
    def shape(self) -> tuple[int, int]:
        return self.truth.shape[0], self.truth.shape[1]


def portrait(folder: Path, counts: float, *, part: tuple[int, int] | None = None) -> TimedObject:
    """The portrait's maps as rates, so that the brightest cell of each element counts so many in a full dwell.

    Parameters
    ----------
    part
        Rows and columns of its middle; None: the whole.
    """
    path = folder / "maxrf_portrait" / "portrait_811x285.npz"
    if not path.exists():
        raise ReproductionError(f"{path}: is not there: give the folder of the measurements as --data")
    stack = load_stack(path)
    rows, columns = part or stack.shape
    top_row, left = (stack.shape[0] - rows) // 2, (stack.shape[1] - columns) // 2
    window = np.s_[top_row : top_row + rows, left : left + columns]
    maps = np.maximum(stack.maps[window], 0).astype(np.float64)
    top = np.percentile(maps.reshape(-1, maps.shape[2]), _TOP, axis=0)
    truth = maps / np.where(top > 0, top, 1) * counts
    rgb = None if stack.rgb is None else np.ascontiguousarray(stack.rgb[window])
    about = (
        f"MA-XRF of a hand-coloured portrait{'' if part is None else ', its middle'}, {truth.shape[2]} elements, "
        f"{truth.shape[0]} x {truth.shape[1]} cells, "
        f"with its photograph; its maps as rates, {counts:g} counts in a full dwell in the brightest cell of each"
    )
    return TimedObject(
        f"portrait, {counts:g} counts",
        about,
        stack.elements,
        truth.astype(np.float32),
        rgb,
        lambda dwell_s, seed: CountedObject(truth / dwell_s, stack.elements, seed),
    )


def hands(folder: Path, seed: int) -> TimedObject:
    """The hands' counts, a half to scan and a half for the truth."""
    raster = read_raster(folder)
    kept = np.random.default_rng(seed).binomial(raster.counts, HALF)
    truth = (raster.counts - kept).astype(np.float32)
    about = (
        f"MA-XRF of painted hands, gross counts of {truth.shape[2]} windows, {truth.shape[0]} x {truth.shape[1]} "
        "cells, "
        "no photograph; scans draw from one half of the photons, the other is the truth, as noisy as a full raster"
    )
    return TimedObject(
        "hands",
        about,
        raster.elements,
        truth,
        None,
        lambda dwell_s, draw: HalvedObject(kept, raster.elements, dwell_s, draw),
    )
