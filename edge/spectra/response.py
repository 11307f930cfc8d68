"""What a silicon detector makes of one photon energy: a Gaussian, its low-energy tail and shelf, its escape peak."""

from __future__ import annotations

from collections.abc import Sequence
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
# erfc is 2 and 0 beyond these: what is missing cannot be told in double precision.
_ERFC_SATURATES, _ERFC_VANISHES = -6.0, 27.0

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


def gaussian_spectra(
    edges_kev: NDArray[np.float64],
    energies_kev: NDArray[np.float64],
    areas: NDArray[np.float64],
    sigmas_kev: NDArray[np.float64],
    *,
    members: NDArray[np.intp],
    count: int,
) -> NDArray[np.float64]:
    """Integrate Gaussians over channels and add them up by member.

    Parameters
    ----------
    edges_kev
        Ascending channel edges, shape (channels + 1,).
    energies_kev, areas, sigmas_kev, members
        One Gaussian each, shape (lines,); ``members`` says to which spectrum it belongs.
    count
        How many spectra there are.

    Returns
    -------
    ndarray
        Counts per channel, shape (count, channels).
    """
    channels = edges_kev.size - 1
    reach = _REACH_SIGMA * sigmas_kev
    seen = (energies_kev + reach > edges_kev[0]) & (energies_kev - reach < edges_kev[-1])
    if not seen.any():
        return np.zeros((count, channels))
    centres, sigmas, shares, reach = energies_kev[seen], sigmas_kev[seen], areas[seen], reach[seen]
    first = np.maximum(np.searchsorted(edges_kev, centres - reach) - 1, 0)
    last = np.minimum(np.searchsorted(edges_kev, centres + reach) + 1, channels)
    # One window width for all lines: what lies beyond the last channel repeats its edge and adds nothing.
    borders = np.minimum(first[:, None] + np.arange(int((last - first).max()) + 1), channels)
    shape = erf((edges_kev[borders] - centres[:, None]) / (sqrt(2.0) * sigmas[:, None]))
    content = (0.5 * shares)[:, None] * (shape[:, 1:] - shape[:, :-1])
    at = np.minimum(borders[:, :-1], channels - 1) + channels * members[seen][:, None]
    summed = np.bincount(at.ravel(), weights=content.ravel(), minlength=count * channels)
    return np.asarray(summed, dtype=float).reshape(count, channels)


def line_spectra(
    edges_kev: NDArray[np.float64],
    energies_kev: NDArray[np.float64],
    areas: NDArray[np.float64],
    response: DetectorResponse,
    *,
    members: NDArray[np.intp],
    count: int,
) -> NDArray[np.float64]:
    """Spectra of lines with their tails, shelves and escape peaks; parameters as for `gaussian_spectra`.

    The Gaussians hold the stated areas, the rest comes on top.
    """
    sigmas = response.sigma_kev(energies_kev)
    spectra = gaussian_spectra(edges_kev, energies_kev, areas, sigmas, members=members, count=count)
    escaping = energies_kev > _SILICON_EDGE_KEV
    if response.escape_scale > 0 and escaping.any():
        escape_kev = energies_kev[escaping] - SILICON_ALPHA_KEV
        escape_areas = areas[escaping] * response.escape_scale * escape_fraction(energies_kev[escaping])
        widths = response.sigma_kev(escape_kev)
        spectra += gaussian_spectra(edges_kev, escape_kev, escape_areas, widths, members=members[escaping], count=count)
    if response.tail_fraction > 0 or response.shelf_fraction > 0:
        # Tail and shelf are wide: one for all lines of a spectrum serves.
        totals = np.bincount(members, weights=areas, minlength=count)
        centres = np.bincount(members, weights=areas * energies_kev, minlength=count) / np.maximum(totals, 1e-300)
        filled = centres > 0
        spectra[filled] += totals[filled, None] * _tails_and_shelves(edges_kev, centres[filled], response)
    return spectra


