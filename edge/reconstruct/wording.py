"""What kriging decided about the photograph, in plain words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge.reconstruct.covariance import Learned

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
    return (_moved(learned.alignment.down, learned.alignment.right), *rest)


def _moved(down: float, right: float) -> str:
    ways = [
        f"{abs(cells):.1f} cells {onward if cells > 0 else back}"
        for cells, onward, back in ((down, "down", "up"), (right, "right", "left"))
        if cells
    ]
    if not ways:
        return "The photograph was left where it lies: moved elsewhere, it predicts what was measured no better."
    return f"The photograph was moved by {' and '.join(ways)}, where it predicts best what was measured."


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
