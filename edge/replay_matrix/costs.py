"""What trials will take: by those of their kind that were made, else by one on a corner of the raster."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from edge.adaptive.batches import ADAPTIVE
from edge.faults import EdgeError
from edge.replay_matrix.choosing import Setup, chosen, scored
from edge.replay_matrix.design import LEARNER, Trial
from edge.sources import Stack
from models.faults import ModelsError

_CORNER = 64
"""Side of what a kind is tried on first, in cells."""
_CORNER_RATE = 0.1
_SMALL = 3
"""Times the corner: a raster no larger takes no time to speak of."""


class Costs:
    """Seconds that kinds of masks and reconstructions take for each cell of the raster.

    Parameters
    ----------
    setup
        Of the whole raster.
    """

    def __init__(self, setup: Setup) -> None:
        self._cells = setup.stack.known.size
        self._corner = replace(setup, stack=_corner(setup.stack))
        self._per_cell: dict[str, float] = {}
        self._is_small = self._cells <= _SMALL * _CORNER**2 or not setup.stack.is_full

    def seconds(self, trial: Trial, *, has_mask: bool) -> float:
        """What a trial will take; 0 where nobody can tell."""
        if self._is_small:
            return 0.0
        mask_s = 0.0 if has_mask else self._of(trial.mask) * _growth(trial)
        return mask_s + self._of(trial.method)

    def whole(self, trials: Iterable[Trial]) -> float:
        """What all of them will take, each mask made once."""
        made: set[tuple[str, float]] = set()
        total = 0.0
        for trial in trials:
            key = (trial.mask, trial.rate)
            total += self.seconds(trial, has_mask=key in made)
            made.add(key)
        return total

    def saw(self, kind: str, seconds: float) -> None:
        """A mask or reconstruction of the whole raster took so long."""
        self._per_cell[kind] = max(seconds / self._cells, self._per_cell.get(kind, 0.0))

    def _of(self, kind: str) -> float:
        if kind not in self._per_cell:
            self._per_cell[kind] = self._tried(kind) / _CORNER**2
        return self._per_cell[kind] * self._cells

    def _tried(self, kind: str) -> float:
        """Seconds on the corner, the second time: the first compiles."""
        from edge.reconstruct import METHODS

        act: Callable[[], object]
        if kind in METHODS:
            cells = chosen("blue-noise", _CORNER_RATE, self._corner)
            act = lambda: scored(cells, kind, self._corner.stack)  # noqa: E731
        else:
            act = lambda: chosen(kind, _CORNER_RATE, self._corner)  # noqa: E731
        try:
            act()
            start = time.perf_counter()
            act()
        except (EdgeError, ModelsError):
            return 0.0
        return time.perf_counter() - start


def _growth(trial: Trial) -> float:
    """How a mask's time grows with its cells: of those that are chosen by measured values, with their number."""
    return trial.rate / _CORNER_RATE if trial.mask in (LEARNER, ADAPTIVE) else 1.0


def _corner(stack: Stack) -> Stack:
    """The middle of a raster."""
    rows, columns = (slice(max(0, length // 2 - _CORNER // 2), length // 2 + _CORNER // 2) for length in stack.shape)
    part = (rows, columns)
    return replace(
        stack,
        maps=stack.maps[part],
        variance=stack.variance[part],
        known=stack.known[part],
        rgb=None if stack.rgb is None else stack.rgb[part],
        scanned=None if stack.scanned is None else stack.scanned[part],
    )
