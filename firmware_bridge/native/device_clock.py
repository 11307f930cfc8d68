"""The controller's clock against the host's: a straight line through the least delayed answers, and what breaks it."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

_GRAIN_S = 1e-3
"""Disagreement between a controller's timers that is no jump."""
_SETTLED_S = 2.0
_SETTLED_SAMPLES = 5
"""What has to be known of a clock before its rate is believed."""
_REAL_TIME = 0.01
"""Largest deviation of a real clock's rate from one; only a simulated instrument's runs at another pace."""
_MOST_GAINED_S = 0.05
_MOST_LOST_S = 1.0
"""Beyond what the delays of the answers leave open."""
_SHORTEST_S = 2e-5
"""Round trips below this are taken for so long: what a host's own clock and thread leave uncertain."""


@dataclass(frozen=True, slots=True)
class ClockFit:
    """Device time as a line over host time: ``device_s = at_device_s + rate * (host_s - at_host_s)``."""

    at_host_s: float
    at_device_s: float
    rate: float
    """Device seconds per host second."""
    uncertainty_s: float
    """Half the shortest round trip: the answer's way may have been all of it."""
    rate_uncertainty: float
    """Standard uncertainty of the rate, from how the answers scatter about the line and how long they took."""
    span_s: float
    """Host time between the first answer and the last."""

    def host_from_device(self, device_s: float) -> float:
        """Host time (monotonic) of a device time."""
        return self.at_host_s + (device_s - self.at_device_s) / self.rate


@dataclass(frozen=True, slots=True)
class _Sample:
    asked_at_s: float
    answered_at_s: float
    device_s: float

    @property
    def round_trip_s(self) -> float:
        return self.answered_at_s - self.asked_at_s

    @property
    def uncertainty_s(self) -> float:
        """Standard uncertainty of the middle as the moment at which the device looked at its clock."""
        return max(self.round_trip_s, _SHORTEST_S) / math.sqrt(12)

    @property
    def middle_s(self) -> float:
        return (self.asked_at_s + self.answered_at_s) / 2


class DeviceClock:
    """Collects questions and answers; fits on demand, and notices a clock that doesn't run on.

    The device looked at its clock at an unknown moment of the round trip: each answer counts as its middle, with the
    weight that a moment anywhere in it deserves, so that the quickest answers, which are the truest, decide (after
    Mills, RFC 5905, section 10).
    """

    def __init__(self, memory: int = 240) -> None:
        self._samples: deque[_Sample] = deque(maxlen=memory)
        self.latest_s = -math.inf
        """The latest device time that anything has told."""

    def note(self, device_s: float) -> None:
        """Something happened at this device time: whatever is asked from now on is answered later."""
        self.latest_s = max(self.latest_s, device_s)

    def add(self, asked_at_s: float, answered_at_s: float, device_s: float, not_before_s: float = -math.inf) -> float:
        """Note one question and answer: host times around a device time.

        Parameters
        ----------
        not_before_s
            The latest device time that was known when the question was asked.

        Returns
        -------
        float
            Device seconds by which the clock has certainly jumped, negative when backwards; 0 when it runs on. The
            device looked at its clock somewhere between question and answer, so that a busy host or a slow line
            widens what is possible and never looks like a jump.
        """
        sample = _Sample(asked_at_s, answered_at_s, device_s)
        jump_s = self._jump_s(sample, not_before_s)
        self._samples.append(sample)
        self.note(device_s)
        return jump_s

    def round_trips_s(self, count: int) -> list[float]:
        """The latest round trips, at most so many, in the order of the answers."""
        return [sample.round_trip_s for sample in self._samples][-count:]

    def fit(self) -> ClockFit | None:
        """The line, or None before two answers."""
        if len(self._samples) < 2:
            return None
        weights = [1 / sample.uncertainty_s**2 for sample in self._samples]
        total = sum(weights)
        host_s = _mean([sample.middle_s for sample in self._samples], weights)
        device_s = _mean([sample.device_s for sample in self._samples], weights)
        away = [
            (w, each.middle_s - host_s, each.device_s - device_s)
            for w, each in zip(weights, self._samples, strict=True)
        ]
        spread = sum(w * x**2 for w, x, _ in away)
        if spread <= 1e-12 * total:
            return None
        rate = sum(w * x * y for w, x, y in away) / spread
        if rate <= 0.0:
            return None
        excess = sum(w * (y / rate - x) ** 2 for w, x, y in away) / max(1, len(away) - 2)
        return ClockFit(
            at_host_s=host_s,
            at_device_s=device_s,
            rate=rate,
            uncertainty_s=min(sample.round_trip_s for sample in self._samples) / 2,
            rate_uncertainty=rate * math.sqrt(max(1.0, excess) / spread),
            span_s=self._samples[-1].middle_s - self._samples[0].middle_s,
        )

    def largest_deviation_s(self) -> float:
        """How far the clock was from the line at most, beyond what the delays of the answers explain; 0 without one."""
        fit = self.fit()
        if fit is None:
            return 0.0
        deviations_s = [
            abs(fit.host_from_device(sample.device_s) - sample.middle_s) - sample.round_trip_s / 2 - fit.uncertainty_s
            for sample in self._samples
        ]
        return max(0.0, *deviations_s)

    def _jump_s(self, sample: _Sample, not_before_s: float) -> float:
        """See `add`; a simulated clock's pace changes with its computer's load, so it is only held to go forwards."""
        back_s = sample.device_s - not_before_s
        if back_s < -_GRAIN_S:
            return back_s
        return self._excess_s(sample) if self._is_real_time() else 0.0

    def _excess_s(self, sample: _Sample) -> float:
        """What elapsed since the last answer beyond what can have; negative for what is lacking."""
        before = self._samples[-1]
        elapsed_s = sample.device_s - before.device_s
        longest_s = (1 + _REAL_TIME) * (sample.answered_at_s - before.asked_at_s)
        shortest_s = (1 - _REAL_TIME) * (sample.asked_at_s - before.answered_at_s)
        if elapsed_s > longest_s + _MOST_GAINED_S:
            return elapsed_s - longest_s
        if elapsed_s < shortest_s - _MOST_LOST_S:
            return elapsed_s - shortest_s
        return 0.0

    def _is_real_time(self) -> bool:
        if len(self._samples) < _SETTLED_SAMPLES:
            return False
        fit = self.fit()
        if fit is None or fit.span_s < _SETTLED_S:
            return False
        return abs(fit.rate - 1) < _REAL_TIME and fit.rate_uncertainty < _REAL_TIME


def _mean(values: list[float], weights: list[float]) -> float:
    return sum(w * value for w, value in zip(weights, values, strict=True)) / sum(weights)
