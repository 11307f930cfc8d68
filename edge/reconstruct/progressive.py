"""Maps that stay current while exposures arrive: an update costs what arrived, within a time that is given.

Local kriging in tiles (see `edge.reconstruct.kriging`): an exposure changes the tiles that have it among their samples,
and no others. These are estimated again first; tiles that are only behind in what was learned since follow as time
permits. Parameters are learned anew, in a thread beside, whenever the samples have grown by half.
"""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.maps import ElementMaps, LeftOut, Samples
from edge.reconstruct import seams
from edge.reconstruct.cells import MeasuredCells, checked_photograph
from edge.reconstruct.covariance import Learned
from edge.reconstruct.gathering import GatheredCells
from edge.reconstruct.growing import GrowingKriging
from edge.reconstruct.kriging import learn_parameters, left_out_of, remarks_of, usable_photograph
from edge.reconstruct.photograph import Photograph
from edge.reconstruct.tile_order import coarse_first, nearest_drawn, within_horizon
from edge.reconstruct.tiling import TILE_CELLS, tiles_of
from edge.reconstruct.wording import PLAIN

_GROWN = 1.5
"""Parameters are learned anew when there are so many times the samples that they came from."""
_AT_ONCE = 256
"""Tiles between two looks at the clock: some milliseconds of two cores."""
_TEACH_NOTHING = 7
"""So few samples, and `learn_parameters` gives the usual parameters at once."""
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Freshness:
    """How far the maps are behind the exposures."""

    behind: int
    """Tiles that hold exposures, or parameters, which their estimate does not know."""
    undrawn: int
    """Tiles that show the estimate of a tile nearby."""

    @property
    def is_current(self) -> bool:
        return self.behind == 0


