"""What counting alone will leave, told before the beam by a dwell test."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge.configuration.config import ScanConfig
from edge.dwell_test.expected import MeasuredRates, read_dwell_test
from edge.stopping.figure import ErrorFigure, Estimate
from edge.stopping.interest import ignored_elements
from edge.stopping.rule import below_floor, not_mapped


def floor_sentence(config: ScanConfig) -> str:
    """What a configured dwell test says against the errors that are asked for; empty where nothing.

    Raises
    ------
    UsageError, IntegrityError
        The dwell test cannot be read.
    """
    stop = config.sampling.stop
    if stop.dwell_test is None or not stop.has_error:
        return ""
    rates = read_dwell_test(Path(stop.dwell_test))
    ignored = ignored_elements(config.sampling.interest, rates.elements)
    figure = floor_of(rates, config.sampling.dwell_s, ignored=ignored)
    return "; ".join(filter(None, [below_floor(stop, figure), not_mapped(stop, figure)]))


def floor_of(rates: MeasuredRates, dwell_s: float, *, ignored: tuple[str, ...] = ()) -> ErrorFigure:
    """The error of a raster of every cell at a dwell, as far as counting alone makes it.

    A net rate r over a background b scatters by the root of (r + b) / t in a dwell t (G. F. Knoll, 2010, chapter 3);
    its mean square over the area, relative to where the element is strongest, is what is left.
    """
    squares = (rates.mean_per_s + rates.background_per_s) / dwell_s / np.square(rates.bright_per_s)
    counted = [e for e, name in enumerate(rates.elements) if name not in ignored] or list(range(len(rates.elements)))

    def left(square: float) -> Estimate:
        return Estimate(0.0, 0.0, 0.0, float(np.sqrt(square)))

    return ErrorFigure(
        exposures=0,
        held_out=0,
        overall=left(float(squares[counted].mean())),
        elements=tuple((name, left(float(squares[e]))) for e, name in enumerate(rates.elements)),
        within_one=0.0,
        within_two=0.0,
    )
