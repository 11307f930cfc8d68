"""The modes by name."""

from __future__ import annotations

from edge.modes.mode import Mode
from edge.modes.points import Points
from edge.modes.rasters import Grid, Raster, Rows
from edge.modes.runs import Runs

AUTOMATIC = "automatic"
"""The name by which the configuration leaves the choice to the competition."""
MODES: dict[str, Mode] = {mode.name: mode for mode in (Grid(), Points(), Rows(), Runs(), Raster())}
