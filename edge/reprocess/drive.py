"""All scans of an archive on their way: some at a time, each by its recipe, whatever becomes of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from edge.faults import DeviceError
from edge.outcome import sentence_and_code
from edge.reprocess.recipe import Done, Recipe, Task
from edge.reprocess.result import Result


class Executor(Protocol):
    """Carries tasks out, somewhere."""

    def workers(self) -> int:
        """How many there are to carry tasks out."""

    def submit(self, task: Task) -> Any:
        """Take a task; gives a ticket."""

    def wait(self) -> tuple[Any, Done | Exception]:
        """The next of the tasks taken that is over: its ticket, and what it gave or why it failed."""

    def drop(self, tickets: Iterable[Any]) -> None:
        """Forget tasks, done or not; none of them comes back from `wait`."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A scan that could not be reprocessed."""

    sentence: str
    exit_code: int


Outcome = Result | Failure

FOR_MEMORY = "give workers more memory, or make --piece smaller"


def failure_of(error: Exception) -> Failure:
    """What a fault means for its scan."""
    if isinstance(error, MemoryError) or "Insufficient memory" in str(error):  # OpenCV has an exception of its own
        error = DeviceError(f"a worker had no memory left at one task of this scan: {FOR_MEMORY}")
    return Failure(*sentence_and_code(error))


@dataclass(slots=True, eq=False)
class _UnderWay:
    recipe: Recipe
    done: list[Done | None] = field(default_factory=list)
    places: dict[Any, int] = field(default_factory=dict)
    """Of the tasks that are not over, by ticket."""
    shares: list[float] = field(default_factory=list)
    references: list[Any] = field(default_factory=list)
    """Tickets of earlier steps, which later ones may refer to."""


def drive(
    recipes: Mapping[str, Recipe],
    executor: Executor,
    *,
    ended: Callable[[str, Outcome], None],
    advanced: Callable[[float], None],
) -> None:
    """Carry out recipes by name, one more than there are workers at a time, for each may wait for its slowest task.

    Parameters
    ----------
    ended
        Told of each scan that is over.
    advanced
        Told the share of all work that is done, in [0, 1].
    """
    waiting, under_way, owners = iter(recipes.items()), dict[str, _UnderWay](), dict[Any, str]()
    progress = dict.fromkeys(recipes, 0.0)

    def finish(name: str, outcome: Outcome) -> None:
        scan = under_way.pop(name)
        executor.drop([*scan.places, *scan.references])
        for ticket in scan.places:
            owners.pop(ticket, None)
        progress[name] = 1.0
        ended(name, outcome)

    def step(name: str, sent: list[Done] | None) -> None:
        """Take the recipe's next tasks, or its end."""
        scan = under_way[name]
        try:
            tasks = next(scan.recipe) if sent is None else scan.recipe.send(sent)
        except StopIteration as stop:
            finish(name, stop.value)
            return
        except Exception as error:
            finish(name, failure_of(error))
            return
        scan.done, scan.shares = [None] * len(tasks), [task.share for task in tasks]
        for place, task in enumerate(tasks):
            ticket = executor.submit(task)
            scan.places[ticket], owners[ticket] = place, name
            scan.references.append(ticket)

    def begin() -> None:
        while len(under_way) <= executor.workers() and (following := next(waiting, None)) is not None:
            under_way[following[0]] = _UnderWay(following[1])
            step(following[0], None)

    begin()
    while owners:
        ticket, given = executor.wait()
        name = owners.pop(ticket)
        scan = under_way[name]
        place = scan.places.pop(ticket)
        if isinstance(given, Exception):
            finish(name, failure_of(given))
        else:
            scan.done[place] = given
            progress[name] += scan.shares[place]
            if not scan.places:
                step(name, [one for one in scan.done if one is not None])
        advanced(min(sum(progress.values()) / max(len(progress), 1), 1.0))
        begin()
