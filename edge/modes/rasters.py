"""Modes that know all beforehand: every row or every so many, at one speed; and points on a regular grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.modes.lines import line_count, whole_lines
from edge.modes.pieces import Pieces
from edge.modes.pricing import lines_for, points_in, priced, slowest_cell_s
from edge.modes.setting import Seen, Setting
from models.masks import make_mask


class Raster:
    """Every cell, in motion, as slowly as the time allows."""

    name = "raster"
    about = "every cell in motion, and the counting noise taken off afterwards"
    listens = False

    def parts(self, setting: Setting, budget_s: float) -> list[float]:
        """All at once."""
        least_s = priced(setting, whole_lines(setting, _all_lines(setting), setting.fastest_cell_s)).seconds
        if budget_s < least_s:
            raise UsageError(
                f"a raster of every cell takes {least_s:.4g} s on this stage: give that much, or skip rows"
            )
        return [budget_s]

    def first(self, setting: Setting, part_s: float) -> Pieces:
        """All rows."""
        return whole_lines(setting, _all_lines(setting), slowest_cell_s(setting, _all_lines(setting), part_s))

    def next(self, setting: Setting, seen: Seen, part_s: float) -> Pieces:
        """Nothing more."""
        return Pieces.none()


class Rows:
    """Rows evenly apart, in motion, at full speed or as slowly as the time allows once none is left out."""

    name = "rows"
    about = "rows evenly apart, in motion"
    listens = False

    def parts(self, setting: Setting, budget_s: float) -> list[float]:
        """All at once."""
        lines_for(setting, budget_s)
        return [budget_s]

    def first(self, setting: Setting, part_s: float) -> Pieces:
        """As many rows as there is time for."""
        lines = lines_for(setting, part_s)
        return whole_lines(setting, lines, slowest_cell_s(setting, lines, part_s))

    def next(self, setting: Setting, seen: Seen, part_s: float) -> Pieces:
        """Nothing more."""
        return Pieces.none()


class Grid:
    """Points on a regular grid."""

    name = "grid"
    about = "points on a regular grid, each dwelt upon"
    listens = False

    def parts(self, setting: Setting, budget_s: float) -> list[float]:
        """All at once."""
        return [budget_s]

    def first(self, setting: Setting, part_s: float) -> Pieces:
        """As many points as there is time for."""

        def points(count: int) -> Pieces:
            return Pieces.points(make_mask("grid", setting.mask_request(count)).mask.cells, setting.dwell_s)

        return points_in(setting, points, part_s, int(setting.allowed.sum()))

    def next(self, setting: Setting, seen: Seen, part_s: float) -> Pieces:
        """Nothing more."""
        return Pieces.none()


def _all_lines(setting: Setting) -> NDArray[np.intp]:
    return np.arange(line_count(setting))
