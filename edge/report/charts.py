"""Spectrum, durations, dose, residuals and timeline, drawn as lines and bars."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from edge.report.contents import LineLabel, ShutterOpening, SumSpectrum
from edge.report.markup import label, line, rectangle, svg
from edge.report.scales import ticks
from edge.report.wording import clock, duration, significant, whole

WIDE_PX = 1040.0
_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_LABEL_ROWS = 5
_MOST_POINTS = 2048
_Axis = Callable[[float], float]


def spectrum_chart(spectrum: SumSpectrum) -> str:
    """The sum spectrum on a logarithmic scale with the fit's total and the named lines."""
    left, right, top, bottom = 52.0, WIDE_PX - 10, 16.0 + 15 * _LABEL_ROWS, 356.0
    shown = _shown_channels(spectrum)
    energy, counts = spectrum.energy_kev[shown], spectrum.counts[shown]
    decades = max(1, math.ceil(math.log10(max(float(counts.max(initial=1.0)), 2.0))))
    low_kev, high_kev = float(energy[0]), float(energy[-1])

    def x_of(kev: float) -> float:
        return left + (right - left) * (kev - low_kev) / max(high_kev - low_kev, 1e-9)

    def y_of(count: float) -> float:
        return bottom - (bottom - top) * math.log10(max(count, 1.0)) / decades

    parts = [rectangle(left, top, right - left, bottom - top, "frame")]
    for decade in range(decades + 1):
        y = y_of(10.0**decade)
        parts += [line(left, y, right, y, "grid"), label(left - 7, y + 4, _power(decade), anchor="end")]
    for kev in ticks(low_kev, high_kev, 12):
        x = x_of(kev)
        parts += [line(x, bottom, x, bottom + 4, "tick"), label(x, bottom + 17, significant(kev), anchor="middle")]
    parts.append(label((left + right) / 2, bottom + 35, "Energy, keV", anchor="middle", style="unit"))
    parts.append(label(left, top - 6, "Counts", anchor="end", style="unit"))
    parts += _line_labels(spectrum.lines, energy, counts, (x_of, y_of), top)
    parts.append(_curve(energy, counts, (x_of, y_of), "counts"))
    if spectrum.fitted is not None:
        parts.append(_curve(energy, spectrum.fitted[shown], (x_of, y_of), "fit"))
    total = significant(float(spectrum.counts.sum()))
    alt = f"Sum spectrum from {significant(low_kev)} to {significant(high_kev)} keV, {total} counts, logarithmic scale"
    named = ", ".join(entry.name for entry in spectrum.lines)
    return svg(WIDE_PX, bottom + 44, alt + (f"; lines of {named}" if named else ""), *parts, style="wide")


def _shown_channels(spectrum: SumSpectrum) -> slice:
    """Channels of positive energy up to the last that holds a count."""
    filled = np.flatnonzero((spectrum.counts > 0) & (spectrum.energy_kev > 0))
    if filled.size < 2:
        return slice(0, len(spectrum.counts))
    first = int(np.flatnonzero(spectrum.energy_kev > 0)[0])
    return slice(first, min(len(spectrum.counts), int(filled[-1]) + 2))


def _power(decade: int) -> str:
    return "1" if decade == 0 else "10" if decade == 1 else f"10{str(decade).translate(_SUPERSCRIPT)}"


def _curve(energy: NDArray[np.float64], counts: NDArray[np.float64], axes: tuple[_Axis, _Axis], style: str) -> str:
    group = math.ceil(len(energy) / _MOST_POINTS)
    starts = np.arange(0, len(energy), group)
    highest = np.maximum.reduceat(np.nan_to_num(counts), starts)
    x_of, y_of = axes
    points = " ".join(
        f"{x_of(kev):.1f},{y_of(count):.1f}"
        for kev, count in zip(energy[starts].tolist(), highest.tolist(), strict=True)
    )
    return f'<polyline class="{style}" points="{points}"/>'


def _line_labels(
    lines: Sequence[LineLabel],
    energy: NDArray[np.float64],
    counts: NDArray[np.float64],
    axes: tuple[_Axis, _Axis],
    top: float,
) -> list[str]:
    """Names above the spectrum, each in the lowest of a few rows where it has room; crowded ones keep their leader."""
    x_of, y_of = axes
    ends = [-math.inf] * _LABEL_ROWS
    parts = []
    for entry in sorted(lines, key=lambda item: item.energy_kev):
        if not energy[0] <= entry.energy_kev <= energy[-1]:
            continue
        x, half = x_of(entry.energy_kev), 3.4 * len(entry.name)
        nearest = int(np.argmin(np.abs(energy - entry.energy_kev)))
        peak = float(counts[max(0, nearest - 2) : nearest + 3].max())
        row = next((i for i, end in enumerate(ends) if x - half > end + 5), None)
        start = top if row is None else top - 6 - 15 * row
        parts.append(line(x, start, x, max(y_of(peak) - 4, start), "leader"))
        if row is not None:
            ends[row] = x + half
            parts.append(label(x, start - 3, entry.name, anchor="middle", style="line-name"))
    return parts


