"""Fit of the sum spectrum: line groups, scattered tube lines, pile-up and continuum, with the peak shape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.spectra.least_squares import nonnegative_solution
from edge.spectra.lines import LineGroup
from edge.spectra.response import Spectrum
from edge.spectra.templates import SpectrumShape, Template, sum_templates

MODEL_ERROR = 0.01
"""How far the model of a channel may be off, as a share of its counts: keeps strong peaks from ruling weak ones."""
_RATIO_SPREAD = {"K": 0.07, "L": 0.12, "M": 0.25}
"""Relative spread (one standard deviation) of the ratio between a group's families over objects."""

_SHAPE_SPREADS = {
    "offset_kev": 0.05,
    "gain_kev": 0.01,
    "noise_kev": 0.03,
    "fano": 0.01,
    "tail_fraction": 0.02,
    "shelf_fraction": 0.02,
    "escape_scale": 0.5,
    "compton_angle_rad": 0.25,
    "compton_sigma_kev": 0.15,
}
"""Standard deviation of each parameter about its start; the gain's is relative."""
_THRESHOLD_SEEN_COUNTS = 10_000
SCALE = ("offset_kev", "gain_kev")
WIDTH = ("noise_kev", "fano")
TAILS = ("tail_fraction", "shelf_fraction", "escape_scale")
SCATTERING = ("compton_angle_rad", "compton_sigma_kev")


@dataclass(frozen=True, slots=True, eq=False)
class SumFit:
    """What the fit of the sum spectrum found."""

    counts: Spectrum
    """What was fitted, shape (channels,)."""
    shape: SpectrumShape
    groups: tuple[LineGroup, ...]
    templates: tuple[Template, ...]
    areas: NDArray[np.float64]
    """Counts of each template, shape (templates,)."""
    fitted: slice
    """Channels that took part."""
    expected: Spectrum
    """Fitted spectrum, shape (channels,); zero outside ``fitted``."""
    weights: Spectrum
    """Inverse variance of each channel, model error included; zero outside ``fitted``."""
    gram: NDArray[np.float64]
    right: NDArray[np.float64]
    chi2: float
    """Weighted sum of squared residuals, priors included."""
    singles: Spectrum
    """Counts less an earlier fit's pile-up: what was folded with itself for this one's, shape (channels,)."""

    def area(self, name: str) -> float:
        """Counts of a group or component."""
        return float(sum(area for t, area in zip(self.templates, self.areas, strict=True) if t.name == name))

    def areas_for(self, templates: Sequence[Template]) -> NDArray[np.float64]:
        """Areas of another fit's templates as far as this fit holds them, zero elsewhere."""
        known = dict(zip(_keys(self.templates), self.areas, strict=True))
        return np.array([known.get(key, 0.0) for key in _keys(templates)])

    def spectrum(self, name: str) -> Spectrum:
        """Fitted spectrum of a group or component, shape (channels,)."""
        parts = [area * t.spectrum for t, area in zip(self.templates, self.areas, strict=True) if t.name == name]
        return np.sum(parts, axis=0) if parts else np.zeros(self.shape.channels)


def _keys(templates: Sequence[Template]) -> list[tuple[str, int, int]]:
    """Name, family and, where these repeat (the pieces of the continuum), position."""
    seen: Counter[tuple[str, int]] = Counter()
    keys = []
    for template in templates:
        key = template.name, template.family
        keys.append((*key, seen[key]))
        seen[key] += 1
    return keys


