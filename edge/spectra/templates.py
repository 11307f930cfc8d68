"""Spectra that a sum spectrum is made of, for a given energy scale and peak shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import radians

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.spectra.background import spline_functions, spline_knots
from edge.spectra.lines import LineGroup, default_group
from edge.spectra.response import (
    DetectorResponse,
    Spectrum,
    compton_energies_kev,
    family_spectra,
    gaussian_sum,
    lines_spectrum,
)

_COMPTON_LOWEST_KEV = 5.0
"""Below this the shift by inelastic scattering is within the peak's width."""


@dataclass(frozen=True, slots=True)
class SpectrumShape:
    """Energy scale, peak shape and scattering geometry: what bends every template."""

    channels: int
    offset_kev: float
    gain_kev: float
    response: DetectorResponse
    compton_angle_rad: float = radians(130.0)
    compton_sigma_kev: float = 0.25
    """Width of the Compton peak beyond the detector's own."""

    def energies_kev(self) -> Spectrum:
        """Centre of every channel."""
        return np.asarray(self.offset_kev + self.gain_kev * np.arange(self.channels))

    def edges_kev(self) -> Spectrum:
        """Borders of the channels, shape (channels + 1,)."""
        return np.asarray(self.offset_kev + self.gain_kev * (np.arange(self.channels + 1) - 0.5))

    def moved(self, parameter: str, by: float) -> SpectrumShape:
        """Return the shape with one parameter changed; ``gain`` is changed by a ratio."""
        match parameter:
            case "gain":
                return replace(self, gain_kev=self.gain_kev * (1.0 + by))
            case "offset_kev":
                return replace(self, offset_kev=self.offset_kev + by)
            case "compton_angle_rad":
                return replace(self, compton_angle_rad=float(np.clip(self.compton_angle_rad + by, 0.5, 3.14)))
            case "compton_sigma_kev":
                return replace(self, compton_sigma_kev=float(np.clip(self.compton_sigma_kev + by, 0.02, 1.5)))
            case _:
                floor = {"noise_kev": 0.02, "fano": 0.05}.get(parameter, 0.0)
                value = max(getattr(self.response, parameter) + by, floor)
                return replace(self, response=replace(self.response, **{parameter: value}))


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """One column of the fit: a spectrum of unit peak area."""

    name: str
    """Line group (``Pb-L``), or ``scatter``, ``pile-up``, ``continuum``."""
    family: int
    share: float
    """Tabulated share of its group."""
    spectrum: Spectrum


def sum_templates(
    counts: NDArray[np.float64],
    shape: SpectrumShape,
    groups: Sequence[LineGroup],
    window: slice,
    *,
    anode: str,
    tube_kv: float,
) -> tuple[Template, ...]:
    """Columns of the fit of the sum spectrum."""
    edges, energies = shape.edges_kev(), shape.energies_kev()
    templates: list[Template] = []
    for group in groups:
        spectra, shares = family_spectra(edges, group, shape.response)
        for i, (spectrum, share) in enumerate(zip(spectra, shares, strict=True)):
            templates.append(Template(group.name, i, float(share), spectrum))
    templates += scatter_templates(shape, anode, tube_kv, energies[window.stop - 1])
    templates.append(Template("pile-up", -1, 1.0, pile_up_spectrum(counts, shape)))
    knots = spline_knots(float(energies[window.start]), float(energies[window.stop - 1]))
    for spline in spline_functions(energies, knots):
        inside = np.zeros_like(spline)
        inside[window] = spline[window]
        templates.append(Template("continuum", -1, 1.0, inside / max(float(inside.sum()), 1e-300)))
    return tuple(templates)


def scatter_templates(shape: SpectrumShape, anode: str, tube_kv: float, max_kev: float) -> list[Template]:
    """Tube lines scattered by the object: elastic as they are, inelastic shifted and broadened."""
    try:
        lines = default_group(anode, tube_kv, max_kev=max_kev)
    except UsageError:
        return []
    edges = shape.edges_kev()
    energies, shares = np.array(lines.energies_kev), np.array(lines.relative_intensities)
    templates = [Template("elastic", -1, 1.0, lines_spectrum(edges, energies, shares, shape.response))]
    if energies[0] > _COMPTON_LOWEST_KEV:
        shifted = compton_energies_kev(energies, shape.compton_angle_rad)
        for factor in (1.0, 2.2):
            widths = np.hypot(shape.response.sigma_kev(shifted), factor * shape.compton_sigma_kev)
            templates.append(Template("inelastic", -1, 1.0, gaussian_sum(edges, shifted, shares, widths)))
    return templates


def pile_up_spectrum(counts: NDArray[np.float64], shape: SpectrumShape) -> Spectrum:
    """Spectrum of two photons taken for one: the sum spectrum folded with itself, unit area.

    Shape (channels,); the shape of one exposure's own pile-up varies about it.
    """
    from scipy.signal import fftconvolve

    total = float(counts.sum())
    if total <= 0:
        return np.zeros(shape.channels)
    folded = np.maximum(fftconvolve(counts, counts), 0.0)
    # Channels c1 and c2 add up to the energy of channel c1 + c2 + offset / gain.
    positions = np.arange(shape.channels) - shape.offset_kev / shape.gain_kev
    spectrum = np.interp(positions, np.arange(folded.size), folded, left=0.0, right=0.0)
    return np.asarray(spectrum / max(float(spectrum.sum()), 1e-300))
