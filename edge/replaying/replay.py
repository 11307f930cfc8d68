"""What would a sparse scan have given? The same masks, reconstructions and scores over what is already known."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from edge.adaptive.batches import ADAPTIVE
from edge.faults import UsageError
from edge.imports.found import NOTHING_SET, ImportSettings
from edge.maps import ElementMaps, limited_to
from edge.reconstruct import reconstruct
from edge.reconstruct.choice import AUTOMATIC
from edge.reconstruct.visible import with_visible
from edge.record.durable import write_durably
from edge.record.maps_file import write_maps
from edge.replaying.coarse import AskedRaster, CoarseCells, coarse_cells
from edge.replaying.planned import PlannedCells, planned_cells
from edge.replaying.score import Scores, score
from edge.replaying.sources import Stack, load_stack
from edge.stopping.asked import NOTHING_ASKED, AskedStop
from edge.stopping.figure import ErrorFigure
from edge.stopping.replayed import HeldOutOfRaster, figure_to_report
from models.density import cells_for_rate
from models.masks import MaskRequest, make_mask
from models.masks.network import named_shortly
from models.sampling import SamplingMask


@dataclass(frozen=True, slots=True, eq=False)
class ReplayResult:
    """One mask, one reconstruction, one score."""

    source: str
    asked_rate: float | None
    """Of the valid cells of a full raster, of all cells of a sparse recording; None where a plan names the cells."""
    mask: SamplingMask
    maps: ElementMaps
    scores: Scores
    scored_on: str
    scored_cells: int
    seconds: dict[str, float]
    plan: PlannedCells | None = None
    """Where the cells are a plan's."""
    figure: ErrorFigure | None = None
    """What cells held out told of the maps, of sampling that listens."""
    stopped_because: str = ""
    """Why that stopped before its budget."""

    def summary(self) -> str:
        """The result in a line."""
        lacking = 0 if self.plan is None else self.plan.lacking
        without = f", {lacking} of the plan's left out, of which the source knows nothing" if lacking else ""
        return (
            f"{self.source}: {int(self.mask.cells.sum())} of {self.mask.cells.size} cells "
            f"({named_shortly(self.mask.origin)}, {self.maps.method}{without}): PSNR {self.scores.psnr_db:.2f} dB, "
            f"SSIM {self.scores.ssim:.3f}, SAM {self.scores.sam_rad:.4f} rad on {self.scored_on}"
            + (
                ""
                if self.figure is None
                else f"; by {self.figure.held_out} held out: error {self.figure.overall.words}"
            )
            + (f"; stopped: {self.stopped_because}" if self.stopped_because else "")
        )


@dataclass(slots=True)
class _Stopwatch:
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start


def replay_source(
    source: Path,
    *,
    rate: float,
    mask: str | None,
    method: str,
    seed: int,
    out: Path,
    model: Path | None = None,
    stop: AskedStop = NOTHING_ASKED,
    settings: ImportSettings = NOTHING_SET,
) -> ReplayResult:
    """Replay a recording or a raster and write ``report.json`` and ``maps.h5``.

    A full raster is its own truth: every valid cell is scored. A sparse recording is scored only on the exposures
    that the replay left out.

    Parameters
    ----------
    stop
        Errors at which sampling that listens is over.
    settings
        What the source does not say by itself.

    Raises
    ------
    UsageError
        The source cannot be read, the rate is impossible, or a name is unknown.
    """
    watch = _Stopwatch()
    name = _checked_mask(mask, rate, model, stop)
    with watch.stage("load"):
        stack = load_stack(source, settings)
    return _replayed(stack, source, _chooser(name, rate, seed, model, stop, method), rate, method, out, watch)


def replay_stack(
    stack: Stack,
    source: Path,
    *,
    rate: float,
    mask: str,
    seed: int,
    out: Path,
    model: Path | None = None,
    loaded_s: float = 0.0,
) -> ReplayResult:
    """As `replay_source`, of what was loaded from there already, by the automatic reconstruction.

    Parameters
    ----------
    loaded_s
        What loading it took.
    """
    name = _checked_mask(mask, rate, model, NOTHING_ASKED)
    choose = _chooser(name, rate, seed, model, NOTHING_ASKED, AUTOMATIC)
    return _replayed(stack, source, choose, rate, AUTOMATIC, out, _Stopwatch({"load": loaded_s}))


def _checked_mask(mask: str | None, rate: float, model: Path | None, stop: AskedStop) -> str:
    if not 0 < rate <= 1:
        raise UsageError(f"--rate {rate:g} is no fraction of the cells: give more than 0 and at most 1")
    name = mask or ADAPTIVE
    if model is not None and name not in ("netm", ADAPTIVE):
        raise UsageError(f"--model is of no use to the mask {name}: give --mask netm or adaptive, or leave --model out")
    if stop != NOTHING_ASKED and name != ADAPTIVE:
        raise UsageError("--error stops sampling that listens: give --mask adaptive, or leave --error out")
    return name


def _chooser(
    name: str, rate: float, seed: int, model: Path | None, stop: AskedStop, method: str
) -> Callable[[Stack], SamplingMask | Listened]:
    def choose(stack: Stack) -> SamplingMask | Listened:
        request = _request(stack, rate, seed, model)
        return _listened(stack, request, stop, method) if name == ADAPTIVE else make_mask(name, request).mask

    return choose


def replay_plan(
    source: Path, plan: Path, *, method: str, out: Path, settings: ImportSettings = NOTHING_SET
) -> ReplayResult:
    """As `replay_source`, on the cells of a plan.

    Parameters
    ----------
    plan
        Its file, the folder that holds it, or another recording.

    Raises
    ------
    UsageError
        Source or plan cannot be read, or they are of different grids.
    IntegrityError
        One of them is damaged.
    """
    watch = _Stopwatch()
    with watch.stage("load"):
        stack = load_stack(source, settings)
    return _replayed(stack, source, lambda known: planned_cells(plan, known, source), None, method, out, watch)


