"""A scan's plan as it grows: batch after batch, each asked for while the one before is measured."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from edge.adaptive.growth import Growth, left_for
from edge.faults import SafetyStop
from edge.planning.scan_plan import ScanPlan
from edge.record.folder import RecordingPaths
from firmware_bridge.messages import Exposure

_AHEAD_S = 6.0
"""A batch is asked for while so much is left to measure: it takes some seconds to read, fit and choose."""
_RESERVE, _LONGEST_AHEAD_S = 1.5, 60.0
"""Times as long as it took the last time; but so long at the most, or a batch would know little of the one before."""
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
    growth
        What comes to it.
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
        growth: Growth,
        paths: RecordingPaths,
        *,
        queue_length: int,
        adopt: Callable[[ScanPlan, int], None],
        warn: Callable[[str], None],
    ) -> None:
        self.plan = plan
        self._growth = growth
        self._paths = paths
        self._adopt = adopt
        self._warn = warn
        self._process: subprocess.Popen[bytes] | None = None
        self._queue_length = queue_length
        self._is_asked = False
        self._asked_s = self._looked_s = time.monotonic()
        self._ahead_s = _AHEAD_S
        self.is_cut_short = False
        """Whether a limit forbids what was still to come."""

    @property
    def expected(self) -> int:
        """Exposures of the plan in the end, as far as can be told."""
        return len(self.plan.table) if self.is_whole else self._growth.expected(self.plan)

    @property
    def is_whole(self) -> bool:
        """Whether everything that the scan will measure is planned."""
        return self.is_cut_short or self._growth.is_whole(self.plan)

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
            if lacking * self._exposure_s <= self._ahead_s:
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
    def _exposure_s(self) -> float:
        return self.plan.predicted_s / len(self.plan.table)

    @property
    def _is_answered(self) -> bool:
        """Whether a batch for the present plan was left, or none will be."""
        if self._process is None or self._process.poll() is not None:
            return True
        return left_for(self._paths.next_batch, self.plan) is not None

    def _ask(self) -> None:
        self._is_asked = True
        self._asked_s = time.monotonic()
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
        # what took so long will take about as long the next time
        self._ahead_s = min(max(_AHEAD_S, _RESERVE * (time.monotonic() - self._asked_s)), _LONGEST_AHEAD_S)
        left = left_for(self._paths.next_batch, self.plan)
        grown = None if left is None else self._growth.taken(self.plan, left)
        if grown is None:
            self.close()
            self._warn("no batch was chosen from what is measured: the next one is spread evenly instead")
            grown = self._growth.spread(self.plan)
        if grown is self.plan:
            return ()
        before = len(self.plan.table)
        try:
            self._adopt(grown, before)
        except SafetyStop as reason:
            self.is_cut_short = True
            self._warn(f"nothing more is planned, the scan ends with what it has: {reason}")
            return ()
        self.plan = grown
        return grown.exposures[before:]