def fitted_range(counts: Spectrum, shape: SpectrumShape, tube_kv: float, lowest_kev: float = 1.0) -> slice:
    """Channels worth fitting: above the detector's threshold and ``lowest_kev``, below the tube's end point.

    Raises
    ------
    UsageError
        Fewer than 32 channels remain.
    """
    energies = shape.energies_kev()
    filled = np.flatnonzero(counts > 0)
    if filled.size == 0:
        raise UsageError("the sum spectrum is empty: check that the shutter opens and the detector counts")
    # With few counts the first one says nothing of the threshold.
    threshold = int(filled[0]) + 2 if counts.sum() > _THRESHOLD_SEEN_COUNTS else 0
    low = max(int(np.searchsorted(energies, lowest_kev)), threshold)
    high = min(int(np.searchsorted(energies, 1.02 * tube_kv)), shape.channels - 1)
    if high - low < 32:
        raise UsageError(
            f"only {max(high - low, 0)} channels lie between {lowest_kev:g} and {tube_kv:g} keV: "
            "check detector.gain_kev, detector.offset_kev and tube.kv"
        )
    if not counts[low:high].any():
        raise UsageError(
            f"no count lies between {energies[low]:.2f} and {energies[high]:.2f} keV: "
            "check that the shutter opens, and detector.gain_kev and detector.offset_kev"
        )
    return slice(low, high)


def fit_sum(
    counts: NDArray[np.float64],
    start: SpectrumShape,
    groups: Sequence[LineGroup],
    *,
    anode: str,
    tube_kv: float,
    free: Sequence[str] = (),
    rounds: int = 8,
) -> SumFit:
    """Fit the sum spectrum, refining the named parameters of its shape.

    Linear amplitudes are non-negative; shape parameters are moved by Gauss-Newton steps about them, held near their
    start by a Gaussian prior of the width that instruments vary by. The ratio between a group's families (K-alpha to
    K-beta, say) is held near the table's in the same way.

    Parameters
    ----------
    counts
        Sum spectrum, shape (channels,).
    start
        Energy scale and peak shape to begin with.
    groups
        Line groups in the fit.
    anode
        Tube anode, whose lines are scattered by the object.
    tube_kv
        Tube voltage, kV.
    free
        Shape parameters to refine, any of `SCALE`, `WIDTH`, `TAILS` and `SCATTERING`.
    """
    window = fitted_range(counts, start, tube_kv)
    fit = solve_sum(counts, start, groups, window, anode=anode, tube_kv=tube_kv, earlier=None)
    fit = solve_sum(counts, start, groups, window, anode=anode, tube_kv=tube_kv, earlier=fit)
    spreads = {name: _SHAPE_SPREADS[name] * (start.gain_kev if name == "gain_kev" else 1.0) for name in free}
    for _ in range(rounds if free else 0):
        step = _shape_step(counts, fit, start, spreads, anode=anode, tube_kv=tube_kv)
        worth = fit.chi2 + _prior(fit.shape, start, spreads)
        for damping in (1.0, 0.4, 0.1):
            shape = fit.shape
            for name, by in step.items():
                shape = shape.with_parameter(name, shape.parameter(name) + damping * by)
            trial = solve_sum(counts, shape, groups, window, anode=anode, tube_kv=tube_kv, earlier=fit)
            gained = worth - trial.chi2 - _prior(shape, start, spreads)
            if gained > 0:
                break
        else:
            break
        fit = solve_sum(counts, shape, groups, window, anode=anode, tube_kv=tube_kv, earlier=trial)
        if gained < max(1e-4 * worth, 0.01):
            break
    return fit


def _prior(shape: SpectrumShape, start: SpectrumShape, spreads: Mapping[str, float]) -> float:
    return sum(((shape.parameter(name) - start.parameter(name)) / spread) ** 2 for name, spread in spreads.items())


