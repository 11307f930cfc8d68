"""What the samples say about themselves: covariance and alignment by leave-one-out squared error.

Nothing else is consulted, so a wrong photograph is found out: its colours do not help to predict samples left out.
Likelihood is not used because on real maps, which are far from Gaussian, it preferred worse parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.maps import LeftOut
from edge.reconstruct.covariance import BOUNDS, Covariance, Group, Learned
from edge.reconstruct.error_scale import CERTAIN, error_scale
from edge.reconstruct.guide import NO_COLOUR, Guide, components_of, look
from edge.reconstruct.held_out import HeldOut, hold_out
from edge.reconstruct.photograph import Alignment, Photograph
from edge.reconstruct.trial import Trial, draw_trial, features

NEIGHBOURS = 32
_ENOUGH = 8
"""Fewer samples than this teach nothing: the defaults stand."""
_ENOUGH_FOR_A_GUIDE = 64
_GUIDED = 0.4
"""Share of the variation that follows the guide where there is no photograph to follow."""
_CLEAR = 2.5
"""Standard errors."""
_EVERY = 2
"""Covariances are compared on every so many of the samples held out."""
_CLEARLY = 0.005
"""Drop in the logarithm of the mean squared error that is not taken for chance."""
_WORTH_A_GROUP = 0.01
_MOST_GROUPS = 4
_FARTHEST = 4.0
"""Cells that the photograph may be moved; more than that is the registration's business."""
_STEPS = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""Cells, either way from the best whole or half step, through whose errors a parabola is laid."""
_LEAST_BEND = 0.001
"""Of the logarithm of the mean squared error, over a cell squared: flatter than that, no place is better."""
_BLURS = (0.7, 1.2, 2.0)
_AROUND = tuple(Alignment(down, right) for down in (-2.0, 0.0, 2.0) for right in (-2.0, 0.0, 2.0) if down or right)


def learn(
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    values: NDArray[np.float32],
    noise: NDArray[np.float32],
    counting: NDArray[np.float32],
    photograph: Photograph | None,
    *,
    shape: tuple[int, int],
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
        group = Group(np.arange(elements), Covariance())
        return Learned((group,), Alignment(), ones, unresolved, ones, np.zeros_like(ones), values.min(axis=0))
    lowest = values.min(axis=0)
    values, counting = np.ascontiguousarray(values[:, alive]), np.ascontiguousarray(counting[:, alive])
    trial = draw_trial(rows, columns, values, noise, counting, photograph)
    colourless = trial.features(None)
    blind = _search(lambda c: trial.score(colourless, c), Covariance(), ("noise", "reach"))
    alignment, followed = Alignment(), blind
    if photograph is not None:
        alignment, followed = _follow_colour(trial, blind)
    guide: Guide | None = None
    held_out = HeldOut((trial,))
    trusted = photograph is not None and (
        trial.score(trial.features(alignment), followed) < trial.score(colourless, blind) - _CLEARLY
    )
    if len(rows) >= _ENOUGH_FOR_A_GUIDE:
        law, seen = (followed, photograph) if trusted else (blind, None)
        places = features(rows, columns, seen, alignment)
        colour = NO_COLOUR if seen is None else seen.aligned(alignment)
        components = values @ components_of(values)

        def first_look(which: NDArray[np.intp]) -> Guide:
            return look(places[which], components[which], noise[which], colour, law.as_array(), shape=shape)

        guide = first_look(np.arange(len(rows)))
        held_out = hold_out(rows, columns, values, noise, counting, photograph, neighbours=NEIGHBOURS, look=first_look)
    groups, scale = _grouped(held_out, blind, None if photograph is None else followed, alignment, lowest[alive])
    full = np.tile(CERTAIN[:, None], elements)
    full[:, alive] = scale
    groups = [replace(group, elements=alive[group.elements]) for group in groups]
    dead = np.setdiff1d(np.arange(elements), alive)
    groups[0] = replace(groups[0], elements=np.concatenate([groups[0].elements, dead]))
    left_out = LeftOut(sum(len(one.weight) for one in held_out.trials), full[4], full[5], full[6])
    return Learned(tuple(groups), alignment, full[0], full[1], full[2], full[3], lowest, guide, left_out)


def _grouped(
    held_out: HeldOut,
    blind: Covariance,
    followed: Covariance | None,
    alignment: Alignment,
    lowest: NDArray[np.float32],
) -> tuple[list[Group], NDArray[np.float32]]:
    """Covariance of each group of elements, chosen on samples held out, and the scale of their errors.

    Without a colour-following covariance all elements are blind to the photograph.
    """
    guided = replace(blind, share=_GUIDED)
    usual = [_Candidate(guided, False, True)]
    others = [_Candidate(c, False, True) for c in (*_with_other_noise(guided), *_with_other_share(guided))]
    others += [_Candidate(c, False, False) for c in (blind, *_with_other_noise(blind))]
    if followed is not None:
        usual.append(_Candidate(followed, True, True))
        others += [_Candidate(followed, True, False)]
        others += [_Candidate(c, True, True) for c in (*_with_other_noise(followed), *_with_other_share(followed))]
    few = held_out.part(_EVERY)
    candidates = usual + others
    choice = _choose_groups([few.errors(*one.sees(few, alignment)).squares() for one in candidates], len(usual))
    scale = np.empty((len(CERTAIN), len(choice)), np.float32)
    groups = []
    for index in np.unique(choice):
        members, chosen = np.flatnonzero(choice == index), candidates[index]
        errors = held_out.errors(*chosen.sees(held_out, alignment))
        if chosen.colour:
            blinded = replace(chosen, colour=False)
            without = held_out.errors(*blinded.sees(held_out, alignment))
            if float((without.scores() - errors.scores())[members].mean()) < _CLEARLY:
                chosen, errors = blinded, without
        scale[:, members] = error_scale(errors, chosen.covariance.noise, lowest)[:, members]
        groups.append(Group(members, chosen.covariance, chosen.colour, chosen.guide))
    return groups, scale


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A covariance, and what it is shown."""

    covariance: Covariance
    colour: bool
    guide: bool

    def sees(self, held_out: HeldOut, alignment: Alignment) -> tuple[list[NDArray[np.float32]], Covariance]:
        places = held_out.features(alignment if self.colour else None)
        if not self.guide:
            for one in places:
                one[:, 5:] = 0
        return places, self.covariance


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
    return _between_steps(trial, covariance, alignment), covariance


