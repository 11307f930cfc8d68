"""Spectra painted by code that shares nothing with the code under test: own lines, own Gaussians, own background."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import erf

# Energies in keV: X-ray Data Booklet (LBNL, 2009), Table 1-2, and Bearden, Rev. Mod. Phys. 39 (1967) 78.
# Strengths relative to the first line, rounded: Data Booklet, Table 1-3; those of the L1 subshell about as measured.
PB_L1 = [(12.7933, 8), (12.3066, 6), (15.1011, 2), (15.2180, 2), (11.3493, 2)]
HG_L1 = [(11.9953, 8), (11.5630, 6), (14.1620, 2), (14.2650, 2), (10.6512, 2)]
LINES = {
    "S": [(2.3078, 100), (2.3066, 50), (2.4640, 5)],
    "Ca": [(3.6917, 100), (3.6881, 50), (4.0127, 20)],
    "Ti": [(4.5108, 100), (4.5049, 50), (4.9318, 20)],
    "Fe": [(6.4038, 100), (6.3908, 50), (7.0580, 20)],
    "Cu": [(8.0478, 100), (8.0278, 51), (8.9053, 20)],
    "Zn": [(8.6389, 100), (8.6158, 51), (9.5720, 20)],
    "As": [(10.5437, 100), (10.5080, 51), (11.7262, 19)],
    "Hg": [(9.9888, 100), (9.8976, 11), (11.8226, 67), (11.9241, 24), (13.8301, 14), (8.7210, 5), *HG_L1],
    "Pb": [(10.5515, 100), (10.4495, 11), (12.6137, 66), (12.6226, 25), (14.7644, 14), (9.1845, 6), *PB_L1],
    "Pb-M": [(2.3455, 100), (2.4427, 60)],
    "Ba": [(4.4663, 100), (4.4509, 11), (4.8275, 60), (5.1565, 20), (5.5311, 9)],
    "Ar": [(2.9577, 100), (2.9556, 50), (3.1905, 10)],
}


@dataclass(frozen=True)
class Painter:
    """A made-up detector whose true scale and width the fit has to find."""

    channels: int = 2048
    offset_kev: float = 0.0
    gain_kev: float = 0.01
    noise_kev: float = 0.08
    fano: float = 0.118

    def peak(self, energy_kev: float, extra_fwhm_kev: float = 0.0) -> NDArray[np.float64]:
        """One Gaussian of unit area, integrated over the channels."""
        fwhm = sqrt(self.noise_kev**2 + extra_fwhm_kev**2 + 5.545 * 0.00365 * self.fano * energy_kev)
        borders = (self.offset_kev + self.gain_kev * (np.arange(self.channels + 1) - 0.5) - energy_kev) / fwhm
        return np.asarray(np.diff(0.5 * (1.0 + erf(1.6651092 * borders))))

    def element(self, name: str) -> NDArray[np.float64]:
        """Lines of one element, unit area."""
        total = sum(strength for _, strength in LINES[name])
        return np.asarray(np.sum([strength / total * self.peak(energy) for energy, strength in LINES[name]], axis=0))

    def continuum(self) -> NDArray[np.float64]:
        """A scattered tube continuum with elastic and inelastic Rh K peaks, unit area."""
        energies = self.offset_kev + self.gain_kev * np.arange(self.channels)
        hump = np.exp(-0.5 * ((energies - 14.0) / 5.0) ** 2) + 0.4 * np.exp(-0.5 * ((energies - 3.0) / 2.0) ** 2)
        hump[energies < 0.5] = 0.0
        hump /= hump.sum()
        elastic = 0.65 * self.peak(20.2161) + 0.35 * self.peak(20.0737)
        return np.asarray(0.8 * hump + 0.17 * self.peak(19.0, 0.6) + 0.03 * elastic)

    def rates(self, areas: Mapping[str, float], continuum: float) -> NDArray[np.float64]:
        """Expected counts of every channel."""
        peaks = [area * self.element(name) for name, area in areas.items()]
        return np.asarray(np.sum([continuum * self.continuum(), *peaks], axis=0))


@pytest.fixture(scope="session")
def painter_of() -> type[Painter]:
    """Made-up detectors, by default on their nominal scale of 10 eV a channel."""
    return Painter
