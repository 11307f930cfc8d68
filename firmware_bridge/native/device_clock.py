"""The controller's clock against the host's: a straight line through the least delayed answers."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClockFit:
    """Device time as a line over host time: ``device_s = at_device_s + rate * (host_s - at_host_s)``."""

    at_host_s: float
    at_device_s: float
    rate: float
    """Device seconds per host second."""
    uncertainty_s: float
    """Half the shortest round trip: the answer's way may have been all of it."""

    def host_from_device(self, device_s: float) -> float:
        """Host time (monotonic) of a device time."""
        return self.at_host_s + (device_s - self.at_device_s) / self.rate


class DeviceClock:
    """Collects questions and answers; fits on demand.

    Of the pairs within the memory, those whose round trip is within twice the shortest are fitted by least squares:
    delay on a serial line only ever adds, so that the quickest answers are the truest (Mills, RFC 5905, section 10).
    """

    def __init__(self, memory: int = 240) -> None:
        self._samples: deque[tuple[float, float, float]] = deque(maxlen=memory)

    def add(self, asked_at_s: float, answered_at_s: float, device_s: float) -> None:
        """Note one question and answer: host times around a device time."""
        self._samples.append((answered_at_s - asked_at_s, (asked_at_s + answered_at_s) / 2, device_s))

    def fit(self) -> ClockFit | None:
        """The line, or None before two answers."""
        if len(self._samples) < 2:
            return None
        shortest_s = min(sample[0] for sample in self._samples)
        good = [sample for sample in self._samples if sample[0] <= 2 * shortest_s + 1e-4]
        host_s = sum(sample[1] for sample in good) / len(good)
        device_s = sum(sample[2] for sample in good) / len(good)
        spread = sum((sample[1] - host_s) ** 2 for sample in good)
        if spread == 0.0:
            return None
        rate = sum((sample[1] - host_s) * (sample[2] - device_s) for sample in good) / spread
        if rate <= 0.0:
            return None
        return ClockFit(host_s, device_s, rate, shortest_s / 2)
