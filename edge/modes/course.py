"""A mode carried out from beginning to end on an object that can be measured in thought."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from edge.modes.mode import Mode
from edge.modes.pieces import Pieces
from edge.modes.pricing import priced
from edge.modes.setting import Seen, Setting


class Measurable(Protocol):
    """What pieces can be measured on."""

    def expose(self, pieces: Pieces) -> None:
        """Let the beam dwell on points, and fly over runs."""
        ...

    def seen(self) -> Seen:
        """All that was measured so far."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """What a mode did."""

    pieces: tuple[Pieces, ...]
    """The first part, and each batch."""
    seconds: float
    """Everything, by the kinematic model."""


def carried_out(mode: Mode, setting: Setting, budget_s: float, target: Measurable) -> Course:
    """Measure as a mode wants it; what a part leaves of its time, or takes too much, the later ones share.

    Raises
    ------
    UsageError
        The mode cannot do anything in that time.
    """
    parts_s = mode.parts(setting, budget_s)
    done: list[Pieces] = []
    seconds, end = 0.0, None
    for number in range(len(parts_s)):
        left_s = (budget_s - seconds) / (len(parts_s) - number)
        if number and left_s <= 0:
            break
        pieces = mode.next(setting, target.seen(), left_s) if number else mode.first(setting, parts_s[0])
        if not len(pieces):
            break
        found = priced(setting, pieces, end)
        seconds, end = seconds + found.seconds, found.end
        target.expose(pieces)
        done.append(pieces)
    return Course(tuple(done), seconds)
