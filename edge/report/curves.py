"""Curves over a logarithmic or a linear axis, as a drawing that stands by itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from edge.report.scales import ticks
from edge.report.wording import escaped

Stroke = Literal["solid", "dashed", "dotted"]
_COLOURS = ("#1f5fa8", "#c2571a", "#2f7d4f", "#8a3d8f", "#9a7b16", "#4d4d4d")
_DASHES = {"solid": "", "dashed": "7 4", "dotted": "2 3"}
_FEW_DECADES = 1_000
_LEFT, _RIGHT, _TOP, _BOTTOM = 70.0, 640.0, 20.0, 400.0


@dataclass(frozen=True, slots=True)
class Curve:
    """A line through points; those whose names begin alike, up to a comma, share a colour."""

    name: str
    points: Sequence[tuple[float, float]]
    """Across, from 0, and up."""
    stroke: Stroke


def drawn(
    curves: Sequence[Curve], *, across: str, up: str, alt: str, scale: Literal["logarithmic", "linear"] = "logarithmic"
) -> str:
    """SVG of the curves with axes and a legend; across is log(1 + x), or x."""
    heights = [y for curve in curves for _, y in curve.points]
    most = max(x for curve in curves for x, _ in curve.points)
    margin = 0.05 * (max(heights) - min(heights)) or 0.05
    low, high = min(heights) - margin, max(heights) + margin

    def x_of(x: float) -> float:
        share = x / most if scale == "linear" else math.log1p(x) / math.log1p(max(most, 1))
        return _LEFT + (_RIGHT - _LEFT) * share

    def y_of(y: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * (y - low) / (high - low)

    parts = [
        f'<rect x="{_LEFT}" y="{_TOP}" width="{_RIGHT - _LEFT}" height="{_BOTTOM - _TOP}" fill="none" stroke="#888"/>'
    ]
    for value in ticks(low, high, 6):
        parts.append(_rule(_LEFT, y_of(value), _RIGHT, y_of(value)))
        parts.append(_text(_LEFT - 8, y_of(value) + 4, f"{value:.4g}", "end"))
    for value in [0, *_marks(most)] if scale == "logarithmic" else [round(mark) for mark in ticks(0, most, 6)]:
        parts.append(_rule(x_of(value), _TOP, x_of(value), _BOTTOM))
        parts.append(_text(x_of(value), _BOTTOM + 18, f"{value:,}", "middle"))
    parts += [_text((_LEFT + _RIGHT) / 2, _BOTTOM + 38, across, "middle"), _text(_LEFT, _TOP - 7, up, "middle")]
    families = list(dict.fromkeys(curve.name.partition(",")[0] for curve in curves))
    for index, curve in enumerate(curves):
        colour = _COLOURS[families.index(curve.name.partition(",")[0]) % len(_COLOURS)]
        style = f'fill="none" stroke="{colour}" stroke-width="1.6" stroke-dasharray="{_DASHES[curve.stroke]}"'
        through = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in curve.points)
        y = _TOP + 10 + 19 * index
        parts.append(f'<polyline {style} points="{through}"/>')
        parts.append(f'<polyline {style} points="{_RIGHT + 14},{y} {_RIGHT + 44},{y}"/>')
        parts.append(_text(_RIGHT + 50, y + 4, curve.name, "start"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escaped(alt)}" viewBox="0 0 880 450" '
        'font-family="sans-serif" font-size="12"><rect width="880" height="450" fill="#fff"/>'
        + "\n".join(parts)
        + "</svg>\n"
    )


def _marks(most: float) -> list[int]:
    """Powers of ten, and their double and fivefold where there are few."""
    factors = (1, 2, 5) if most < _FEW_DECADES else (1,)
    return [value for power in range(8) for factor in factors if (value := factor * 10**power) <= most]


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#ddd"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#222">{escaped(text)}</text>'
