"""Maps in two parts: which elements have a part that the photograph doesn't explain, and the pictures of both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.maps import ElementMaps
from edge.report.figures import ColourLimits, block_mean, colour_limits, map_png
from edge.report.markup import data_uri

_LEAST_SHARE = 0.1
"""Of cells beyond two standard errors: twice what errors that were normally distributed would put there."""


@dataclass(frozen=True, slots=True)
class SplitMap:
    """Both parts of one element's map, ready to be placed."""

    element: int
    """Among the report's maps."""
    beyond: float
    """Share of the cells whose hidden part exceeds two standard errors, in [0, 1]."""
    visible_uri: str
    hidden_uri: str
    visible_limits: ColourLimits
    """Of the whole map, so that the visible part is seen on the same colours."""
    hidden_limits: ColourLimits
    """As far below zero as above."""


@dataclass(frozen=True, slots=True)
class Split:
    """What the page shows of maps that were split."""

    maps: tuple[SplitMap, ...]
    unexplained: tuple[int, ...]
    """Elements that vary and whose visible part is one value: the whole map is hidden."""
    block: int
    """Cells along each side of a pixel."""

    @property
    def characters(self) -> int:
        """What the pictures take of the page."""
        return sum(len(one.visible_uri) + len(one.hidden_uri) for one in self.maps)


def split_pictures(maps: ElementMaps, budget: int, *, finest_block: int) -> Split:
    """Pictures of every element with a hidden part, in the finest blocks of cells that fit a budget of characters."""
    visible = maps.visible
    if visible is None:
        return Split((), (), finest_block)
    elements = range(len(maps.elements))
    flat = tuple(i for i in elements if _is_flat(visible[..., i]))
    beyond = {i: share_beyond(maps, visible, i) for i in elements if i not in flat}
    unexplained = tuple(i for i in flat if float(np.nanmax(maps.maps[..., i]) - np.nanmin(maps.maps[..., i])) > 0)
    shown = [i for i, share in beyond.items() if share > share_of_errors(maps, i)]
    block = finest_block
    while True:
        split = Split(tuple(_split_map(maps, visible, i, beyond[i], block) for i in shown), unexplained, block)
        if split.characters <= budget or block >= max(visible.shape[:2]):
            return split
        block += 1


def _is_flat(values: NDArray[np.float32]) -> bool:
    """Whether all that is known is one value, but for rounding."""
    known = values[np.isfinite(values)]
    return known.size == 0 or bool(np.ptp(known) <= 1e-6 * np.abs(known).max())


def share_beyond(maps: ElementMaps, visible: NDArray[np.float32], i: int) -> float:
    """Share of the cells whose map lies further than two standard errors from its visible part.

    Cells without a standard error are left out; 0 where none has one.
    """
    hidden, error = maps.maps[..., i] - visible[..., i], maps.standard_error[..., i]
    known = np.isfinite(hidden) & (error > 0)
    return float((np.abs(hidden[known]) > 2 * error[known]).mean()) if known.any() else 0.0


def share_of_errors(maps: ElementMaps, i: int) -> float:
    """The share that a hidden part must exceed to be more than errors.

    A tenth, and twice what the method's own check found beyond two standard errors, where there was one.
    """
    found = 1 - float(maps.left_out.within_two[i]) if maps.left_out is not None else np.nan
    return max(_LEAST_SHARE, 2 * found) if np.isfinite(found) else _LEAST_SHARE


def _split_map(maps: ElementMaps, visible: NDArray[np.float32], i: int, beyond: float, block: int) -> SplitMap:
    seen, whole = visible[..., i], maps.maps[..., i]
    hidden = whole - seen
    scale = colour_limits(whole)
    seen_limits = ColourLimits(scale.low, scale.high, int((seen < scale.low).sum()), int((seen > scale.high).sum()))
    most = colour_limits(np.abs(hidden)).high
    hidden_limits = ColourLimits(-most, most, int((hidden < -most).sum()), int((hidden > most).sum()))
    return SplitMap(
        i,
        beyond,
        data_uri(map_png(block_mean(seen, block), "viridis", seen_limits)),
        data_uri(map_png(block_mean(hidden, block), "diverging", hidden_limits)),
        seen_limits,
        hidden_limits,
    )
