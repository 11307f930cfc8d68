"""The exposures of a plan as text, a line each: written and read some thousand at a time, however many there are.

Read as one value, a line takes twenty times its letters in memory, and a hostile one five hundred times.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from edge.motion.kinematics import ExposureTable

_ROWS = 16_384
_LETTERS = 512 * 1024
"""Of a piece that is read at a time."""
_LONGEST_LINE = 256


def exposure_lines(table: ExposureTable) -> Iterator[str]:
    """Lines without their ends, some thousand of them joined at a time."""
    for first in range(0, len(table), _ROWS):
        rows = table[first : first + _ROWS]
        is_dwell = (rows[:, 0] == rows[:, 2]) & (rows[:, 1] == rows[:, 3])
        yield ",\n".join(
            f"[{x0!r}, {y0!r}, {live_s!r}]" if dwell else f"[{x0!r}, {y0!r}, {x1!r}, {y1!r}, {live_s!r}]"
            for dwell, (x0, y0, x1, y1, live_s) in zip(is_dwell.tolist(), rows.tolist(), strict=True)
        )


def read_exposures(text: str, *, at_most: int) -> ExposureTable:
    """The table in lines as `exposure_lines` writes them, joined by commas and ends of lines.

    Raises
    ------
    ValueError
        A line is none of an exposure, or there are more; the text says which, and what is wrong with it.
    """
    parts: list[NDArray[np.float64]] = []
    count, place = 0, 0
    while place < len(text):
        end = _end_of_piece(text, place, count)
        part = _rows_of(text[place:end].rstrip(",\n"), count)
        count += len(part)
        if count > at_most:
            raise ValueError(f"exposures: more than {at_most}")
        parts.append(part)
        place = end
    return np.concatenate(parts) if parts else np.zeros((0, 5))


def _end_of_piece(text: str, place: int, count: int) -> int:
    """Where a whole line ends, behind its comma; the end of the text where none does."""
    if len(text) - place <= _LETTERS:
        return len(text)
    end = text.find("],\n", place + _LETTERS, place + _LETTERS + _LONGEST_LINE)
    if end < 0:
        raise ValueError(f"exposures.{count}: behind it a line is too long")
    return end + len("],\n")


def _rows_of(lines: str, first: int) -> NDArray[np.float64]:
    try:
        rows = json.loads(f"[{lines}]")
    except (ValueError, RecursionError):
        raise ValueError(f"exposures.{first}: behind it a line is no list of numbers") from None
    for i, row in enumerate(rows, start=first):
        if not isinstance(row, list) or any(type(value) not in (int, float) for value in row):
            raise ValueError(f"exposures.{i}: is no list of numbers")
        if len(row) not in (3, 5):
            raise ValueError(f"exposures.{i}: holds {len(row)} numbers, neither dwell nor stroke")
    try:
        table = np.array([row if len(row) == 5 else [*row[:2], *row] for row in rows], np.float64).reshape(-1, 5)
    except OverflowError:
        raise ValueError(f"exposures.{first}: behind it a number is too large") from None
    if not np.isfinite(table).all():
        raise ValueError(f"exposures.{first}: behind it a number is not finite")
    return table
