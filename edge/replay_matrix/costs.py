"""What trials will take: by those of their kind that were made; of slow kinds, by one on a corner of the raster."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from edge.adaptive.batches import ADAPTIVE
from edge.faults import EdgeError
from edge.replay_matrix.choosing import Setup, chosen, scored
from edge.replay_matrix.design import LEARNER, SLOW_METHODS, Trial
from edge.replaying.sources import Stack
from models.faults import ModelsError

_CORNER = 48
"""Side of what a kind is tried on first, in cells."""
_CORNER_RATE = 0.1
_SLOW = {LEARNER, *SLOW_METHODS}
"""Kinds that are tried on a corner before they are begun."""
_LONG_S = 2.0
_SMALL = 5
"""Times the corner: a raster no larger takes no time to speak of."""


class Costs:
    """Seconds that masks and reconstructions of the raster take.

    Parameters
    ----------
    setup
        Of the whole raster.
    usual_s
        What a quick one takes: those that nobody has seen yet, and that are not known to be slow, count as that.
    """

    def __init__(self, setup: Setup, usual_s: float = 0.0) -> None:
        cells = setup.stack.known.size
        self._corner = replace(setup, stack=_corner(setup.stack))
        self._times = cells / self._corner.stack.known.size
        self._seen: dict[str, float] = {}
        self._usual_s = usual_s
        self._is_small = cells <= _SMALL * _CORNER**2 or not setup.stack.is_full

    def seconds(self, trial: Trial, *, has_mask: bool) -> float:
        """What a trial will take; 0 where nobody can tell."""
        if self._is_small:
            return 0.0
        mask_s = 0.0 if has_mask else self._of(trial.mask) * _growth(trial)
        return mask_s + self._of(trial.method)

    def whole(self, trials: Iterable[Trial], patience_s: float) -> tuple[float, bool]:
        """What all of them will take, each mask made once, and whether that is more than half a guess.

        Kinds that no time is left to try are not counted.
        """
        made: set[tuple[str, float]] = set()
        total, ends, is_whole = 0.0, time.monotonic() + patience_s, True
        for trial in trials:
            if time.monotonic() > ends and {trial.mask, trial.method} & (_SLOW - self._seen.keys()):
                is_whole = self._is_small
                continue
            key = (trial.mask, trial.rate)
            total += self.seconds(trial, has_mask=key in made)
            made.add(key)
        return total, is_whole

    def saw(self, kind: str, seconds: float) -> None:
        """A mask or reconstruction of the whole raster took so long."""
        self._seen[kind] = max(seconds, self._seen.get(kind, 0.0))

    def _of(self, kind: str) -> float:
        if kind not in self._seen:
            if kind not in _SLOW:
                return self._usual_s
            self._seen[kind] = self._tried(kind) * self._times
        return self._seen[kind]

    def _tried(self, kind: str) -> float:
        """Seconds on the corner; the second time, where the first, which compiles, does not take long."""
        from edge.reconstruct import METHODS

        act: Callable[[], object]
        if kind in METHODS:
            cells = chosen("blue-noise", _CORNER_RATE, self._corner)
            act = lambda: scored(cells, kind, self._corner.stack)  # noqa: E731
        else:
            act = lambda: chosen(kind, _CORNER_RATE, self._corner)  # noqa: E731
        seconds = _LONG_S
        try:
            for _ in range(2):
                start = time.perf_counter()
                act()
                seconds = time.perf_counter() - start
                if seconds > _LONG_S:
                    break
        except (EdgeError, ModelsError):
            return 0.0
        return seconds


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
