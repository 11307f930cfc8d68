"""Where the beam is when, as the stage's model predicts it: dwells, runs, and the legs between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.motion.kinematics import ExposureTable, StageModel, run_starts, run_times


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """Dwells and runs in their order; a run is what is flown without stopping, one or more exposures."""

    path_mm: NDArray[np.float64]
    """Where counting begins and ends, x0, y0, x1, y1, shape (n, 4)."""
    from_s: NDArray[np.float64]
    """When counting begins, since the first leg was set out on, shape (n,)."""
    until_s: NDArray[np.float64]
    """When it ends."""
    exposures: NDArray[np.int64]
    """Exposures of the plan that are done by then."""
    is_run: NDArray[np.bool_]
    is_closed: NDArray[np.bool_]
    """Whether the shutter is closed on the leg that leads there."""
    total_s: float
    every: int = 1
    """Of how many dwells and runs of the plan this holds one."""

    def __len__(self) -> int:
        return len(self.path_mm)

    def thinned(self, most: int) -> Course:
        """The same with at most so many dwells and runs: every second, third, ... of them, and the last."""
        every = -(-len(self) // most)
        if every <= 1:
            return self
        kept = np.arange(len(self) - 1, -1, -every)[::-1]
        closed = np.logical_or.reduceat(self.is_closed, np.append(0, kept[:-1] + 1))
        return Course(
            path_mm=self.path_mm[kept],
            from_s=self.from_s[kept],
            until_s=self.until_s[kept],
            exposures=self.exposures[kept],
            is_run=self.is_run[kept],
            is_closed=closed,
            total_s=self.total_s,
            every=self.every * every,
        )


def course_of(table: ExposureTable, stage: StageModel, *, is_closed: NDArray[np.bool_] | None = None) -> Course:
    """The course of exposures taken in the table's order.

    Parameters
    ----------
    table
        Shape (n, 5), n at least 1.
    stage
        Prices it.
    is_closed
        Whether the shutter is closed on the way to each exposure, shape (n,); None: it stays open.
    """
    first = np.flatnonzero(run_starts(table, stage))
    last = np.append(first[1:], len(table)) - 1
    path = np.column_stack([table[first, 0:2], table[last, 2:4]])
    from_s, until_s, total_s = run_times(table, stage)
    closed = np.zeros(len(first), np.bool_) if is_closed is None else is_closed[first]
    closing_s = stage.shutter_s * np.cumsum(closed)
    return Course(
        path_mm=path,
        from_s=from_s + closing_s,
        until_s=until_s + closing_s,
        exposures=last.astype(np.int64) + 1,
        is_run=np.asarray((path[:, 0:2] != path[:, 2:4]).any(axis=1)),
        is_closed=closed,
        total_s=total_s + float(closing_s[-1]),
    )
