"""Round numbers for axes, colour bars and scale bars."""

from __future__ import annotations

import math


def round_step(span: float, about: int) -> float:
    """The step of 1, 2 or 5 times a power of ten that divides a span into about so many parts, never more."""
    if not (span > 0 and math.isfinite(span)):
        return 1.0
    raw = span / about
    power = 10.0 ** math.floor(math.log10(raw))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= raw * (1 - 1e-9)), 10 * power)


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Multiples of a round step within [low, high]."""
    step = round_step(high - low, about)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def scale_bar_mm(width_mm: float) -> float:
    """The longest round length that takes at most 35 % of a width."""
    limit = 0.35 * width_mm
    power = 10.0 ** math.floor(math.log10(limit))
    return max(factor * power for factor in (1, 2, 5) if factor * power <= limit * (1 + 1e-9))
