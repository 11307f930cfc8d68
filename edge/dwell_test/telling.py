"""What the operator reads of a dwell test."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from edge.console import duration_text
from edge.dwell_test.figures import DWELLS_S, GOALS, DwellTest

_MOST_COLUMNS = 6
"""Elements beside each other."""


def lines_of(test: DwellTest) -> Iterator[str]:
    """Points, elements, and what each dwell would give at the brightest point of each."""
    yield "Points, by the share of the area that has their colour"
    for i, (point, (x_mm, y_mm)) in enumerate(zip(test.points, test.poses_mm.tolist(), strict=True), start=1):
        rate = test.counts[i - 1] / test.live_s[i - 1]
        yield (
            f"  {i}: ({x_mm:.2f}, {y_mm:.2f}) mm, {100 * point.share:.0f} %, {rate:.4g} counts/s in all, "
            f"{100 * test.live_fractions[i - 1]:.0f} % live"
        )
    yield from _elements(test)
    seen = [e for e, there in enumerate(test.seen) if there]
    for first in range(0, len(seen), _MOST_COLUMNS):
        yield from _dwells(test, seen[first : first + _MOST_COLUMNS])
    yield from _unseen(test)


def _elements(test: DwellTest) -> Iterator[str]:
    brightest = test.rates_per_s.argmax(axis=0)
    needed = [test.dwell_for(goal) for goal in GOALS]
    rows = [
        [
            name,
            f"{test.bright_per_s[e]:.3g}",
            f"{brightest[e] + 1}",
            f"{test.mean_per_s[e]:.3g}",
            f"{test.background_per_s[e]:.3g}",
            *(_time(float(dwell_s[brightest[e], e])) for dwell_s in needed),
        ]
        for e, name in enumerate(test.elements)
        if test.seen[e]
    ]
    goals = [f"{100 * goal:g} % after" for goal in GOALS]
    yield "Counts/s of live time: where strongest, on the area's mean, and under the lines; dwell for a known scatter"
    yield from _table([["element", "strongest", "at point", "mean", "background", *goals], *rows])


def _dwells(test: DwellTest, columns: Sequence[int]) -> Iterator[str]:
    brightest = test.rates_per_s.argmax(axis=0)
    rows = []
    for dwell_s in DWELLS_S:
        scatter = test.scatter(dwell_s)
        cells = [f"{test.bright_per_s[e] * dwell_s:.3g} ({_percent(float(scatter[brightest[e], e]))})" for e in columns]
        rows.append([_time(dwell_s), *cells])
    names = [test.elements[e] for e in columns]
    yield "Net counts where strongest, and their relative standard deviation, at a dwell of"
    yield from _table([["", *names], *rows])
    limits = [[_time(dwell_s), *(f"{test.detection_limits(dwell_s)[e]:.3g}" for e in columns)] for dwell_s in DWELLS_S]
    yield "Detection limit, counts/s, at a dwell of"
    yield from _table([["", *names], *limits])


def _unseen(test: DwellTest) -> Iterator[str]:
    longest_s = float(test.live_s.max())
    limits = test.detection_limits(longest_s)
    unseen = [f"{name} (below {limits[e]:.2g} counts/s)" for e, name in enumerate(test.elements) if not test.seen[e]]
    if unseen:
        yield f"Not seen at any point: {', '.join(unseen)}"


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        yield f"  {'  '.join(cells)}".rstrip()


def _time(seconds: float) -> str:
    if not math.isfinite(seconds):
        return "never"
    if seconds < 1:
        return f"{1_000 * seconds:.3g} ms"
    return f"{seconds:.3g} s" if seconds < 60 else duration_text(seconds)


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 1 else f"{100 * share:.0f} %"
