"""Rows of a benchmark, as a table for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

SMALLER_IS_BETTER = frozenset({"s", "B", "MB", "cores", "mm", "px"})
"""Units of which one wants little: time, bytes, memory, processors' time over the clock's, errors of a place."""


@dataclass(frozen=True, slots=True)
class Row:
    """One measured figure."""

    what: str
    size: str
    value: float
    unit: str
    """Those in `SMALLER_IS_BETTER` are better when smaller, all else when larger."""
    peer: float | None = None
    """The best peer's value at the same size in the same run."""
    limit: float | None = None
    """What physics or memory bandwidth allows."""
    target: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without a target."""
        if self.target is None:
            return None
        return self.value <= self.target if self.unit in SMALLER_IS_BETTER else self.value >= self.target

    @property
    def against_peer(self) -> str:
        """How this compares with the best peer: times as fast, or the difference."""
        if self.peer is None:
            return ""
        if self.unit == "s":
            return f"{self.peer / self.value:.3g} x"
        return f"{self.value / self.peer:.3g} x" if self.unit.endswith("/s") else f"{self.value - self.peer:+.2f}"


def print_table(rows: Sequence[Row], notes: Iterable[str]) -> None:
    """Print the rows in columns, then the notes."""
    titles = ("what", "size", "value", "unit", "best peer", "against it", "limit", "target", "met")
    lines = [titles] + [
        (
            row.what,
            row.size,
            f"{row.value:.4g}",
            row.unit,
            _figure(row.peer),
            row.against_peer,
            _figure(row.limit),
            _figure(row.target),
            {None: "", True: "yes", False: "NO"}[row.met],
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(titles))]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
    for note in notes:
        print(f"- {note}")


def write_json(path: Path, rows: Sequence[Row]) -> None:
    """Write the rows as a JSON list."""
    entries = [asdict(row) | {"met": row.met} for row in rows]
    path.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
