"""Where the photograph lies on the scan, as far as the samples can tell: its offset, and how sure that is.

A photograph in its place predicts samples left out better than one beside it. The offset is what minimises the
leave-one-out error of kriging by colour.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.covariance import BOUNDS, Covariance
from edge.reconstruct.kriging import usable_photograph
from edge.reconstruct.lowest_point import FARTHEST_CELLS, NoOffset, Offset, blocks_of, lowest
from edge.reconstruct.normalised import NormalisedSamples
from edge.reconstruct.photograph import Photograph
from edge.reconstruct.trial import Trial, draw, trial_around

Doubles = NDArray[np.float64]

_ENOUGH = 100
"""Samples below which no offset is looked for."""
_NEIGHBOURHOODS = 1500
_NEIGHBOURS = 24
_LEFT_OUT_EACH = 6
_COARSE = 4
"""Every so many neighbourhoods serve to look around."""
_BLURS = (0.7, 1.2, 2.0)
"""Cells by which the photograph may be blurred."""
_SPACINGS_OF_BLOCK = 5.0
"""Side of a block in mean distances between samples: about the reach of a neighbourhood."""


def offset_of(cells: MeasuredCells, rgb: NDArray[np.float32]) -> Offset | NoOffset:
    """Estimate how far a photograph lies from where the samples say it should.

    Parameters
    ----------
    cells
        Measured cells; some hundred are needed.
    rgb
        Photograph on the scan grid, (rows, columns, 3), float in [0, 1].

    Returns
    -------
    Offset, significant or not; or NoOffset (falsy) where the samples do not determine one.
    """
    photograph = usable_photograph(rgb)
    if photograph is None:
        return NoOffset("the photograph is of a single colour")
    samples = NormalisedSamples.of(cells, photograph)
    alive = np.flatnonzero(samples.values.any(axis=0))
    if len(samples) < _ENOUGH or not len(alive):
        return NoOffset(f"{len(samples)} cells are too few, or show no element: at least {_ENOUGH} are needed")
    samples = samples.of_elements(alive)
    centres, weight = draw(samples, _NEIGHBOURHOODS)
    trial = trial_around(samples, centres, weight, neighbours=_NEIGHBOURS, left_out=_LEFT_OUT_EACH)
    criterion = _Criterion(trial, photograph)
    law, place = criterion.law_and_start()
    if law.share == 0:
        return NoOffset("the photograph's colours do not help to predict what was measured")
    spacing = math.sqrt((samples.rows.max() + 1) * (samples.columns.max() + 1) / len(samples))
    blocks = blocks_of(samples.rows[centres], samples.columns[centres], _SPACINGS_OF_BLOCK * spacing)
    middles = np.column_stack([samples.rows[centres], samples.columns[centres]]).astype(np.float64)
    return lowest(
        lambda at: criterion.squares(law, at),
        place,
        np.repeat(blocks, trial.left_out),
        len(samples),
        without=criterion.squares_without(),
        places=np.repeat(middles, trial.left_out, axis=0),
    )


class _Criterion:
    """The leave-one-out error as a function of the photograph's place."""

    def __init__(self, trial: Trial, photograph: Photograph) -> None:
        from scipy.ndimage import spline_filter

        self._trial = trial
        self._blind = trial.features(None)
        self._blind_law = Covariance()
        self._splines = {
            blur: [
                spline_filter(channel, order=3, output=np.float32, mode="nearest")
                for channel in np.moveaxis(photograph.blurred(blur), 2, 0)
            ]
            for blur in _BLURS
        }
        self._blur = _BLURS[0]

    def law_and_start(self) -> tuple[Covariance, Doubles]:
        """A law of likeness by colour and a first place, by turns, from some of the neighbourhoods."""
        trial = self._trial.part(_COARSE)
        self._blind_law = _searched(trial, self._blind, Covariance(), ("noise", "reach"))
        law = replace(self._blind_law, share=0.5)
        place = np.zeros(2)
        for reach, step in ((FARTHEST_CELLS, 1.0), (1.0, 0.5)):
            ways = np.arange(-reach, reach + step / 2, step)
            around = [place + np.array([down, right]) for down in ways for right in ways]
            around = [one for one in around if np.abs(one).max() <= FARTHEST_CELLS]
            place = min(around, key=lambda one: trial.score(self._features(one, trial, self._blur), law))
            law = _searched(trial, self._features(place, trial, self._blur), law, tuple(BOUNDS))
            self._blur = min(_BLURS, key=lambda blur: trial.score(self._features(place, trial, blur), law))
        return law, place

    def squares(self, law: Covariance, place: Doubles) -> Doubles:
        """Squared error of each prediction of each element, shape (k, elements)."""
        return self._trial.errors(self._features(place, self._trial, self._blur), law).squares()

    def squares_without(self) -> Doubles:
        """The same by a law that is blind to the photograph."""
        return self._trial.errors(self._blind, self._blind_law).squares()

    def _features(self, place: Doubles, trial: Trial, blur: float) -> NDArray[np.float32]:
        """Features of the trial's samples with the photograph moved.

        By cubic splines: linear ones would favour whole cells, where they blur less.
        """
        from scipy.ndimage import map_coordinates

        features = self._blind.copy()
        at = np.stack([trial.samples.rows - place[0], trial.samples.columns - place[1]])
        for k, spline in enumerate(self._splines[blur]):
            features[:, 2 + k] = map_coordinates(spline, at, order=3, mode="nearest", prefilter=False)
        return features


def _searched(trial: Trial, places: NDArray[np.float32], start: Covariance, names: tuple[str, ...]) -> Covariance:
    """Coordinate search in shrinking steps for the law with the least error."""
    best, lowest = start, trial.score(places, start)
    for step in (1.0, 0.5):
        for name in names:
            for other in _along(best, name, step):
                reached = trial.score(places, other)
                if reached < lowest:
                    best, lowest = other, reached
    return best


def _along(law: Covariance, name: str, step: float) -> Iterator[Covariance]:
    low, high = BOUNDS[name]
    value = getattr(law, name)
    for direction in (step, -step, 2 * step, -2 * step):
        moved = value + direction / 4 if name == "share" else value * 3.0**direction
        yield replace(law, **{name: min(max(moved, low), high)})
