"""A scan's plan as it grows: batch after batch, each asked for while the one before is measured."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from edge.adaptive.batches import Batches, left_batch
from edge.faults import SafetyStop
from edge.passage import Passage
from edge.plan import ScanPlan, extended
from edge.record.folder import RecordingPaths
from firmware_bridge.messages import Exposure

_AHEAD_S = 6.0
"""A batch is asked for while so much is left to measure: it takes some seconds to read, fit and choose."""
_LONGEST_S = 300.0
"""Longer than that no batch is waited for."""
_POLL_S = 0.1
_TAKING_UP_S = 1.0
"""To order, check and write down a batch takes less: the controller must have that much to measure meanwhile."""


class GrowingPlan:
    """The plan, and what comes to it.

    Parameters
    ----------
    plan
        What stands so far.
    budget, batches
        Cells in all, and how they are shared out.
    allowed
        Cells that may be visited, shape (rows, columns).
    passage
        Where the open beam may go.
    queue_length
        Exposures that the controller measures while nobody speaks to it.
    adopt
        Given a plan that has grown and how many of its exposures it had before, checks it and writes it down; raises
        `SafetyStop` when it must not be carried out.
    warn
        Tells the operator.
    """

    def __init__(
        self,
        plan: ScanPlan,
        budget: int,
        batches: Batches,
        paths: RecordingPaths,
        *,
        allowed: NDArray[np.bool_],
        passage: Passage,
        queue_length: int,
        adopt: Callable[[ScanPlan, int], None],
        warn: Callable[[str], None],
    ) -> None:
        self.plan = plan
        self._budget = budget
        self._paths = paths
        self._allowed = allowed
        self._passage = passage
        self._adopt = adopt
        self._warn = warn
        self._batches = batches
        self._process: subprocess.Popen[bytes] | None = None
        self._queue_length = queue_length
        self._is_asked = False
        self._looked_s = time.monotonic()
        self.is_cut_short = False
        """Whether a limit forbids what was still to come."""

    @property
    def is_whole(self) -> bool:
        """Whether everything that the scan will measure is planned."""
        return self.is_cut_short or self._next_size == 0

    def look(self, lacking: int) -> tuple[Exposure, ...]:
        """Exposures that have come to the plan, mostly none.

        Takes no time, but for a batch that has come: that is taken up while the controller has enough to measure, or
        else left to `wait`, with the shutter closed.

        Parameters
        ----------
        lacking
            How many of the plan are still to be measured: a batch is asked for when they last a few seconds more.
        """
        if self.is_whole:
            return ()
        if not self._is_asked:
            if lacking * self._exposure_s <= _AHEAD_S:
                self._ask()
            return ()
        if time.monotonic() - self._looked_s < _POLL_S:
            return ()
        self._looked_s = time.monotonic()
        has_enough = min(lacking, self._queue_length) * self._exposure_s >= _TAKING_UP_S
        return self._taken() if has_enough and self._is_answered else ()

    def wait(self, is_wanted_elsewhere: Callable[[], bool]) -> tuple[Exposure, ...]:
        """The next exposures, waited for; none when somebody asks for something else meanwhile."""
        if not self._is_asked:
            self._ask()
        end_s = time.monotonic() + _LONGEST_S
        while not self._is_answered and time.monotonic() < end_s:
            if is_wanted_elsewhere():
                return ()
            time.sleep(_POLL_S)
        return self._taken()

    def close(self) -> None:
        """End the process that chooses."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdin is not None:
                with suppress(BrokenPipeError):
                    self._process.stdin.close()
            self._process = None

    @property
    def _open_cells(self) -> NDArray[np.bool_]:
        """Cells that may come to the plan."""
        return self._allowed & ~self.plan.mask.cells

    @property
    def _next_size(self) -> int:
        return self._batches.after(int(self.plan.mask.cells.sum()), self._budget)

    @property
    def _exposure_s(self) -> float:
        return self.plan.predicted_s / len(self.plan.table)

    @property
    def _is_answered(self) -> bool:
        """Whether a batch for the present plan was left, or none will be."""
        if self._process is None or self._process.poll() is not None:
            return True
        return left_batch(self._paths.next_batch, self.plan.digest, self._open_cells) is not None

    def _ask(self) -> None:
        self._is_asked = True
        if self._process is not None and self._process.poll() is not None:
            self.close()
        if self._process is None:
            # Its own session: a Ctrl-C in the terminal is the scan's to answer.
            command = [sys.executable, "-m", "edge.adaptive.next_batch", str(self._paths.folder)]
            quiet = subprocess.DEVNULL
            try:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, start_new_session=True
                )
            except OSError:
                return
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()

    def _taken(self) -> tuple[Exposure, ...]:
        self._is_asked = False
        cells = left_batch(self._paths.next_batch, self.plan.digest, self._open_cells)
        if cells is None or int(cells.sum()) > self._next_size:
            self.close()
            self._warn("no batch was chosen from what is measured: the next one is spread evenly instead")
            cells = _spread(self.plan.mask.cells, self._open_cells, self._next_size)
        before = len(self.plan.table)
        grown = extended(self.plan, cells, passage=self._passage)
        try:
            self._adopt(grown, before)
        except SafetyStop as reason:
            self.is_cut_short = True
            self._warn(f"nothing more is planned, the scan ends with what it has: {reason}")
            return ()
        self.plan = grown
        return grown.exposures[before:]


def _spread(planned: NDArray[np.bool_], allowed: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    """So many allowed cells far from those that are planned."""
    from scipy.ndimage import distance_transform_edt

    from edge.adaptive.choice import chosen_cells
    from edge.adaptive.worth import Worth

    distance = distance_transform_edt(~planned).astype(np.float32)
    return chosen_cells(Worth(np.ones_like(distance), distance), allowed, count)
