"""Where an object's surface lies that bows, as a sensor beside the beam would see it."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_bridge.messages import StagePose


@dataclass(frozen=True, slots=True)
class BowedSurface:
    """A dome over the whole travel: flat at its edges, nearest to the instrument in its middle."""

    standoff_mm: float
    """At the edges of the travel."""
    bow_mm: float
    """How much nearer the middle is; negative: farther."""
    x_limits_mm: tuple[float, float]
    y_limits_mm: tuple[float, float]

    def distance_mm(self, pose: StagePose) -> float:
        """From the sensor to the surface under the beam."""
        height = _arch(pose.x_mm, self.x_limits_mm) * _arch(pose.y_mm, self.y_limits_mm)
        return self.standoff_mm - self.bow_mm * height


def _arch(place_mm: float, limits_mm: tuple[float, float]) -> float:
    """1 in the middle, 0 at the limits and beyond."""
    low_mm, high_mm = limits_mm
    share = (2 * place_mm - low_mm - high_mm) / (high_mm - low_mm)
    return max(0.0, 1.0 - share**2)
