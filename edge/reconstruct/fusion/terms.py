"""The objective for a walk that goes block by block: what it says at abundances, its slope, and better dictionaries.

Two forms. Where there are few channels, fields of channels are what is kept and compared; `FieldTerms` is that form.
Where there are more channels than atoms, `edge.reconstruct.fusion.wide.WideTerms` never makes such a field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.fusion.problem import (
    Fields,
    Problem,
    Unknowns,
    fields_of,
    gradient_by_colours,
    gradient_by_hidden,
    gradient_by_visible,
    hidden_of,
    objective_and_gradient,
    own_cost,
    visible_of,
)

Floats = NDArray[np.float32]
Visible: TypeAlias = Literal["all-terms", "photograph", "fixed"]
ROUNDING = 1e-6
"""Of an objective summed in single precision."""


class Judged(Protocol):
    """What an objective says at some abundances."""

    value: float


Found = TypeVar("Found", bound=Judged)


class Terms(Protocol[Found]):
    """The objective at abundances under given dictionaries."""

    restarts: int
    """How often dictionaries gave up their momentum."""

    def judged(self, unknowns: Unknowns) -> Found:
        """The objective and its gradient at these unknowns, whose dictionaries count from now on."""

    def again(self, unknowns: Unknowns, found: Found) -> Found:
        """The same of abundances that were judged before, under the dictionaries that count now.

        What was found of them may be used up.
        """

    def dropped(self, found: Found) -> None:
        """Take back what nobody looks at any more, for its room."""

    def begun(self) -> Found:
        """Room for what `make` and `finished` say of abundances yet to be written."""

    def make(self, found: Found, block: slice, abundances: Floats) -> None:
        """Take in a block of abundances."""

    def finished(self, found: Found, unknowns: Unknowns) -> None:
        """The objective and its gradient, of abundances that were all taken in."""

    def slope(self, at: Found, before: Found, momentum: float, block: slice, room: Floats) -> None:
        """Write a block's gradient by abundances, as far beyond `at` as momentum says, (cells, atoms of all parts)."""

    def improved(self, unknowns: Unknowns, at: Found) -> tuple[Unknowns, Found]:
        """Better dictionaries for the same abundances, and what the objective says of them; `at` may be used up."""


@dataclass(slots=True, eq=False)
class Judgement:
    """The fields that unknowns make, and the gradient by them."""

    fields: Fields
    gradient: Fields
    value: float


class FieldTerms:
    """The objective by way of fields of channels."""

    def __init__(self, problem: Problem, visible: Visible, *, accelerated: bool) -> None:
        self._problem, self._visible, self._accelerated = problem, visible, accelerated
        self._pace, self.restarts = 1.0, 0
        self._earlier: Unknowns | None = None
        self._now: Unknowns
        self._back: tuple[Floats, Floats, Floats]

    def judged(self, unknowns: Unknowns) -> Judgement:
        self._refer_to(unknowns)
        found = self.begun()
        self.make(found, slice(None), unknowns.abundances)
        self.finished(found, unknowns)
        return found

    def again(self, unknowns: Unknowns, found: Judgement) -> Judgement:
        return self.judged(unknowns)

    def dropped(self, found: Judgement) -> None:
        """Fields are made anew each time: nothing is kept."""

    def _refer_to(self, unknowns: Unknowns) -> None:
        self._now = unknowns
        by_colour = self._visible == "photograph"
        visible = unknowns.visible[:, -3:] if by_colour else unknowns.visible
        self._back = (
            np.ascontiguousarray(visible.T),
            np.ascontiguousarray(unknowns.hidden.T),
            np.ascontiguousarray(unknowns.colours.T),
        )

    def begun(self) -> Judgement:
        shape, channels = self._problem.shape, self._problem.channels
        fields = Fields(np.empty((*shape, channels + 3), np.float32), np.empty((*shape, channels), np.float32))
        return Judgement(fields, fields, np.inf)

    def make(self, found: Judgement, block: slice, abundances: Floats) -> None:
        visible, hidden, colours = self._now.parts
        of_visible = found.fields.visible.reshape(-1, self._problem.channels + 3)[block]
        np.matmul(abundances[:, visible], self._now.visible, out=of_visible)
        if len(self._now.colours):
            of_visible[:, -3:] += abundances[:, colours] @ self._now.colours
        of_hidden = found.fields.hidden.reshape(-1, self._problem.channels)[block]
        np.matmul(abundances[:, hidden], self._now.hidden, out=of_hidden)

    def finished(self, found: Judgement, unknowns: Unknowns) -> None:
        found.value, found.gradient = objective_and_gradient(self._problem, found.fields)
        found.value += own_cost(self._problem, unknowns)

    def slope(self, at: Judgement, before: Judgement, momentum: float, block: slice, room: Floats) -> None:
        channels, (visible, hidden, colours) = self._problem.channels, self._now.parts
        by_visible = _beyond(at.gradient.visible.reshape(-1, channels + 3), before.gradient.visible, momentum, block)
        by_hidden = _beyond(at.gradient.hidden.reshape(-1, channels), before.gradient.hidden, momentum, block)
        of_visible, of_hidden, of_colours = self._back
        by_colour = by_visible[:, channels:]
        np.matmul(by_colour if self._visible == "photograph" else by_visible, of_visible, out=room[:, visible])
        np.matmul(by_hidden, of_hidden, out=room[:, hidden])
        if len(of_colours.T):
            np.matmul(by_colour, of_colours, out=room[:, colours])
        if self._problem.price:
            room[:, hidden.start :] += np.float32(self._problem.price)

    def improved(self, unknowns: Unknowns, at: Judgement) -> tuple[Unknowns, Judgement]:
        pace, momentum = paced(self._pace) if self._accelerated else (1.0, 0.0)
        tried, found = self._attempt(unknowns, at, momentum)
        if momentum > 0 and found.value > at.value * (1 + ROUNDING):
            self.restarts += 1
            pace = 1.0
            tried, found = self._attempt(unknowns, at, 0.0)
        self._earlier, self._pace = unknowns, pace
        self._refer_to(tried)
        return tried, found

    def _attempt(self, now: Unknowns, at: Judgement, momentum: float) -> tuple[Unknowns, Judgement]:
        """The unknowns with other dictionaries and what they make: D_rgb beside D_v, D_nv, and colours alone."""
        problem, shape, channels = self._problem, self._problem.shape, self._problem.channels
        of_visible, of_hidden, of_colours = dictionary_curvature(problem, now)
        tried, fields, gradient = now, at.fields, at.gradient
        if momentum > 0 and self._earlier is not None:
            tried = _onward(now, self._earlier, momentum)
            fields = fields_of(tried, shape)
            _, gradient = objective_and_gradient(problem, fields)
        visible = np.clip(tried.visible - gradient_by_visible(tried, gradient) / of_visible, 0, 1)
        if problem.degradation is not None:
            visible[:, channels:] = visible[:, :channels] @ problem.degradation
        tried = Unknowns(now.abundances, visible, tried.hidden, tried.colours)
        fields = Fields(visible_of(tried, shape), fields.hidden)
        _, gradient = objective_and_gradient(problem, fields)
        hidden = np.clip(tried.hidden - gradient_by_hidden(tried, gradient) / of_hidden, 0, 1)
        tried = Unknowns(now.abundances, visible, hidden, tried.colours)
        fields = Fields(fields.visible, hidden_of(tried, shape))
        if len(now.colours):
            colours = np.clip(tried.colours - gradient_by_colours(tried, gradient) / of_colours, 0, 1)
            tried = Unknowns(now.abundances, visible, hidden, colours)
            fields = Fields(visible_of(tried, shape), fields.hidden)
        value, gradient = objective_and_gradient(problem, fields)
        return tried, Judgement(fields, gradient, value + own_cost(problem, tried))


