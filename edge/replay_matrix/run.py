"""`pointillist replay` without a mask: the comparison from source to page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.adaptive.batches import ADAPTIVE
from edge.configuration.config import StageConfig
from edge.console import duration_text
from edge.faults import UsageError
from edge.imports.found import NOTHING_SET, ImportSettings
from edge.motion.stage_model import StageModel
from edge.planning.folder import is_recording, read_plan
from edge.record.durable import write_durably
from edge.replay_matrix.answer import Times, answer
from edge.replay_matrix.choosing import Setup, scored_cells
from edge.replay_matrix.costs import Costs
from edge.replay_matrix.design import Design, design
from edge.replay_matrix.page import page
from edge.replay_matrix.pictures import pictures
from edge.replay_matrix.prices import Stage, points_s, raster_s
from edge.replay_matrix.trials import Outcome, carried_out
from edge.replaying.replay import ReplayResult, replay_stack
from edge.replaying.score import scale_of
from edge.replaying.sources import Stack, load_stack
from edge.report.wording import percent

PAGE = "report.html"
KEPT = "trials"
"""Folder of what an interrupted comparison goes on from."""
USUAL_S, QUICK_S = 1_800.0, 300.0
_SHARE_TO_GUESS = 0.05
"""Of the time that is allowed, spent on knowing what will be done in it."""
_PITCH_MM, _DWELL_S = 1.0, 0.1


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a source is to be compared."""

    rate: float | None = None
    seed: int = 0
    model: Path | None = None
    is_quick: bool = False
    within_s: float | None = None
    pitch_mm: float | None = None
    dwell_s: float | None = None


def compare_masks(
    source: Path,
    out: Path,
    wanted: Wanted,
    *,
    settings: ImportSettings = NOTHING_SET,
    say: Callable[[str], None],
) -> ReplayResult:
    """Replay a source by every mask, reconstruction and rate that there is time for, and write ``report.html``.

    ``report.json`` and ``maps.h5`` are those of sampling that listens at the answer's rate; what was tried is kept in a
    folder ``trials``, from which the same command goes on.

    Raises
    ------
    UsageError
        The source or an option cannot be used.
    """
    if wanted.rate is not None and not 0 < wanted.rate <= 1:
        raise UsageError(f"--rate {wanted.rate:g} is no fraction of the cells: give more than 0 and at most 1")
    started = time.monotonic()
    stack = load_stack(source, settings)
    plan = design(stack, rate=wanted.rate, is_quick=wanted.is_quick)
    stage = _stage(stack, source, wanted)
    limit_s = wanted.within_s or (QUICK_S if wanted.is_quick else USUAL_S)
    for remark in stack.remarks:
        say(remark)
    first = time.monotonic()
    result = replay_stack(
        stack,
        source,
        rate=plan.rate,
        mask=ADAPTIVE,
        seed=wanted.seed,
        model=wanted.model,
        out=out,
        loaded_s=first - started,
    )
    setup = Setup(stack, wanted.seed, wanted.model)
    costs = Costs(setup, usual_s=result.seconds["reconstruct"])
    costs.saw(ADAPTIVE, result.seconds["mask"])
    guess_s, is_whole = costs.whole(plan.trials, _SHARE_TO_GUESS * limit_s)
    say(
        f"{len(plan.trials)} trials of {len(plan.masks)} masks, {len(plan.methods)} reconstructions and "
        f"{len(plan.rates)} rates: {_expected(guess_s, limit_s, is_whole=is_whole)}; Ctrl-C keeps what is done"
    )
    with _bar(len(plan.trials)) as told:
        outcome = carried_out(
            plan,
            setup,
            out / KEPT,
            within_s=limit_s,
            told=told,
            known={(ADAPTIVE, plan.rate): result.mask.cells},
            costs=costs,
        )
    cells = int(stack.known.sum()) if stack.is_full else stack.cells
    times = Times(raster_s(stack.shape, stage), points_s(result.mask.cells, stage))
    said = answer(plan, outcome, cells, times, counting_noise(stack, result.mask.cells))
    facts = _facts(source, stack, plan, outcome, stage, result)
    shown = pictures(stack, outcome, plan.rate, result.maps.maps)
    html = page(source.name or str(source), said, facts, shown, plan, outcome)
    write_durably(out / PAGE, html.encode("utf-8"))
    for sentence in said:
        say(sentence)
    say(f"Report: {out / PAGE}")
    return result


def _expected(guess_s: float, limit_s: float, *, is_whole: bool) -> str:
    if guess_s <= 0:
        return f"no more than {duration_text(limit_s)}"
    about = "about" if is_whole else "more than"
    if guess_s < limit_s and is_whole:
        return f"about {duration_text(guess_s)} by trials on a part, no more than {duration_text(limit_s)}"
    return f"{about} {duration_text(guess_s)} by trials on a part, of which {duration_text(limit_s)} are allowed"


def counting_noise(stack: Stack, cells: NDArray[np.bool_]) -> float:
    """What maps without fault would differ by from a source that was counted, where the cells are as they are there.

    Root mean square over elements, each relative to its 99.9th percentile; 0 where the source tells no variance.
    """
    scale = scale_of(stack.maps[stack.known].astype(np.float64))
    scored = scored_cells(cells, stack)
    left = scored & ~cells
    squares = (stack.variance[left] / scale**2).sum(axis=0) / max(int(scored.sum()), 1)
    return float(np.sqrt(squares.mean()))


def _facts(
    source: Path, stack: Stack, plan: Design, outcome: Outcome, stage: Stage, result: ReplayResult
) -> list[tuple[str, str]]:
    rows, columns = stack.shape
    return [
        ("Source", f"{source.name}, {rows} x {columns} cells of {', '.join(stack.elements)}"),
        ("Photograph", "none" if stack.rgb is None else "on the source's cells"),
        *([("Read as", "; ".join(stack.remarks))] if stack.remarks else []),
        ("Scored on", result.scored_on),
        (
            "Trials",
            f"{len(outcome.scores)} of {len(plan.trials)}, at {', '.join(percent(rate) for rate in plan.rates)}",
        ),
        ("Stage", stage.words),
        ("Times", "predicted, cells visited in one order of little travel; listening in batches travels some more"),
    ]


def _stage(stack: Stack, source: Path, wanted: Wanted) -> Stage:
    for option, value in (("--pitch", wanted.pitch_mm), ("--dwell", wanted.dwell_s)):
        if value is not None and not 0 < value < 1e4:
            raise UsageError(f"{option} {value:g} cannot be: give a number above 0")
    pitch_mm = wanted.pitch_mm or stack.pitch_mm
    if pitch_mm is None and is_recording(source):
        pitch_mm = read_plan(source).grid.pitch_mm
    stated = StageConfig()
    assumed = [
        *(["pitch"] if pitch_mm is None else []),
        *(["dwell"] if wanted.dwell_s is None else []),
        "stage",
    ]
    model = StageModel(
        stated.speed_mm_s, stated.acceleration_mm_s2, settle_s=stated.settle_s, overhead_s=stated.overhead_s
    )
    return Stage(pitch_mm or _PITCH_MM, wanted.dwell_s or _DWELL_S, model, tuple(assumed))


@contextmanager
def _bar(total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal; nothing elsewhere."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("Trials", total=total)
        yield lambda done: progress.update(task, completed=done)
