"""Where the photograph lies on the scan, as far as the samples can tell: its offset, and how sure that is.

A photograph in its place predicts samples left out better than one beside it. The offset is what minimises the
leave-one-out error of kriging by colour. How sure it is, a grouped jackknife tells (R. G. Miller, "The jackknife: a
review", 1974): the offset is found again without each block of the scan in turn. Blocks, because neighbouring samples
err together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, final

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.covariance import BOUNDS, Covariance
from edge.reconstruct.kriging import usable_photograph
from edge.reconstruct.normalised import NormalisedSamples
from edge.reconstruct.photograph import Photograph
from edge.reconstruct.trial import Trial, draw, trial_around

Doubles = NDArray[np.float64]

FARTHEST_CELLS = 4.0
"""Offsets are looked for so far each way; a photograph that lies farther off is to be registered again."""
SIGNIFICANT = 0.001
"""An offset is taken for one when chance alone would give it, or a farther one, no more often than this."""
_CLEAR_GAIN = 0.05
"""The same for the fall of the error: a guard against far minima of no depth, not a second proof."""
_ENOUGH = 100
"""Samples below which no offset is looked for."""
_NEIGHBOURHOODS = 1500
_NEIGHBOURS = 24
_LEFT_OUT_EACH = 6
_COARSE = 4
"""Every so many neighbourhoods serve to look around."""
_BLURS = (0.7, 1.2, 2.0)
"""Cells by which the photograph may be blurred."""
_STENCIL_CELLS = 0.5
"""Distance of the points through which the criterion's paraboloid is laid."""
_ROUNDS = 6
_SETTLED_CELLS = 0.01
_SPACINGS_OF_BLOCK = 5.0
"""Side of a block in mean distances between samples: about the reach of a neighbourhood."""
_LEAST_BLOCKS = 4.0
"""Where fewer blocks than that bear the offset, they do not tell how sure it is."""


@final
@dataclass(frozen=True, slots=True)
class Offset:
    """How far the photograph must be moved over the scan grid to lie where the samples say, in cells."""

    down: float
    right: float
    covariance: tuple[tuple[float, float], tuple[float, float]]
    """Of down and right, in cells squared."""
    chance: float
    """How often a photograph in its place would seem to be so far off, in [0, 1]."""
    chance_of_gain: float
    """How often moving a photograph in its place would seem to lower the leave-one-out error so clearly, in [0, 1].

    Corrected for the search (C. E. Bonferroni 1936): at a distance of d cells, about 1 + d² places differ from each
    other as seen through a spot of a cell."""
    samples: int
    """Cells that it was found from."""

    @property
    def is_significant(self) -> bool:
        """Whether it is too unlikely to be chance, and moving the photograph there helps."""
        return self.chance < SIGNIFICANT and self.chance_of_gain < _CLEAR_GAIN

    @property
    def deviation(self) -> tuple[float, float]:
        """Standard errors of down and right, in cells."""
        return math.sqrt(self.covariance[0][0]), math.sqrt(self.covariance[1][1])


@dataclass(frozen=True, slots=True)
class NoOffset:
    """The samples do not tell where the photograph lies, and why; falsy."""

    reason: str

    def __bool__(self) -> Literal[False]:
        return False


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
    blocks = np.repeat(_blocks(samples, centres), trial.left_out)
    return _minimum(criterion, law, place, blocks, len(samples))


def _blocks(samples: NormalisedSamples, centres: NDArray[np.intp]) -> NDArray[np.intp]:
    """The block of the scan that each neighbourhood's middle lies in, numbered from 0."""
    rows, columns = samples.rows[centres], samples.columns[centres]
    spacing = math.sqrt((rows.max() + 1) * (columns.max() + 1) / len(samples))
    side = _SPACINGS_OF_BLOCK * spacing
    raster = (rows / side).astype(np.int64) * int(columns.max() / side + 1) + (columns / side).astype(np.int64)
    return np.unique(raster, return_inverse=True)[1].reshape(-1).astype(np.intp)


