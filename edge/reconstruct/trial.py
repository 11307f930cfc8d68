"""Neighbourhoods on which parameters are tried: a few samples, each left out and predicted from those around it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct import tiles
from edge.reconstruct.covariance import Covariance
from edge.reconstruct.guide import Guide, unguided
from edge.reconstruct.neighbours import nearest_samples
from edge.reconstruct.normalised import NormalisedSamples
from edge.reconstruct.photograph import Alignment, Photograph
from edge.reconstruct.reading import read_off
from edge.reconstruct.tiling import in_shares

_TRIAL_NEIGHBOURS = 24
_NEIGHBOURHOODS = 400
_LEFT_OUT_EACH = 6


@dataclass(frozen=True, slots=True, eq=False)
class Errors:
    """Errors of samples that were predicted without themselves."""

    residual: NDArray[np.float32]
    """Measured less predicted, normalised, shape (k, elements)."""
    measured: NDArray[np.float32]
    """What was measured, normalised, shape (k, elements)."""
    variance: NDArray[np.float32]
    """Its kriging variance in units of the sill, shape (k,)."""
    rest: NDArray[np.float32]
    """Mean quadratic form of each neighbourhood without the sample left out, shape (k, elements)."""
    weight: NDArray[np.float32]
    """What each counts, so that the uneven drawing is undone; mean 1, shape (k,)."""
    noise: NDArray[np.float32]
    """Noise variance of the sample left out relative to the mean sample's, shape (k,)."""
    counting: NDArray[np.float32]
    """Its counting variance, normalised, shape (k, elements); zero where unknown."""
    others: int
    """Samples that each was predicted from."""

    def squares(self) -> NDArray[np.float64]:
        """Squared errors times their weights, shape (k, elements)."""
        return self.weight[:, None].astype(np.float64) * np.square(self.residual.astype(np.float64))

    def scores(self) -> NDArray[np.float64]:
        """Logarithm of each element's mean squared error."""
        scores: NDArray[np.float64] = np.log(self.squares().mean(axis=0) + 1e-12)
        return scores


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Neighbourhoods on which parameters are tried."""

    samples: NormalisedSamples
    """Those that occur in a neighbourhood."""
    neighbours: NDArray[np.int32]
    """Samples of each neighbourhood, those to be left out first, shape (neighbourhoods, samples of each)."""
    weight: NDArray[np.float32]
    """Weight of each sample left out, which undoes the uneven drawing; mean 1."""
    left_out: int
    """How many of each neighbourhood are left out by turns."""
    metric: NDArray[np.float32]
    """Of each neighbourhood, see `Guide.metric`, shape (neighbourhoods, 3)."""
    guide: Guide | None = None
    """Must not have seen the samples that are left out."""

    def features(self, alignment: Alignment | None) -> NDArray[np.float32]:
        """Features of the samples, with the photograph's colours unless the alignment is None."""
        samples = self.samples
        photograph = None if alignment is None else samples.photograph
        return features(samples.rows, samples.columns, photograph, alignment or Alignment(), self.guide)

    def errors(self, places: NDArray[np.float32], covariance: Covariance) -> Errors:
        """Errors of the samples left out when the others of their neighbourhoods predict them."""
        samples, each, elements = self.samples, self.left_out, self.samples.values.shape[1]
        count = len(self.neighbours) * each
        residual, rest = np.empty((count, elements), np.float32), np.empty((count, elements), np.float32)
        variance = np.empty(count, np.float32)

        def share(part: slice) -> None:
            out = slice(part.start * each, part.stop * each)
            tiles.leave_one_out(
                self.neighbours[part], each, places, samples.values, samples.noise, self.metric[part],
                covariance.as_array(),
                residual[out], variance[out], rest[out],
            )  # fmt: skip

        in_shares(share, len(self.neighbours))
        sample = self.neighbours[:, :each].ravel()
        others = self.neighbours.shape[1] - 1
        return Errors(
            residual,
            samples.values[sample],
            variance,
            rest,
            self.weight,
            samples.noise[sample],
            samples.counting[sample],
            others,
        )

    def score(self, places: NDArray[np.float32], covariance: Covariance) -> float:
        """Mean over the elements of the logarithm of the mean squared error: what parameters should minimise."""
        return float(self.errors(places, covariance).scores().mean())

    def part(self, step: int) -> Trial:
        """Every so many of the neighbourhoods."""
        weight = self.weight.reshape(-1, self.left_out)[::step].ravel()
        return replace(
            self, neighbours=self.neighbours[::step], weight=weight / weight.mean(), metric=self.metric[::step]
        )


