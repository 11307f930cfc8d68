"""What is compared, and in which order: what answers the question first, refinements last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec

from edge.adaptive.batches import ADAPTIVE
from edge.replaying.sources import Stack

LEARNER = "learner2d"
GRID = "grid"
OURS, PLAIN = "kriging", "linear"
"""What ``automatic`` comes to on a sparse raster, and what one would do without any of this."""
ANSWER_RATE = 0.1
_RATES = (0.02, 0.05, 0.1, 0.2, 0.3)
_QUICK_RATES = (0.05, 0.1, 0.2)
_PARTS = (0.125, 0.25, 0.5, 0.75)
"""Of what a sparse recording holds."""
_BLIND = ("blue-noise", "random")
_BY_PHOTOGRAPH = ("netm",)
_RIVALS_BY_PHOTOGRAPH = ("gradient", "laplacian", "airs", "mascar", "kbas")
_OTHER_METHODS = ("harmonic", "biharmonic", "nearest")
SLOW_METHODS = ("mumford-shah", "fusion", "bpfa")
"""Minutes each on a large raster: last, as far as there is time."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One mask at one rate, filled in one way."""

    mask: str
    rate: float
    """Of the valid cells of a full raster, of all cells of a sparse recording."""
    method: str


@dataclass(frozen=True, slots=True)
class Design:
    """All trials, the most telling first."""

    trials: tuple[Trial, ...]
    rate: float
    """The one that the answer is about."""
    remarks: tuple[str, ...] = ()
    """What could not be compared, one sentence each."""

    @property
    def rates(self) -> tuple[float, ...]:
        return tuple(sorted({one.rate for one in self.trials}))

    @property
    def first(self) -> frozenset[Trial]:
        """Those without which there is no answer: ours and its rivals at the answer's rate."""
        rivals = (ADAPTIVE, GRID, LEARNER, *_BY_PHOTOGRAPH)
        return frozenset(
            one for one in self.trials if one.rate == self.rate and one.mask in rivals and one.method in (OURS, PLAIN)
        )

    @property
    def masks(self) -> tuple[str, ...]:
        """In order of first mention."""
        return tuple(dict.fromkeys(one.mask for one in self.trials))

    @property
    def methods(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.method for one in self.trials))


def design(stack: Stack, *, rate: float | None, is_quick: bool) -> Design:
    """Choose masks, reconstructions and rates for a raster.

    Parameters
    ----------
    rate
        The answer's, above 0 and at most 1; None: a tenth, or half of what a sparse recording holds.
    """
    rates = _rates(stack, rate, is_quick=is_quick)
    answer = rate or (ANSWER_RATE if stack.is_full else rates[-1] if is_quick else rates[2])
    remarks = []
    core = [ADAPTIVE, GRID]
    if stack.rgb is None:
        remarks.append("Masks that look at a photograph are left out: there is none.")
    else:
        core.insert(1, _BY_PHOTOGRAPH[0])
    if find_spec("adaptive") is not None:
        core.append(LEARNER)
    else:
        remarks.append(f"{LEARNER} is left out: it is installed by pip install 'pointillist[rivals]'.")
    others = [] if is_quick else [*_BLIND, *(() if stack.rgb is None else _RIVALS_BY_PHOTOGRAPH)]
    trials = dict.fromkeys(_ordered(core, others, answer, rates, is_quick=is_quick))
    return Design(tuple(trials), answer, tuple(remarks))


def _ordered(
    core: list[str], others: list[str], answer: float, rates: tuple[float, ...], *, is_quick: bool
) -> Iterator[Trial]:
    for rate in (answer, *rates):
        for mask in core:
            yield Trial(mask, rate, OURS)
            yield Trial(mask, rate, PLAIN)
    for mask in others:
        for rate in rates:
            yield Trial(mask, rate, OURS)
            yield Trial(mask, rate, PLAIN)
    for methods in () if is_quick else (_OTHER_METHODS, SLOW_METHODS):
        for rate in (answer, *rates):
            for mask in [*core, *others]:
                for method in methods:
                    yield Trial(mask, rate, method)


def _rates(stack: Stack, rate: float | None, *, is_quick: bool) -> tuple[float, ...]:
    """Ascending; where one is asked for, that one between its half and its double."""
    most = 1.0 if stack.is_full else int(stack.known.sum()) / stack.cells
    if rate is not None:
        return tuple(one for one in (rate / 2, rate, 2 * rate) if one == rate or one < most)
    if stack.is_full:
        return _QUICK_RATES if is_quick else _RATES
    return tuple(most * part for part in (_PARTS[1:3] if is_quick else _PARTS))
