"""`pointillist replay` without a mask: the comparison from source to page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.adaptive.batches import ADAPTIVE
from edge.console import duration_text
from edge.faults import UsageError
from edge.imports.found import NOTHING_SET, ImportSettings
from edge.record.durable import write_durably
from edge.replay_matrix.answer import Times, answer
from edge.replay_matrix.choosing import Setup, scored_cells
from edge.replay_matrix.costs import Costs
from edge.replay_matrix.design import Design, design
from edge.replay_matrix.in_time import InTime, in_a_share, seconds_to_scan_again
from edge.replay_matrix.page import page
from edge.replay_matrix.pictures import pictures
from edge.replay_matrix.prices import Stage, points_s, raster_s
from edge.replay_matrix.stated import Wanted, stage_wanted
from edge.replay_matrix.trials import Outcome, carried_out
from edge.replaying.replay import ReplayResult, replay_stack, report_of, write_report
from edge.replaying.score import scale_of
from edge.replaying.sources import Stack, load_stack
from edge.report.wording import percent

PAGE = "report.html"
KEPT = "trials"
"""Folder of what an interrupted comparison goes on from."""
USUAL_S, QUICK_S = 1_800.0, 300.0
_SHARE_TO_GUESS = 0.05
"""Of the time that is allowed, spent on knowing what will be done in it."""


def compare_masks(
    source: Path,
    out: Path,
    wanted: Wanted,
    *,
    settings: ImportSettings = NOTHING_SET,
    say: Callable[[str], None],
) -> ReplayResult:
    """Scan a source again in a share of its time, then by every mask, reconstruction and rate, and write a page.

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
    loaded_s = time.monotonic() - started
    plan = design(stack, rate=wanted.rate, is_quick=wanted.is_quick)
    stage = stage_wanted(stack, source, wanted)
    limit_s = wanted.within_s or (QUICK_S if wanted.is_quick else USUAL_S)
    for remark in stack.remarks:
        say(remark)
    in_time = _in_time(stack, stage, plan, wanted, say)
    result = replay_stack(
        stack,
        source,
        rate=plan.rate,
        mask=ADAPTIVE,
        seed=wanted.seed,
        model=wanted.model,
        out=out,
        loaded_s=loaded_s,
    )
    outcome = _trials(stack, plan, wanted, result, out / KEPT, limit_s, say)
    cells = int(stack.known.sum()) if stack.is_full else stack.cells
    times = Times(raster_s(stack.shape, stage, cells=cells), points_s(result.mask.cells, stage))
    found = answer(plan, outcome, cells, times, counting_noise(stack, result.mask.cells))
    first = [] if in_time is None else [in_time] if isinstance(in_time, str) else in_time.sentences()
    facts = _facts(source, stack, plan, outcome, stage, result)
    scanned = in_time if isinstance(in_time, InTime) else None
    shown = pictures(stack, outcome, plan.rate, result.maps.maps, scanned)
    html = page(source.name or str(source), [*first, *found], facts, shown, plan, outcome)
    write_durably(out / PAGE, html.encode("utf-8"))
    if scanned is not None:
        write_report({**report_of(result, stack), "in_time": scanned.to_report()}, out)
    for sentence in found:
        say(sentence)
    say(f"Report: {out / PAGE}")
    return result


def _in_time(
    stack: Stack, stage: Stage, plan: Design, wanted: Wanted, say: Callable[[str], None]
) -> InTime | str | None:
    """What a share of the raster's time would have brought, said at once; None of a source that is no full raster."""
    if not stack.is_full:
        return None
    say(
        f"First, a scan in {percent(plan.rate)} of the raster's time, on {stage.words}: about "
        f"{duration_text(seconds_to_scan_again(stack))} of a processor's time"
    )
    found = in_a_share(stack, stage, plan.rate, seed=wanted.seed, model=wanted.model)
    for sentence in [found] if isinstance(found, str) else found.sentences():
        say(sentence)
    return found


def _trials(
    stack: Stack,
    plan: Design,
    wanted: Wanted,
    result: ReplayResult,
    kept: Path,
    limit_s: float,
    say: Callable[[str], None],
) -> Outcome:
    """Every mask, reconstruction and rate that there is time for."""
    setup = Setup(stack, wanted.seed, wanted.model)
    costs = Costs(setup, usual_s=result.seconds["reconstruct"])
    costs.saw(ADAPTIVE, result.seconds["mask"])
    guess_s, is_whole = costs.whole(plan.trials, _SHARE_TO_GUESS * limit_s)
    say(
        f"{len(plan.trials)} trials of {len(plan.masks)} masks, {len(plan.methods)} reconstructions and "
        f"{len(plan.rates)} rates: {_expected(guess_s, limit_s, is_whole=is_whole)}; Ctrl-C keeps what is done"
    )
    with _bar(len(plan.trials)) as told:
        return carried_out(
            plan,
            setup,
            kept,
            within_s=limit_s,
            told=told,
            known={(ADAPTIVE, plan.rate): result.mask.cells},
            costs=costs,
        )


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


@contextmanager
def _bar(total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal; nothing elsewhere."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("Trials", total=total)
        yield lambda done: progress.update(task, completed=done)
