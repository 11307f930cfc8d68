"""What every way from spectra to elements gives, and asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.faults import UsageError


@dataclass(frozen=True, slots=True, eq=False)
class ElementRates:
    """What a fit makes of exposures."""

    values: NDArray[np.float32]
    """Peak area of the whole line group, counts per second of live time, shape (n, elements).

    Unbiased, hence below zero by chance where an element is absent.
    """
    variance: NDArray[np.float32]
    """Variance of each value from counting statistics, same shape."""


class ElementFit(Protocol):
    """Turns spectra into element rates."""

    @property
    def elements(self) -> tuple[str, ...]:
        """Line groups, in the order of the values' columns."""
        ...

    def fit(self, counts: NDArray[np.unsignedinteger], live_s: ArrayLike) -> ElementRates:
        """Fit spectra of shape (n, channels) with live times of shape (n,)."""
        ...


def checked_spectra(
    counts: NDArray[np.unsignedinteger], live_s: ArrayLike, channels: int
) -> tuple[NDArray[np.unsignedinteger], NDArray[np.float64]]:
    """Return spectra and live times as arrays of matching shape; raises what `SpectrumModel.fit` does."""
    spectra = np.asarray(counts)
    if spectra.ndim != 2 or spectra.shape[1] != channels:
        raise UsageError(
            f"spectra of shape {spectra.shape} do not fit a model of {channels} channels: "
            "fit them with a model made from the same detector's sum spectrum"
        )
    live = np.broadcast_to(np.asarray(live_s, dtype=float), (spectra.shape[0],))
    if not np.all(live > 0):
        raise UsageError(
            f"exposure {int(np.argmin(live > 0))} has a live time of {live[int(np.argmin(live > 0))]:g} s: "
            "leave out exposures without live time"
        )
    return spectra, live