def replay_coarse(
    source: Path, asked: AskedRaster, *, method: str, out: Path, settings: ImportSettings = NOTHING_SET
) -> ReplayResult:
    """As `replay_source`, of a coarse raster.

    Raises
    ------
    UsageError
        The source cannot be read, or the factor does not fit it.
    """
    watch = _Stopwatch()
    with watch.stage("load"):
        stack = load_stack(source, settings)
    return _replayed(stack, source, lambda known: coarse_cells(known, asked), None, method, out, watch)


def _replayed(
    stack: Stack,
    source: Path,
    choose: Callable[[Stack], SamplingMask | PlannedCells | Listened | CoarseCells],
    asked_rate: float | None,
    method: str,
    out: Path,
    watch: _Stopwatch,
) -> ReplayResult:
    with watch.stage("mask"):
        found = choose(stack)
        plan = found if isinstance(found, PlannedCells) else None
        chosen = found if isinstance(found, SamplingMask) else found.mask
    samples = found.samples if isinstance(found, CoarseCells) else stack.samples(chosen.cells)
    with watch.stage("reconstruct"):
        maps = reconstruct(samples, stack.shape, elements=stack.elements, rgb=stack.rgb, method=method)
    with watch.stage("visible"):
        maps = with_visible(maps, samples, stack.rgb)
    with watch.stage("score"):
        # cells that a mean was taken over are left out no more than those that it is counted for
        scored = stack.known if stack.is_full else stack.known & ~chosen.cells & ~maps.reached
        if not scored.any():
            what = "with these cells" if asked_rate is None else f"at rate {asked_rate:g}"
            raise UsageError(f"{source}: nothing is left to score {what}: replay fewer of its cells")
        scores = score(maps.maps, stack.maps, scored)
        held_out = found.held_out if isinstance(found, Listened) else None
        figure = None if held_out is None else held_out.figure(maps, chosen.cells)
        if stack.scanned is not None:
            maps = limited_to(maps, stack.scanned)
    result = ReplayResult(
        source=str(source),
        asked_rate=asked_rate,
        mask=chosen,
        maps=maps,
        scores=scores,
        scored_on="all valid cells" if stack.is_full else "exposures left out",
        scored_cells=int(scored.sum()),
        seconds=watch.seconds,
        plan=plan,
        figure=figure,
        stopped_because="" if held_out is None else held_out.reason,
    )
    _write(result, stack, out)
    return result


@dataclass(frozen=True, slots=True, eq=False)
class Listened:
    """Cells that sampling that listens chose, and what it held out."""

    mask: SamplingMask
    held_out: HeldOutOfRaster


def _listened(stack: Stack, request: MaskRequest, stop: AskedStop, method: str) -> Listened:
    from edge.adaptive.recorded import adaptive_mask

    held_out = HeldOutOfRaster(stack, request, stop, method=method)
    return Listened(adaptive_mask(stack, request, enough=held_out.enough), held_out)


def _request(stack: Stack, rate: float, seed: int, model: Path | None) -> MaskRequest:
    known = int(stack.known.sum())
    count = cells_for_rate(rate, known if stack.is_full else stack.cells)
    if count > known:
        raise UsageError(
            f"--rate {rate:g} asks for {count} cells and the recording holds {known}: "
            f"give at most {known / stack.cells:.4f}"
        )
    return MaskRequest(shape=stack.shape, count=count, rgb=stack.rgb, allowed=stack.known, seed=seed, model=model)


def _write(result: ReplayResult, stack: Stack, out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UsageError(f"{out}: a file is in the way: give another --out") from None
    write_maps(out / "maps.h5", result.maps, mask=result.mask.cells, rgb=stack.rgb, attributes={"unit": stack.unit})
    write_report(report_of(result, stack), out)


def write_report(report: dict[str, object], out: Path) -> None:
    """Write ``report.json``."""
    write_durably(out / "report.json", (json.dumps(report, indent=2, allow_nan=False) + "\n").encode())


def report_of(result: ReplayResult, stack: Stack) -> dict[str, object]:
    """What ``report.json`` holds; see docs/reference/replay-report.md."""
    scores = result.scores
    return {
        "source": result.source,
        "mask": result.mask.origin,
        "binariser": result.mask.binariser,
        "seed": result.mask.seed,
        "reconstruct": result.maps.method,
        "rows": stack.shape[0],
        "columns": stack.shape[1],
        "samples": int(result.mask.cells.sum()),
        "asked_rate": result.asked_rate,
        "rate_of_known": result.mask.rate,
        "rate_of_grid": int(result.mask.cells.sum()) / result.mask.cells.size,
        "scored_on": result.scored_on,
        "scored_cells": result.scored_cells,
        "overall": {
            "rmse": scores.rmse,
            "psnr_db": scores.psnr_db,
            "ssim": scores.ssim,
            "sam_rad": None if math.isnan(scores.sam_rad) else scores.sam_rad,
        },
        "elements": {
            name: {"rmse": one.rmse, "psnr_db": one.psnr_db, "ssim": one.ssim}
            for name, one in zip(stack.elements, scores.elements, strict=True)
        },
        "held_out": figure_to_report(result.figure, result.stopped_because),
        "remarks": list(result.maps.remarks),
        "plan": None if result.plan is None else {"digest": result.plan.digest, "cells_left_out": result.plan.lacking},
        "seconds": {name: round(value, 6) for name, value in result.seconds.items()},
    }
