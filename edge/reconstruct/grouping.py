"""Which covariance serves which elements: a few groups, chosen on samples held out, and the scale of their errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.covariance import Covariance, Group
from edge.reconstruct.error_scale import CERTAIN, error_scale
from edge.reconstruct.held_out import HeldOut
from edge.reconstruct.photograph import Alignment
from edge.reconstruct.trial import Errors

CLEARLY = 0.005
"""Drop in the logarithm of the mean squared error that is not taken for chance."""
_GUIDED = 0.4
"""Share of the variation that follows the guide where there is no photograph to follow."""
_CLEAR = 2.5
"""Standard errors of the difference by which an unusual covariance must be better."""
_COMPARED = 1000
"""About so many of the samples held out decide between covariances."""
_HEATS = 4
"""A part of those, one in so many, first tells which covariances are worth comparing."""
_PROMISING = 1.0
"""Standard errors of the difference by which such a part must speak for one."""
_WORTH_A_GROUP = 0.01
"""Drop, mean over all elements, for which one more factorisation of every tile is paid."""
_MOST_GROUPS = 4


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A covariance, and what it is shown."""

    covariance: Covariance
    colour: bool
    guide: bool


class _Shown:
    """Samples held out, as candidates see them; each view is put together once."""

    def __init__(self, held_out: HeldOut, alignment: Alignment) -> None:
        self._held_out, self._alignment = held_out, alignment
        self._views: dict[tuple[bool, bool], list[NDArray[np.float32]]] = {}

    def errors(self, candidate: _Candidate) -> Errors:
        view = candidate.colour, candidate.guide
        if view not in self._views:
            places = self._held_out.features(self._alignment if candidate.colour else None)
            if not candidate.guide:
                for one in places:
                    one[:, 5:] = 0
            self._views[view] = places
        return self._held_out.errors(self._views[view], candidate.covariance)


def grouped(
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
    step = max(1, round(len(held_out) / _COMPARED))
    very_few, few = (_Shown(held_out.part(each), alignment) for each in (_HEATS * step, step))
    heats = [very_few.errors(one).squares() for one in (*usual, *others)]
    candidates = usual + [one for one, is_so in zip(others, _promising(heats, len(usual)), strict=True) if is_so]
    choice = _choose_groups([few.errors(one).squares() for one in candidates], len(usual))
    shown = _Shown(held_out, alignment)
    scale = np.empty((len(CERTAIN), len(choice)), np.float32)
    groups = []
    for index in np.unique(choice):
        members, chosen = np.flatnonzero(choice == index), candidates[index]
        errors = shown.errors(chosen)
        if chosen.colour:
            blinded = replace(chosen, colour=False)
            without = shown.errors(blinded)
            if float((without.scores() - errors.scores())[members].mean()) < CLEARLY:
                chosen, errors = blinded, without
        scale[:, members] = error_scale(errors, chosen.covariance.noise, lowest)[:, members]
        groups.append(Group(members, chosen.covariance, chosen.colour, chosen.guide))
    return groups, scale


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


def _promising(squares: Sequence[NDArray[np.float64]], usual: int) -> NDArray[np.bool_]:
    """Which candidates after the first, usual ones might be clearly better than these, shape (others,).

    One that is to be so by several standard errors on all samples compared is rarely worse on a part of them.
    """
    means = np.array([one.mean(axis=0) for one in squares[:usual]])
    base = squares[int((means / (means[0] + 1e-12)).mean(axis=1).argmin())]
    level = base.mean(axis=0) + 1e-12
    promising = np.empty(len(squares) - usual, np.bool_)
    for index, other in enumerate(squares[usual:]):
        change = (base - other) / level
        change = np.column_stack([change, change.mean(axis=1)])
        promising[index] = (change.sum(axis=0) > _PROMISING * np.sqrt(np.square(change).sum(axis=0))).any()
    return promising


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
        gains[index] = scores[base] - scores[index] - CLEARLY
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
