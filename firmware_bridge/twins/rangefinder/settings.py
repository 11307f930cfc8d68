"""Everything that the rangefinder's twin can be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class RangefinderTwinSettings:
    """Parameters of a simulated rangefinder and of the object before it. Times are seconds of the wall clock."""

    standoff_mm: float = 10.0
    """What it reads at the edges of the travel."""
    bow_mm: float = 0.0
    """How much nearer the object's surface is in the middle of the travel: a dome; negative: a dish."""
    x_limits_mm: tuple[float, float] = (0.0, 300.0)
    y_limits_mm: tuple[float, float] = (0.0, 300.0)
    noise_mm: float = 0.005
    """Standard deviation of a reading."""
    seed: int = 0

    ask: str = ""
    """The line that it answers; empty: it sends readings by itself."""
    rate_hz: float = 50.0
    """Readings a second that it sends by itself."""
    answer_s: float = 0.02
    """From a question's end to its answer."""
    template: str = "D={:9.3f}"
    """A reading as it is written."""
    mm_per_unit: float = 1.0

    moves_at_s: float | None = None
    """Since its start: the object is moved by `moved_mm`."""
    stays_moved_s: float | None = None
    """None: for good."""
    moved_mm: float = 20.0
    """Away from the instrument; negative: towards it."""
    lapse: Literal["silence", "garbage", "error"] | None = None
    """What it says, or doesn't, instead of readings."""
    lapses_at_s: float | None = None
    stays_lapsed_s: float | None = None
    """None: for good."""

    def __post_init__(self) -> None:
        for low, high in (self.x_limits_mm, self.y_limits_mm):
            if not low < high:
                raise ValueError(f"limits {low} to {high} mm enclose nothing: give the lower one first")
        if not self.rate_hz > 0 or not self.mm_per_unit > 0:
            raise ValueError("a rangefinder needs a positive rate_hz and mm_per_unit")
