"""How well links are used, device by device."""

from __future__ import annotations

from tools.bench import link_dp5, link_grbl, link_native, link_pair
from tools.bench.table import Row

_PARTS = (link_native, link_grbl, link_dp5, link_pair)
NOTES = tuple(note for part in _PARTS for note in part.NOTES)


def measure(repeats: int) -> list[Row]:
    """Rows of every link."""
    return [row for part in _PARTS for row in part.measure(repeats)]
