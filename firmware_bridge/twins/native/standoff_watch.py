"""The controller's rangefinder, and the object before it, which bows and may be moved."""

from __future__ import annotations

from firmware_bridge.messages import StagePose
from firmware_bridge.twins.bowed_surface import BowedSurface
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.spell import Spell


class StandoffWatch:
    """What is read of the distance; without a rangefinder everything is in range."""

    def __init__(self, settings: TwinSettings) -> None:
        self.moved_away = Spell(settings.standoff_leaves_at_s, settings.standoff_stays_out_s)
        """While it is on, the object is twice the allowed interval farther than it was."""
        self._nearest_mm, self._farthest_mm = settings.nearest_mm, settings.farthest_mm
        self._surface = (
            None
            if settings.standoff_mm is None
            else BowedSurface(settings.standoff_mm, settings.bow_mm, settings.x_limits_mm, settings.y_limits_mm)
        )

    @property
    def has_sensor(self) -> bool:
        """Whether there is a rangefinder."""
        return self._surface is not None

    def distance_mm(self, pose: StagePose) -> float | None:
        """As it is read with the stage there; None without a rangefinder."""
        if self._surface is None:
            return None
        away_mm = 2 * (self._farthest_mm - self._nearest_mm) if self.moved_away.is_on else 0.0
        return self._surface.distance_mm(pose) + away_mm

    def is_in_range(self, pose: StagePose) -> bool:
        """Whether the controller may expose there."""
        distance_mm = self.distance_mm(pose)
        return distance_mm is None or self._nearest_mm <= distance_mm <= self._farthest_mm

    def remark(self, pose: StagePose) -> str:
        """Its own words on what it reads there."""
        return f"{self.distance_mm(pose):.3f} mm, allowed {self._nearest_mm:g} to {self._farthest_mm:g} mm"