def solve_sum(
    counts: NDArray[np.float64],
    shape: SpectrumShape,
    groups: Sequence[LineGroup],
    window: slice,
    *,
    anode: str,
    tube_kv: float,
    earlier: SumFit | None,
) -> SumFit:
    """Solve for the amplitudes at a fixed shape; an earlier fit gives weights and the priors' sizes.

    Without one, the families of a group are tied to each other as the table has them.
    """
    singles = counts if earlier is None else np.maximum(counts - earlier.spectrum("pile-up"), 0.0)
    templates = sum_templates(singles, shape, groups, window, anode=anode, tube_kv=tube_kv)
    design = np.array([template.spectrum for template in templates])[:, window]
    basis = np.maximum(counts, 1.0) if earlier is None else np.maximum(earlier.expected, 0.3)
    weights = np.zeros(shape.channels)
    weights[window] = 1.0 / (basis[window] + np.square(MODEL_ERROR * basis[window]))
    weighted = design * weights[window]
    gram = weighted @ design.T
    right = weighted @ counts[window]
    if earlier is None:
        sizes, guess = 0.01 * right / np.maximum(np.diag(gram), 1e-300), None
    else:
        sizes = earlier.areas_for(templates)
        guess = sizes > 0
    total_gram = gram + ratio_prior(templates, sizes)
    areas = nonnegative_solution(total_gram, right, guess)
    model = np.zeros(shape.channels)
    model[window] = areas @ design
    chi2 = float(weights[window] @ np.square(counts[window] - model[window]))
    chi2 += float(areas @ (total_gram - gram) @ areas)
    return SumFit(
        counts, shape, tuple(groups), templates, areas, window, model, weights, total_gram, right, chi2, singles
    )


def ratio_prior(templates: Sequence[Template], areas: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quadratic penalty that holds the families of each group near their tabulated ratio, shape (templates, templates).

    The spread is relative: ``areas`` are an earlier fit's, and say of what.
    """
    penalty = np.zeros((len(templates), len(templates)))
    first = 0
    for i, template in enumerate(templates):
        if template.family == 0:
            first = i
        if template.family <= 0:
            continue
        ratio = template.share / templates[first].share
        size = max(areas[first], areas[i] / ratio, 1.0)
        spread = _RATIO_SPREAD[template.name[-1]] * ratio * size
        row = np.zeros(len(templates))
        row[i], row[first] = 1.0 / spread, -ratio / spread
        penalty += np.outer(row, row)
    return penalty


def _shape_step(
    counts: NDArray[np.float64],
    fit: SumFit,
    start: SpectrumShape,
    spreads: Mapping[str, float],
    *,
    anode: str,
    tube_kv: float,
) -> dict[str, float]:
    """Gauss-Newton step of the shape parameters with the amplitudes free beside them."""
    inside = fit.fitted
    design = np.array([t.spectrum for t in fit.templates])[:, inside]
    here = fit.areas @ design
    slopes = np.zeros((len(spreads), here.size))
    for i, (name, spread) in enumerate(spreads.items()):
        # a little more or less energy in the window may be one knot of the continuum, or one tube line, more or less
        for step in (1e-3 * spread, -1e-3 * spread, 1e-4 * spread, -1e-4 * spread):
            shape = fit.shape.with_parameter(name, fit.shape.parameter(name) + step)
            other = sum_templates(fit.singles, shape, fit.groups, inside, anode=anode, tube_kv=tube_kv)
            if len(other) == len(fit.templates):
                slopes[i] = (fit.areas @ np.array([t.spectrum for t in other])[:, inside] - here) / step
                break
    weights = fit.weights[inside]
    residual = weights * (counts[inside] - here)
    prior = 1.0 / np.square(np.array(list(spreads.values())))
    away = np.array([fit.shape.parameter(name) - start.parameter(name) for name in spreads])
    # The amplitudes in use are eliminated (Schur complement); at the solution their own gradient is zero.
    used = fit.areas > 0
    cross = (design[used] * weights) @ slopes.T
    gram = fit.gram[np.ix_(used, used)]
    solved = np.linalg.solve(gram + 1e-12 * np.diag(np.diag(gram)), cross)
    matrix = (slopes * weights) @ slopes.T - cross.T @ solved + np.diag(prior)
    step_values = np.linalg.solve(matrix, slopes @ residual - prior * away - solved.T @ _gradient(fit, used))
    limits = 2.0 / np.sqrt(prior)
    return {name: float(by) for name, by in zip(spreads, np.clip(step_values, -limits, limits), strict=True)}


def _gradient(fit: SumFit, used: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.asarray((fit.right - fit.gram @ fit.areas)[used])
