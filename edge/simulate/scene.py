"""What the panel shows, and what lies under it: outlines in mm on a panel of 120 x 90 mm, with their paints."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from edge.simulate.pigments import Mixture

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """One painted form: an outline, three paints from shadow to light, and how they are laid in."""

    outline: Points
    """Closed, mm; joined by a smooth curve unless `corners`."""
    shadow: Mixture
    middle: Mixture
    light: Mixture
    corners: bool = False
    """Whether the outline's points are true corners."""
    roundness_mm: float = 4.0
    """How far the modelling reaches in from the outline."""
    contrast: float = 0.7
    base: float = 0.5
    """Shade of the flat parts: 0 shadow, 1 light."""
    ramp: tuple[float, float] = (0.0, 0.0)
    """Change of shade across the form, left to right and top to bottom."""
    folds: tuple[float, float, float] | None = None
    """Drapery: wavelength in mm, direction in degrees, strength."""
    stroke_deg: float | None = None
    """Direction of the brush; along the outline where none is given."""
    soft_mm: float = 0.15
    opacity: float = 1.0
    thickness_um: float = 25.0
    inside_window: bool = False
    fine: bool = False
    """Whether a pointed brush painted it: no strokes show."""


@dataclass(frozen=True, slots=True)
class Lettering:
    """Words laid in with a fine brush."""

    text: str
    x_mm: float
    y_mm: float
    """Left end of the baseline."""
    height_mm: float
    stroke_mm: float
    paint: Mixture
    thickness_um: float = 15.0


@dataclass(frozen=True, slots=True)
class Scene:
    """The painting, from back to front, and the abandoned one under it."""

    shapes: tuple[Shape, ...]
    lettering: tuple[Lettering, ...]
    hidden_shapes: tuple[Shape, ...]
    hidden_lettering: tuple[Lettering, ...]
    losses: tuple[tuple[float, float, float], ...] = field(default=())
    """Lost and retouched spots: centre x, y and radius, mm."""


WINDOW: Points = (
    (71, 60),
    (71, 58.5),
    (71, 42),
    (71, 24),
    (72.5, 17),
    (77, 11.5),
    (84, 8.5),
    (91, 8),
    (98, 9.5),
    (104.5, 14),
    (108, 20),
    (109, 27),
    (109, 42),
    (109, 58.5),
    (109, 60),
    (107.5, 60),
    (90, 60),
    (72.5, 60),
)


def ellipse(x: float, y: float, rx: float, ry: float, turn_deg: float = 0.0, *, points: int = 16) -> Points:
    """Outline of an ellipse."""
    turn = math.radians(turn_deg)
    outline = []
    for i in range(points):
        angle = 2 * math.pi * i / points
        along, across = rx * math.cos(angle), ry * math.sin(angle)
        outline.append(
            (x + along * math.cos(turn) - across * math.sin(turn), y + along * math.sin(turn) + across * math.cos(turn))
        )
    return tuple(outline)


def ring(x: float, y: float, radius: float, width: float) -> Points:
    """Outline of a ring, cut open by a hair at its lowest point."""
    way = [2 * math.pi * i / 48 + math.pi / 2 for i in range(49)]
    outer = [(x + radius * math.cos(a), y + radius * math.sin(a)) for a in way]
    inner = [(x + (radius - width) * math.cos(a), y + (radius - width) * math.sin(a)) for a in reversed(way)]
    return tuple(outer + inner)


def band(points: Points, width: float) -> Points:
    """Outline of a stroke along a line of points, pointed at its ends."""
    left, right = [], []
    for i, (x, y) in enumerate(points):
        before, after = points[max(i - 1, 0)], points[min(i + 1, len(points) - 1)]
        dx, dy = after[0] - before[0], after[1] - before[1]
        length = math.hypot(dx, dy) or 1.0
        half = width / 2 * (0.35 if i in (0, len(points) - 1) else 1.0)
        left.append((x - dy / length * half, y + dx / length * half))
        right.append((x + dy / length * half, y - dx / length * half))
    return tuple(left + right[::-1])


def turned(points: Points, turn_deg: float, x: float = 42.0, y: float = 29.0) -> Points:
    """Points turned about a centre, clockwise as seen."""
    cosine, sine = math.cos(math.radians(turn_deg)), math.sin(math.radians(turn_deg))
    return tuple((x + (a - x) * cosine - (b - y) * sine, y + (a - x) * sine + (b - y) * cosine) for a, b in points)
