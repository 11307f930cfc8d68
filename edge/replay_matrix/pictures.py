"""The source's maps beside what each way of sampling makes of them, and the cells that it visits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.adaptive.batches import ADAPTIVE
from edge.reconstruct import reconstruct
from edge.replay_matrix.design import GRID, LEARNER, OURS, PLAIN, Trial
from edge.replay_matrix.in_time import InTime
from edge.replay_matrix.trials import Outcome
from edge.replaying.score import scale_of
from edge.replaying.sources import Stack
from edge.report.figures import MARK_RGB, ColourLimits, block_mean, colour_limits, map_png
from edge.report.markup import data_uri, figure
from edge.report.png import rgb_png
from edge.report.wording import element_name, escaped, percent

_MOST_PX = 360
"""Longer side of a map's picture."""
_MOST_ELEMENTS = 4
_ROW_PX, _GAP_PX = 1_080, 32
"""Of the page, and between two pictures."""
_SHOWN = ((ADAPTIVE, OURS), (GRID, PLAIN), (LEARNER, PLAIN))
_PALE = 0.45
_BARE = 235
"""Grey where there is no photograph."""


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    words: str
    cells: NDArray[np.bool_]
    maps: NDArray[np.float32]


def pictures(
    stack: Stack, outcome: Outcome, rate: float, ours: NDArray[np.float32], in_time: InTime | None = None
) -> tuple[str, str]:
    """Heading and markup: for each of a few elements a row of maps on one colour scale, and the visited cells above.

    Parameters
    ----------
    ours
        The maps of sampling that listens at this rate, shape (rows, columns, elements).
    in_time
        The scan in a share of the raster's time.
    """
    shown = []
    if in_time is not None:
        words = f"in {percent(in_time.share)} of the time, {in_time.mode.name}: {in_time.scores.psnr_db:.1f} dB"
        shown.append(_Shown(words, in_time.cells, in_time.maps))
    for mask, method in _SHOWN:
        trial = Trial(mask, rate, method)
        if trial in outcome.scores:
            cells = outcome.cells[mask, rate]
            maps = ours if mask == ADAPTIVE else _maps(stack, cells, method)
            shown.append(_Shown(f"{mask}, {method}: {outcome.scores[trial].db:.1f} dB", cells, maps))
    block = max(1, math.ceil(max(stack.shape) / _MOST_PX))
    width_px = _ROW_PX // (len(shown) + 1) - _GAP_PX
    visited = [(one.words, _visited(stack, one.cells)) for one in shown]
    rows = [_row("Visited cells", _ground(stack, block), visited, width_px)]
    for element in _telling(stack):
        truth = _only_known(stack.maps[:, :, element], stack)
        limits = colour_limits(truth)
        drawn = [(one.words, _map(_only_known(one.maps[:, :, element], stack), block, limits)) for one in shown]
        name = element_name(stack.elements[element])
        rows.append(_row(name, ("source", _map(truth, block, limits)), drawn, width_px))
    heading = f"Maps at {percent(rate)} of the cells"
    if in_time is not None:
        heading = f"Maps in {percent(in_time.share)} of the time, and at {percent(rate)} of the cells"
    return heading, "\n".join(rows)


def _maps(stack: Stack, cells: NDArray[np.bool_], method: str) -> NDArray[np.float32]:
    return reconstruct(stack.samples(cells), stack.shape, elements=stack.elements, rgb=stack.rgb, method=method).maps


def _telling(stack: Stack) -> list[int]:
    """Elements whose maps differ most between their cells, relative to their range and beyond counting noise."""
    values = stack.maps[stack.known].astype(np.float64)
    noise = stack.variance[stack.known].mean(axis=0, dtype=np.float64)
    spread = (values.var(axis=0) - noise) / scale_of(values) ** 2
    return sorted(int(one) for one in np.argsort(-spread)[:_MOST_ELEMENTS])


def _only_known(values: NDArray[np.float32], stack: Stack) -> NDArray[np.float32]:
    shown = stack.known if stack.is_full else np.ones_like(stack.known)
    return np.where(shown, values, np.float32(np.nan))


def _map(values: NDArray[np.float32], block: int, limits: ColourLimits) -> str:
    return data_uri(map_png(block_mean(values, block), "viridis", limits))


def _ground(stack: Stack, block: int) -> tuple[str, str]:
    if stack.rgb is None:
        rows, columns = stack.shape
        return "no photograph", data_uri(
            rgb_png(np.full((-(-rows // block), -(-columns // block), 3), _BARE, np.uint8))
        )
    smaller = np.rint(block_mean(stack.rgb.astype(np.float32), block)).astype(np.uint8)
    return "photograph", data_uri(rgb_png(smaller))


def _visited(stack: Stack, cells: NDArray[np.bool_]) -> str:
    """Cells over the pale photograph, every one of them, whatever the size."""
    ground = np.full((*cells.shape, 3), _BARE, np.uint8) if stack.rgb is None else stack.rgb
    picture = np.rint(255 - _PALE * (255 - ground.astype(np.float32))).astype(np.uint8)
    picture[cells] = MARK_RGB
    return data_uri(rgb_png(picture))


def _row(title: str, first: tuple[str, str], others: list[tuple[str, str]], width_px: int) -> str:
    drawn = [
        figure(f'<img class="sharp" width="{width_px}" alt="{escaped(f"{title}, {words}")}" src="{uri}">', words)
        for words, uri in (first, *others)
    ]
    return f'<h3>{escaped(title)}</h3>\n<div class="figures many">{"".join(drawn)}</div>'
