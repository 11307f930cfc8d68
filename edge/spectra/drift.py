"""An energy scale that wanders during a scan: followed by known lines of blocks of exposures, and fitted along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.faults import UsageError
from edge.spectra.components import Components, components_of
from edge.spectra.least_squares import nonnegative_solution
from edge.spectra.model import SpectrumModel
from edge.spectra.rates import ElementRates, checked_spectra
from edge.spectra.scale_shift import ScaleShift, seen_on
from edge.spectra.sum_fit import MODEL_ERROR
from edge.spectra.templates import SpectrumShape

_LEAST_COUNTS = 300_000
"""Of a block: places its peaks within about half an eV."""
_MOST_BLOCKS = 64
_ROUNDS = 6
_SPREAD = np.array([0.05, 0.01])
"""How far offset (keV) and gain (relative) may be expected to wander, one standard deviation."""
_SYSTEMATIC_KEV = 0.001
"""What a block's own mixture of elements adds to the error of its scale: 0.5 to 1 eV between parts of paintings."""
_STEP_KEV = 0.002
"""Models are shifted in steps of this: within half of it of the true scale, a sixtieth of a peak's deviation."""


@dataclass(frozen=True, slots=True, eq=False)
class FoundShift:
    """Where the energy scale stood during a block of exposures."""

    shift: ScaleShift
    covariance: NDArray[np.float64]
    """Of offset (keV) and relative gain, from counting, shape (2, 2)."""


@dataclass(frozen=True, slots=True, eq=False)
class ScaleDrift:
    """The way of the energy scale through a scan."""

    positions: NDArray[np.float64]
    """Middle of each block, in exposures from the first, ascending, shape (blocks,)."""
    offset_kev: NDArray[np.float64]
    """Energy of channel 0 less the model's, shape (blocks,)."""
    gain: NDArray[np.float64]
    """Relative change of the energy per channel from the model's, shape (blocks,)."""

    def at(self, positions: ArrayLike) -> NDArray[np.float64]:
        """Offset (keV) and gain between the blocks, shape (n, 2)."""
        wanted = np.asarray(positions, dtype=float)
        return np.column_stack([np.interp(wanted, self.positions, course) for course in (self.offset_kev, self.gain)])

    def seen_from(self, own: SpectrumShape, other: SpectrumShape) -> ScaleDrift:
        """The same way told from another model's scale: a standard's drift for the model of the object."""
        offset_kev = own.offset_kev + self.offset_kev - other.offset_kev
        gain = own.gain_kev * (1.0 + self.gain) / other.gain_kev - 1.0
        return ScaleDrift(self.positions, offset_kev, gain)

    def range_kev(self, energy_kev: float, shape: SpectrumShape) -> float:
        """How far a line of this energy moved from one extreme to the other."""
        channel = (energy_kev - shape.offset_kev) / shape.gain_kev
        return float(np.ptp(self.offset_kev + self.gain * shape.gain_kev * channel))


