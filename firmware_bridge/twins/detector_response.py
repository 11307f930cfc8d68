"""What a silicon drift detector makes of radiation: mean spectra per second, before chance.

Nothing here is shared with the fit: the application has to find out what the detector does, as with hardware.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.twins.settings import TwinSettings

Spectrum = NDArray[np.float64]

_FWHM_PER_SIGMA = 2 * math.sqrt(2 * math.log(2))
_PAIR_KEV = 0.00365
"""Energy per electron-hole pair in silicon."""
_SI_K_EDGE_KEV = 1.839
_SI_K_ALPHA_KEV = 1.740
_SI_FLUORESCENCE_YIELD = 0.05
_SI_K_SHARE = 0.907
_SI_DENSITY_G_CM3 = 2.33
_ELECTRON_KEV = 510.999


def silicon_attenuation_cm2_g(energy_kev: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mass attenuation of silicon, a power law on either side of the K edge good to some ten per cent."""
    above = 3_190.0 * (_SI_K_EDGE_KEV / energy_kev) ** 2.8
    below = 309.0 * (_SI_K_EDGE_KEV / energy_kev) ** 2.8
    return np.where(energy_kev >= _SI_K_EDGE_KEV, above, below)


def escape_share(energy_kev: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of a line's events that lose a silicon K photon (Reed and Ware, J. Phys. E 5 (1972) 582)."""
    ratio = silicon_attenuation_cm2_g(np.array([_SI_K_ALPHA_KEV])) / silicon_attenuation_cm2_g(energy_kev)
    share = 0.5 * _SI_FLUORESCENCE_YIELD * _SI_K_SHARE * (1 - ratio * np.log1p(1 / ratio))
    return np.where(energy_kev > _SI_K_EDGE_KEV, share, 0.0)


def efficiency(energy_kev: NDArray[np.float64], settings: TwinSettings) -> NDArray[np.float64]:
    """Share of photons that pass the window and stop in the crystal."""
    window = np.exp(-((settings.window_kev / energy_kev) ** 3))
    depth_g_cm2 = _SI_DENSITY_G_CM3 * settings.silicon_mm / 10
    return np.asarray(window * -np.expm1(-silicon_attenuation_cm2_g(energy_kev) * depth_g_cm2))


class DetectorResponse:
    """Mean spectra for one gain and offset.

    Parameters
    ----------
    gain_kev, offset_kev
        True energy scale: channel c covers ``offset + gain * [c, c + 1)``.
    """

    def __init__(self, settings: TwinSettings, gain_kev: float, offset_kev: float) -> None:
        self._settings = settings
        self._gain_kev = gain_kev
        self._edges_kev = offset_kev + gain_kev * np.arange(settings.channels + 1)
        self._centres_kev = (self._edges_kev[1:] + self._edges_kev[:-1]) / 2
        self.zero_channel = -offset_kev / gain_kev
        self.scatter: Spectrum = self._scatter()
        """Mean events per channel for one photon per second of scattered tube radiation, shape (channels,)."""

    def templates(self, energies_kev: NDArray[np.float64]) -> Spectrum:
        """Mean events per channel for one photon per second of each line, shape (channels, lines)."""
        columns = [self.line(float(energy)) for energy in energies_kev]
        return np.stack(columns, axis=1) if columns else np.zeros((self._settings.channels, 0))

    def line(self, energy_kev: float, broadening_kev: float = 0.0) -> Spectrum:
        """One line: peak, tail of incomplete charge, escape peak; shape (channels,)."""
        energies = np.array([energy_kev])
        escaping = float(escape_share(energies)[0])
        shape = (1 - escaping) * self._peak_and_tail(energy_kev, broadening_kev)
        if escaping > 0:
            shape = shape + escaping * self._peak(energy_kev - _SI_K_ALPHA_KEV, broadening_kev)
        return np.asarray(shape * float(efficiency(energies, self._settings)[0]))

    def _sigma_kev(self, energy_kev: float, broadening_kev: float) -> float:
        noise_kev = self._settings.noise_fwhm_kev / _FWHM_PER_SIGMA
        return math.sqrt(noise_kev**2 + self._settings.fano * _PAIR_KEV * max(energy_kev, 0.0) + broadening_kev**2)

    def _peak(self, energy_kev: float, broadening_kev: float) -> Spectrum:
        from scipy.special import ndtr

        sigma_kev = self._sigma_kev(energy_kev, broadening_kev)
        return np.asarray(np.diff(ndtr((self._edges_kev - energy_kev) / sigma_kev)))

    def _peak_and_tail(self, energy_kev: float, broadening_kev: float) -> Spectrum:
        share = min(0.2, self._settings.tail_fraction * (3.0 / energy_kev))
        return (1 - share) * self._peak(energy_kev, broadening_kev) + share * self._tail(energy_kev, broadening_kev)

    def _tail(self, energy_kev: float, broadening_kev: float) -> Spectrum:
        """An exponential towards lower energy, smeared by the peak's width (Phillips and Marlow, NIM 137 (1976))."""
        from scipy.special import erfcx

        sigma_kev = self._sigma_kev(energy_kev, broadening_kev)
        slope_kev = 0.15 + 0.03 * energy_kev
        distance = (self._centres_kev - energy_kev) / (math.sqrt(2) * sigma_kev)
        reach = distance + sigma_kev / (math.sqrt(2) * slope_kev)
        with np.errstate(over="ignore", invalid="ignore"):
            far = np.exp(2 * distance * sigma_kev / (math.sqrt(2) * slope_kev))
            near = np.exp(-(distance**2)) * erfcx(np.maximum(reach, -20.0))
        shape = np.where(reach < -5, 2 * far * math.exp((sigma_kev / slope_kev) ** 2 / 2), near)
        return np.asarray(np.nan_to_num(shape) * self._gain_kev / (2 * slope_kev))

    def _scatter(self) -> Spectrum:
        """Tube radiation off the object: elastic and Compton peaks of the anode's lines over bremsstrahlung."""
        settings = self._settings
        total = np.zeros(settings.channels)
        for energy_kev, share in settings.anode_lines_kev:
            if energy_kev >= settings.tube_kv:
                continue
            compton_share = min(0.8, energy_kev / 25.0)
            total += share * (1 - compton_share) * self.line(energy_kev)
            total += share * compton_share * self.line(self._compton_kev(energy_kev), 0.012 * energy_kev)
        rest = 1.0 - sum(share for _, share in settings.anode_lines_kev)
        return total + rest * self._bremsstrahlung()

    def _compton_kev(self, energy_kev: float) -> float:
        angle = math.radians(self._settings.scatter_angle_deg)
        return energy_kev / (1 + energy_kev / _ELECTRON_KEV * (1 - math.cos(angle)))

    def _bremsstrahlung(self) -> Spectrum:
        """Kramers' continuum (Phil. Mag. 46 (1923) 836), hardened by the object, seen by the detector."""
        settings = self._settings
        energy_kev = np.maximum(self._centres_kev, 0.05)
        continuum = np.clip(settings.tube_kv / energy_kev - 1, 0, None)
        hardened = continuum * energy_kev**2.5 / (energy_kev**2.5 + 6.0**2.5)
        within_kev, step_kev = np.linspace(0.05, settings.tube_kv, 4_000, retstep=True)
        whole = (settings.tube_kv / within_kev - 1) * within_kev**2.5 / (within_kev**2.5 + 6.0**2.5)
        per_kev = hardened / (float(whole.sum()) * step_kev)
        return np.asarray(per_kev * self._gain_kev * efficiency(energy_kev, settings))


def pile_up(mean_hz: Spectrum, zero_channel: float, pile_up_s: float) -> Spectrum:
    """Replace events that come too near to one another by one event of their summed energy.

    To first order in rate times resolving time: a share of the spectrum moves to its convolution with itself.

    Parameters
    ----------
    mean_hz
        Mean events per second and channel, shape (channels,).
    zero_channel
        Channel, fractional, at which the energy is zero.
    """
    rate_hz = float(mean_hz.sum())
    share = -math.expm1(-rate_hz * pile_up_s)
    if share <= 0.0:
        return mean_hz
    channels = mean_hz.size
    transform = np.fft.rfft(mean_hz / rate_hz, 2 * channels)
    summed = np.clip(np.fft.irfft(transform * transform, 2 * channels), 0.0, None)
    source = np.arange(channels) - round(0.5 - zero_channel)
    inside = (source >= 0) & (source < 2 * channels)
    moved = np.zeros(channels)
    moved[inside] = summed[source[inside]]
    return (1 - share) * mean_hz + share * rate_hz / 2 * moved
