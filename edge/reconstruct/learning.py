"""What the samples say about themselves: covariance and alignment by leave-one-out squared error.

Nothing else is consulted, so a wrong photograph is found out: its colours do not help to predict samples left out.
Likelihood is not used because on real maps, which are far from Gaussian, it preferred worse parameters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.maps import LeftOut
from edge.reconstruct import tiles
from edge.reconstruct.covariance import BOUNDS, Covariance, Group, Learned
from edge.reconstruct.neighbours import nearest_samples
from edge.reconstruct.photograph import Alignment, Photograph
from edge.reconstruct.reconstruction import held_against, quantile_of_columns

NEIGHBOURS = 32
_TRIAL_NEIGHBOURS = 24
_NEIGHBOURHOODS = 400
_LEFT_OUT_EACH = 6
_ENOUGH = 8
"""Fewer samples than this teach nothing: the defaults stand."""
TRUST = 2.0
"""Samples that the global sill counts for beside a neighbourhood's own."""
_CLEARLY = 0.005
"""Drop in the logarithm of the mean squared error that is not taken for chance."""
_WORTH_A_GROUP = 0.02
_MOST_GROUPS = 3
_ONE_STANDARD_ERROR = 0.6827
_LEAST = 0.25
"""The calibration is never less than this part of the standardised errors' root mean square."""
_FARTHEST = 3.0
"""Cells that the photograph may be moved; more than that is the registration's business."""
_BLURS = (0.7, 1.2, 2.0)
_AROUND = tuple(Alignment(down, right) for down in (-2.0, 0.0, 2.0) for right in (-2.0, 0.0, 2.0) if down or right)


@dataclass(frozen=True, slots=True, eq=False)
class _Trial:
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


def learn(
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    values: NDArray[np.float32],
    noise: NDArray[np.float32],
    counting: NDArray[np.float32],
    photograph: Photograph | None,
) -> Learned:
    """Covariance for each group of elements, alignment of the photograph, and scale of the errors.

    Parameters
    ----------
    values
        Normalised to mean 0 and variance 1 per element, shape (n, elements); all zero for a dead element.
    noise
        Each sample's noise variance relative to the mean sample's, shape (n,).
    counting
        Counting variance of the normalised values, shape (n, elements); zero where unknown.
    photograph
        None: colour-blind.
    """
    elements = values.shape[1]
    alive = np.flatnonzero(values.any(axis=0))
    if len(rows) < _ENOUGH or len(alive) == 0:
        ones = np.ones(elements, np.float32)
        unresolved = np.maximum(Covariance().noise - counting.mean(axis=0), np.float32(0))
        return Learned((Group(np.arange(elements), Covariance()),), Alignment(), ones, unresolved, ones)
    trial = _trial(rows, columns, values[:, alive], noise, counting[:, alive], photograph)
    colourless = features(trial.rows, trial.columns, None, Alignment())
    alignment, places = Alignment(), colourless
    blind = _search(lambda c: trial.score(colourless, c), Covariance(), ("noise", "reach"))
    candidates = list(_with_other_noise(blind))
    if photograph is not None:
        alignment, followed = _follow_colour(trial, blind)
        places = trial.features(alignment)
        candidates += [followed, *_with_other_noise(followed), *_with_other_share(followed)]
    choice = _choose_groups([trial.scores(places, candidate) for candidate in candidates], candidates)
    sill, unresolved, calibration = (np.full(elements, start, np.float32) for start in (0, 0, 1))
    rms, within_one, within_two = (np.full(elements, start, np.float32) for start in (0, 1, 1))
    groups = []
    for index in np.unique(choice):
        members = np.flatnonzero(choice == index)
        covariance = candidates[index]
        follows = _helps(trial, covariance, members, places, colourless)
        errors = trial.errors(places if follows else colourless, covariance)
        at, scale = alive[members], _error_scale(trial, covariance, *errors)
        sill[at], unresolved[at] = scale.sill[members], scale.unresolved[members]
        calibration[at] = scale.calibration[members]
        rms[at], within_one[at] = scale.left_out.rms[members], scale.left_out.within_one[members]
        within_two[at] = scale.left_out.within_two[members]
        groups.append(Group(at, covariance, follows))
    dead = np.setdiff1d(np.arange(elements), alive)
    groups[0] = replace(groups[0], elements=np.concatenate([groups[0].elements, dead]))
    left_out = LeftOut(len(trial.weight), rms, within_one, within_two)
    return Learned(tuple(groups), alignment, sill, unresolved, calibration, left_out)


