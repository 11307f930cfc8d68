"""The twin's clocks: the computer's, without its absences, and a faster one that is held back when work piles up."""

from __future__ import annotations

_LONGEST_GAP_S = 0.15
"""Between two looks at the clock; a longer one means that the computer had given the processor to others."""


class AwakeClock:
    """Wall time without the stretches in which the twin's process did not run.

    A controller is never put to sleep by other programs. A twin is, on a busy computer, and would then find its
    lease expired although every renewal lies in its buffer.

    Parameters
    ----------
    now_s
        Wall time (monotonic) at which it begins.
    """

    def __init__(self, now_s: float) -> None:
        self._seen_s = now_s
        self._asleep_s = 0.0

    def now_s(self, wall_s: float) -> float:
        """The time that the twin believes it is, never earlier than before."""
        self._asleep_s += max(0.0, wall_s - self._seen_s - _LONGEST_GAP_S)
        self._seen_s = wall_s
        return wall_s - self._asleep_s


class SimulatedClock:
    """Device time from wall time.

    Parameters
    ----------
    factor
        Device seconds per wall second.
    now_s
        Wall time (monotonic) at which the device booted.
    """

    def __init__(self, factor: float, now_s: float) -> None:
        self._factor = factor
        self._wall_s = now_s
        self._device_s = 0.0

    def device_s(self, wall_s: float) -> float:
        """Device time at a wall time."""
        return self._device_s + (wall_s - self._wall_s) * self._factor

    def wall_s(self, device_s: float) -> float:
        """Wall time at which a device time is reached, unless the clock is held back before."""
        return self._wall_s + (device_s - self._device_s) / self._factor

    def hold(self, wall_s: float, device_s: float) -> None:
        """Say that it is no later than this on the device: its work took the computer longer than it should have."""
        self._wall_s, self._device_s = wall_s, device_s
