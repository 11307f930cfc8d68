"""Energy scales under which the peaks of a spectrum sit on known lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.spectra.background import snip
from edge.spectra.least_squares import nonnegative_solution
from edge.spectra.lines import LineGroup, load_lines
from edge.spectra.peaks import LOWEST_LINE_KEV, FoundPeaks
from edge.spectra.response import Spectrum, group_spectra
from edge.spectra.templates import SpectrumShape

_GAIN_STEP, _OFFSET_STEP_KEV = 0.0005, 0.004
_MATCH_TOLERANCE_KEV = 0.025


@dataclass(frozen=True, slots=True)
class Span:
    """How far from the nominal scale to look."""

    gain: float
    """Relative."""
    offset_kev: float
    hypotheses: int
    """Scales that compete in the end."""
    fewest_peaks: int
    """With fewer, a match this far away may be chance."""


def candidate_groups(elements: Sequence[str], anode: str, tube_kv: float, max_kev: float) -> list[LineGroup]:
    """Line groups of the elements that can be excited and recorded above 1.4 keV, each once, by atomic number.

    Elements bring all their groups; a named group brings itself.
    """
    wanted = {name.partition("-")[0] for name in (*elements, anode)}
    return [
        group
        for group in load_lines()
        if group.element in wanted
        and 1.4 <= group.energies_kev[0] <= max_kev
        and group.edge_kev * 1.05 <= tube_kv
        and not (group.group == "L" and group.energies_kev[0] < 2.0)
    ]


def hypotheses(peaks: FoundPeaks, start: SpectrumShape, groups: Sequence[LineGroup], span: Span) -> list[SpectrumShape]:
    """Scales under which the peaks sit on lines, best first, clearly different from each other."""
    lines, worth = _landmarks(groups)
    ratios = 1.0 + np.arange(-span.gain, span.gain + 1e-9, _GAIN_STEP)
    offsets = start.offset_kev + np.arange(-span.offset_kev, span.offset_kev + 1e-9, _OFFSET_STEP_KEV)
    weights = np.log1p(peaks.significance)
    score = np.zeros((ratios.size, offsets.size))
    for channel, weight in zip(peaks.channels, weights, strict=True):
        energies = (ratios * start.gain_kev * channel)[:, None] + offsets
        after = np.clip(np.searchsorted(lines, energies), 1, lines.size - 1)
        near = np.zeros_like(energies)
        for index in (after - 1, after):
            distance = (energies - lines[index]) / _MATCH_TOLERANCE_KEV
            near = np.maximum(near, worth[index] * np.exp(-0.5 * distance**2))
        score += weight * near
    away = np.square((ratios - 1.0) / 0.03)[:, None] + np.square((offsets - start.offset_kev) / 0.15)
    score -= 0.05 * float(weights.sum()) * away
    shapes: list[SpectrumShape] = []
    for _ in range(span.hypotheses):
        i, j = np.unravel_index(int(np.argmax(score)), score.shape)
        shapes.append(_with_scale(start, float(offsets[j]), start.gain_kev * float(ratios[i])))
        same = np.abs(ratios - ratios[i])[:, None] * 8.0 + np.abs(offsets - offsets[j]) < 0.02
        score[same] = -np.inf
    return [_regressed(shape, peaks, lines, weights) for shape in shapes]


def _with_scale(shape: SpectrumShape, offset_kev: float, gain_kev: float) -> SpectrumShape:
    return SpectrumShape(shape.channels, offset_kev, gain_kev, shape.response)


def _regressed(
    shape: SpectrumShape, peaks: FoundPeaks, lines: NDArray[np.float64], weights: NDArray[np.float64]
) -> SpectrumShape:
    """Straight line through the matched peaks, weighted down by their distance (Cauchy)."""
    for tolerance in (0.03, 0.015, 0.01):
        energies = shape.offset_kev + shape.gain_kev * peaks.channels
        nearest = lines[np.abs(energies[:, None] - lines).argmin(axis=1)]
        trust = weights / (1.0 + np.square((energies - nearest) / tolerance))
        design = np.column_stack([np.ones_like(energies), peaks.channels - peaks.channels.mean()])
        # Two weak observations keep the scale where too few peaks fix it.
        prior = np.diag([1.0, np.ptp(peaks.channels) ** 2 / 12.0 + 1.0]) * 0.05 * weights.max()
        target = nearest - energies
        change = np.linalg.solve(design.T @ (trust[:, None] * design) + prior, design.T @ (trust * target))
        gain = shape.gain_kev + change[1]
        shape = _with_scale(shape, float(shape.offset_kev + change[0] - change[1] * peaks.channels.mean()), float(gain))
    return shape


def _landmarks(groups: Sequence[LineGroup]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centroids of the families that stand out, ascending, and what meeting one is worth."""
    found = [
        (energy, worth)
        for group in groups
        for energy, share, worth in family_centroids(group)
        if share > 0.1 and energy >= LOWEST_LINE_KEV
    ]
    energies, worths = np.array(sorted(found)).T
    return energies, worths


def family_centroids(group: LineGroup) -> list[tuple[float, float, float]]:
    energies, shares = np.array(group.energies_kev), np.array(group.relative_intensities)
    centroids = []
    for position, indices in enumerate(group.families):
        chosen = [i for i in indices if abs(energies[i] - energies[indices[0]]) < 0.15]
        centroid = float(energies[chosen] @ shares[chosen] / shares[chosen].sum())
        centroids.append((centroid, float(shares[list(indices)].sum()), 1.0 if position == 0 else 0.6))
    return centroids


def _net_problem(
    counts: Spectrum, shape: SpectrumShape, groups: Sequence[LineGroup]
) -> tuple[NDArray[np.float64], NDArray[np.float64], Spectrum]:
    energies = shape.energies_kev()
    window = (energies > LOWEST_LINE_KEV) & (counts > 0)
    half_widths = np.maximum(2.0 * shape.response.fwhm_kev(np.maximum(energies, 0.1)) / shape.gain_kev, 2.0)
    net = counts - snip(counts, half_widths)
    design = group_spectra(shape.edges_kev(), groups, shape.response)
    weights = np.where(window, 1.0 / (np.maximum(counts, 1.0) + np.square(0.03 * counts)), 0.0)
    return design, net, weights


def explained(counts: Spectrum, shape: SpectrumShape, groups: Sequence[LineGroup]) -> float:
    """Weighted sum of squares of the net spectrum that the lines account for."""
    design, net, weights = _net_problem(counts, shape, groups)
    gram, right = (design * weights) @ design.T, (design * weights) @ net
    areas = nonnegative_solution(gram, right)
    return float(2.0 * right @ areas - areas @ gram @ areas)


def present_groups(counts: Spectrum, shape: SpectrumShape, groups: Sequence[LineGroup]) -> list[LineGroup]:
    design, net, weights = _net_problem(counts, shape, groups)
    gram, right = (design * weights) @ design.T, (design * weights) @ net
    areas = nonnegative_solution(gram, right)
    significant = areas * np.sqrt(np.diag(gram)) > 5.0
    return [group for group, keep in zip(groups, significant, strict=True) if keep]
