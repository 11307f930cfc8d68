"""What a format is to the command: how to write it, what it is called, and what it cannot do without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.export.contents import Contents, Progress

Write = Callable[[Path, Contents, Progress], None]
"""Makes a file at a path that nobody else uses; for a folder, fills the empty one that is there."""


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write a recording."""

    write: Write
    ending: str
    """Behind the recording's name, where no other is given; a name without a dot is a folder's."""
    holds: str
    """For people, in one line."""
    needs_maps: bool = False

    @property
    def is_folder(self) -> bool:
        return "." not in self.ending
