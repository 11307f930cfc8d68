"""White balance and evenness of the light, as factors on linear light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.srgb import FULL
from edge.faults import SafetyStop

_CLIPPED = 0.985
"""Share of full scale from which a white is taken as overexposed."""
_DARK = 0.02
_EVEN = 0.15
"""Largest spread of a white card's light, 10 % to 90 %, of its median: more is shine, shadow, or no card."""


@dataclass(frozen=True, slots=True, eq=False)
class Balance:
    """Factors on linear light."""

    factors: NDArray[np.float32]
    """Shape (3,) for the whole grid, or (rows, columns, 3)."""

    def applied(self, light: NDArray[np.uint16]) -> NDArray[np.float32]:
        """Linear light with the factors on it, not clipped."""
        return np.asarray(light.astype(np.float32) * self.factors, dtype=np.float32)


def card_factors(card: NDArray[np.uint16], reflectance: float) -> NDArray[np.float32]:
    """Factors, shape (3,), that make a white card neutral and as light as it is.

    Parameters
    ----------
    card : linear light, shape (n, m, 3)
        As seen over the card, evened where there is a flat field.
    reflectance : float
        The card's, in (0, 1].

    Raises
    ------
    SafetyStop
        The card is overexposed, dark, or unevenly lit.
    """
    share = card.reshape(-1, 3).astype(np.float64) / FULL
    white = np.median(share, axis=0)
    where = "the white card at instrument.colour.white_card"
    if float(white.max()) > _CLIPPED:
        raise SafetyStop(f"{where} is overexposed: expose the photograph less")
    if float(white.min()) < _DARK:
        raise SafetyStop(f"{where} is dark ({100 * white.min():.1f} % of full scale): check its place, or expose more")
    spread = np.ptp(np.percentile(share, [10, 90], axis=0), axis=0) / white
    if float(spread.max()) > _EVEN:
        raise SafetyStop(
            f"{where} is not evenly white (its light varies by {100 * spread.max():.0f} %): check its place, and keep "
            "shine and shadows off it"
        )
    return np.asarray(reflectance / white, dtype=np.float32)


def flat_factors(flat: NDArray[Any]) -> NDArray[np.float32]:
    """Factors, shape (rows, columns, 3), that make an evenly white sheet even and neutral, and on the whole as light.

    Parameters
    ----------
    flat : linear light of the sheet, shape (rows, columns, 3)

    Raises
    ------
    SafetyStop
        The picture is overexposed or dark somewhere.
    """
    share = flat.astype(np.float32) / np.float32(FULL)
    if float(share.max()) > _CLIPPED:
        raise SafetyStop("the flat field at instrument.colour.flat_field is overexposed: expose it less")
    if float(share.min()) < _DARK:
        raise SafetyStop("the flat field at instrument.colour.flat_field is dark somewhere: expose it more, evenly lit")
    return np.asarray(share.mean(dtype=np.float64) / share, dtype=np.float32)