def duration_bars(rows: Sequence[tuple[str, float]]) -> str:
    """Durations in seconds as bars on one scale."""
    longest = max((seconds for _, seconds in rows), default=0.0) or 1.0
    left, width, pitch = 140.0, 330.0, 27.0
    parts = []
    for i, (name, seconds) in enumerate(rows):
        y = 4 + pitch * i
        length = max(1.5, width * seconds / longest)
        parts += [
            label(left - 10, y + 13, name, anchor="end"),
            rectangle(left, y, length, 17, f"bar bar-{i}"),
            label(left + length + 7, y + 13, duration(seconds), style="value"),
        ]
    alt = "; ".join(f"{name} {duration(seconds)}" for name, seconds in rows)
    return svg(left + width + 90, 8 + pitch * len(rows), f"Durations: {alt}", *parts, style="half")


def histogram(values: NDArray[np.float64], unit: str, what: str) -> str:
    """How often each value occurs; one bar where all are alike."""
    low, high = float(values.min()), float(values.max())
    if high - low <= 1e-6 * max(abs(high), 1e-12):
        low, high = low - 0.5 * abs(low or 1.0), high + 0.5 * abs(high or 1.0)
    counts, _ = np.histogram(values, bins=24, range=(low, high))
    left, right, top, bottom = 52.0, 440.0, 14.0, 150.0
    most = int(counts.max())
    parts = []
    for i, count in enumerate(counts.tolist()):
        x0 = left + (right - left) * i / len(counts)
        height = (bottom - top) * count / most
        if count:
            parts.append(rectangle(x0 + 0.5, bottom - height, (right - left) / len(counts) - 1, height, "bar bar-1"))
    parts.append(line(left, bottom, right, bottom, "axis"))
    for value in ticks(low, high, 5):
        x = left + (right - left) * (value - low) / (high - low)
        parts += [line(x, bottom, x, bottom + 4, "tick"), label(x, bottom + 17, significant(value), anchor="middle")]
    parts += [label(left - 7, top + 4, whole(most), anchor="end"), label(left - 7, bottom + 4, "0", anchor="end")]
    parts.append(label((left + right) / 2, bottom + 34, f"{what}, {unit}", anchor="middle", style="unit"))
    alt = (
        f"Histogram of {what} in {unit}, from {significant(float(values.min()))} to {significant(float(values.max()))}"
    )
    return svg(right + 12, bottom + 42, alt, *parts, style="half")


def residual_strip(groups: Sequence[tuple[str, Sequence[float]]], limit_mm: float) -> str:
    """Residuals in mm, one row a fiducial and one dot a corner, against the limit."""
    left, right, pitch, top = 88.0, 460.0, 24.0, 22.0
    largest = max((abs(value) for _, values in groups for value in values), default=0.0)
    end = 1.12 * max(limit_mm, largest)

    def x_of(value_mm: float) -> float:
        return left + (right - left) * value_mm / end

    bottom = top + pitch * len(groups)
    parts = [rectangle(x_of(limit_mm), top, right - x_of(limit_mm), bottom - top, "beyond")]
    for i, (name, values) in enumerate(groups):
        y = top + pitch * (i + 0.5)
        parts += [label(left - 10, y + 4, name, anchor="end"), line(left, y, right, y, "grid")]
        for value in values:
            style = "residual-over" if value > limit_mm else "residual"
            parts.append(f'<circle cx="{x_of(value):.1f}" cy="{y:.1f}" r="4" class="{style}"/>')
    parts += [line(x_of(limit_mm), top - 4, x_of(limit_mm), bottom, "limit"), line(left, bottom, right, bottom, "axis")]
    parts.append(
        label(x_of(limit_mm), top - 9, f"half a pitch, {significant(limit_mm)} mm", anchor="end", style="limit-name")
    )
    for value in ticks(0.0, end, 5):
        x = x_of(value)
        parts += [line(x, bottom, x, bottom + 4, "tick"), label(x, bottom + 17, significant(value), anchor="middle")]
    parts.append(label((left + right) / 2, bottom + 34, "Residual, mm", anchor="middle", style="unit"))
    alt = f"Registration residuals of {len(groups)} fiducials; the largest is {significant(largest)} mm"
    return svg(right + 14, bottom + 42, f"{alt}, the limit {significant(limit_mm)} mm", *parts, style="half")


def timeline(
    started_at: datetime, finished_at: datetime, openings: Sequence[ShutterOpening], events: Sequence[datetime]
) -> str:
    """The scan's course: when the shutter was open, and the numbered events."""
    span_s = max((finished_at - started_at).total_seconds(), 1e-3)
    left, right, y = 10.0, WIDE_PX - 10, 34.0

    def x_of(time: datetime) -> float:
        fraction = (time - started_at).total_seconds() / span_s
        return left + (right - left) * min(max(fraction, 0.0), 1.0)

    parts = [rectangle(left, y, right - left, 12, "track")]
    for opening in openings:
        # Only the last can have been open until the recording's end; when another one closed is not known.
        until = finished_at if opening is openings[-1] else opening.opened_at
        x0, x1 = x_of(opening.opened_at), x_of(opening.closed_at or until)
        parts.append(rectangle(x0, y, max(x1 - x0, 0.8), 12, "open"))
    last = -math.inf
    for i, at in enumerate(events, start=1):
        x = x_of(at)
        parts.append(line(x, y - 5, x, y + 17, "event"))
        if x > last + 16:
            parts.append(label(x, y - 9, str(i), anchor="middle", style="value"))
            last = x
    parts += [label(left, y + 32, clock(started_at)), label(right, y + 32, clock(finished_at) + " UTC", anchor="end")]
    alt = f"Timeline from {clock(started_at)} to {clock(finished_at)} UTC: {len(openings)} shutter openings"
    return svg(WIDE_PX, y + 40, f"{alt}, {len(events)} events", *parts, style="wide")
