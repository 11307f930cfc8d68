"""What the samples say about themselves: covariance and alignment by leave-one-out squared error.

Nothing else is consulted, so a wrong photograph is found out: its colours do not help to predict samples left out.
Likelihood is not used because on real maps, which are far from Gaussian, it preferred worse parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge.maps import LeftOut
from edge.reconstruct.covariance import BOUNDS, Covariance, Group, Learned
from edge.reconstruct.error_scale import CERTAIN, error_scale
from edge.reconstruct.photograph import Alignment, Photograph
from edge.reconstruct.trial import Trial, draw_trial, features

NEIGHBOURS = 32
_ENOUGH = 8
"""Fewer samples than this teach nothing: the defaults stand."""
_CLEARLY = 0.005
"""Drop in the logarithm of the mean squared error that is not taken for chance."""
_WORTH_A_GROUP = 0.02
_MOST_GROUPS = 3
_FARTHEST = 3.0
"""Cells that the photograph may be moved; more than that is the registration's business."""
_BLURS = (0.7, 1.2, 2.0)
_AROUND = tuple(Alignment(down, right) for down in (-2.0, 0.0, 2.0) for right in (-2.0, 0.0, 2.0) if down or right)


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
    trial = draw_trial(rows, columns, values[:, alive], noise, counting[:, alive], photograph)
    colourless = features(trial.rows, trial.columns, None, Alignment())
    alignment, places = Alignment(), colourless
    blind = _search(lambda c: trial.score(colourless, c), Covariance(), ("noise", "reach"))
    candidates = list(_with_other_noise(blind))
    if photograph is not None:
        alignment, followed = _follow_colour(trial, blind)
        places = trial.features(alignment)
        candidates += [followed, *_with_other_noise(followed), *_with_other_share(followed)]
    choice = _choose_groups([trial.scores(places, candidate) for candidate in candidates], candidates)
    scale = np.tile(CERTAIN[:, None], elements)
    groups = []
    for index in np.unique(choice):
        members, covariance = np.flatnonzero(choice == index), candidates[index]
        follows = _helps(trial, covariance, members, places, colourless)
        scale[:, alive[members]] = error_scale(trial, covariance, places if follows else colourless)[:, members]
        groups.append(Group(alive[members], covariance, follows))
    dead = np.setdiff1d(np.arange(elements), alive)
    groups[0] = replace(groups[0], elements=np.concatenate([groups[0].elements, dead]))
    left_out = LeftOut(len(trial.weight), scale[3], scale[4], scale[5])
    return Learned(tuple(groups), alignment, scale[0], scale[1], scale[2], left_out)


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


def _follow_colour(trial: Trial, blind: Covariance) -> tuple[Alignment, Covariance]:
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


def _align(trial: Trial, covariance: Covariance, start: Alignment, steps: Sequence[float]) -> Alignment:
    """Move and blur the photograph, in shrinking steps, while that clearly lowers the leave-one-out error."""
    best = start
    for step in steps:
        moved = _best(trial, covariance, best, _nearby(best, step))
        while moved != best:
            best, moved = moved, _best(trial, covariance, moved, _nearby(moved, step))
    return best


def _best(trial: Trial, covariance: Covariance, now: Alignment, others: Iterable[Alignment]) -> Alignment:
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
    trial: Trial,
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
