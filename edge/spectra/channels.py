"""Channels and spectra that did not count as they should: dead, hot, clipped, or no counts at all."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError

FULL_COUNTERS = (2**16 - 1, 2**24 - 1, 2**32 - 1)
"""Where counters of 2, 3 and 4 bytes stop: a channel that reads one of these held at least as many."""
_CERTAIN_COUNTS = 40.0
"""Expecting so many, none at all comes once in 10^17 spectra."""
_WIDEST_GAP = 8
_HOT = 3.0
"""Times the larger neighbour: a peak two channels wide stays below 2.8."""


def checked_sum(sum_counts: NDArray[np.generic], channels: int) -> NDArray[np.float64]:
    """Return a sum spectrum as floating point; raises `UsageError` where it is none."""
    counts = np.asarray(sum_counts, dtype=float)
    if counts.shape != (channels,):
        raise UsageError(
            f"the sum spectrum has shape {counts.shape}, the configuration says {channels} channels: "
            "correct detector.channels"
        )
    wrong = ~(np.isfinite(counts) & (counts >= 0))
    if wrong.any():
        first = int(np.argmax(wrong))
        raise UsageError(
            f"channel {first} of the sum spectrum holds {counts[first]:g}: a spectrum has counts from 0 upwards in "
            "every channel"
        )
    return counts


def dead_channels(sum_counts: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Channels that cannot have counted right: empty between full ones, or far above both neighbours.

    Parameters
    ----------
    sum_counts
        Sum of many spectra, shape (channels,). Single spectra have too few counts to tell.

    Returns
    -------
    ndarray
        True for a gap of at most 8 channels where dozens of counts must lie, and for single channels that hold three
        times as many as either neighbour and more than chance explains; shape (channels,).
    """
    dead = np.zeros(sum_counts.size, dtype=bool)
    full = np.flatnonzero(sum_counts > 0)
    for before, after in pairwise(full):
        is_gap = 1 < after - before <= _WIDEST_GAP + 1
        if is_gap and min(sum_counts[before], sum_counts[after]) > _CERTAIN_COUNTS:
            dead[before + 1 : after] = True
    higher = np.maximum(sum_counts[:-2], sum_counts[2:])
    surprise = sum_counts[1:-1] - _HOT * higher
    inner = ~dead[:-2] & ~dead[2:]
    dead[1:-1] |= inner & (surprise > _CERTAIN_COUNTS + 10.0 * np.sqrt(higher))
    return dead


def bridged(sum_counts: NDArray[np.float64], dead: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The spectrum with dead channels filled in on a straight line, for finding peaks and shapes; shape (channels,)."""
    if not dead.any():
        return sum_counts
    channel = np.arange(sum_counts.size)
    return np.where(dead, np.interp(channel, channel[~dead], sum_counts[~dead]), sum_counts)


def clipped(spectra: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Channels whose counter was full, same shape."""
    return np.asarray(np.isin(spectra, FULL_COUNTERS))
