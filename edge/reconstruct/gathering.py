"""Measured cells that grow while a scan runs, each exposure taken in once and at its own cost."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.maps import Samples
from edge.reconstruct.cells import MeasuredCells, merged

_FIRST_ROOM = 1024


class GatheredCells:
    """The cells measured so far, in the order in which they were first measured.

    Exposures that share a cell are merged as `merged` merges them. What an addition costs follows what is added, not
    what is held.
    """

    def __init__(self, shape: tuple[int, int], elements: tuple[str, ...]) -> None:
        self.shape = shape
        self.names = elements
        self.slots = np.full(shape, -1, np.int32)
        """For each cell of the grid the place of its values below, -1 where nothing was measured."""
        self._count = 0
        self._rows = np.empty(_FIRST_ROOM, np.intp)
        self._columns = np.empty(_FIRST_ROOM, np.intp)
        self._values = np.empty((_FIRST_ROOM, len(elements)), np.float32)
        self._variance = np.empty((_FIRST_ROOM, len(elements)), np.float32)
        self._repeated: dict[int, Samples] = {}
        """All exposures of the cells that have more than one."""

    def __len__(self) -> int:
        return self._count

    def add(self, samples: Samples) -> NDArray[np.int32]:
        """Take in exposures; returns the places whose values are new or have changed.

        An exposure with a value or variance that is not finite is left out whole, as by `merged`.

        Raises
        ------
        UsageError
            A cell lies outside the grid, the arrays' shapes disagree, or a value is a mean over several cells.
        """
        if samples.ends is not None:
            raise UsageError("means over several cells are not gathered: make the maps of all exposures anew")
        if len(samples) == 0:
            return np.empty(0, np.int32)
        usable = _usable(samples)
        if len(usable) == 0:
            return np.empty(0, np.int32)
        fresh = merged(usable, self.shape, self.names)
        places = self.slots[fresh.rows, fresh.columns]
        is_new = places < 0
        places[is_new] = self._append(fresh, np.flatnonzero(is_new))
        times = np.bincount(self.slots[usable.rows, usable.columns], minlength=self._count)
        again = set(places[~is_new].tolist()) | set(places[is_new][times[places[is_new]] > 1].tolist())
        if again:
            self._merge_again(usable, again, known=places[~is_new])
        return places

    def cells(self) -> MeasuredCells:
        """What was measured so far, in the order of first measurement; the arrays are not to be changed."""
        n = self._count
        return MeasuredCells(
            self.shape, self._rows[:n], self._columns[:n], self._values[:n], self._variance[:n], self.names
        )

    def in_rows(self) -> MeasuredCells:
        """A copy of the same row by row, as `merged` orders them."""
        order = self._order()
        return MeasuredCells(
            self.shape,
            self._rows[order],
            self._columns[order],
            self._values[order],
            self._variance[order],
            self.names,
        )

    def sort(self) -> None:
        """Put the cells in order of rows from here on: places that were told before are no longer theirs."""
        order = self._order()
        for array in (self._rows, self._columns, self._values, self._variance):
            array[: self._count] = array[order]
        now_at = np.empty(self._count, np.int32)
        now_at[order] = np.arange(self._count)
        self.slots[self._rows[: self._count], self._columns[: self._count]] = np.arange(self._count)
        self._repeated = {int(now_at[place]): exposures for place, exposures in self._repeated.items()}

    def _order(self) -> NDArray[np.intp]:
        return np.argsort(self._rows[: self._count] * self.shape[1] + self._columns[: self._count], kind="stable")

    def _append(self, fresh: MeasuredCells, which: NDArray[np.intp]) -> NDArray[np.int32]:
        places = np.arange(self._count, self._count + len(which), dtype=np.int32)
        self._make_room(self._count + len(which))
        self._rows[places], self._columns[places] = fresh.rows[which], fresh.columns[which]
        self._values[places], self._variance[places] = fresh.values[which], fresh.variance[which]
        self.slots[fresh.rows[which], fresh.columns[which]] = places
        self._count += len(which)
        return places

    def _make_room(self, needed: int) -> None:
        room = len(self._rows)
        if needed <= room:
            return
        while room < needed:
            room *= 2
        for name in ("_rows", "_columns", "_values", "_variance"):
            old = getattr(self, name)
            grown = np.empty((room, *old.shape[1:]), old.dtype)
            grown[: self._count] = old[: self._count]
            setattr(self, name, grown)

    def _merge_again(self, added: Samples, again: set[int], *, known: NDArray[np.int32]) -> None:
        """Merge all exposures of each of these places; those of `known` had some before."""
        for place in known.tolist():
            if place not in self._repeated:
                self._repeated[place] = self._alone(place)
        at = self.slots[added.rows, added.columns]
        order = np.argsort(at, kind="stable")
        wanted = np.array(sorted(again), np.intp)
        begin, end = (np.searchsorted(at[order], wanted, side=side) for side in ("left", "right"))
        for place, first, last in zip(wanted.tolist(), begin.tolist(), end.tolist(), strict=True):
            new = added.picked(order[first:last])
            self._repeated[place] = Samples.joined([self._repeated[place], new]) if place in self._repeated else new
        whole = merged(Samples.joined([self._repeated[place] for place in wanted.tolist()]), self.shape, self.names)
        places = self.slots[whole.rows, whole.columns]
        self._values[places], self._variance[places] = whole.values, whole.variance

    def _alone(self, place: int) -> Samples:
        """The one exposure of a cell that has no other yet."""
        one = np.array([place])
        return Samples(self._rows[one], self._columns[one], self._values[one], self._variance[one])


def _usable(samples: Samples) -> Samples:
    values, variance = np.asarray(samples.values, np.float32), np.asarray(samples.variance, np.float32)
    rows, columns = np.asarray(samples.rows, np.intp), np.asarray(samples.columns, np.intp)
    whole = Samples(rows, columns, values, variance)
    if values.ndim != 2 or values.shape != variance.shape or rows.shape != columns.shape or len(rows) != len(values):
        return whole  # `merged` says what is wrong
    return whole.picked(np.isfinite(values).all(axis=1) & np.isfinite(variance).all(axis=1))
