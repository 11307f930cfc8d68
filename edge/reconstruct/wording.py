"""What kriging decided about the photograph, in plain words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge.reconstruct.covariance import Learned
from edge.reconstruct.photograph import Alignment

_LEFT = "The photograph was left where it lies: moved elsewhere, it predicts what was measured no better."
PLAIN = ("The photograph was not used: it shows one colour only.",)


def photograph_remarks(learned: Learned, names: Sequence[str]) -> tuple[str, ...]:
    """Whether the photograph was used, where it was moved to, and how much each group of elements follows it."""
    if learned.left_out is None:
        return ("The photograph was not used: too few cells are measured to tell whether it helps.",)
    percents = np.zeros(len(names), np.intp)
    for group in learned.groups:
        percents[group.elements] = round(100 * group.covariance.share) if group.follows_colour else 0
    followed: dict[int, list[str]] = {}
    for element in np.flatnonzero(learned.sill).tolist():
        followed.setdefault(int(percents[element]), []).append(names[element])
    if set(followed) == {0}:
        return ("The photograph was not used: its colours did not help to predict what was measured.",)
    rest = [
        f"About {percent} % of the variation of {_listed(elements)} is taken to follow the photograph's colour."
        if percent > 0
        else f"The variation of {_listed(elements)} is taken not to follow it."
        for percent, elements in sorted(followed.items(), reverse=True)
    ]
    return (*(where_moved(learned.alignment) or (_LEFT,)), *rest)


def where_moved(alignment: Alignment) -> tuple[str, ...]:
    """By how much the photograph was moved, in a sentence; none where it was not."""
    way = way_of(alignment)
    return (f"The photograph was moved by {way}, where it predicts best what was measured.",) if way else ()


def no_help(learned: Learned, besides: str = "") -> tuple[str, ...]:
    """That the photograph helps nowhere, in a sentence; none where it does, or too little was measured to tell.

    Parameters
    ----------
    besides
        What else can be done about it than to see where it lies.
    """
    if learned.left_out is None or learned.follows_colour:
        return ()
    return (
        "The photograph's colours did not help kriging to predict what was measured, wherever within four cells it was "
        f"moved: check that it lies on the scan{besides}.",
    )


def way_of(alignment: Alignment) -> str:
    """Such as ``0.2 cells down and 2.4 cells left``; empty where it rounds to nothing."""
    ways = [
        f"{abs(cells):.1f} cells {onward if cells > 0 else back}"
        for cells, onward, back in ((alignment.down, "down", "up"), (alignment.right, "right", "left"))
        if round(cells, 1)
    ]
    return " and ".join(ways)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