def features(
    rows: NDArray[Any],
    columns: NDArray[Any],
    photograph: Photograph | None,
    alignment: Alignment,
    guide: Guide | None = None,
) -> NDArray[np.float32]:
    """Row, column, aligned colour and the guide's colours of some places in cells, shape (n, 8).

    Colours are zero without a photograph, and the guide's without one.
    """
    places = np.zeros((len(rows), 8), np.float32)
    places[:, 0], places[:, 1] = rows, columns
    if photograph is not None:
        places[:, 2:5] = photograph.at(rows, columns, alignment)
    if guide is not None:
        places[:, 5:] = read_off(guide.colours, rows, columns)
    return places


def draw_trial(samples: NormalisedSamples) -> Trial:
    """Neighbourhoods around samples drawn at random, more often where the maps vary; only their samples are kept."""
    centres, weight = draw(samples, _NEIGHBOURHOODS)
    return trial_around(samples, centres, weight, neighbours=_TRIAL_NEIGHBOURS, left_out=_LEFT_OUT_EACH)


def trial_around(
    samples: NormalisedSamples,
    centres: NDArray[np.intp],
    weight: NDArray[np.float32],
    guide: Guide | None = None,
    *,
    neighbours: int,
    left_out: int,
) -> Trial:
    """Neighbourhoods of some samples, `neighbours` in each, of which the nearest `left_out` are left out by turns."""
    places = np.column_stack([samples.rows[centres], samples.columns[centres]]).astype(np.float32)
    nearest = nearest_samples(samples.rows, samples.columns, places, min(neighbours, len(samples)))
    used, compact = np.unique(nearest, return_inverse=True)
    each = min(left_out, nearest.shape[1])
    metric = unguided(len(centres)) if guide is None else guide.metric(samples.rows[centres], samples.columns[centres])
    neighbourhoods = compact.reshape(nearest.shape).astype(np.int32)
    return Trial(samples.only(used), neighbourhoods, np.repeat(weight, each), each, metric, guide)


def draw(samples: NormalisedSamples, wanted: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Samples to centre neighbourhoods on, and the weights that undo the uneven drawing.

    Few samples, at edges, make up most of the squared error, so half the chance goes with the squared difference from
    a sample close by, the next one in a coarse raster.
    """
    rows, columns, values, count = samples.rows, samples.columns, samples.values, len(samples)
    if count <= wanted:
        return np.arange(count), np.ones(count, np.float32)
    block = 2 * math.sqrt((rows.max() + 1) * (columns.max() + 1) / count)
    raster = (rows / block).astype(np.int64) * int(columns.max() / block + 1) + (columns / block).astype(np.int64)
    order = np.argsort(raster, kind="stable")
    steps = np.square(np.diff(values[order], axis=0, append=values[order[-2:-1]]))
    contrast = np.empty(count)
    contrast[order] = (steps / np.maximum(steps.mean(axis=0), np.float32(1e-12))).mean(axis=1)
    chance = 0.5 / count + 0.5 * contrast / max(float(contrast.sum()), 1e-12)
    chance /= chance.sum()
    centres = np.random.default_rng(0).choice(count, wanted, replace=False, p=chance)
    weight = 1 / chance[centres]
    return centres, (weight / weight.mean()).astype(np.float32)
