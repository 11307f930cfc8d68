"""Means and paired differences, with their 95 % intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean of paired differences; its interval by Student's t."""

    mean_db: float
    half_width_db: float
    """Of the interval about the mean; NaN for a single pair."""
    pairs: int

    @property
    def tells(self) -> bool:
        """Whether the interval leaves zero out."""
        return abs(self.mean_db) > self.half_width_db


def paired_difference(ours: Mapping[str, float], theirs: Mapping[str, float]) -> Difference | None:
    """Ours less theirs over the subjects, by name, that both have; None where they share none."""
    shared = sorted(ours.keys() & theirs.keys())
    if not shared:
        return None
    differences = [ours[name] - theirs[name] for name in shared]
    return Difference(float(np.mean(differences)), half_width(differences), len(shared))


def half_width(values: Sequence[float]) -> float:
    """Half the interval of a mean by Student's t, as for one sample; NaN for fewer than two values."""
    from scipy.stats import t

    if len(values) < 2:
        return math.nan
    return float(t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values)))
