"""Element rates from many spectra: one weighted linear fit whose shapes were learned from the sum spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.configuration.config import DetectorConfig, TubeConfig
from edge.faults import UsageError
from edge.spectra.channels import FULL_COUNTERS, bridged, checked_sum, clipped, dead_channels
from edge.spectra.components import components_of, recorded, with_companions
from edge.spectra.energy import EnergyCalibration, NotCalibrated, calibrate_energy, calibration_of
from edge.spectra.lines import default_group, siegbahn
from edge.spectra.propose import propose_elements
from edge.spectra.rates import ElementRates, checked_spectra
from edge.spectra.scale_shift import ScaleShift, seen_on
from edge.spectra.sum_fit import SCALE, SCATTERING, TAILS, WIDTH, SumFit, fit_sum
from edge.spectra.templates import SpectrumShape

_IMPOSSIBLE = 4.0
"""An amplitude this many standard deviations below zero is no noise: it is held at zero and the rest fitted again.

With few counts a single one far out weighs as much: what counts are likely to do is bounded by Bernstein's inequality.
"""
_ROUNDS = 4
_UNKNOWN = 1e3
"""An amplitude of which full counters leave nothing to see is given an error of this many times the scan's mean."""
_BLOCK = 192
"""Spectra at a time: their counts as floating point, 1.5 MB of 2,048 channels, stay in the processor's cache."""
_ABREAST = 8
"""Rows of weights in one product. A spectrum's rates must not depend on those that it is fitted with, and OpenBLAS adds
up in another order at the rim of a product, what a rim is depending on the processor: of 192 x 8 there is none."""
_LABEL_SHARE = 5e-4
"""Lines below this share of all counts get no label."""
_USUAL_SPREAD = 0.7
"""How much, relative to its mean, a component's amplitude varies over an object (for the variance alone)."""
_OUTLIER = 3.0
"""Standard deviations from which on an unusual amplitude is believed (for the variance alone)."""


