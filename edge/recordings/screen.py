"""Where a watched scan is shown: in place on a terminal, in lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from edge.console import can_replace_lines
from edge.recordings.progress import Progress
from edge.recordings.watch import figures

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

_PERIOD_S = 10.0


class TerminalScreen:
    """A few lines with a bar, replaced at every look; a context manager.

    Parameters
    ----------
    title
        Above them.
    """

    def __init__(self, title: str) -> None:
        from rich.live import Live

        self._title = title
        self._live: Live = Live(auto_refresh=False, transient=False)

    def show(self, progress: Progress) -> None:
        """Replace what was shown."""
        self._live.update(table_of(self._title, progress), refresh=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()


class PlainScreen:
    """A line at a time: what changes at every look only now and then, another state at once; a context manager.

    Parameters
    ----------
    say
        Prints a line.
    clock
        Monotonic time in s.
    """

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._say, self._clock = say, clock
        self._state = ""
        self._said_s = -float("inf")

    def show(self, progress: Progress) -> None:
        """Add a line where there is something to say."""
        shown = dict(figures(progress))
        is_news = shown["state"] != self._state
        if not is_news and (progress.is_over or self._clock() - self._said_s < _PERIOD_S):
            return
        self._state, self._said_s = shown["state"], self._clock()
        self._say("; ".join(f"{name}: {text}" for name, text in shown.items()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held."""


def screen_for(title: str, say: Callable[[str], None]) -> TerminalScreen | PlainScreen:
    """What suits standard output."""
    return TerminalScreen(title) if sys.stdout.isatty() and can_replace_lines() else PlainScreen(say)


def table_of(title: str, progress: Progress) -> Table:
    """What a terminal shows: a title, a line for each figure, and a bar."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for name, text in figures(progress):
        table.add_row(name, Text(text))
        if name == "exposures" and progress.expected:
            table.add_row("", ProgressBar(total=progress.expected, completed=progress.done, width=50))
    return table
