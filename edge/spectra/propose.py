"""Which elements the sum spectrum shows, rivals with overlapping lines resolved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.configuration.config import TubeConfig
from edge.faults import UsageError
from edge.spectra.energy import COMMON_ELEMENTS, EnergyCalibration
from edge.spectra.least_squares import nonnegative_solution
from edge.spectra.lines import LineGroup, default_group, load_lines
from edge.spectra.sum_fit import SCATTERING, TAILS, SumFit, fit_sum, solve_sum
from edge.spectra.templates import SpectrumShape

_KEEP_ABOVE = 25.0
"""Rise of chi-square that an element must be worth (5 standard deviations, the model's own error included)."""
_LEAST_SHARE = 2e-4
"""Peak area below this share of all counts is not worth a map."""
_LEAST_CONTRAST = 0.03
"""Nor is an element that makes less than this share of the counts under its own strongest line: tables err by more."""
_NOT_IN_THE_OBJECT = ("Ar",)
"""Fitted always, proposed never: air."""
_SECOND_GROUPS = {
    "Pb": ("L", "M"),
    "Hg": ("L", "M"),
    "Au": ("L", "M"),
    "Bi": ("L", "M"),
    "W": ("L", "M"),
    "Pt": ("L", "M"),
}
"""Elements whose second group is seen whenever the first is."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """An element found in the sum spectrum."""

    group: str
    """Line group to map: ``Pb-L``."""
    counts: float
    """Peak area in the sum spectrum."""
    significance: float
    """Square root of the rise of chi-square without it."""


def propose_elements(
    sum_counts: NDArray[np.generic], calibration: EnergyCalibration, tube: TubeConfig
) -> tuple[str, ...]:
    """Return the line groups that the sum spectrum shows (``Fe-K``, ``Pb-L``), strongest evidence first.

    Parameters
    ----------
    sum_counts
        Sum of many spectra, shape (channels,).
    calibration
        Its energy scale.
    tube
        Anode, whose scattered lines are no evidence, and voltage.
    """
    return tuple(found.group for found in weigh_elements(sum_counts, calibration, tube))


def weigh_elements(
    sum_counts: NDArray[np.generic], calibration: EnergyCalibration, tube: TubeConfig
) -> tuple[Proposal, ...]:
    """Return what `propose_elements` does, with the evidence.

    All candidates are fitted at once, each with the ratios between its families of lines free within what absorption
    does to them; then the one that the fit misses least is dropped, again and again, until every one left is missed.
    A rival with lines at the same place (As-K and Pb-L, S-K and Pb-M, Ti-K and Ba-L) so survives only on lines of its
    own. An element counts with all its groups.
    """
    counts = np.asarray(sum_counts, dtype=float)
    if counts.sum() <= 0:
        raise UsageError("the sum spectrum is empty: check that the shutter opens and the detector counts")
    shape = SpectrumShape(counts.size, calibration.offset_kev, calibration.gain_kev, calibration.response)
    by_element = _candidates(tube, float(shape.energies_kev()[-1]))
    fit = _fit_with(counts, shape, by_element, tube)
    evidence: dict[str, float] = {}
    while by_element:
        evidence = {element: _evidence(fit, groups) for element, groups in by_element.items()}
        weakest = min(evidence, key=lambda element: evidence[element])
        if evidence[weakest] >= _KEEP_ABOVE:
            break
        hopeless = [element for element, rise in evidence.items() if rise < 1e-6] or [weakest]
        for element in hopeless:
            del by_element[element]
        fit = solve_sum(
            counts, fit.shape, _flat(by_element), fit.fitted, anode=tube.anode, tube_kv=tube.kv, earlier=fit
        )
    found = [
        Proposal(groups[0].name, fit.area(groups[0].name), float(np.sqrt(evidence[element])))
        for element, groups in by_element.items()
        if element not in (tube.anode, *_NOT_IN_THE_OBJECT) and _is_worth_a_map(fit, groups[0])
    ]
    return tuple(sorted(found, key=lambda proposal: -proposal.significance))


def _is_worth_a_map(fit: SumFit, group: LineGroup) -> bool:
    if fit.area(group.name) < _LEAST_SHARE * float(fit.expected.sum()):
        return False
    strongest = int(np.abs(fit.shape.energies_kev() - group.energies_kev[0]).argmin())
    return float(fit.spectrum(group.name)[strongest]) > _LEAST_CONTRAST * float(fit.expected[strongest])


def _fit_with(
    counts: NDArray[np.float64], shape: SpectrumShape, by_element: dict[str, list[LineGroup]], tube: TubeConfig
) -> SumFit:
    free = (*TAILS, *SCATTERING)
    return fit_sum(counts, shape, _flat(by_element), anode=tube.anode, tube_kv=tube.kv, free=free, rounds=4)


def _flat(by_element: dict[str, list[LineGroup]]) -> list[LineGroup]:
    return [group for groups in by_element.values() for group in groups]


def _candidates(tube: TubeConfig, max_kev: float) -> dict[str, list[LineGroup]]:
    candidates: dict[str, list[LineGroup]] = {}
    for element in dict.fromkeys((*COMMON_ELEMENTS, "Ar")):
        try:
            main = default_group(element, tube.kv, max_kev=max_kev)
        except UsageError:
            continue
        others = [
            group
            for group in load_lines()
            if group.element == element and group.group in _SECOND_GROUPS.get(element, ()) and group != main
        ]
        visible = [g for g in others if 1.4 <= g.energies_kev[0] <= max_kev and g.edge_kev * 1.05 <= tube.kv]
        candidates[element] = [main, *visible]
    return candidates


def _evidence(fit: SumFit, groups: list[LineGroup]) -> float:
    """Rise of chi-square without the first group, over how badly the fit does near that group's strongest line."""
    return _rise(fit, groups[0].name) / _misfit(fit, groups[0].energies_kev[0])


def _rise(fit: SumFit, name: str) -> float:
    rest = np.array([template.name != name for template in fit.templates])
    if not np.any(fit.areas[~rest] > 0):
        return 0.0
    areas = np.zeros_like(fit.areas)
    areas[rest] = nonnegative_solution(fit.gram[np.ix_(rest, rest)], fit.right[rest], fit.areas[rest] > 0)
    with_all = float(fit.areas @ fit.gram @ fit.areas - 2.0 * fit.right @ fit.areas)
    without = float(areas @ fit.gram @ areas - 2.0 * fit.right @ areas)
    return without - with_all


def _misfit(fit: SumFit, energy_kev: float) -> float:
    energies = fit.shape.energies_kev()
    near = np.abs(energies - energy_kev) < 3.0 * float(fit.shape.response.fwhm_kev(energy_kev))
    near &= fit.weights > 0
    if not near.any():
        return 1.0
    return max(float(np.mean(fit.weights[near] * np.square(fit.counts[near] - fit.expected[near]))), 1.0)
