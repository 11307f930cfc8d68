"""The steps of one scan, each a number of tasks that need nothing of each other."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from edge.reprocess.assemble import assemble
from edge.reprocess.estimate import estimate
from edge.reprocess.job import Job
from edge.reprocess.look import Look, look
from edge.reprocess.result import Result, read_result
from edge.reprocess.settle import account, settle
from edge.reprocess.spectra import add_up, fit_range, learn
from edge.reprocess.whole import finish_whole


@dataclass(frozen=True, slots=True)
class Task:
    """A function of this package and what it is given; it may run anywhere that sees the files."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    """Plain values, or references to what earlier tasks gave."""
    share: float
    """Of the scan's work, roughly, for the progress bar."""
    stays: bool = False
    """Whether what it gives is left where it was made, and only a reference to it comes back."""


@dataclass(frozen=True, slots=True)
class Done:
    """A task that is over."""

    value: Any
    """What it gave; None where that stayed."""
    reference: Any
    """Stands for it among the arguments of later tasks."""


Recipe = Generator[list[Task], list[Done], Result]
"""Yields a step's tasks, is sent what they gave, in their order, and ends with the result."""


def recipe_for(job: Job) -> Recipe:
    """Everything that is to be done for one scan."""
    seen = (yield [Task(look, (job,), 0.05)])[0]
    if isinstance(seen.value, Job):
        return read_result(seen.value)
    scan: Look = seen.value
    numbers = range(len(scan.ranges))
    yield [Task(add_up, (seen.reference, number), 0.25 / len(numbers)) for number in numbers]
    (learned,) = yield [Task(learn, (seen.reference,), 0.05, stays=True)]
    yield [Task(fit_range, (seen.reference, learned.reference, number), 0.3 / len(numbers)) for number in numbers]
    if scan.is_whole:
        (finished,) = yield [Task(finish_whole, (seen.reference, learned.reference), 0.35)]
        return _result(finished)
    (settled,) = yield [Task(settle, (seen.reference, learned.reference), 0.1)]
    rectangles = settled.value.rectangles
    if not rectangles:
        (finished,) = yield [Task(finish_whole, (seen.reference, learned.reference), 0.25)]
        return _result(finished)
    tasks = [Task(estimate, (seen.reference, one), 0.15 / len(rectangles)) for one in rectangles]
    yield [Task(account, (seen.reference,), 0.05), *tasks]
    (finished,) = yield [Task(assemble, (seen.reference, settled.reference), 0.05)]
    return _result(finished)


def _result(done: Done) -> Result:
    found: Result = done.value
    return found
