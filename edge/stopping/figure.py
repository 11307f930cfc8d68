"""How far the maps are from what was measured and never shown to them.

The error is that of the scan's whole area. Over cells that the maps do not know, it is the mean squared difference of
held-out exposures, less the variance of counting that they carry themselves; over those that they know, nothing but
their own standard error can tell it. Both are weighted by how many cells there are of each.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.maps import ElementMaps, Samples
from edge.reconstruct.cells import merged
from edge.replaying.score import scale_of

_SIGNIFICANT = 4.0
"""Standard errors by which a measured cell departs from those around it, and it is taken for more than noise."""
_SCALE_ERROR = 0.1
"""Relative standard error of a scale that comes from the maps: the root mean square of what is systematic in the errors
told in 18 cases of two objects, docs/results/held-out.md."""
_STRAIGHT = 1e-6
"""Skewness that makes no difference."""
_LIKE_IT = 0.1
"""Weight of a measured cell, noisy itself, in what a cell is compared with."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A normalised error and how surely it is known."""

    rmse: float
    """Root of the mean squared error, over the map's 99.9th percentile; 0 where the noise of counting hides it."""
    low: float
    """One standard error of the mean square below."""
    high: float
    """One standard error above."""
    floor: float
    """What counting alone leaves, with every cell measured as long as these exposures and nothing done about it."""

    @property
    def words(self) -> str:
        """The estimate as people read it."""
        return f"{self.rmse:.3g} ({self.low:.3g} to {self.high:.3g})"


@dataclass(frozen=True, slots=True)
class ErrorFigure:
    """The error of all maps at one moment of a scan."""

    exposures: int
    """That had been measured by then, those held out among them."""
    held_out: int
    """Cells that it is told by."""
    overall: Estimate
    """Root of the mean over the elements that count."""
    elements: tuple[tuple[str, Estimate], ...]
    """By name, in the maps' order."""
    within_one: float
    """Share of held-out values within one standard error of the map, counting noise included: 0.68 if Gaussian."""
    within_two: float
    """Within two: 0.95."""


def figure_of(
    maps: ElementMaps,
    held: Samples,
    allowed: NDArray[np.bool_],
    *,
    exposures: int,
    ignored: Sequence[str] = (),
) -> ErrorFigure | None:
    """What held-out exposures tell of maps; None where fewer than two of them do.

    Parameters
    ----------
    held
        None of them known to the maps, drawn by lot from the cells that the maps do not know.
    allowed
        The scan's area, shape (rows, columns).
    exposures
        Measured so far.
    ignored
        Elements that do not count in the overall figure.

    Notes
    -----
    With residual r, counting variance v and scale s, each held-out cell gives d = (r^2 - v) / s^2, whose expectation is
    the squared error there. Drawn by lot, their mean is unbiased, and its standard error is their scatter over the root
    of their number (the jackknife of a mean; W. G. Cochran, 1977, chapter 2), of which the skewness of squares is taken
    out by P. Hall's transformation (1992, section 3). Only s, which is taken from the maps, may be off: where a rare
    peak is still hidden it is too small, and the error told too large; noise works the other way. How far off it is
    known to be adds to the range in quadrature.
    """
    held = _usable(held)
    if len(held) < 2:
        return None
    cells = merged(held, allowed.shape, maps.elements)
    if len(cells) < 2:
        return None
    values, error = maps.maps.astype(np.float64), maps.standard_error.astype(np.float64)
    scale = _scale_of(values, error, maps.measured, allowed)
    residual = cells.values - values[cells.rows, cells.columns]
    variance = cells.variance.astype(np.float64)
    squares = (np.square(residual) - variance) / np.square(scale)
    known = maps.measured & allowed
    share = float(known.sum() / max(int(allowed.sum()), 1))
    at_known = np.square(error[known]).mean(axis=0) / np.square(scale) if known.any() else np.zeros(len(scale))
    noise = variance.mean(axis=0) / np.square(scale)
    counted = [e for e, name in enumerate(maps.elements) if name not in ignored] or list(range(len(maps.elements)))

    def estimate(columns: list[int]) -> Estimate:
        each = (1 - share) * squares[:, columns].mean(axis=1)
        mean = float(each.mean()) + share * float(at_known[columns].mean())
        below, above = _deviations(each)
        rmse, scaling = math.sqrt(max(mean, 0.0)), _SCALE_ERROR * math.sqrt(max(mean, 0.0))
        return Estimate(
            rmse=rmse,
            low=max(rmse - math.hypot(rmse - math.sqrt(max(mean - below, 0.0)), scaling), 0.0),
            high=rmse + math.hypot(math.sqrt(max(mean, 0.0) + above) - rmse, scaling),
            floor=math.sqrt(float(noise[columns].mean())),
        )

    spread = np.sqrt(np.square(error[cells.rows, cells.columns]) + variance)
    return ErrorFigure(
        exposures=exposures,
        held_out=len(cells),
        overall=estimate(counted),
        elements=tuple((name, estimate([e])) for e, name in enumerate(maps.elements)),
        within_one=float((np.abs(residual) <= spread).mean()),
        within_two=float((np.abs(residual) <= 2 * spread).mean()),
    )