@dataclass(frozen=True, slots=True, eq=False)
class _Paraboloids:
    """The criterion near a place, summed over each block of the scan."""

    slopes: Doubles
    """Shape (blocks, 2)."""
    bends: Doubles
    """Shape (blocks, 2, 2)."""

    def step(self) -> Doubles | None:
        """From the place to the lowest point; None where there is none."""
        bend = self.bends.sum(axis=0)
        if np.linalg.eigvalsh(bend)[0] <= 0:
            return None
        return np.asarray(-np.linalg.solve(bend, self.slopes.sum(axis=0)))

    def steps_without_each(self) -> Doubles | None:
        """The same without each block in turn, shape (blocks, 2); None where one block alone makes the minimum."""
        bends = self.bends.sum(axis=0) - self.bends
        slopes = self.slopes.sum(axis=0) - self.slopes
        if (np.linalg.eigvalsh(bends)[:, 0] <= 0).any():
            return None
        return np.asarray(-np.linalg.solve(bends, slopes[:, :, None])[:, :, 0])


class _Criterion:
    """The leave-one-out error as a function of the photograph's place."""

    def __init__(self, trial: Trial, photograph: Photograph) -> None:
        from scipy.ndimage import spline_filter

        self._trial = trial
        self._blind = trial.features(None)
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
        law = replace(_searched(trial, self._blind, Covariance(), ("noise", "reach")), share=0.5)
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

    def paraboloids(self, law: Covariance, place: Doubles, blocks: NDArray[np.intp]) -> _Paraboloids:
        """Laid through the errors around a place, elements counting alike."""
        moves = _STENCIL_CELLS * np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)])
        scale = self.squares(law, place).mean(axis=0)
        values = np.stack([_sums((self.squares(law, place + move) / scale).mean(axis=1), blocks) for move in moves])
        down, right = moves.T
        design = np.stack([np.ones(len(moves)), down, right, down**2 / 2, down * right, right**2 / 2], axis=1)
        found = np.linalg.lstsq(design, values, rcond=None)[0]
        return _Paraboloids(found[1:3].T, np.stack([found[[3, 4]].T, found[[4, 5]].T], axis=1))

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


def _minimum(
    criterion: _Criterion, law: Covariance, place: Doubles, blocks: NDArray[np.intp], samples: int
) -> Offset | NoOffset:
    """Where the error is least near a place, and what that is worth."""
    nowhere = NoOffset("no place of the photograph is better than those around it")
    for _ in range(_ROUNDS):
        step = criterion.paraboloids(law, place, blocks).step()
        if step is None:
            return nowhere
        place = place + step * min(1.0, 1 / max(float(np.hypot(*step)), 1e-9))
        if np.abs(place).max() > FARTHEST_CELLS:
            return NoOffset(f"no place of the photograph within {FARTHEST_CELLS:g} cells is the best")
        if np.abs(step).max() < _SETTLED_CELLS:
            break
    without = criterion.paraboloids(law, place, blocks).steps_without_each()
    if without is None:
        return nowhere
    spread = without - without.mean(axis=0)
    covariance = spread.T @ spread * (len(spread) - 1) / len(spread)
    bearing = _effective(np.einsum("bi,ij,bj->b", spread, np.linalg.inv(covariance), spread))
    if bearing < _LEAST_BLOCKS:
        return NoOffset("too small a part of the scan tells where the photograph lies")
    moved = criterion.squares(law, place)
    gain = _sums(((criterion.squares(law, np.zeros(2)) - moved) / moved.mean(axis=0)).mean(axis=1), blocks)
    (a, b), (_, d) = covariance.tolist()
    return Offset(
        down=float(place[0]),
        right=float(place[1]),
        covariance=((a, b), (b, d)),
        chance=_chance(place, covariance, bearing),
        chance_of_gain=min(1.0, _chance_of_gain(gain) * (1 + float(place @ place))),
        samples=samples,
    )


def _effective(shares: Doubles) -> float:
    """How many blocks of equal share would vary as much (F. E. Satterthwaite 1946)."""
    return float(shares.sum() ** 2 / np.square(shares).sum())


def _chance(place: Doubles, covariance: Doubles, blocks: float) -> float:
    """Of an estimate so far off where there is no offset (H. Hotelling 1931)."""
    from scipy.stats import f

    square = float(place @ np.linalg.solve(covariance, place))
    return float(f.sf(square * (blocks - 2) / (2 * (blocks - 1)), 2, blocks - 2))


def _chance_of_gain(gain: Doubles) -> float:
    """Of sums over blocks that together lie so far above zero."""
    from scipy.stats import t

    deviation = math.sqrt(len(gain)) * float(gain.std(ddof=1))
    return float(t.sf(gain.sum() / max(deviation, 1e-12), len(gain) - 1))


def _sums(values: Doubles, blocks: NDArray[np.intp]) -> Doubles:
    """Sum over each block, shape (blocks,)."""
    return np.bincount(blocks, values, int(blocks.max()) + 1).astype(np.float64)


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
