"""The comparison of two recordings as one HTML page."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edge.replay_against.differences import Differences
from edge.replay_against.reading import Reading
from edge.report.document import document
from edge.report.figures import Colormap, ColourLimits, block_mean, colour_limits, map_png
from edge.report.markup import data_uri, figure, paragraph, section, table
from edge.report.wording import element_name, escaped, percent, significant

_MOST_PX = 360
_WIDTH_PX = 300
_REACH = 4.0
"""Standard errors at the ends of the difference's colour scale."""
_HEADERS = (
    "element",
    "mean",
    "other's mean",
    "ratio",
    "correlation",
    "difference, of the range",
    "in standard errors",
    "beyond 2",
    "beyond 3",
)
_ABOUT = (
    "Ratios are of sums over the common cells, with the standard error that leaving out blocks of cells tells: what "
    "all elements share is time, tube and distance, what they don't is air, angle and detector. "
    "Differences are the other's map over the element's ratio, laid on the first's cells, less the first's map: their "
    "root mean square as a share of the first's 99.9th percentile, and in standard errors of the two, where 1 "
    "is what chance makes, and 5 % and 0.3 % of the cells lie beyond 2 and 3. Scans repeat less well than counting "
    "alone allows; much more than that, or a pattern in the maps, is a change of object or instrument."
)


def page(first: Reading, second: Reading, said: list[str], found: Differences) -> str:
    """HTML that asks for nothing outside itself.

    Parameters
    ----------
    said
        A paragraph each, the verdict first.
    """
    title = f"{second.name} against {first.name}"
    body = [
        f'<p class="kicker">Two recordings compared</p>\n<h1>{escaped(title)}</h1>\n',
        paragraph(said[0], "lead"),
        *(paragraph(one) for one in said[1:]),
        section("elements", "Element by element", paragraph(_ABOUT, "note"), _table(found)),
        section("maps", "Maps", *(_row(k, first, second, found) for k in range(len(first.elements)))),
    ]
    return document(title, body)


def _table(found: Differences) -> str:
    rows = [
        [
            element_name(one.element),
            significant(one.mean),
            significant(one.other_mean),
            "–" if math.isnan(one.ratio) else f"{one.ratio:.3f} ± {one.ratio_error:.3f}",
            f"{one.correlation:.3f}",
            percent(one.rmse),
            "–" if math.isnan(one.rms_errors) else f"{one.rms_errors:.2f}",
            "–" if math.isnan(one.beyond_two) else percent(one.beyond_two),
            "–" if math.isnan(one.beyond_three) else percent(one.beyond_three),
        ]
        for one in found.elements
    ]
    return table("What both say of the cells that both know", _HEADERS, rows, style="numbers")


def _row(k: int, first: Reading, second: Reading, found: Differences) -> str:
    block = max(1, math.ceil(max(first.shape) / _MOST_PX))
    ours = np.where(first.known, first.maps[..., k], np.nan)
    theirs = np.where(found.both, found.other_maps[..., k], np.nan)
    limits = colour_limits(ours)
    drawn = [
        _drawn(
            ours, block, limits, "viridis", f"{first.name}, {significant(limits.low)} to {significant(limits.high)}"
        ),
        _drawn(theirs, block, limits, "viridis", f"{second.name}, over the ratio, on the same scale"),
    ]
    if np.isfinite(found.in_errors[..., k]).any():
        ends = ColourLimits(-_REACH, _REACH)
        words = f"Difference, {_REACH:g} standard errors below (blue) to above (orange)"
        drawn.append(_drawn(found.in_errors[..., k], block, ends, "diverging", words))
    return f'<h3>{escaped(element_name(first.elements[k]))}</h3>\n<div class="figures">{"".join(drawn)}</div>'


def _drawn(values: NDArray[np.floating], block: int, limits: ColourLimits, colormap: Colormap, words: str) -> str:
    uri = data_uri(map_png(block_mean(values.astype(np.float32), block), colormap, limits))
    return figure(f'<img class="sharp" width="{_WIDTH_PX}" alt="{escaped(words)}" src="{uri}">', words)
