"""Runs of cells in motion that listen: whole rows first, then stretches where the X-rays say that time brings most."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.adaptive.gain import Gain, gain_of_cells
from edge.adaptive.runs import RunCost, chosen_runs
from edge.modes.lines import as_lines, pieces_of_lines, whole_lines
from edge.modes.pieces import Pieces
from edge.modes.pricing import lines_for, priced, slowest_cell_s
from edge.modes.setting import Seen, Setting

_FIRST = 0.8
"""Of the time: even rows are hard to beat where some have to be left out, as each stretch costs a turn."""
_BATCHES = 4
_SHARES_OF_BEAM = (0.25, 0.5, 1.0)
"""Of the beam that a measured cell has had: times on a cell that a batch is tried with, beside the least and its
double."""
_LOOKS = 3
_CLOSE = 0.02


class Runs:
    """Runs of cells in motion: first rows evenly apart, then stretches of rows where the maps are unsure."""

    name = "runs"
    about = "runs in motion: rows evenly apart first, then stretches of rows by what is measured"
    listens = True

    def parts(self, setting: Setting, budget_s: float) -> list[float]:
        """Eight tenths, and four batches."""
        first_s = _FIRST * budget_s
        lines_for(setting, first_s)
        return [first_s, *[(budget_s - first_s) / _BATCHES] * _BATCHES]

    def first(self, setting: Setting, part_s: float) -> Pieces:
        """As many whole rows as there is time for."""
        lines = lines_for(setting, part_s)
        return whole_lines(setting, lines, slowest_cell_s(setting, lines, part_s))

    def next(self, setting: Setting, seen: Seen, part_s: float) -> Pieces:
        """Stretches, at the speed at which the batch brings most."""
        gain = gain_of_cells(seen.cells, seen.planned_s, rgb=setting.rgb, interest=setting.interest)
        distance = np.asarray(as_lines(setting, gain.distance), np.float32)
        best, best_gain = Pieces.none(), -1.0
        for cell_s in _times_on_a_cell(setting, gain):
            brings = np.where(setting.can_bear(seen.planned_s, cell_s), gain.of_more(cell_s), np.float32(0))
            lines = np.asarray(as_lines(setting, brings), np.float32)
            marked = _fitting_runs(setting, lines, distance, cell_s, part_s)
            total = float(lines[marked].sum())
            if total > best_gain:
                best, best_gain = pieces_of_lines(setting, marked, cell_s), total
        return best


def _times_on_a_cell(setting: Setting, gain: Gain) -> list[float]:
    least_s = setting.fastest_cell_s
    had_s = float(np.median(gain.planned_s[gain.planned_s > 0]))
    tried = {least_s, 2 * least_s, *(max(share * had_s, least_s) for share in _SHARES_OF_BEAM)}
    return sorted(tried)


def _fitting_runs(
    setting: Setting, brings: NDArray[np.float32], distance: NDArray[np.float32], cell_s: float, part_s: float
) -> NDArray[np.bool_]:
    """Stretches that take the part's time once they are ordered, (lines, cells of each)."""
    stage = setting.stage
    speed_mm_s = setting.grid.pitch_mm / cell_s
    start_s = float(stage.settle_s + stage.overhead_s + 4 * speed_mm_s / stage.acceleration_mm_s2)
    marked = np.zeros(brings.shape, np.bool_)
    for _ in range(_LOOKS):
        marked = chosen_runs(brings, distance, RunCost(start_s, cell_s), part_s)
        pieces = pieces_of_lines(setting, marked, cell_s)
        if not len(pieces):
            break
        seconds = priced(setting, pieces).seconds
        if abs(seconds / part_s - 1) < _CLOSE:
            break
        start_s = max((seconds - float(pieces.lengths.sum()) * cell_s) / len(pieces), 1e-3)
    return marked
