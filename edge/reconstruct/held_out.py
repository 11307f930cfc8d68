"""Samples that a first look has not seen: only on these does a guided prediction show what it is worth.

A guide that has seen a sample tells where that sample's edge runs, so that leaving it out of its neighbourhood alone
would make the guide look far better than it is between the samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.covariance import Covariance
from edge.reconstruct.guide import Guide
from edge.reconstruct.normalised import NormalisedSamples
from edge.reconstruct.photograph import Alignment
from edge.reconstruct.trial import Errors, Trial, draw, trial_around

_HELD_OUT = 2000
"""Enough that the share of errors within a standard error is known within one to two points."""
_MOST_AT_ONCE = 0.2
"""Part of the samples that a first look may do without and still show what one of all samples would."""


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Trials, each with a guide that has not seen what it leaves out."""

    trials: tuple[Trial, ...]

    def features(self, alignment: Alignment | None) -> list[NDArray[np.float32]]:
        """Features of each trial's samples, with the photograph's colours unless the alignment is None."""
        return [trial.features(alignment) for trial in self.trials]

    def errors(self, places: list[NDArray[np.float32]], covariance: Covariance) -> Errors:
        """Errors of all samples held out, each predicted from the others."""
        parts = [trial.errors(at, covariance) for trial, at in zip(self.trials, places, strict=True)]
        return Errors(
            np.concatenate([part.residual for part in parts]),
            np.concatenate([part.measured for part in parts]),
            np.concatenate([part.variance for part in parts]),
            np.concatenate([part.rest for part in parts]),
            np.concatenate([part.weight for part in parts]),
            np.concatenate([part.noise for part in parts]),
            np.concatenate([part.counting for part in parts]),
            parts[0].others,
        )

    def __len__(self) -> int:
        """Samples held out."""
        return sum(len(trial.weight) for trial in self.trials)

    def part(self, step: int) -> HeldOut:
        """Every so many of the samples held out."""
        return HeldOut(tuple(trial.part(step) for trial in self.trials))


def hold_out(samples: NormalisedSamples, *, neighbours: int, look: Callable[[NDArray[np.intp]], Guide]) -> HeldOut:
    """Hold samples out of first looks, a part of them at a time; `look` is given the samples that it may see."""
    centres, weight = draw(samples, _HELD_OUT)
    folds = math.ceil(len(centres) / (_MOST_AT_ONCE * len(samples)))
    fold = np.random.default_rng(1).permutation(len(centres)) % folds
    trials = []
    for index in range(folds):
        own = fold == index
        guide = look(np.setdiff1d(np.arange(len(samples)), centres[own], assume_unique=True))
        trials.append(trial_around(samples, centres[own], weight[own], guide, neighbours=neighbours, left_out=1))
    return HeldOut(tuple(trials))