def _align(trial: Trial, covariance: Covariance, start: Alignment, steps: Sequence[float]) -> Alignment:
    """Move and blur the photograph, in shrinking steps, while that clearly lowers the leave-one-out error."""
    best = start
    for step in steps:
        moved = _best(trial, covariance, best, _nearby(best, step))
        while moved != best:
            best, moved = moved, _best(trial, covariance, moved, _nearby(moved, step))
    return best


def _between_steps(trial: Trial, covariance: Covariance, alignment: Alignment) -> Alignment:
    """The lowest point of the parabola through the errors around, along each axis."""
    finer = alignment
    for name in ("down", "right"):
        here = getattr(finer, name)
        moved = [replace(finer, **{name: here + step}) for step in _STEPS]
        bend, slope, _ = np.polyfit(_STEPS, [trial.score(trial.features(one), covariance) for one in moved], 2)
        if bend > _LEAST_BEND:
            lowest = here + min(max(-slope / (2 * bend), _STEPS[0]), _STEPS[-1])
            finer = replace(finer, **{name: round(float(min(max(lowest, -_FARTHEST), _FARTHEST)), 2)})
    return finer


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
    for noise in (0.003, 0.03, 0.15, 0.6, 2.0):
        yield replace(covariance, noise=noise)


def _with_other_share(covariance: Covariance) -> Iterator[Covariance]:
    for share in (0.15, 0.65, 0.9):
        yield replace(covariance, share=share)


def _clear_gain(usual: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Drop in the logarithm of each element's mean squared error, zero unless it is clear; columns are elements."""
    change = usual - other
    clear = change.sum(axis=0) > _CLEAR * np.sqrt(np.square(change).sum(axis=0))
    means = usual.mean(axis=0), other.mean(axis=0)
    return np.where(clear, np.log((means[0] + 1e-12) / (means[1] + 1e-12)), 0.0)


def _choose_groups(squares: Sequence[NDArray[np.float64]], usual: int) -> NDArray[np.intp]:
    """Candidate of each element, from as few candidates as serve all elements nearly as well as the best of each.

    Few samples, at edges, make up most of the squared error, so that the best of many candidates is often so by chance:
    all but the first, usual ones must be better than the best of these by several standard errors of the difference.

    Parameters
    ----------
    squares
        For each candidate the weighted squared errors of the same samples, shape (k, elements).
    usual
        How many of the first candidates count as usual.
    """
    level = squares[0].mean(axis=0) + 1e-12
    together = [(one / level).mean(axis=1, keepdims=True) for one in squares]
    base = int(np.argmin([one.mean() for one in together[:usual]]))
    all_gain = [float(_clear_gain(together[base], one)[0]) for one in together]
    base = int(np.argmax(all_gain)) if max(all_gain) > 0 else base
    gains = np.stack([_clear_gain(squares[base], one) for one in squares])
    scores = [np.log(one.mean(axis=0) + 1e-12) for one in squares]
    for index in range(usual):
        gains[index] = scores[base] - scores[index] - _CLEARLY
    gains[base] = 0
    chosen = [base]
    while len(chosen) < _MOST_GROUPS:
        served = gains[chosen].max(axis=0)
        more = (np.maximum(gains, served) - served).mean(axis=1)
        if more.max() < _WORTH_A_GROUP:
            break
        chosen.append(int(more.argmax()))
    choice: NDArray[np.intp] = np.array(chosen, np.intp)[gains[chosen].argmax(axis=0)]
    return choice