@dataclass(frozen=True, slots=True, eq=False)
class SpectrumModel:
    """Shapes of all components, learned from a sum spectrum, and the linear filter that takes spectra to rates."""

    elements: tuple[str, ...]
    """Line groups in the order of the values' columns: ``Pb-L``, ``Fe-K``."""
    calibration: EnergyCalibration | NotCalibrated
    sum_fit: SumFit
    components: tuple[str, ...]
    """All columns of the fit: the elements, then companions, scatter, pile-up and continuum."""
    design: NDArray[np.float64]
    """Spectrum of each component, unit area for lines, shape (components, fitted channels)."""
    weighted: NDArray[np.float32]
    """Design times inverse expected counts, shape (components, fitted channels)."""
    gram: NDArray[np.float64]
    """Normal matrix, shape (components, components)."""
    spread: NDArray[np.float64]
    """Variance of each amplitude per unit of each component's amplitude, shape (components, components)."""
    lone: NDArray[np.float64]
    """What one count can take off each amplitude at most, shape (components,)."""
    mean_rates: NDArray[np.float64]
    """Amplitudes of the sum spectrum per second, shape (components,)."""
    dead: NDArray[np.bool_]
    """Channels that never count right and are left out, shape (fitted channels,)."""

    @classmethod
    def from_sum_spectrum(
        cls,
        sum_counts: NDArray[np.generic],
        live_s: float,
        *,
        detector: DetectorConfig,
        tube: TubeConfig,
        elements: Sequence[str] = (),
    ) -> SpectrumModel:
        """Learn energy scale, peak shapes, line ratios, scatter, pile-up and continuum from a sum spectrum.

        Parameters
        ----------
        sum_counts
            Sum of the spectra measured so far, shape (channels,).
        live_s
            Their live time.
        detector, tube
            Nominal energy scale, and excitation.
        elements
            Elements (``Pb``) or line groups (``Pb-L``) to map; empty: those that the spectrum shows. Others that it
            shows are fitted beside them.

        Raises
        ------
        UsageError
            An unknown element, a line outside the recorded energies, or a spectrum that is empty or not one of counts.
        """
        if not live_s > 0:
            raise UsageError(f"the sum spectrum has a live time of {live_s:g} s: it takes at least one exposure")
        measured = checked_sum(sum_counts, detector.channels)
        dead = dead_channels(measured)
        counts = bridged(measured, dead)
        top_kev = detector.offset_kev + detector.gain_kev * (detector.channels - 1)
        wanted = [recorded(default_group(name, tube.kv, max_kev=top_kev), top_kev) for name in elements]
        calibration = calibrate_energy(counts, detector, elements, anode=tube.anode, tube_kv=tube.kv)
        scale = calibration if calibration else calibration.nominal
        shown = [default_group(name, tube.kv) for name in propose_elements(counts, scale, tube)]
        mapped = list(dict.fromkeys(wanted or shown))
        if not mapped:
            raise UsageError("the sum spectrum shows no element: name some under elements, or measure for longer")
        groups = with_companions(list(dict.fromkeys([*mapped, *shown])), tube, top_kev)
        start = SpectrumShape(detector.channels, scale.offset_kev, scale.gain_kev, scale.response)
        # A scale that the peaks could not correct is better left alone than pulled by chance.
        free = (*WIDTH, *TAILS, *SCATTERING, *(SCALE if calibration else ()))
        fit = fit_sum(counts, start, groups, anode=tube.anode, tube_kv=tube.kv, free=free)
        refined = calibration_of(fit) if calibration else calibration
        elements = tuple(group.name for group in mapped)
        parts = components_of(fit, elements)
        return cls._from_design(
            fit,
            refined,
            elements,
            parts.names,
            design=parts.spectra[:, fit.fitted],
            mean_rates=parts.areas / live_s,
            dead=dead[fit.fitted],
        )

    @classmethod
    def _from_design(
        cls,
        fit: SumFit,
        calibration: EnergyCalibration | NotCalibrated,
        elements: tuple[str, ...],
        components: tuple[str, ...],
        *,
        design: NDArray[np.float64],
        mean_rates: NDArray[np.float64],
        dead: NDArray[np.bool_],
    ) -> SpectrumModel:
        mean = mean_rates @ design
        # Only the weights' ratios matter: those of the sum spectrum serve for every exposure.
        weighted = np.where(dead, 0.0, design / np.maximum(mean / float(mean.max()), 1e-6))
        gram = weighted @ design.T
        scale = 1.0 / np.sqrt(np.diag(gram))
        gram += 1e-10 * np.diag(np.diag(gram))
        inverse = np.linalg.inv(gram * np.outer(scale, scale)) * np.outer(scale, scale)
        filters = inverse @ weighted
        return cls(
            elements=elements,
            calibration=calibration,
            sum_fit=fit,
            components=components,
            design=design,
            weighted=weighted.astype(np.float32),
            gram=gram,
            spread=np.square(filters) @ design.T,
            lone=np.maximum(-filters.min(axis=1), 0.0),
            mean_rates=mean_rates,
            dead=dead,
        )

    def shifted(self, shift: ScaleShift) -> SpectrumModel:
        """The same model for exposures measured while the energy scale stood elsewhere.

        Components and weights move, not the spectra, whose counts stay whole and Poisson. ``calibration`` and
        ``sum_fit`` stay those of the sum spectrum.
        """
        parts = components_of(self.sum_fit, self.elements)
        design = seen_on(parts.spectra, self.sum_fit.shape, shift)[:, self.sum_fit.fitted]
        return self._from_design(
            self.sum_fit,
            self.calibration,
            self.elements,
            self.components,
            design=design,
            mean_rates=self.mean_rates,
            dead=self.dead,
        )

    def fit(self, counts: NDArray[np.unsignedinteger], live_s: ArrayLike) -> ElementRates:
        """Fit spectra, all components at once.

        The weights come from the sum spectrum's model, never from the spectra's own counts, so that the estimate is
        linear and therefore unbiased however few the counts. Amplitudes impossibly far below zero are held at zero.
        Channels whose counter was full are left out of the exposures that filled them, and the variance says what that
        costs.

        Parameters
        ----------
        counts
            Spectra, shape (n, channels).
        live_s
            Live time of each, shape (n,) or one for all.

        Raises
        ------
        UsageError
            Spectra of another length or not of counts, or a live time that is not positive.
        """
        spectra, live = checked_spectra(counts, live_s, self.sum_fit.shape.channels)
        values = np.empty((spectra.shape[0], len(self.elements)), dtype=np.float32)
        variance = np.empty_like(values)
        room = np.empty((min(_BLOCK, spectra.shape[0]), self.weighted.shape[1]), dtype=np.float32)
        for first in range(0, spectra.shape[0], _BLOCK):
            block = slice(first, min(first + _BLOCK, spectra.shape[0]))
            window = room[: block.stop - first]
            window[:] = spectra[block, self.sum_fit.fitted]
            amplitudes, amplitude_variance = self._amplitudes(window, live[block])
            if window.max(initial=0.0) >= FULL_COUNTERS[0]:
                self._without_clipped(spectra[block, self.sum_fit.fitted], live[block], amplitudes, amplitude_variance)
            seconds = live[block, None]
            values[block] = amplitudes[:, : len(self.elements)] / seconds
            variance[block] = amplitude_variance[:, : len(self.elements)] / seconds**2
        return ElementRates(values, variance)

    def _amplitudes(
        self, window: NDArray[np.float32], live_s: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        right = _products(window, self.weighted)
        amplitudes = np.asarray(np.linalg.solve(self.gram, right.T).T, np.float64)
        variance = self._variance(amplitudes, live_s)
        held = np.zeros(amplitudes.shape, dtype=bool)
        for _ in range(_ROUNDS):
            impossible = (amplitudes < -self._reach_of_noise(variance)) & ~held
            changed = np.flatnonzero(impossible.any(axis=1))
            if changed.size == 0:
                break
            held |= impossible
            patterns, which = np.unique(held[changed], axis=0, return_inverse=True)
            for i, pattern in enumerate(patterns):
                rows = changed[which.reshape(-1) == i]
                free = np.flatnonzero(~pattern)
                amplitudes[rows] = 0.0
                solved = np.linalg.solve(self.gram[np.ix_(free, free)], right[np.ix_(rows, free)].T).T
                amplitudes[np.ix_(rows, free)] = solved
        return amplitudes, variance

    def _without_clipped(
        self,
        window: NDArray[np.unsignedinteger],
        live_s: NDArray[np.float64],
        amplitudes: NDArray[np.float64],
        variance: NDArray[np.float64],
    ) -> None:
        """Fit exposures with full counters again, by the other channels; changes their rows of the last two."""
        full = clipped(window)
        mean = self.mean_rates @ self.design
        usual = np.maximum(self.mean_rates, 1e-3 * float(self.mean_rates.sum()))
        for row in np.flatnonzero(full.any(axis=1)):
            weighted = np.where(full[row], 0.0, self.weighted)
            # Information in units of the weights, which are those of one expected count in the fullest channel.
            unit = live_s[row] * float(mean.max())
            little = unit / np.square(_UNKNOWN * live_s[row] * usual)
            inverse = np.linalg.inv(weighted @ self.design.T + np.diag(little))
            filters = inverse @ weighted
            amplitudes[row] = filters @ window[row]
            noise = np.square(filters) @ self.design.T @ np.maximum(amplitudes[row], 0.0)
            variance[row] = noise + unit * np.square(inverse) @ little

    def _reach_of_noise(self, variance: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far below zero counting noise takes an amplitude at `_IMPOSSIBLE` standard deviations, same shape.

        Bernstein's inequality for a sum of weighted counts, ``t^2 = k^2 (variance + lone t / 3)`` solved for t
        (Boucheron, Lugosi and Massart, Concentration Inequalities, 2013, Theorem 2.10).
        """
        skew = _IMPOSSIBLE**2 * self.lone / 6.0
        return np.asarray(skew + np.sqrt(np.square(skew) + _IMPOSSIBLE**2 * variance))

    def _variance(self, amplitudes: NDArray[np.float64], live_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Propagate counting statistics through the filter.

        The expectation that the variance needs is each exposure's own where its counts tell it from the scan's mean
        and the mean elsewhere: a variance that follows the noise would give low values the higher weight downstream.
        """
        mean = live_s[:, None] * self.mean_rates
        noise = np.maximum(live_s[:, None] * (self.spread @ self.mean_rates), 1e-12)
        usual = np.square(_USUAL_SPREAD * mean)
        away = np.maximum(np.square(amplitudes - mean), 1e-12)
        # One lone count is far from a small mean and yet no evidence: its own variance counts as well.
        doubt = noise + np.maximum(amplitudes, 0.0) @ self.spread.T
        trust = np.maximum(usual / (usual + noise), 1.0 - _OUTLIER**2 * doubt / away)
        expectation = np.maximum(mean + trust * (amplitudes - mean), 0.0)
        return np.asarray(expectation @ self.spread.T)

    def expected(self, values: ArrayLike) -> NDArray[np.float64]:
        """Spectra that element rates stand for, on the mean continuum and scatter of the scan.

        Parameters
        ----------
        values
            Counts per second, shape (n, elements) or (elements,).

        Returns
        -------
        ndarray
            Counts per second and channel, shape (n, channels) or (channels,); zero outside the fitted channels.
        """
        rates = np.asarray(values, dtype=float)
        count = len(self.elements)
        spectra = np.zeros((*rates.shape[:-1], self.sum_fit.shape.channels))
        rest = self.mean_rates[count:] @ self.design[count:]
        spectra[..., self.sum_fit.fitted] = rates @ self.design[:count] + rest
        return spectra

    def line_labels(self) -> tuple[tuple[str, float], ...]:
        """Names and energies (keV) of the lines worth marking in a plot of the sum spectrum, by energy."""
        labels = []
        by_name = {group.name: group for group in self.sum_fit.groups}
        least = _LABEL_SHARE * float(self.sum_fit.expected.sum())
        for template, area in zip(self.sum_fit.templates, self.sum_fit.areas, strict=True):
            group = by_name.get(template.name)
            if group is not None and area > least:
                strongest = group.families[template.family][0]
                labels.append(
                    (f"{group.element} {siegbahn(group.line_names[strongest])}", group.energies_kev[strongest])
                )
        return tuple(sorted(labels, key=lambda label: label[1]))


def _products(window: NDArray[np.float32], weighted: NDArray[np.float32]) -> NDArray[np.float64]:
    """Each of at most `_BLOCK` rows of counts by each row of weights, shape (rows, components)."""
    rows, components = len(window), len(weighted)
    if rows < _BLOCK:
        window = np.concatenate([window, np.zeros((_BLOCK - rows, window.shape[1]), np.float32)])
    filled = np.zeros((-(-components // _ABREAST) * _ABREAST, weighted.shape[1]), np.float32)
    filled[:components] = weighted
    parts = [
        window @ np.ascontiguousarray(filled[first : first + _ABREAST].T) for first in range(0, len(filled), _ABREAST)
    ]
    return np.concatenate(parts, axis=1)[:rows, :components].astype(np.float64)
