"""X-rays from layers of paint: which lines they give, how strongly, and what the paint above takes away.

A fundamental-parameter model kept simple (Sherman 1955, without secondary fluorescence): one tube spectrum, Bragg and
Pierce's law for absorption, uniform layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from edge.simulate.pigments import ELEMENTS, PIGMENTS
from edge.spectra.lines import LineGroup, load_lines

_ATOMIC = {
    "C": (6, 12.01),
    "O": (8, 16.00),
    "Na": (11, 22.99),
    "Al": (13, 26.98),
    "Si": (14, 28.09),
    "P": (15, 30.97),
    "S": (16, 32.06),
    "K": (19, 39.10),
    "Ca": (20, 40.08),
    "Ti": (22, 47.87),
    "Mn": (25, 54.94),
    "Fe": (26, 55.85),
    "Co": (27, 58.93),
    "Ni": (28, 58.69),
    "Cu": (29, 63.55),
    "Zn": (30, 65.38),
    "As": (33, 74.92),
    "Sr": (38, 87.62),
    "Sn": (50, 118.7),
    "Hg": (80, 200.6),
    "Pb": (82, 207.2),
    "Bi": (83, 208.98),
}
_BRAGG_PIERCE_CM2_KEV3_G = 21.4
"""Photoelectric absorption above the K edge: this times (1 - Z/300) Z^4 / (A E^3), E in keV; fitted."""
_SCATTER_CM2_G = 0.2
_TUBE_KV = 40.0
_FAINTEST_KEV = 1.4
"""Air takes what lies below."""
_ENTRY_KEV = 17.0
"""Energy at which the tube's radiation is weakened on its way in."""
_ENTRY_SLANT, _EXIT_SLANT = 1.0, 1.4
"""Ways through paint over its thickness: the tube stands upright, the detector at 45 degrees."""
_AIR_CM, _AIR_G_CM3 = 1.5, 1.2e-3
_ALIKE_KEV = 0.15
_JUMP = {"L": 4.0, "M": 3.0}


@dataclass(frozen=True, slots=True, eq=False)
class PaintLayer:
    """One layer of paint on a raster."""

    masses_mg_cm2: NDArray[np.float32]
    """Element masses in the order of `ELEMENTS`, shape (rows, columns, elements)."""


@dataclass(frozen=True, slots=True, eq=False)
class LineBundle:
    """Lines of one group so close together that matter absorbs them alike."""

    group: LineGroup
    energies_kev: NDArray[np.float64]
    shares: NDArray[np.float64]
    """Share of each line in the group's photons where they are made, shape (lines,)."""

    @property
    def mean_kev(self) -> float:
        return float(np.average(self.energies_kev, weights=self.shares))


@dataclass(frozen=True, slots=True, eq=False)
class PaintRates:
    """Photons per second into the detector, by bundle of lines, on a raster."""

    bundles: tuple[LineBundle, ...]
    rates_hz: NDArray[np.float32]
    """Shape (rows, columns, bundles)."""
    matrix_rate_hz: NDArray[np.float32]
    """Scattered tube radiation, shape (rows, columns)."""

    def of(self, name: str) -> NDArray[np.float32]:
        """All lines of a group, such as ``Fe-K``, shape (rows, columns)."""
        chosen = [bundle.group.name == name for bundle in self.bundles]
        total: NDArray[np.float32] = self.rates_hz[..., chosen].sum(axis=2)
        return total


@cache
def emitting_groups() -> tuple[LineGroup, ...]:
    """Line groups of the pigments' elements that the tube excites and air lets through."""
    return tuple(
        group
        for group in load_lines()
        if group.element in ELEMENTS and 0 < group.edge_kev < _TUBE_KV and group.energies_kev[0] > _FAINTEST_KEV
    )


@cache
def line_bundles(group: LineGroup) -> tuple[LineBundle, ...]:
    """Lines of a group, ascending, parted where the next one is more than 0.15 keV away."""
    order = np.argsort(group.energies_kev)
    energies, shares = np.array(group.energies_kev)[order], np.array(group.relative_intensities)[order]
    gaps = np.flatnonzero(np.diff(energies) > _ALIKE_KEV) + 1
    return tuple(
        LineBundle(group, *parts) for parts in zip(np.split(energies, gaps), np.split(shares, gaps), strict=True)
    )


