"""A flight at constant speed, from the poses that the stage reported on its way. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from firmware_bridge.faults import ControllerFault

_FEWEST: Final = 2
_SPEEDS: Final = (0.8, 1.25)
"""Share of the speed asked for within which a flight is believed."""


@dataclass(frozen=True, slots=True)
class Report:
    """How far along the row the stage said that it was."""

    at_s: float
    way_mm: float
    uncertainty_s: float
    """Standard uncertainty of the moment."""


@dataclass(frozen=True, slots=True)
class Track:
    """A straight line through reports: way = way_mm + speed_mm_s (t - at_s)."""

    at_s: float
    """Mean time of the reports."""
    way_mm: float
    speed_mm_s: float
    reports: int
    spread_s2: float
    """Sum of the squared distances of the reports' times from their mean."""
    scatter_mm: float
    """Standard deviation of a report from the line."""
    lateness_mm: float
    """What all reports may have in common: the part of the moment's uncertainty that no averaging removes."""

    def passes_s(self, way_mm: float) -> float:
        """When the stage passes a place."""
        return self.at_s + (way_mm - self.way_mm) / self.speed_mm_s

    def is_at_mm(self, time_s: float) -> float:
        """Where the stage is at a time."""
        return self.way_mm + self.speed_mm_s * (time_s - self.at_s)

    def uncertainty_mm(self, time_s: float) -> float:
        """Standard uncertainty of where it is."""
        variance = self.scatter_mm**2 * (1 / self.reports + (time_s - self.at_s) ** 2 / self.spread_s2)
        return math.hypot(math.sqrt(variance), self.lateness_mm)


def track_of(reports: Sequence[Report], pose_uncertainty_mm: float) -> Track | None:
    """Least squares through reports at constant speed; None where there are fewer than two.

    Parameters
    ----------
    pose_uncertainty_mm
        Standard uncertainty of a pose at rest: no line is taken to be better than that.
    """
    count = len(reports)
    if count < _FEWEST:
        return None
    at_s = sum(report.at_s for report in reports) / count
    way_mm = sum(report.way_mm for report in reports) / count
    spread_s2 = sum((report.at_s - at_s) ** 2 for report in reports)
    if spread_s2 <= 0.0:
        return None
    speed_mm_s = sum((report.at_s - at_s) * (report.way_mm - way_mm) for report in reports) / spread_s2
    if speed_mm_s <= 0.0:
        return None
    lateness_mm = speed_mm_s * math.sqrt(sum(report.uncertainty_s**2 for report in reports) / count)
    squares = sum((report.way_mm - way_mm - speed_mm_s * (report.at_s - at_s)) ** 2 for report in reports)
    found_mm = math.sqrt(squares / (count - 2)) if count > 2 else 0.0
    scatter_mm = max(found_mm, math.hypot(pose_uncertainty_mm, lateness_mm))
    return Track(at_s, way_mm, speed_mm_s, count, spread_s2, scatter_mm, lateness_mm)


def require_track(reports: Sequence[Report], pose_uncertainty_mm: float, speed_mm_s: float) -> Track:
    """The track of a flight that is over.

    Raises
    ------
    ControllerFault
        There are too few reports, or the speed is another one than was asked for.
    """
    track = track_of(reports, pose_uncertainty_mm)
    if track is None:
        raise ControllerFault(
            f"the stage told its position {len(reports)} times in a row, too seldom to know where its cells are: "
            "lengthen the row, or lower the speed"
        )
    low, high = _SPEEDS
    if not low <= track.speed_mm_s / speed_mm_s <= high:
        raise ControllerFault(
            f"the stage flew at {track.speed_mm_s:.3g} mm/s instead of {speed_mm_s:.3g} mm/s: lower the speed, check "
            "its overrides, and fly simulated devices at clock factor 1"
        )
    return track