def lines_spectrum(
    edges_kev: NDArray[np.float64],
    energies_kev: NDArray[np.float64],
    areas: NDArray[np.float64],
    response: DetectorResponse,
) -> Spectrum:
    """Spectrum of lines, shape (channels,); see `line_spectra`."""
    members = np.zeros(energies_kev.size, dtype=np.intp)
    return np.asarray(line_spectra(edges_kev, energies_kev, areas, response, members=members, count=1)[0])


def _tails_and_shelves(
    edges_kev: NDArray[np.float64], energies_kev: NDArray[np.float64], response: DetectorResponse
) -> NDArray[np.float64]:
    channels = 0.5 * (edges_kev[1:] + edges_kev[:-1])
    energy = energies_kev[:, None]
    sigma = response.sigma_kev(energy)
    above = channels - energy
    reduced = above / (sqrt(2.0) * sigma)
    shelf = np.where(channels > 0, 0.5 * _erfc(reduced) / energy, 0.0)
    # exp(x / b) erfc(u) written with the scaled erfcx where u is positive: it does not overflow above the line.
    shifted = reduced + sigma / (sqrt(2.0) * response.tail_kev)
    tail = np.zeros_like(shifted)
    near = (shifted > 0) & (reduced < _ERFC_VANISHES)
    tail[near] = np.exp(-np.square(reduced[near])) * erfcx(shifted[near])
    decay = above / response.tail_kev + np.square(sigma / response.tail_kev) / 2.0
    below = shifted <= 0
    tail[below] = np.exp(decay[below]) * _erfc(shifted[below])
    tail /= 2.0 * response.tail_kev
    return np.asarray((response.shelf_fraction * shelf + response.tail_fraction * tail) * np.diff(edges_kev))


def _erfc(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The complementary error function, worked out only where it is neither 2 nor 0 in double precision."""
    found = np.where(values < 0, 2.0, 0.0)
    between = (values > _ERFC_SATURATES) & (values < _ERFC_VANISHES)
    found[between] = erfc(values[between])
    return found


def family_spectra(
    edges_kev: NDArray[np.float64], groups: Sequence[LineGroup], response: DetectorResponse
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]]:
    """Spectra of the groups' families of lines.

    Returns
    -------
    spectra, shares, owners
        Spectra of unit Gaussian area each, shape (families, channels); each family's tabulated share of its group,
        and the group's position, shape (families,).
    """
    energies, strengths, members = [], [], []
    shares: list[float] = []
    owners: list[int] = []
    for owner, group in enumerate(groups):
        for indices in group.families:
            share = sum(group.relative_intensities[i] for i in indices)
            energies += [group.energies_kev[i] for i in indices]
            strengths += [group.relative_intensities[i] / share for i in indices]
            members += [len(shares)] * len(indices)
            shares.append(share)
            owners.append(owner)
    spectra = line_spectra(
        edges_kev,
        np.array(energies),
        np.array(strengths),
        response,
        members=np.array(members, dtype=np.intp),
        count=len(shares),
    )
    return spectra, np.array(shares), np.array(owners, dtype=np.intp)


def group_spectra(
    edges_kev: NDArray[np.float64], groups: Sequence[LineGroup], response: DetectorResponse
) -> NDArray[np.float64]:
    """Spectra of whole groups by the table's intensities, unit Gaussian area, shape (groups, channels)."""
    families, shares, owners = family_spectra(edges_kev, groups, response)
    spectra = np.zeros((len(groups), families.shape[1]))
    np.add.at(spectra, owners, shares[:, None] * families)
    return spectra


def compton_energies_kev(energies_kev: NDArray[np.float64], angle_rad: float) -> NDArray[np.float64]:
    """Energies of photons after Compton scattering through an angle, free electrons at rest."""
    return np.asarray(energies_kev / (1.0 + energies_kev / 510.999 * (1.0 - np.cos(angle_rad))))
