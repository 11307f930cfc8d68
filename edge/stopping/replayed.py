"""Exposures held out of a raster that somebody measured already, as a scan that listens holds them out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.maps import ElementMaps
from edge.reconstruct import reconstruct
from edge.replaying.sources import Stack
from edge.stopping.asked import AskedStop
from edge.stopping.config import StopConfig, unknown_among
from edge.stopping.drawing import FEWEST, drawn
from edge.stopping.figure import ErrorFigure, figure_of
from edge.stopping.rule import reason_to_stop
from models.masks import MaskRequest

_SHARE = 0.02
"""Of the cells that are asked for, held out on top of them: a raster costs nothing to look at."""


class HeldOutOfRaster:
    """Begins when the first part is chosen.

    Parameters
    ----------
    stack
        Asked for the values of cells held out only to tell an error.
    request
        The mask's.
    asked
        Errors to stop at; none: the error is told, and nothing stops.
    method
        Of the maps.

    Raises
    ------
    UsageError
        An error is asked for an element that is not there.
    """

    def __init__(self, stack: Stack, request: MaskRequest, asked: AskedStop, *, method: str) -> None:
        unknown = unknown_among(asked.elements, stack.elements)
        if unknown:
            raise UsageError(
                f"--error names {unknown}, of which there is no map: choose among {', '.join(stack.elements)}"
            )
        self._stack, self._request, self._method = stack, request, method
        self._stop = StopConfig(error=asked.error, elements=asked.elements)
        self._cells: NDArray[np.bool_] | None = None
        self.reason = ""
        """Why the replay stopped before its budget; empty where it did not."""

    def enough(self, chosen: NDArray[np.bool_]) -> bool:
        """Whether the maps of the cells chosen so far, shape (rows, columns), have the error that was asked for."""
        self._draw(chosen)
        if not self._stop.has_error:
            return False
        stack = self._stack
        maps = reconstruct(
            stack.samples(chosen), stack.shape, elements=stack.elements, rgb=stack.rgb, method=self._method
        )
        self.reason = reason_to_stop(self._stop, self.figure(maps, chosen), running_s=0.0, live_s=0.0)
        return bool(self.reason)

    def figure(self, maps: ElementMaps, chosen: NDArray[np.bool_]) -> ErrorFigure | None:
        """What the cells held out tell of maps; one that has been chosen since is not among them any more."""
        held = self._draw(chosen) & ~chosen
        count = int(chosen.sum() + held.sum())
        return figure_of(maps, self._stack.samples(held), self._request.allowed_cells(), exposures=count)

    def _draw(self, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        if self._cells is None:
            count = max(FEWEST, round(_SHARE * self._request.count))
            self._cells = drawn(self._request.allowed_cells() & ~chosen, count, self._request.seed)
        return self._cells


def figure_to_report(figure: ErrorFigure | None, reason: str) -> dict[str, object] | None:
    """What ``report.json`` holds of it."""
    if figure is None:
        return None
    overall = figure.overall
    return {
        "exposures": figure.held_out,
        "rmse": overall.rmse,
        "low": overall.low,
        "high": overall.high,
        "counting_alone": overall.floor,
        "within_one": figure.within_one,
        "within_two": figure.within_two,
        "elements": {name: {"rmse": one.rmse, "low": one.low, "high": one.high} for name, one in figure.elements},
        "stopped_because": reason or None,
    }
