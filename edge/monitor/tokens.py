"""What opens the page."""

from __future__ import annotations

from dataclasses import dataclass

SHORTEST_TOKEN = 16
"""Characters."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """One for each role; empty: nothing opens the page in that role."""

    operator: str = ""
    visitor: str = ""
