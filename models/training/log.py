"""A log of comma-separated rows that a resumed training continues."""

from __future__ import annotations

import csv
from pathlib import Path
from types import TracebackType
from typing import TextIO

TRAINING_LOG, VALIDATION_LOG = "training.csv", "validation.csv"


class Log:
    """Rows that begin with a step; opened at step n, it keeps the rows up to n and drops those that n never saw."""

    def __init__(self, path: Path, columns: tuple[str, ...], step: int, *, active: bool = True) -> None:
        self._path, self._columns, self._step, self._active = path, columns, step, active
        self._file: TextIO | None = None

    def __enter__(self) -> Log:
        if self._active:
            kept = self._kept() if self._step else []
            self._file = self._path.open("w", encoding="utf-8", newline="")
            csv.writer(self._file, lineterminator="\n").writerows([self._columns, *kept])
            self._file.flush()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, *cells: object) -> None:
        """Add a row; it is on disk when this returns."""
        if self._file is not None:
            csv.writer(self._file, lineterminator="\n").writerow(cells)
            self._file.flush()

    def _kept(self) -> list[list[str]]:
        if not self._path.exists():
            return []
        with self._path.open(encoding="utf-8", newline="") as file:
            return [row for row in list(csv.reader(file))[1:] if row and int(row[0]) <= self._step]
