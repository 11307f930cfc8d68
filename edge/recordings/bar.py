"""How far a copy is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_PERIOD_S = 5.0


class TerminalBar:
    """One bar for each thing that is copied; a context manager."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._unit = ""

    def begin(self, what: str, total: int, unit: str) -> None:
        """Something of this size comes next."""
        if self._progress is None:
            return
        if self._task is not None:
            self._progress.update(self._task, visible=False)
        self._task = self._progress.add_task(what, total=max(total, 1), size=_size_text(total, unit))

    def advance(self, by: int) -> None:
        """So much more of it is done."""
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task, by)

    def __enter__(self) -> Self:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("Copying {task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("of {task.fields[size]}"),
            TimeRemainingColumn(),
            transient=True,
        )
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()


class PlainBar:
    """A line when something begins, and every few seconds; a context manager.

    Parameters
    ----------
    say
        Prints a line.
    clock
        Monotonic time in s.
    """

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._say, self._clock = say, clock
        self._what, self._total, self._done = "", 1, 0
        self._said_s = -float("inf")

    def begin(self, what: str, total: int, unit: str) -> None:
        """Something of this size comes next."""
        self._what, self._total, self._done = what, max(total, 1), 0
        self._said_s = self._clock()
        self._say(f"Copying {what}: {_size_text(total, unit)}")

    def advance(self, by: int) -> None:
        """So much more of it is done."""
        self._done += by
        if self._clock() - self._said_s >= _PERIOD_S:
            self._said_s = self._clock()
            self._say(f"Copying {self._what}: {min(100, 100 * self._done // self._total)} %")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held."""


def bar_for(say: Callable[[str], None]) -> TerminalBar | PlainBar:
    """What suits standard output."""
    return TerminalBar() if sys.stdout.isatty() else PlainBar(say)


def _size_text(total: int, unit: str) -> str:
    return f"{total / 1e6:.1f} MB" if unit == "bytes" else f"{total} {unit}"
