"""What a whole scan's held-out exposures say, for the report."""

from __future__ import annotations

from dataclasses import dataclass

from edge.record.fold import ScanHistory
from edge.results import Planned, Results
from edge.stopping.config import StopConfig
from edge.stopping.figure import ErrorFigure, Estimate, figure_from_json


@dataclass(frozen=True, slots=True)
class Judgement:
    """The maps' error as it went, as it ended, and what was asked of it."""

    figure: ErrorFigure | None
    """Of the final maps; None where too little was held out to tell it."""
    course: tuple[tuple[int, Estimate], ...]
    """Exposures and the overall error of the preview's maps, while the scan ran."""
    target: float | None
    """Of the overall error; None where none was asked for."""
    targets: tuple[tuple[str, float], ...]
    """Of single elements."""
    concluded: str
    """Why the scan ended before its plan; empty where it did not."""
    why_none: str
    """Why nothing was held out; empty where something was."""


def judgement_of(history: ScanHistory, planned: Planned, results: Results) -> Judgement:
    """What the report says of a scan's error."""
    stop: StopConfig = planned.config.sampling.stop
    return Judgement(
        figure=results.figure,
        course=_course(history),
        target=stop.error,
        targets=tuple(stop.elements.items()),
        concluded="" if history.concluded is None else history.concluded.reason,
        why_none=_why_none(planned),
    )


def _course(history: ScanHistory) -> tuple[tuple[int, Estimate], ...]:
    """A figure that cannot be read is left out: the report does without it."""
    course: list[tuple[int, Estimate]] = []
    for judged in history.judged:
        try:
            course.append((judged.exposures, figure_from_json(judged.figure_json).overall))
        except ValueError:
            continue
    return tuple(course)


def _why_none(planned: Planned) -> str:
    if planned.plan.held_out is not None:
        return ""
    if planned.config.placement is not None:
        return "the campaign chose the cells, and each is wanted in the map"
    if planned.config.sampling.held_out == 0:
        return "the configuration holds out none"
    return "the scan has too few exposures, or visits every cell"
