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
    if spectra.dtype.kind not in "ui":
        _refuse_no_counts(spectra, ~(np.isfinite(spectra) & (spectra >= 0)))
    elif spectra.dtype.kind == "i":
        _refuse_no_counts(spectra, spectra < 0)
    live = np.asarray(live_s, dtype=float)
    if live.shape not in {(), (1,), (spectra.shape[0],)}:
        raise UsageError(
            f"{spectra.shape[0]} spectra have live times of shape {live.shape}: give one for each, or one for all"
        )
    live = np.broadcast_to(live, (spectra.shape[0],))
    wrong = ~(np.isfinite(live) & (live > 0))
    if wrong.any():
        raise UsageError(
            f"exposure {int(np.argmax(wrong))} has a live time of {live[int(np.argmax(wrong))]:g} s: "
            "leave out exposures without live time"
        )
    return spectra, live


def _refuse_no_counts(spectra: NDArray[np.generic], wrong: NDArray[np.bool_]) -> None:
    if wrong.any():
        exposure, channel = (int(i) for i in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
        raise UsageError(
            f"exposure {exposure} holds {spectra[exposure, channel]:g} in channel {channel}: "
            "a spectrum has counts from 0 upwards in every channel"
        )
