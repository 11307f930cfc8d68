"""What a mode is."""

from __future__ import annotations

from typing import Protocol

from edge.modes.pieces import Pieces
from edge.modes.setting import Seen, Setting


class Mode(Protocol):
    """A way to spend a time on an object: a first part, and batches that follow what was measured."""

    name: str
    """As configuration and command line have it."""
    about: str
    """What it does, in a few words."""
    listens: bool
    """Whether batches follow what was measured: it finds what no photograph shows, as no prediction can tell."""

    def parts(self, setting: Setting, budget_s: float) -> list[float]:
        """Seconds of the first part and of each batch; they add up to the budget.

        Raises
        ------
        UsageError
            The budget is too small for anything, or the stage can't do it.
        """
        ...

    def first(self, setting: Setting, part_s: float) -> Pieces:
        """What to measure before anything is known, for so many seconds."""
        ...

    def next(self, setting: Setting, seen: Seen, part_s: float) -> Pieces:
        """What to measure next, for so many seconds."""
        ...
