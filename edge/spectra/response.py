"""What a silicon detector makes of one photon energy: a Gaussian, its low-energy tail and shelf, its escape peak."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, erfc, erfcx

from edge.spectra.lines import LineGroup

Spectrum = NDArray[np.float64]

FWHM_PER_SIGMA = 2.0 * sqrt(2.0 * np.log(2.0))
PAIR_KEV = 3.65e-3
"""Energy per electron-hole pair in silicon."""
SILICON_ALPHA_KEV = 1.740
_SILICON_EDGE_KEV = 1.8389
_REACH_SIGMA = 6.0

# Silicon, cm2/g: Hubbell and Seltzer, NIST SRD 126 (1995).
_SILICON_KEV = np.array([1.8389, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0, 40.0])
_SILICON_CM2_G = np.array([3192.0, 2777.0, 978.4, 452.9, 245.0, 147.0, 64.68, 33.89, 10.34, 4.464, 1.436, 0.7012])
_SILICON_AT_ALPHA_CM2_G = 357.0


@dataclass(frozen=True, slots=True)
class DetectorResponse:
    """Peak shape of an energy-dispersive silicon detector.

    ``FWHM^2 = noise^2 + (2.3548)^2 x 3.65 eV x Fano x E`` (Knoll, Radiation Detection and Measurement, ch. 13).
    """

    noise_kev: float
    """Electronic noise, full width at half maximum."""
    fano: float
    tail_fraction: float = 0.0
    """Area of the exponential tail as a share of the Gaussian's."""
    tail_kev: float = 0.25
    """Decay length of the tail."""
    shelf_fraction: float = 0.0
    """Area of the flat shelf from zero to the line as a share of the Gaussian's."""
    escape_scale: float = 1.0
    """Measured escape over Reed and Ware's."""

    def fwhm_kev(self, energy_kev: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Full width at half maximum at each energy."""
        energy = np.maximum(np.asarray(energy_kev, dtype=float), 0.0)
        return np.asarray(np.sqrt(self.noise_kev**2 + FWHM_PER_SIGMA**2 * PAIR_KEV * self.fano * energy))

    def sigma_kev(self, energy_kev: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Standard deviation of the Gaussian at each energy."""
        return self.fwhm_kev(energy_kev) / FWHM_PER_SIGMA


def nominal_response(fwhm_mn_kev: float) -> DetectorResponse:
    """Response of a detector of which only the width of Mn K-alpha is known (Fano factor of silicon 0.115)."""
    fano = 0.115
    noise = sqrt(max(fwhm_mn_kev**2 - FWHM_PER_SIGMA**2 * PAIR_KEV * fano * 5.895, 0.03**2))
    return DetectorResponse(noise_kev=noise, fano=fano)


def escape_fraction(energy_kev: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Escape peak over parent peak for photons that enter a thick silicon detector at right angles.

    Reed and Ware, J. Phys. E 5 (1972) 582, Eq. 5, with fluorescence yield 0.050 and K share 0.92 of absorption.
    """
    energy = np.asarray(energy_kev, dtype=float)
    absorption = np.exp(np.interp(np.log(np.maximum(energy, 0.1)), np.log(_SILICON_KEV), np.log(_SILICON_CM2_G)))
    ratio = _SILICON_AT_ALPHA_CM2_G / absorption
    escaped = 0.5 * 0.050 * 0.92 * (1.0 - ratio * np.log1p(1.0 / ratio))
    return np.where(energy > _SILICON_EDGE_KEV, escaped / (1.0 - escaped), 0.0)


def gaussian_sum(
    edges_kev: NDArray[np.float64],
    energies_kev: NDArray[np.float64],
    areas: NDArray[np.float64],
    sigmas_kev: NDArray[np.float64],
) -> Spectrum:
    """Integrate Gaussians over channels.

    Parameters
    ----------
    edges_kev
        Ascending channel edges, shape (channels + 1,).
    energies_kev, areas, sigmas_kev
        One Gaussian each, shape (lines,).

    Returns
    -------
    ndarray
        Counts per channel, shape (channels,).
    """
    spectrum = np.zeros(edges_kev.size - 1)
    reach = _REACH_SIGMA * sigmas_kev
    first = np.maximum(np.searchsorted(edges_kev, energies_kev - reach) - 1, 0)
    last = np.minimum(np.searchsorted(edges_kev, energies_kev + reach) + 1, edges_kev.size)
    for i in range(energies_kev.size):
        if last[i] - first[i] < 2:
            continue
        reduced = (edges_kev[first[i] : last[i]] - energies_kev[i]) / (sqrt(2.0) * sigmas_kev[i])
        spectrum[first[i] : last[i] - 1] += (0.5 * areas[i]) * np.diff(erf(reduced))
    return spectrum


def lines_spectrum(
    edges_kev: NDArray[np.float64],
    energies_kev: NDArray[np.float64],
    areas: NDArray[np.float64],
    response: DetectorResponse,
) -> Spectrum:
    """Spectrum of lines with their tails, shelves and escape peaks; the Gaussians hold the stated areas."""
    energies = np.asarray(energies_kev, dtype=float)
    sigmas = response.sigma_kev(energies)
    spectrum = gaussian_sum(edges_kev, energies, areas, sigmas)
    escaping = energies > _SILICON_EDGE_KEV
    if response.escape_scale > 0 and escaping.any():
        escape_kev = energies[escaping] - SILICON_ALPHA_KEV
        escape_areas = areas[escaping] * response.escape_scale * escape_fraction(energies[escaping])
        spectrum += gaussian_sum(edges_kev, escape_kev, escape_areas, response.sigma_kev(escape_kev))
    if response.tail_fraction > 0 or response.shelf_fraction > 0:
        # Tail and shelf are wide: one for all lines together serves.
        total = areas.sum()
        centre = float(areas @ energies / total) if total > 0 else 0.0
        if centre > 0:
            spectrum += total * _tail_and_shelf(edges_kev, centre, response)
    return spectrum


def _tail_and_shelf(edges_kev: NDArray[np.float64], energy_kev: float, response: DetectorResponse) -> Spectrum:
    centres = 0.5 * (edges_kev[1:] + edges_kev[:-1])
    widths = np.diff(edges_kev)
    sigma = float(response.sigma_kev(energy_kev))
    reduced = (centres - energy_kev) / (sqrt(2.0) * sigma)
    shelf = np.where(centres > 0, 0.5 * erfc(reduced) / energy_kev, 0.0)
    # exp(x / b) erfc(u) written with the scaled erfcx, which does not overflow above the line.
    shifted = reduced + sigma / (sqrt(2.0) * response.tail_kev)
    tail = np.exp(-np.square(reduced)) * erfcx(np.maximum(shifted, 0.0))
    below = shifted < 0
    exponent = (centres[below] - energy_kev) / response.tail_kev + sigma**2 / (2.0 * response.tail_kev**2)
    tail[below] = np.exp(np.minimum(exponent, 50.0)) * erfc(shifted[below])
    tail *= 1.0 / (2.0 * response.tail_kev)
    return np.asarray((response.shelf_fraction * shelf + response.tail_fraction * tail) * widths)


def family_spectra(
    edges_kev: NDArray[np.float64], group: LineGroup, response: DetectorResponse
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Spectra of a group's families of lines.

    Returns
    -------
    spectra, shares
        Spectra of unit Gaussian area each, shape (families, channels), and each family's tabulated share of the
        group, shape (families,).
    """
    energies = np.array(group.energies_kev)
    intensities = np.array(group.relative_intensities)
    spectra, shares = [], []
    for indices in group.families:
        chosen = list(indices)
        share = float(intensities[chosen].sum())
        spectra.append(lines_spectrum(edges_kev, energies[chosen], intensities[chosen] / share, response))
        shares.append(share)
    return np.array(spectra), np.array(shares)


def compton_energies_kev(energies_kev: NDArray[np.float64], angle_rad: float) -> NDArray[np.float64]:
    """Energies of photons after Compton scattering through an angle, free electrons at rest."""
    return np.asarray(energies_kev / (1.0 + energies_kev / 510.999 * (1.0 - np.cos(angle_rad))))
