"""An executor that carries tasks out one after the other in this process, and can die on the way."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from edge.console import Console
from edge.reprocess.archive import recordings_below
from edge.reprocess.changes import Settings
from edge.reprocess.drive import Outcome
from edge.reprocess.recipe import Done, Task
from edge.reprocess.run import reprocess


class InProcess:
    def __init__(self, dies_after: int = 10**9) -> None:
        self._waiting: deque[tuple[int, Task]] = deque()
        self._dies_after, self._submitted = dies_after, 0
        self.done: list[str] = []
        """Names of the functions that were called, in order."""

    def workers(self) -> int:
        return 1

    def submit(self, task: Task) -> int:
        self._submitted += 1
        ticket = self._submitted
        self._waiting.append((ticket, task))
        return ticket

    def wait(self) -> tuple[Any, Done | Exception]:
        if len(self.done) == self._dies_after:
            raise KeyboardInterrupt
        ticket, task = self._waiting.popleft()
        self.done.append(task.function.__name__)
        try:
            value = task.function(*task.arguments)
        except Exception as error:
            return ticket, error
        return ticket, Done(None if task.stays else value, value)

    def drop(self, tickets: Iterable[Any]) -> None:
        dropped = set(tickets)
        self._waiting = deque(one for one in self._waiting if one[0] not in dropped)


def run(archive: Path, out: Path, settings: Settings | None = None, *, dies_after: int = 10**9) -> Run:
    """Reprocess in this process."""
    out.mkdir(exist_ok=True)
    executor = InProcess(dies_after)
    console = Console(quiet=True, log_level="error")
    outcomes = reprocess(archive, recordings_below(archive), out, settings or Settings(), executor, console)
    return Run(outcomes, executor.done)


class Run:
    def __init__(self, outcomes: dict[str, Outcome], done: list[str]) -> None:
        self.outcomes, self.done = outcomes, done