def shares_from_thick_paint(group: LineGroup) -> NDArray[np.float64]:
    """Share of each line of a group that leaves thick lead white, in the group's order, sum 1.

    What a map tells is a rate and not what lies above; a fixed paint at least absorbs soft lines more than hard ones.
    """
    paint = np.array([PIGMENTS[0].composition.get(element, 0.0) for element in ELEMENTS])
    entry = _ENTRY_SLANT * mass_absorption(_ENTRY_KEV)
    ways = np.array([(entry + _EXIT_SLANT * mass_absorption(energy)) @ paint for energy in group.energies_kev])
    leaving = np.array(group.relative_intensities) / ways
    return np.asarray(leaving / leaving.sum())


def paint_rates(layers: Sequence[PaintLayer], *, tube_rate_hz: float, matrix_rate_hz: float) -> PaintRates:
    """Rates from layers of paint, the uppermost first; each bundle of lines is absorbed at its own energy.

    Parameters
    ----------
    layers : sequence of PaintLayer
    tube_rate_hz : float
        Scale of the tube's output: photons per second for a mass of 1 mg/cm2 of a shell that absorbs 1 cm2/g and
        always fluoresces.
    matrix_rate_hz : float
        Scatter of the bare support.
    """
    bundles = tuple(bundle for group in emitting_groups() for bundle in line_bundles(group))
    strengths = np.array([tube_rate_hz * _sensitivity(bundle) for bundle in bundles], dtype=np.float32)
    owner = [ELEMENTS.index(bundle.group.element) for bundle in bundles]
    entry = mass_absorption(_ENTRY_KEV) * _ENTRY_SLANT
    ways = np.stack([entry + _EXIT_SLANT * mass_absorption(bundle.mean_kev) for bundle in bundles], axis=1) * 1e-3
    shape = layers[0].masses_mg_cm2.shape[:2]
    rates = np.zeros((*shape, len(bundles)), dtype=np.float32)
    above = np.zeros((*shape, len(bundles)), dtype=np.float32)
    for layer in layers:
        depth = layer.masses_mg_cm2 @ ways.astype(np.float32)
        depth = np.maximum(depth, 1e-6)
        escaping = np.exp(-above) * (-np.expm1(-depth) / depth)
        rates += strengths * layer.masses_mg_cm2[..., owner] * escaping
        above += depth
    total = np.sum([layer.masses_mg_cm2 for layer in layers], axis=0)
    hidden = total @ (entry * 2e-3).astype(np.float32)
    return PaintRates(bundles, rates, (matrix_rate_hz * (0.3 + 0.7 * np.exp(-hidden))).astype(np.float32))


def mass_absorption(energy_kev: float) -> NDArray[np.float64]:
    """Mass absorption coefficients of `ELEMENTS`, cm2/g, shape (elements,)."""
    return np.array([_absorption(element, energy_kev) for element in ELEMENTS])


@cache
def _absorption(element: str, energy_kev: float) -> float:
    number, mass = _ATOMIC[element]
    photoelectric = _BRAGG_PIERCE_CM2_KEV3_G * (1 - number / 300) * number**4 / mass / energy_kev**3
    edges = _edges(element)
    if energy_kev < edges.get("K", np.inf if number > 40 else 0.0):
        photoelectric /= 125 / number + 3.5
    for shell, jump in _JUMP.items():
        if energy_kev < edges.get(shell, 0.0):
            photoelectric /= jump
    return float(photoelectric + _SCATTER_CM2_G)


@cache
def _edges(element: str) -> dict[str, float]:
    return {group.group: group.edge_kev for group in load_lines() if group.element == element}


def _sensitivity(bundle: LineBundle) -> float:
    """Photons of a bundle that reach the detector, per mass, in units of the tube's output."""
    air = np.exp(-_BRAGG_PIERCE_CM2_KEV3_G * 7.2**4 / 14.4 / bundle.mean_kev**3 * _AIR_CM * _AIR_G_CM3)
    return _excitation(bundle.group) * float(bundle.shares.sum()) * float(air)


@cache
def _excitation(group: LineGroup) -> float:
    """Photons of a group that are made, per mass, in units of the tube's output."""
    energies = np.linspace(group.edge_kev, _TUBE_KV, 60)[1:]
    kramers = (_TUBE_KV - energies) / energies * (energies[1] - energies[0])
    rhodium = np.where(np.abs(energies - 20.2) < 0.5 * (energies[1] - energies[0]) + 1e-9, 1.5, 0.0)
    tube = (kramers + rhodium) * np.exp(-60.0 / energies**3)
    jump = 125 / group.atomic_number + 3.5 if group.group == "K" else _JUMP[group.group]
    absorbed = float(np.sum(tube * [_absorption(group.element, float(energy)) for energy in energies])) * (1 - 1 / jump)
    return absorbed * group.fluorescence_yield