class BlockSums:
    """Adds exposures up, in their order, to blocks of counts enough to place their peaks; memory stays bounded."""

    def __init__(self, channels: int, least_counts: int = _LEAST_COUNTS) -> None:
        self._least_counts = least_counts
        self._sums: list[NDArray[np.float64]] = []
        self._lengths: list[int] = []
        self._open, self._open_length = np.zeros(channels), 0

    @classmethod
    def of(cls, sums: NDArray[np.float64], lengths: Sequence[int]) -> Self:
        """Blocks that are known already: their sums, shape (blocks, channels), and how many exposures each holds."""
        known = cls(sums.shape[1])
        known._sums, known._lengths = list(sums), list(lengths)
        return known

    def lengths(self) -> list[int]:
        """How many exposures each of `blocks` holds, in their order."""
        if not self._open_length:
            return list(self._lengths)
        return [*self._lengths[:-1], sum(self._lengths[-1:]) + self._open_length]

    def add(self, counts: NDArray[np.unsignedinteger]) -> None:
        """Take in exposures, shape (n, channels)."""
        ends = np.cumsum(counts.sum(axis=1, dtype=np.int64))
        first = 0
        while first < len(counts):
            lacking = self._least_counts - self._open.sum() + (ends[first - 1] if first else 0)
            last = min(int(np.searchsorted(ends, lacking)) + 1, len(counts))
            self._open += counts[first:last].sum(axis=0, dtype=np.float64)
            self._open_length += last - first
            first = last
            if self._open.sum() >= self._least_counts:
                self._close()

    def _close(self) -> None:
        self._sums.append(self._open)
        self._lengths.append(self._open_length)
        self._open, self._open_length = np.zeros_like(self._open), 0
        if len(self._sums) > _MOST_BLOCKS:
            self._least_counts *= 2
            pairs = range(0, len(self._sums), 2)
            self._lengths = [sum(self._lengths[i : i + 2]) for i in pairs]
            self._sums = [np.sum(self._sums[i : i + 2], axis=0) for i in pairs]

    def total(self) -> NDArray[np.float64]:
        """Sum of all exposures, shape (channels,)."""
        return np.asarray(np.sum([*self._sums, self._open], axis=0))

    def blocks(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Sums, shape (blocks, channels), and their middles in exposures; a remainder joins the last."""
        sums, lengths = list(self._sums), self.lengths()
        if self._open_length and sums:
            sums[-1] = sums[-1] + self._open
        elif self._open_length:
            sums = [self._open.copy()]
        ends = np.cumsum(np.array(lengths, dtype=float))
        return np.array(sums).reshape(len(sums), -1), ends - np.array(lengths, dtype=float) / 2.0 - 0.5


def find_shift(model: SpectrumModel, counts: NDArray[np.float64], start: ScaleShift | None = None) -> FoundShift:
    """Find how far a spectrum's energy scale is from its model's.

    Gauss-Newton steps of offset and gain with all amplitudes free beside them, as in the fit of the sum spectrum.

    Parameters
    ----------
    model
        Learned from the whole scan, or from a standard's first visit.
    counts
        Sum of a block of exposures, shape (channels,).
    start
        A guess, say the block before; the scale may be off from it by half a peak's width.
    """
    return _find_shift(model, components_of(model.sum_fit, model.elements), counts, start or ScaleShift())


def _find_shift(model: SpectrumModel, parts: Components, counts: NDArray[np.float64], start: ScaleShift) -> FoundShift:
    shape, inside = model.sum_fit.shape, model.sum_fit.fitted
    measured = counts[inside]
    at = np.array([start.offset_kev, start.gain])
    expected = model.mean_rates @ seen_on(parts.spectra, shape, ScaleShift(*at))[:, inside]
    expected *= measured.sum() / max(float(expected.sum()), 1e-300)
    covariance = np.diag(np.square(_SPREAD))
    for _ in range(_ROUNDS):
        design = seen_on(parts.spectra, shape, ScaleShift(*at))[:, inside]
        recorded = seen_on(np.ones((1, shape.channels)), shape, ScaleShift(*at))[0, inside] > 0.99 * (1.0 + at[1])
        floored = np.maximum(expected, 0.3)
        weights = (recorded & ~model.dead) / (floored + np.square(MODEL_ERROR * floored))
        gram = (design * weights) @ design.T
        amplitudes = nonnegative_solution(gram, (design * weights) @ measured)
        expected = amplitudes @ design
        slopes = _slopes(amplitudes @ parts.spectra, shape, at)[:, inside]
        used = amplitudes > 0
        taken = np.linalg.lstsq(gram[np.ix_(used, used)], (design[used] * weights) @ slopes.T, rcond=1e-10)[0]
        own = slopes - taken.T @ design[used]
        information = (own * weights) @ own.T + np.diag(1.0 / np.square(_SPREAD))
        step = np.linalg.solve(information, (own * weights) @ (measured - expected) - at / np.square(_SPREAD))
        at = at + np.clip(step, -_SPREAD, _SPREAD)
        # Counting alone: the model's own error is common to all blocks.
        noise = (own * np.square(weights) * np.maximum(expected, 0.3)) @ own.T
        inverse = np.linalg.inv(information)
        covariance = inverse @ noise @ inverse
        if step @ np.linalg.solve(covariance, step) < 1e-4:
            break
    return FoundShift(ScaleShift(float(at[0]), float(at[1])), covariance)


def _slopes(spectrum: NDArray[np.float64], shape: SpectrumShape, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Change of the expected counts with offset and gain, shape (2, channels)."""
    slopes = []
    for step in np.diag(1e-3 * _SPREAD):
        above, below = (seen_on(spectrum[None], shape, ScaleShift(*to)) for to in (at + step, at - step))
        slopes.append((above - below)[0] / (2.0 * float(step.sum())))
    return np.array(slopes)


def follow_drift(model: SpectrumModel, blocks: NDArray[np.float64], positions: NDArray[np.float64]) -> ScaleDrift:
    """Follow offset and gain through a scan.

    Each block's scale is found by itself; then the course is smoothed as a random walk whose step comes from the
    blocks themselves by maximum likelihood (Kalman filter; smoother of Rauch, Tung and Striebel, AIAA J. 3 (1965)
    1445). A scale that stood still so comes out still. What the model misses all blocks by alike is taken off: it is no
    drift.

    Parameters
    ----------
    model
        Learned from the sum of all blocks, or of what was straightened (`straightened_sum`).
    blocks
        Sums of exposures, shape (blocks, channels), in their order; see `BlockSums`.
    positions
        Middle of each block, shape (blocks,).

    Raises
    ------
    UsageError
        Blocks of another number of channels than the model, or none.
    """
    channels = model.sum_fit.shape.channels
    if blocks.ndim != 2 or len(blocks) == 0 or blocks.shape[1] != channels:
        raise UsageError(
            f"blocks of shape {blocks.shape} do not fit a model of {channels} channels: "
            "add up exposures of the detector whose sum spectrum made the model"
        )
    parts = components_of(model.sum_fit, model.elements)
    found, start = [], ScaleShift()
    for block in blocks:
        found.append(_find_shift(model, parts, block, start))
        start = found[-1].shift
    courses = np.array([[one.shift.offset_kev, one.shift.gain] for one in found])
    course = _smoothed(courses, np.array([one.covariance for one in found]), model)
    counts = blocks.sum(axis=1)
    course -= (counts @ course) / max(float(counts.sum()), 1e-300)
    return ScaleDrift(np.asarray(positions, dtype=float), course[:, 0], course[:, 1])


def _smoothed(
    courses: NDArray[np.float64], covariances: NDArray[np.float64], model: SpectrumModel
) -> NDArray[np.float64]:
    """Smooth both parameters, in combinations of them whose errors are independent and of size 1."""
    shape, inside = model.sum_fit.shape, model.sum_fit.fitted
    reach_kev = shape.gain_kev * inside.stop
    systematic = np.diag(np.square([_SYSTEMATIC_KEV, 2.0 * _SYSTEMATIC_KEV / reach_kev]))
    total = covariances + systematic
    root = np.linalg.cholesky(total.mean(axis=0))
    whitened = np.linalg.solve(root, courses.T)
    inverse = np.linalg.inv(root)
    variances = np.einsum("ij,njk,ik->in", inverse, total, inverse)
    return np.asarray((root @ np.array([smoothed_walk(z, r) for z, r in zip(whitened, variances, strict=True)])).T)


def smoothed_walk(values: NDArray[np.float64], variances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smooth one course as a random walk seen with errors, at the step that makes the course most likely."""
    runs = [_filtered(values, variances, step) for step in (0.0, *np.geomspace(1e-4, 1e2, 25))]
    step, filtered, doubts, _ = max(runs, key=lambda run: run[3])
    smooth = list(filtered)
    for i in range(len(values) - 2, -1, -1):
        back = doubts[i] / (doubts[i] + step)
        smooth[i] = filtered[i] + back * (smooth[i + 1] - filtered[i])
    return np.array(smooth)


def _filtered(
    values: NDArray[np.float64], variances: NDArray[np.float64], step: float
) -> tuple[float, list[float], list[float], float]:
    """The step's variance, filtered values, their variances, and the log likelihood of the values after the first."""
    here, doubt = float(values[0]), float(variances[0])
    filtered, doubts, likelihood = [here], [doubt], 0.0
    for value, variance in zip(values[1:], variances[1:], strict=True):
        spread = doubt + step + float(variance)
        likelihood -= 0.5 * (np.log(spread) + (value - here) ** 2 / spread)
        trust = (doubt + step) / spread
        here, doubt = here + trust * (float(value) - here), trust * float(variance)
        filtered.append(here)
        doubts.append(doubt)
    return step, filtered, doubts, likelihood


def straightened_sum(blocks: NDArray[np.float64], drift: ScaleDrift, shape: SpectrumShape) -> NDArray[np.float64]:
    """Sum of all blocks with their scales brought to the model's: peaks as narrow as the detector makes them.

    For learning shapes from; single exposures are fitted as they were counted. Shape (channels,).
    """
    total = np.zeros(shape.channels)
    for block, offset_kev, gain in zip(blocks, drift.offset_kev, drift.gain, strict=True):
        total += seen_on(block[None], shape, ScaleShift(float(offset_kev), float(gain)).inverse())[0]
    return np.maximum(total, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class DriftingFit:
    """Fits each exposure with the model shifted to where the scale stood: same estimates, same errors, as fast."""

    model: SpectrumModel
    drift: ScaleDrift
    _shifted: dict[tuple[int, int], SpectrumModel] = field(default_factory=dict)

    @property
    def elements(self) -> tuple[str, ...]:
        """Line groups, in the order of the values' columns."""
        return self.model.elements

    def fit(self, counts: NDArray[np.unsignedinteger], live_s: ArrayLike, *, positions: ArrayLike) -> ElementRates:
        """Fit spectra as `SpectrumModel.fit` does; ``positions`` counts exposures from the scan's first, shape (n,)."""
        spectra, live = checked_spectra(counts, live_s, self.model.sum_fit.shape.channels)
        steps = self._steps(self.drift.at(np.broadcast_to(np.asarray(positions, float), live.shape)))
        values = np.empty((len(spectra), len(self.elements)), dtype=np.float32)
        variance = np.empty_like(values)
        kinds, which = np.unique(steps, axis=0, return_inverse=True)
        for i, (low, high) in enumerate(kinds):
            rows = np.flatnonzero(which.reshape(-1) == i)
            rates = self._model_at(int(low), int(high)).fit(spectra[rows], live[rows])
            values[rows], variance[rows] = rates.values, rates.variance
        return ElementRates(values, variance)

    def _ends_kev(self) -> NDArray[np.float64]:
        """Energy above channel 0 of the first and the last fitted channel."""
        inside = self.model.sum_fit.fitted
        return self.model.sum_fit.shape.gain_kev * np.array([inside.start, inside.stop - 1], dtype=float)

    def _steps(self, courses: NDArray[np.float64]) -> NDArray[np.int64]:
        """Shift of either end of the fitted range, in steps of `_STEP_KEV`, shape (n, 2)."""
        return np.round((courses[:, :1] + courses[:, 1:] * self._ends_kev()) / _STEP_KEV).astype(np.int64)

    def _model_at(self, low: int, high: int) -> SpectrumModel:
        if (low, high) == (0, 0):
            return self.model
        if (low, high) not in self._shifted:
            first, last = self._ends_kev()
            gain = (high - low) * _STEP_KEV / (last - first)
            self._shifted[low, high] = self.model.shifted(ScaleShift(low * _STEP_KEV - gain * first, gain))
        return self._shifted[low, high]
