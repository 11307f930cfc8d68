"""The twin's clock: the computer's, faster by a factor, and held back when the computer can't keep up."""

from __future__ import annotations


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
