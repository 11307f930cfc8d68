"""The plan as a noun: which exposures, in which order, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from edge.grid import ScanGrid
from edge.motion.kinematics import ExposureTable, StageModel
from edge.strokes import counted_cells
from firmware_bridge.messages import Exposure, StagePose
from models.sampling import SamplingMask


class Exposures(Sequence[Exposure]):
    """The rows of an exposure table as `Exposure`s, built when asked for; the index is the row."""

    __slots__ = ("_table",)

    def __init__(self, table: ExposureTable) -> None:
        self._table = table

    def __len__(self) -> int:
        return len(self._table)

    @overload
    def __getitem__(self, index: int) -> Exposure: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Exposure, ...]: ...
    def __getitem__(self, index: int | slice) -> Exposure | tuple[Exposure, ...]:
        if isinstance(index, slice):
            return tuple(self.pick(range(len(self))[index]))
        return next(self.pick([range(len(self))[index]]))

    def __iter__(self) -> Iterator[Exposure]:
        return self.pick(range(len(self)))

    def pick(self, indices: Sequence[int]) -> Iterator[Exposure]:
        """The exposures of these indices, in the order given."""
        for index, (x0, y0, x1, y1, live_s) in zip(indices, self._table[list(indices)].tolist(), strict=True):
            yield Exposure(index, StagePose(x0, y0), StagePose(x1, y1), live_s)


@dataclass(frozen=True, slots=True)
class Way:
    """How a time is spent on an object."""

    mode: str
    """A name of `edge.modes.registry.MODES`."""
    budget_s: float
    """For the whole scan, all that will come to the plan included."""


@dataclass(frozen=True, slots=True, eq=False)
class ScanPlan:
    """What will be measured, in order, and what it is predicted to cost. Equal plans have equal digests."""

    grid: ScanGrid
    table: ExposureTable
    """Exposures in travel order, shape (n, 5): start x, start y, end x, end y in stage mm to 1e-6, live time in s to
    1e-6; the row is the exposure's index; read-only."""
    mask: SamplingMask
    registration_digest: str
    """Of the registration that placed the grid."""
    predicted_s: float
    """Everything: travel, counting, settling, overhead; detector dead time comes on top."""
    travel_mm: float
    beam_s: float
    """Sum of live times."""
    longest_move_s: float
    """Longest predicted move between two exposures."""
    digest: str
    """SHA-256 over the canonical text with an empty digest, hexadecimal."""
    stage: StageModel | None = None
    """What the travel was priced with: the slower of configuration and controller. None in plans that do not say."""
    way: Way | None = None
    """How the time for the scan is spent; None where a number of cells was asked for instead."""
    held_out: NDArray[np.bool_] | None = None
    """Cells drawn by lot that the first part measures besides, shape of the grid, read-only; None: there are none."""

    @property
    def held(self) -> NDArray[np.bool_] | None:
        """Those of them that no map may know; one that came to the mask since is like any other."""
        return None if self.held_out is None else self.held_out & ~self.mask.cells

    @property
    def exposures(self) -> Exposures:
        return Exposures(self.table)


def fitted_exposures(indices: NDArray[np.int64], plan: ScanPlan) -> NDArray[np.bool_]:
    """Which exposures of a plan its maps may know, by their indices, shape (n,): all but those that are held out.

    An index that the plan does not hold belongs to what came to it later, of which nothing is held out.
    """
    held = plan.held
    if held is None:
        return np.ones(len(indices), np.bool_)
    known = np.asarray(indices) < len(plan.table)
    rows = plan.table[np.where(known, indices, 0)]
    cells = counted_cells(rows[:, :2], rows[:, 2:4], plan.grid)
    fitted: NDArray[np.bool_] = ~(known & held[cells[:, 0], cells[:, 1]])
    return fitted


def frozen_table(table: ExposureTable) -> ExposureTable:
    """Rounded to what is written, so that text and table are the same plan; read-only."""
    rounded = np.round(np.asarray(table, np.float64).reshape(-1, 5), 6)
    rounded.flags.writeable = False
    return rounded
