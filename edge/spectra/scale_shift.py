"""A small change of the energy scale, and spectra seen on the changed one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.spectra.templates import SpectrumShape


@dataclass(frozen=True, slots=True)
class ScaleShift:
    """How far an energy scale has moved from the one that a model was learned on."""

    offset_kev: float = 0.0
    """Energy of channel 0, less what it was."""
    gain: float = 0.0
    """Relative change of the energy per channel."""

    def at_kev(self, energy_kev: NDArray[np.float64] | float, shape: SpectrumShape) -> NDArray[np.float64]:
        """Energy that the channel of a line now stands for, less the line's energy on the old scale."""
        channel = (np.asarray(energy_kev, dtype=float) - shape.offset_kev) / shape.gain_kev
        return np.asarray(self.offset_kev + self.gain * shape.gain_kev * channel)

    def inverse(self) -> ScaleShift:
        """The shift that undoes this one."""
        return ScaleShift(-self.offset_kev / (1.0 + self.gain), -self.gain / (1.0 + self.gain))


def seen_on(spectra: NDArray[np.float64], shape: SpectrumShape, shift: ScaleShift) -> NDArray[np.float64]:
    """Counts per channel of the same photons on a shifted scale.

    The cumulative spectrum is read off at the shifted borders of the channels by cubic Hermite interpolation, so that
    counts are conserved; a peak five channels wide keeps its height within a few parts in ten thousand.

    Parameters
    ----------
    spectra
        Counts on the scale of ``shape``, shape (n, channels).
    shape
        The scale that they are on.
    shift
        Where the scale is now.

    Returns
    -------
    ndarray
        Same shape. What lies beyond the recorded channels is lost, and nothing comes in from there.
    """
    channels = spectra.shape[1]
    cumulative = np.concatenate([np.zeros((len(spectra), 1)), np.cumsum(spectra, axis=1)], axis=1)
    padded = np.pad(spectra, ((0, 0), (2, 2)))
    # Density at each border, to fourth order in the channel.
    density = (7.0 * (padded[:, 1:-2] + padded[:, 2:-1]) - padded[:, :-3] - padded[:, 3:]) / 12.0
    borders = np.arange(channels + 1) - 0.5
    position = shift.offset_kev / shape.gain_kev + (1.0 + shift.gain) * borders + 0.5
    position = np.clip(position, 0.0, channels)
    left = np.minimum(position.astype(np.intp), channels - 1)
    t = position - left
    at_borders = (
        cumulative[:, left] * ((1.0 + 2.0 * t) * np.square(1.0 - t))
        + cumulative[:, left + 1] * (np.square(t) * (3.0 - 2.0 * t))
        + density[:, left] * (t * np.square(1.0 - t))
        - density[:, left + 1] * (np.square(t) * (1.0 - t))
    )
    return np.asarray(np.diff(at_borders, axis=1))