def _deviations(each: NDArray[np.float64]) -> tuple[float, float]:
    """One standard error of a mean, down and up: squares are skewed, and the mean of a few falls short more often."""
    deviation = float(each.std(ddof=1)) / math.sqrt(len(each))
    if deviation == 0:
        return 0.0, 0.0
    third = float(np.mean(np.power((each - each.mean()) / each.std(), 3))) / math.sqrt(len(each))

    def undone(x: float) -> float:
        return x if abs(third) < _STRAIGHT else 3 / third * (float(np.cbrt(1 + third * (x - third / 6))) - 1)

    return deviation * max(undone(1.0), 0.0), deviation * max(-undone(-1.0), 0.0)


def _usable(held: Samples) -> Samples:
    good = np.isfinite(held.values).all(axis=1) & np.isfinite(held.variance).all(axis=1)
    return held.picked(good)


def _scale_of(
    values: NDArray[np.float64], error: NDArray[np.float64], measured: NDArray[np.bool_], allowed: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """99.9th percentile of each map, without the noise that measured cells carry.

    A measured cell that departs from the mean of the eight around it, of which inferred ones count more, by no more
    than its noise explains is taken to be like them: of noisy values, the largest are the luckiest.
    """
    from scipy.ndimage import convolve

    around = np.ones((3, 3))
    around[1, 1] = 0
    calmed = np.where(allowed[:, :, None], values, 0)
    counts = np.where(allowed, np.where(measured, _LIKE_IT, 1.0), 0.0)
    weight = np.maximum(convolve(counts, around, mode="constant"), _LIKE_IT)
    for e in range(values.shape[2]):
        one = calmed[:, :, e]
        near = convolve(counts * one, around, mode="constant") / weight
        is_noise = measured & (np.abs(one - near) <= _SIGNIFICANT * error[:, :, e]) & (error[:, :, e] > 0)
        calmed[:, :, e] = np.where(is_noise, near, one)
    return scale_of(calmed[allowed])


def figure_to_json(figure: ErrorFigure) -> str:
    """Canonical text."""
    return json.dumps(asdict(figure), separators=(",", ":"))


def figure_from_json(text: str) -> ErrorFigure:
    """Read a figure back.

    Raises
    ------
    ValueError
        The text is none.
    """
    try:
        read = json.loads(text)
        figure = ErrorFigure(
            exposures=_whole(read["exposures"]),
            held_out=_whole(read["held_out"]),
            overall=_estimate(read["overall"]),
            elements=tuple((str(name), _estimate(one)) for name, one in read["elements"]),
            within_one=_number(read["within_one"]),
            within_two=_number(read["within_two"]),
        )
    except (KeyError, TypeError, RecursionError, OverflowError):
        raise ValueError("this is no error of maps: take it from a recording") from None
    return figure


def _estimate(read: Any) -> Estimate:
    return Estimate(**{name: _number(read[name]) for name in ("rmse", "low", "high", "floor")})


def _number(read: Any) -> float:
    if isinstance(read, bool) or not isinstance(read, int | float) or not (math.isfinite(read) and read >= 0):
        raise ValueError(f"{read!r:.40} is no number from 0 on")
    return float(read)


def _whole(read: Any) -> int:
    if isinstance(read, bool) or not isinstance(read, int) or read < 0:
        raise ValueError(f"{read!r:.40} is no whole number from 0 on")
    return read