class ProgressiveMaps:
    """Maps from exposures as they come; a context manager, since it has a thread."""

    def __init__(
        self, shape: tuple[int, int], elements: tuple[str, ...], rgb: NDArray[np.generic] | None = None
    ) -> None:
        """Begin with nothing measured.

        Raises
        ------
        UsageError
            The photograph does not fit the grid; see `checked_photograph`.
        """
        self._photograph = None if rgb is None else usable_photograph(checked_photograph(rgb, shape))
        self._is_plain = rgb is not None and self._photograph is None
        self._left_out: LeftOut | None = None
        self._remarks: tuple[str, ...] = ()
        self._gathered = GatheredCells(shape, elements)
        self._kriging: GrowingKriging | None = None
        self._learning: Future[tuple[MeasuredCells, Learned]] | None = None
        self._learned_from = 0
        # one to learn, one to share the drawing with
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="maps")
        down, across = tiles_of(shape)
        self._order = coarse_first(down, across)
        self._neighbours = np.empty((down * across, 0), np.int32)
        self._horizon = np.empty(0, np.float32)
        self._is_new, self._is_behind = np.zeros(down * across, np.bool_), np.zeros(down * across, np.bool_)
        self._is_drawn = np.zeros(down * across, np.bool_)
        self._touched = np.empty(0, np.int32)
        self._maps = np.zeros((*shape, len(elements)), np.float32)
        self._error = np.zeros_like(self._maps)
        self._deviation = np.zeros((down * across, len(elements)), np.float32)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the threads, after what they are at."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def __len__(self) -> int:
        """Cells measured so far."""
        return len(self._gathered)

    def add(self, samples: Samples) -> None:
        """Take in exposures; the next `refresh` draws them.

        Raises
        ------
        UsageError
            A cell lies outside the grid, or the arrays' shapes disagree; nothing is taken in then.
        """
        places = self._gathered.add(samples)
        if not len(places):
            return
        cells = self._gathered.cells()
        if self._kriging is not None:
            self._kriging.take(cells, places)
        self._touched = np.concatenate([self._touched, places])

    def refresh(self, budget_s: float = 0.1) -> Freshness:
        """Draw what arrived, for about that long; what is left over is drawn by the next call.

        Raises
        ------
        UsageError
            Nothing usable has been measured yet.
        """
        end = time.monotonic() + budget_s
        kriging = self._prepared()
        self._learn_when_due()
        self._look_for_changes(kriging)
        # what is new comes first: a tile that was drawn under older parameters can wait
        due = [self._order[chosen[self._order]] for chosen in (self._is_new, self._is_behind & ~self._is_new)]
        waiting = np.concatenate(due)
        for first in range(0, len(waiting), _AT_ONCE):
            self._draw(kriging, waiting[first : first + _AT_ONCE])
            if time.monotonic() >= end:
                break
        return Freshness(int(self._is_behind.sum()), int((~self._is_drawn).sum()))

    def catch_up(self) -> ElementMaps:
        """Learn from everything measured and draw every tile: the maps that `kriging` makes of the same exposures.

        Raises
        ------
        UsageError
            Nothing usable has been measured yet.
        """
        self._prepared()
        if self._learning is not None:
            self._learning.result()
        # in the order of rows, as `merged` has them: of samples equally near the first is taken
        self._gathered.sort()
        self._neighbours = self._neighbours[:, :0]
        self._learned_from = len(self._gathered)
        self._adopt(*_learned(self._gathered.in_rows(), self._photograph))
        self.refresh(np.inf)
        return self.current()

    def current(self) -> ElementMaps:
        """The maps as they stand, after at least one `refresh`."""
        cells = self._gathered.cells()
        maps, error, deviation = self._maps.copy(), self._error.copy(), self._deviation
        remarks = PLAIN if self._is_plain else self._remarks
        if not self._is_drawn.all():
            deviation = self._stand_in(maps, error)
            remarks += (f"{1 - self._is_drawn.mean():.0%} of the map is not drawn yet and shows what is nearby.",)
        seams.even_out(error, deviation.reshape(*tiles_of(cells.shape), cells.elements), TILE_CELLS)
        maps[cells.rows, cells.columns] = cells.values
        error[cells.rows, cells.columns] = np.sqrt(cells.variance)
        measured = self._gathered.slots >= 0
        for array in (maps, error, measured):
            array.setflags(write=False)
        return ElementMaps(cells.names, maps, error, measured, "kriging", self._left_out, remarks)

    def _prepared(self) -> GrowingKriging:
        """What estimates tiles now: under the parameters learned last, or under usual ones at the very start."""
        if len(self._gathered) == 0:
            raise UsageError("no usable sample to reconstruct from: measure at least one cell with finite values")
        if self._learning is not None and self._learning.done():
            self._adopt(*self._learning.result())
        if self._kriging is None:
            cells = self._gathered.cells()
            self._adopt(cells, learn_parameters(_first(cells, _TEACH_NOTHING), self._photograph))
        assert self._kriging is not None
        return self._kriging

    def _adopt(self, learned_from: MeasuredCells, learned: Learned) -> None:
        """Estimate under these parameters from now on."""
        cells = self._gathered.cells()
        self._learning = None
        self._left_out = left_out_of(learned, learned_from)
        self._remarks = remarks_of(learned, self._photograph, cells.names)
        self._kriging = GrowingKriging(learned_from, learned, self._photograph)
        self._kriging.take(cells, np.arange(len(cells)))
        self._is_behind[:] = True

    def _learn_when_due(self) -> None:
        cells = self._gathered.cells()
        if self._learning is None and len(cells) > max(_TEACH_NOTHING, _GROWN * self._learned_from):
            self._learned_from = len(cells)
            self._learning = self._threads.submit(_learned, self._gathered.in_rows(), self._photograph)

    def _look_for_changes(self, kriging: GrowingKriging) -> None:
        """Find the samples of the tiles that an addition can concern, and mark those whose samples changed."""
        cells = self._gathered.cells()
        touched, self._touched = self._touched, np.empty(0, np.int32)
        count = kriging.samples_of_a_tile(cells)
        if self._neighbours.shape[1] == count:
            if not len(touched):
                return
            places = np.column_stack([cells.rows[touched], cells.columns[touched]]).astype(np.float32)
            which = np.flatnonzero(within_horizon(kriging.centres, self._horizon, places))
        else:
            # the first samples, or all of them in another order
            which = np.arange(len(self._is_behind))
            self._neighbours = np.full((len(which), count), -1, np.int32)
            self._horizon = np.empty(len(which), np.float32)
        found = kriging.neighbours(cells, which)
        has_changed = np.zeros(len(cells), np.bool_)
        has_changed[touched] = True
        changed = (found != self._neighbours[which]).any(axis=1) | has_changed[found].any(axis=1)
        self._neighbours[which] = found
        self._horizon[which] = kriging.horizon(cells, which, found)
        self._is_new[which[changed]] = True
        self._is_behind |= self._is_new

    def _draw(self, kriging: GrowingKriging, which: NDArray[np.intp]) -> None:
        half = len(which) // 2
        beside = self._threads.submit(self._estimate, kriging, which[:half])
        self._estimate(kriging, which[half:])
        beside.result()
        self._is_new[which] = self._is_behind[which] = False
        self._is_drawn[which] = True

    def _estimate(self, kriging: GrowingKriging, which: NDArray[np.intp]) -> None:
        """Of tiles that no other thread draws."""
        kriging.estimate(
            which,
            self._neighbours[which],
            maps=self._maps,
            standard_error=self._error,
            deviation=self._deviation,
        )

    def _stand_in(self, maps: Floats, error: Floats) -> Floats:
        """Show in tiles that are not drawn yet the mean of the nearest one that is; returns all tiles' deviations."""
        shape = maps.shape[:2]
        down, across = tiles_of((shape[0], shape[1]))
        drawn = np.flatnonzero(self._is_drawn)
        mean = np.zeros_like(self._deviation)
        for tile, (i, j) in zip(drawn, np.column_stack(np.divmod(drawn, across)) * TILE_CELLS, strict=True):
            mean[tile] = maps[i : i + TILE_CELLS, j : j + TILE_CELLS].mean(axis=(0, 1))
        instead = nearest_drawn(self._is_drawn, down, across)
        row, column = np.ix_(np.arange(shape[0]) // TILE_CELLS, np.arange(shape[1]) // TILE_CELLS)
        tile_of_cell = row * across + column
        blank = ~self._is_drawn[tile_of_cell]
        deviation: Floats = self._deviation[instead]
        maps[blank] = mean[instead][tile_of_cell[blank]]
        error[blank] = deviation[tile_of_cell[blank]]
        return deviation


def _learned(cells: MeasuredCells, photograph: Photograph | None) -> tuple[MeasuredCells, Learned]:
    return cells, learn_parameters(cells, photograph)


def _first(cells: MeasuredCells, count: int) -> MeasuredCells:
    few = slice(count)
    return replace(
        cells,
        rows=cells.rows[few],
        columns=cells.columns[few],
        values=cells.values[few],
        variance=cells.variance[few],
    )
