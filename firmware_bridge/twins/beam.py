"""What falls on the detector between two moments: the way of the beam, cut where something changes."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from firmware_bridge.messages import StagePose
from firmware_bridge.twins.shared_pose import BeamPath, BeamSample
from firmware_bridge.twins.simulated_clock import SimulatedClock

_SHORT_MM = 0.02
_SHORT_S = 0.02


@dataclass(frozen=True, slots=True)
class Stretch:
    """A while in which the beam moved evenly, or not at all, and was on, or off."""

    begin_s: float
    """Device time, as the end."""
    end_s: float
    start: StagePose
    end: StagePose
    is_on: bool


@dataclass(frozen=True, slots=True)
class Trigger:
    """An edge on the auxiliary input."""

    at_s: float


class BeamFollower:
    """Turns the samples of a `BeamPath` into stretches on the device's clock.

    Parameters
    ----------
    now_s
        Wall time (monotonic) from which it follows.
    """

    def __init__(self, path: BeamPath, clock: SimulatedClock, now_s: float) -> None:
        self._path = path
        self._clock = clock
        self._at_s = now_s
        self._news: deque[BeamSample] = deque()
        samples = path()
        self._pose = samples[-1].pose if samples else StagePose(0.0, 0.0)
        self._is_on = bool(samples) and samples[-1].is_on

    def until(self, now_s: float, *, patience_s: float = 0.0) -> Iterator[Stretch | Trigger]:
        """What has happened since the last call, in order, without gaps.

        Parameters
        ----------
        patience_s
            Stop so long before now: a stage's process tells late of what its beam does when the computer is busy, and
            what has been passed cannot be corrected. Without it, what is still to come is taken to happen now.
        """
        self._news.extend(self._path())
        until_s = max(self._at_s, now_s - patience_s)
        while self._news and (patience_s == 0.0 or self._news[0].monotonic_s <= until_s):
            sample = self._news.popleft()
            at_s = min(max(sample.monotonic_s, self._at_s), until_s)
            if sample.is_on == self._is_on and not sample.is_trigger and self._is_short(at_s, sample.pose):
                continue
            yield from self._stretch(at_s, sample.pose)
            self._pose, self._is_on = sample.pose, sample.is_on
            if sample.is_trigger:
                yield Trigger(self._clock.device_s(at_s))
        yield from self._stretch(until_s, self._pose)

    def _is_short(self, at_s: float, pose: StagePose) -> bool:
        moved_mm = math.hypot(pose.x_mm - self._pose.x_mm, pose.y_mm - self._pose.y_mm)
        return 0 < moved_mm < _SHORT_MM and at_s - self._at_s < _SHORT_S

    def _stretch(self, until_s: float, end: StagePose) -> Iterator[Stretch]:
        if until_s > self._at_s:
            begin_s, end_s = self._clock.device_s(self._at_s), self._clock.device_s(until_s)
            yield Stretch(begin_s, end_s, self._pose, end, self._is_on)
            self._at_s = until_s
