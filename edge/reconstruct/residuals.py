"""What each measured cell differs by from what the cells around it predict."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.covariance import Learned
from edge.reconstruct.normalised import NormalisedSamples
from edge.reconstruct.photograph import Photograph
from edge.reconstruct.trial import trial_around

_NEIGHBOURS = 16
"""A residual is wanted to a few per cent: half as many as a map is estimated from."""


def residuals(cells: MeasuredCells, learned: Learned, photograph: Photograph | None) -> NDArray[np.float32]:
    """Measured less predicted from the nearest others, of every measured cell, shape (cells, elements).

    In units of each element's standard deviation among the cells. Leave-one-out kriging under the learned covariance
    of the element's group; the guide, where there is one, has seen the cell.
    """
    samples = NormalisedSamples.of(cells, photograph)
    everyone = np.arange(len(samples))
    trial = trial_around(
        samples, everyone, np.ones(len(samples), np.float32), learned.guide, neighbours=_NEIGHBOURS, left_out=1
    )
    found = np.zeros(samples.values.shape, np.float32)
    for group in learned.groups:
        places = trial.features(learned.alignment if group.follows_colour else None)
        if not group.follows_guide:
            places[:, 5:] = 0
        found[:, group.elements] = trial.errors(places, group.covariance).residual[:, group.elements]
    return found
