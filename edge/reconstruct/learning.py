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
from edge.reconstruct.error_scale import CERTAIN
from edge.reconstruct.grouping import CLEARLY, grouped
from edge.reconstruct.guide import NO_COLOUR, Guide, components_of, look
from edge.reconstruct.held_out import HeldOut, hold_out
from edge.reconstruct.normalised import NormalisedSamples
from edge.reconstruct.photograph import Alignment
from edge.reconstruct.trial import Trial, draw_trial, features

NEIGHBOURS = 32
_ENOUGH = 8
"""Fewer samples than this teach nothing: the defaults stand."""
_ENOUGH_FOR_A_GUIDE = 64
"""Fewer show no edges."""
_FARTHEST = 4.0
"""Cells that the photograph may be moved; more than that is the registration's business."""
_STEPS = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""Cells, either way from the best whole or half step, through whose errors a parabola is laid."""
_LEAST_BEND = 0.001
"""Of the logarithm of the mean squared error, over a cell squared: flatter than that, no place is better."""
_BLURS = (0.7, 1.2, 2.0)
_AROUND = tuple(Alignment(down, right) for down in (-2.0, 0.0, 2.0) for right in (-2.0, 0.0, 2.0) if down or right)


def learn(samples: NormalisedSamples, shape: tuple[int, int]) -> Learned:
    """Covariance for each group of elements, alignment of the photograph, and scale of the errors."""
    elements = samples.values.shape[1]
    alive = np.flatnonzero(samples.values.any(axis=0))
    lowest = samples.values.min(axis=0)
    if len(samples) < _ENOUGH or len(alive) == 0:
        ones = np.ones(elements, np.float32)
        unresolved = np.maximum(Covariance().noise - samples.counting.mean(axis=0), np.float32(0))
        group = Group(np.arange(elements), Covariance())
        return Learned((group,), Alignment(), ones, unresolved, ones, np.zeros_like(ones), lowest)
    varying = samples.of_elements(alive)
    trial = draw_trial(varying)
    blind, followed, alignment = _searched(trial)
    guide, held_out = _looked(varying, shape, trial, blind, followed, alignment)
    groups, scale = grouped(held_out, blind, followed, alignment, lowest[alive])
    full = np.tile(CERTAIN[:, None], elements)
    full[:, alive] = scale
    groups = [replace(group, elements=alive[group.elements]) for group in groups]
    dead = np.setdiff1d(np.arange(elements), alive)
    groups[0] = replace(groups[0], elements=np.concatenate([groups[0].elements, dead]))
    left_out = LeftOut(len(held_out), full[4], full[5], full[6])
    return Learned(tuple(groups), alignment, full[0], full[1], full[2], full[3], lowest, guide, left_out)


def alignment_of(samples: NormalisedSamples) -> Alignment:
    """Where the photograph lies, as `learn` finds it, without learning the rest."""
    alive = np.flatnonzero(samples.values.any(axis=0))
    if len(samples) < _ENOUGH or len(alive) == 0:
        return Alignment()
    return _searched(draw_trial(samples.of_elements(alive)))[2]


def _searched(trial: Trial) -> tuple[Covariance, Covariance | None, Alignment]:
    """A colour-blind covariance, one that follows the photograph where there is one, and the photograph's place."""
    colourless = trial.features(None)
    blind = _search(lambda c: trial.score(colourless, c), Covariance(), ("noise", "reach"))
    if trial.samples.photograph is None:
        return blind, None, Alignment()
    alignment, followed = _follow_colour(trial, blind)
    return blind, followed, alignment


def _looked(
    samples: NormalisedSamples,
    shape: tuple[int, int],
    trial: Trial,
    blind: Covariance,
    followed: Covariance | None,
    alignment: Alignment,
) -> tuple[Guide | None, HeldOut]:
    """A first look, by colour if that clearly predicts better, and samples held out of such looks.

    From few samples there is no look, and the trial itself is held out.
    """
    if len(samples) < _ENOUGH_FOR_A_GUIDE:
        return None, HeldOut((trial,))
    law, seen = blind, None
    if followed is not None:
        gain = trial.score(trial.features(None), blind) - trial.score(trial.features(alignment), followed)
        law, seen = (followed, samples.photograph) if gain > CLEARLY else (law, seen)
    places = features(samples.rows, samples.columns, seen, alignment)
    colour = NO_COLOUR if seen is None else seen.aligned(alignment)
    components = samples.values @ components_of(samples.values)

    def first_look(which: NDArray[np.intp]) -> Guide:
        return look(places[which], components[which], samples.noise[which], colour, law.as_array(), shape=shape)

    held_out = hold_out(samples, neighbours=NEIGHBOURS, look=first_look)
    return first_look(np.arange(len(samples))), held_out


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
    best, lowest = now, trial.score(trial.features(now), covariance) - CLEARLY
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
