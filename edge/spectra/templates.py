"""Spectra that a sum spectrum is made of, for a given energy scale and peak shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import radians
from typing import Any

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
    gaussian_spectra,
    lines_spectrum,
)

_BOUNDS = {
    "noise_kev": (0.02, 1.0),
    "fano": (0.05, 0.5),
    "tail_fraction": (0.0, 0.5),
    "shelf_fraction": (0.0, 0.5),
    "escape_scale": (0.0, 5.0),
    "compton_angle_rad": (0.5, 3.14),
    "compton_sigma_kev": (0.02, 1.5),
}
_NOISE_PEAK_FWHM = 2.0
"""Where the peak of noise about zero energy ends, in its own full widths."""
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

    def parameter(self, name: str) -> float:
        """Value of a parameter of the shape or its response."""
        return float(getattr(self if name in SpectrumShape.__dataclass_fields__ else self.response, name))

    def with_parameter(self, name: str, value: float) -> SpectrumShape:
        """Return the shape with one parameter set, kept within what is physical."""
        low, high = _BOUNDS.get(name, (-np.inf, np.inf))
        bounded = float(np.clip(value, low, high))
        changed: dict[str, Any] = {name: bounded}
        if name not in SpectrumShape.__dataclass_fields__:
            changed = {"response": replace(self.response, **changed)}
        return replace(self, **changed)


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """One column of the fit: a spectrum of unit peak area."""

    name: str
    """Line group (``Pb-L``), or ``scatter``, ``pile-up``, ``continuum``."""
    family: int
    share: float
    """Tabulated share of its group."""
    spectrum: Spectrum


@lru_cache(maxsize=8)
def _families(
    channels: int, offset_kev: float, gain_kev: float, response: DetectorResponse, groups: tuple[LineGroup, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]]:
    """What `family_spectra` gives, not to be written to: a fit comes back to a scale and a response again and again."""
    edges = SpectrumShape(channels, offset_kev, gain_kev, response).edges_kev()
    found = family_spectra(edges, groups, response)
    for array in found:
        array.flags.writeable = False
    return found


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
    energies = shape.energies_kev()
    spectra, shares, owners = _families(shape.channels, shape.offset_kev, shape.gain_kev, shape.response, tuple(groups))
    templates: list[Template] = []
    for owner, group in enumerate(groups):
        for i, position in enumerate(np.flatnonzero(owners == owner)):
            templates.append(Template(group.name, i, float(shares[position]), spectra[position]))
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
            together = np.zeros(shifted.size, dtype=np.intp)
            spectrum = gaussian_spectra(edges, shifted, shares, widths, members=together, count=1)[0]
            templates.append(Template("inelastic", -1, 1.0, spectrum))
    return templates


def pile_up_spectrum(counts: NDArray[np.float64], shape: SpectrumShape) -> Spectrum:
    """Spectrum of two photons taken for one: the sum spectrum folded with itself, unit area.

    Shape (channels,); the shape of one exposure's own pile-up varies about it. The peak that some spectrometers record
    at zero energy is noise and no photon: folded in, it would repeat every line at its own place.
    """
    photons = np.where(shape.energies_kev() > _NOISE_PEAK_FWHM * shape.response.noise_kev, counts, 0.0)
    if photons.sum() <= 0:
        return np.zeros(shape.channels)
    size = 2 * shape.channels - 1
    # Twice the length and more: nothing comes round from the other end.
    whole = 1 << size.bit_length()
    folded = np.maximum(np.fft.irfft(np.square(np.fft.rfft(photons, whole)), whole)[:size], 0.0)
    # Channels c1 and c2 add up to the energy of channel c1 + c2 + offset / gain.
    positions = np.arange(shape.channels) - shape.offset_kev / shape.gain_kev
    spectrum = np.interp(positions, np.arange(folded.size), folded, left=0.0, right=0.0)
    return np.asarray(spectrum / max(float(spectrum.sum()), 1e-300))
