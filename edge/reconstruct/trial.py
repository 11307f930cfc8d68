"""Neighbourhoods on which parameters are tried: a few samples, each left out and predicted from those around it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct import tiles
from edge.reconstruct.covariance import Covariance
from edge.reconstruct.neighbours import nearest_samples
from edge.reconstruct.photograph import Alignment, Photograph

_TRIAL_NEIGHBOURS = 24
_NEIGHBOURHOODS = 400
_LEFT_OUT_EACH = 6


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Neighbourhoods on which parameters are tried."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    values: NDArray[np.float32]
    noise: NDArray[np.float32]
    counting: NDArray[np.float32]
    neighbours: NDArray[np.int32]
    weight: NDArray[np.float32]
    """Weight of each sample left out, which undoes the uneven drawing; mean 1."""
    left_out: int
    photograph: Photograph | None

    def features(self, alignment: Alignment) -> NDArray[np.float32]:
        return features(self.rows, self.columns, self.photograph, alignment)

    def errors(
        self, places: NDArray[np.float32], covariance: Covariance
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Residual, its variance in units of the sill, and the local sill without the sample left out."""
        count, elements = len(self.neighbours) * self.left_out, self.values.shape[1]
        residual, rest = np.empty((count, elements), np.float32), np.empty((count, elements), np.float32)
        variance = np.empty(count, np.float32)
        tiles.leave_one_out(
            self.neighbours, self.left_out, places, self.values, self.noise, covariance.as_array(),
            residual, variance, rest,
        )  # fmt: skip
        return residual, variance, rest

    def score(self, places: NDArray[np.float32], covariance: Covariance) -> float:
        """Mean of `scores` over the elements: what parameters for all of them should minimise."""
        return float(self.scores(places, covariance).mean())

    def scores(self, places: NDArray[np.float32], covariance: Covariance) -> NDArray[np.float64]:
        """Logarithm of each element's mean squared leave-one-out error."""
        residual = self.errors(places, covariance)[0]
        return np.log(self.weight @ np.square(residual) / len(self.weight) + 1e-12).astype(np.float64)


def features(
    rows: NDArray[np.intp], columns: NDArray[np.intp], photograph: Photograph | None, alignment: Alignment
) -> NDArray[np.float32]:
    """Row, column and aligned colour of some cells, shape (n, 5); colours are zero without a photograph."""
    places = np.zeros((len(rows), 5), np.float32)
    places[:, 0], places[:, 1] = rows, columns
    if photograph is not None:
        places[:, 2:] = photograph.at(rows, columns, alignment)
    return places


def draw_trial(
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    values: NDArray[np.float32],
    noise: NDArray[np.float32],
    counting: NDArray[np.float32],
    photograph: Photograph | None,
) -> Trial:
    """Neighbourhoods around samples drawn at random, more often where the maps vary; only their samples are kept."""
    centres, weight = _draw(rows, columns, values)
    places = np.column_stack([rows[centres], columns[centres]]).astype(np.float32)
    neighbours = nearest_samples(rows, columns, places, min(_TRIAL_NEIGHBOURS, len(rows)))
    used, compact = np.unique(neighbours, return_inverse=True)
    left_out = min(_LEFT_OUT_EACH, neighbours.shape[1])
    return Trial(
        rows[used],
        columns[used],
        np.ascontiguousarray(values[used]),
        noise[used],
        counting[used],
        compact.reshape(neighbours.shape).astype(np.int32),
        np.repeat(weight, left_out),
        left_out,
        photograph,
    )


def _draw(
    rows: NDArray[np.intp], columns: NDArray[np.intp], values: NDArray[np.float32]
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Samples to centre neighbourhoods on, and the weights that undo the uneven drawing.

    Few samples, at edges, make up most of the squared error, so half the chance goes with the squared difference from
    a sample close by, the next one in a coarse raster.
    """
    count = len(rows)
    if count <= _NEIGHBOURHOODS:
        return np.arange(count), np.ones(count, np.float32)
    block = 2 * math.sqrt((rows.max() + 1) * (columns.max() + 1) / count)
    raster = (rows / block).astype(np.int64) * int(columns.max() / block + 1) + (columns / block).astype(np.int64)
    order = np.argsort(raster, kind="stable")
    steps = np.square(np.diff(values[order], axis=0, append=values[order[-2:-1]]))
    contrast = np.empty(count)
    contrast[order] = (steps / np.maximum(steps.mean(axis=0), np.float32(1e-12))).mean(axis=1)
    chance = 0.5 / count + 0.5 * contrast / max(float(contrast.sum()), 1e-12)
    chance /= chance.sum()
    centres = np.random.default_rng(0).choice(count, _NEIGHBOURHOODS, replace=False, p=chance)
    weight = 1 / chance[centres]
    return centres, (weight / weight.mean()).astype(np.float32)