def features(
    rows: NDArray[np.intp], columns: NDArray[np.intp], photograph: Photograph | None, alignment: Alignment
) -> NDArray[np.float32]:
    """Row, column and aligned colour of some cells, shape (n, 5); colours are zero without a photograph."""
    places = np.zeros((len(rows), 5), np.float32)
    places[:, 0], places[:, 1] = rows, columns
    if photograph is not None:
        places[:, 2:] = photograph.at(rows, columns, alignment)
    return places


def _trial(
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    values: NDArray[np.float32],
    noise: NDArray[np.float32],
    counting: NDArray[np.float32],
    photograph: Photograph | None,
) -> _Trial:
    """Neighbourhoods around samples drawn at random, more often where the maps vary; only their samples are kept."""
    centres, weight = _draw(rows, columns, values)
    places = np.column_stack([rows[centres], columns[centres]]).astype(np.float32)
    neighbours = nearest_samples(rows, columns, places, min(_TRIAL_NEIGHBOURS, len(rows)))
    used, compact = np.unique(neighbours, return_inverse=True)
    left_out = min(_LEFT_OUT_EACH, neighbours.shape[1])
    return _Trial(
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


def _search(
    score: Callable[[Covariance], float],
    start: Covariance,
    names: Sequence[str],
    steps: Sequence[float] = (1, 0.5, 0.25),
) -> Covariance:
    """Coordinate search with shrinking steps: factors of three to the step, or a third of it for the share."""
    best, lowest = start, score(start)
    for step in steps:
        for name in names:
            low, high = BOUNDS[name]
            for direction in (step, -step):
                while True:
                    value = getattr(best, name)
                    moved = value + direction / 3 if name == "share" else value * 3.0**direction
                    trial = replace(best, **{name: min(max(moved, low), high)})
                    reached = score(trial) if trial != best else lowest
                    if reached >= lowest:
                        break
                    best, lowest = trial, reached
    return best


def _follow_colour(trial: _Trial, blind: Covariance) -> tuple[Alignment, Covariance]:
    """Alignment and covariance with which the photograph predicts best, found by turns from a coarse look around."""
    covariance = replace(blind, share=0.5)
    alignment = _best(trial, covariance, Alignment(), _AROUND)
    for covariance_steps, alignment_steps in (((1, 0.5), (1.0, 0.5)), ((0.5, 0.25), (0.5, 0.25))):
        places = trial.features(alignment)
        covariance = _search(
            lambda c, p=places: trial.score(p, c),  # type: ignore[misc]
            covariance,
            tuple(BOUNDS),
            covariance_steps,
        )
        moved = _align(trial, covariance, alignment, alignment_steps)
        if moved == alignment:
            break
        alignment = moved
    return alignment, covariance


def _align(trial: _Trial, covariance: Covariance, start: Alignment, steps: Sequence[float]) -> Alignment:
    """Move and blur the photograph, in shrinking steps, while that clearly lowers the leave-one-out error."""
    best = start
    for step in steps:
        moved = _best(trial, covariance, best, _nearby(best, step))
        while moved != best:
            best, moved = moved, _best(trial, covariance, moved, _nearby(moved, step))
    return best


def _best(trial: _Trial, covariance: Covariance, now: Alignment, others: Iterable[Alignment]) -> Alignment:
    """The alignment with the lowest leave-one-out error, the present one unless another is clearly better."""
    best, lowest = now, trial.score(trial.features(now), covariance) - _CLEARLY
    for other in others:
        reached = trial.score(trial.features(other), covariance)
        if reached < lowest:
            best, lowest = other, reached
    return best


def _nearby(alignment: Alignment, step: float) -> Iterator[Alignment]:
    for down, right in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        moved = replace(alignment, down=alignment.down + step * down, right=alignment.right + step * right)
        if max(abs(moved.down), abs(moved.right)) <= _FARTHEST:
            yield moved
    for blur in _BLURS:
        if blur != alignment.blur and step == 1.0:
            yield replace(alignment, blur=blur)


def _with_other_noise(covariance: Covariance) -> Iterator[Covariance]:
    yield covariance
    for noise in (0.003, 0.03, 0.15, 0.6, 2.0):
        yield replace(covariance, noise=noise)


def _with_other_share(covariance: Covariance) -> Iterator[Covariance]:
    for share in (0.15, 0.4, 0.65, 0.9):
        yield replace(covariance, share=share)


def _helps(
    trial: _Trial,
    covariance: Covariance,
    members: NDArray[np.intp],
    places: NDArray[np.float32],
    colourless: NDArray[np.float32],
) -> bool:
    """Whether colour itself clearly lowers the error, and not only the second law of distance that comes with it."""
    if covariance.share == 0 or places is colourless:
        return False
    gain = trial.scores(colourless, covariance) - trial.scores(places, covariance)
    return float(gain[members].mean()) > _CLEARLY


def _choose_groups(scores: Sequence[NDArray[np.float64]], candidates: Sequence[Covariance]) -> NDArray[np.intp]:
    """Candidate of each element, from as few candidates as serve all elements nearly as well as the best of each.

    A colour-following candidate must beat a colour-blind one clearly.
    """
    table = np.array(scores) + np.array([_CLEARLY if c.share > 0 else 0.0 for c in candidates])[:, None]
    chosen = [int(table.mean(axis=1).argmin())]
    while len(chosen) < _MOST_GROUPS:
        served = table[chosen].min(axis=0)
        gains = (served - np.minimum(table, served)).mean(axis=1)
        if gains.max() < _WORTH_A_GROUP:
            break
        chosen.append(int(gains.argmax()))
    choice: NDArray[np.intp] = np.array(chosen, np.intp)[table[chosen].argmin(axis=0)]
    return choice


@dataclass(frozen=True, slots=True, eq=False)
class _ErrorScale:
    """What turns a kriging deviation into a standard error, per element."""

    sill: NDArray[np.float32]
    unresolved: NDArray[np.float32]
    calibration: NDArray[np.float32]
    left_out: LeftOut


def _error_scale(
    trial: _Trial,
    covariance: Covariance,
    residual: NDArray[np.float32],
    variance: NDArray[np.float32],
    rest: NDArray[np.float32],
) -> _ErrorScale:
    """Scale of the errors from leave-one-out errors, and how these compare with the standard error that comes of it.

    The calibration is of the kriging deviation whole, nugget included: it covers 68 % of the errors. The nugget holds
    counting noise and true variation between cells; only the latter is an error of the map. Of a left-out sample its
    own counting error is expected beside that.
    """
    weight, left_out = trial.weight, trial.neighbours[:, : trial.left_out].ravel()
    counting = trial.counting[left_out]
    sill = weight @ (np.square(residual) / variance[:, None]) / len(weight)
    others = trial.neighbours.shape[1] - 2
    local = np.maximum((others * rest + TRUST * sill) / (others + TRUST), 1e-30)
    standard = np.abs(residual) / np.sqrt(local * variance[:, None])
    least = _LEAST * np.sqrt(weight @ np.square(standard) / len(weight))
    calibration = np.maximum(quantile_of_columns(standard, _ONE_STANDARD_ERROR, weight), least)
    unit = np.maximum(sill * np.square(calibration), 1e-12)
    unresolved = np.maximum(covariance.noise - weight @ counting / len(weight) / unit, 0)
    spread = np.maximum(variance - covariance.noise * trial.noise[left_out], 0)[:, None] + unresolved
    expected = np.sqrt(np.square(calibration) * local * spread + counting)
    return _ErrorScale(
        sill.astype(np.float32),
        unresolved.astype(np.float32),
        calibration,
        held_against(residual, expected.astype(np.float32), weight),
    )