def _beyond(at: Floats, before: Floats, momentum: float, block: slice) -> Floats:
    """A block of a gradient, which is affine in the fields, beyond the one before."""
    if momentum == 0:
        return at[block]
    on = np.float32(momentum)
    found: Floats = (1 + on) * at[block]
    found -= on * before.reshape(at.shape)[block]
    return found


def _onward(now: Unknowns, earlier: Unknowns, momentum: float) -> Unknowns:
    on = np.float32(momentum)
    visible, hidden, colours = (
        np.clip(one + on * (one - other), 0, 1)
        for one, other in (
            (now.visible, earlier.visible),
            (now.hidden, earlier.hidden),
            (now.colours, earlier.colours),
        )
    )
    return Unknowns(now.abundances, visible, hidden, colours)


def paced(pace: float) -> tuple[float, float]:
    """The next pace, and the momentum that goes with it."""
    following = (1 + (1 + 4 * pace**2) ** 0.5) / 2
    return following, (pace - 1) / following


def dictionary_curvature(problem: Problem, now: Unknowns) -> tuple[Floats, Floats, Floats]:
    """Bounds for each atom of D_v beside D_rgb, (atoms, channels + 3), of D_nv, and of colours alone, (atoms, 1).

    Of a matrix without negative entries the diagonal of its row sums is a bound.
    """
    visible, hidden, colours = now.parts
    sums: Floats = np.zeros((now.abundances.shape[1], 3), np.float32)
    for column, part in enumerate((visible, hidden, colours)):
        sums[part, column] = 1
    in_visible, in_hidden, in_colours = (now.abundances @ sums).T
    # colours of both parts are one sum, and so are maps: steps of one part at a time need no more than their own row
    seen = 2 * problem.coverage().ravel()
    weights = np.stack([(seen + 4 * problem.gamma * problem.visible_steps.degree.ravel()) * in_visible, 2 * in_visible])
    of_maps, of_colour = weights.astype(np.float32) @ now.abundances[:, visible]
    weight = (seen + 4 * problem.lambda_ * problem.hidden_steps.degree.ravel()) * in_hidden
    of_hidden = weight.astype(np.float32) @ now.abundances[:, hidden]
    of_colours = (2 * in_colours).astype(np.float32) @ now.abundances[:, colours]
    columns = [of_maps] * problem.channels + [of_colour] * 3
    # an atom that no cell uses has no gradient either
    return (
        np.maximum(1.0001 * np.stack(columns, axis=1), 1e-12).astype(np.float32),
        np.maximum(1.0001 * of_hidden, 1e-12).astype(np.float32)[:, None],
        np.maximum(1.0001 * of_colours, 1e-12).astype(np.float32)[:, None],
    )
