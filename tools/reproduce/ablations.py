"""Tables II and III of Verinaz-Jadan et al.: what each term of the loss and each part of the network is worth."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.exposure_projection import projected
from edge.reconstruct.exposure_upsampling import bilinear
from edge.reconstruct.unfold.inputs import refined
from models.training.unfolding.plans import (
    OURS,
    PLANS,
    PUBLISHED_ADVERSARIAL_EPOCHS,
    PUBLISHED_PRE_TRAINING_EPOCHS,
    NamedPlan,
    Stage,
)
from tools.measurement_folder import measurement_folder
from tools.reproduce import page, provenance
from tools.reproduce.coarse.scans import CoarseScan, coarse_scan
from tools.reproduce.coarse.upsampling import bicubic
from tools.reproduce.options import CACHE, OUT, require_counts, require_known
from tools.reproduce.stacks import STACKS
from tools.reproduce.subjects import Subject

HELP = "unfolded networks without parts of their loss, or of themselves"
STACK_NAMES = ("portrait", "panel")
PAPERS = ("verinaz-jadan-2024", "verinaz-jadan-2025")
FACTOR, SIDE, STEPS = 4, 128, (400, 16)
CORNERS = {"portrait": (330, 100), "panel": (80, 60)}
"""First row and column of the crops: face and hands; the middle."""
_EXPOSURES, _PATCHES, _LESSON_STEPS = 128, 8, 400
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Ablation:
    """One row of the two tables."""

    name: str
    change: Callable[[NamedPlan], NamedPlan]
    paper_db: float | None
    paper_rmse: float | None
    is_projected: bool = True


def _stages(named: NamedPlan, change: Callable[[Stage], Stage]) -> NamedPlan:
    return replace(named, plan=replace(named.plan, stages=tuple(map(change, named.plan.stages))))


def _without(named: NamedPlan, *weights: str) -> NamedPlan:
    return _stages(named, lambda stage: replace(stage, **dict.fromkeys(weights, 0.0)))  # type: ignore[arg-type]


def _adversary(named: NamedPlan, **changes: object) -> NamedPlan:
    adversary = replace(named.plan.adversary, **changes)  # type: ignore[arg-type]
    return replace(named, plan=replace(named.plan, adversary=adversary))


ABLATIONS = (
    Ablation("c1, c2 and adv: the full model", lambda named: named, 37.31, 0.0136),
    Ablation("c1 and adv", lambda named: _without(named, "colour_weight"), 37.31, 0.0136),
    Ablation("c1", lambda named: _without(named, "colour_weight", "adversarial_weight"), 36.97, 0.0142),
    Ablation("c1 and c2", lambda named: _without(named, "adversarial_weight"), 36.97, 0.0142),
    Ablation("c2 and adv", lambda named: _without(named, "measurement_weight"), 31.85, 0.0256),
    Ablation("all patches count (LSGAN)", lambda named: _adversary(named, counted="all"), 36.98, 0.0142),
    Ablation("linear synthesis", lambda named: replace(named, output="linear"), 36.75, 0.0145),
    Ablation("no projection", lambda named: _adversary(named, projects=False), 36.34, 0.0152, is_projected=False),
    Ablation(
        "leaky ReLU, no sigmoid", lambda named: replace(named, activation="leaky-relu", output="linear"), 35.97, 0.0159
    ),
)
"""The first five of Table II, all but the middle four of Table III."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure."""

    stack: str
    plan: str
    name: str
    rmse: float
    held_out_rmse: float | None
    steps: tuple[int, ...]
    processor_s: float

    @property
    def db(self) -> float:
        """PSNR of the RMSE."""
        return -20 * math.log10(max(self.rmse, 1e-7))


class AblationTable:
    """Parts taken away, by stacks and papers."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Options of this table."""
        parser.add_argument("--stacks", nargs="+", default=list(STACK_NAMES), metavar="NAME", help="portrait, panel")
        parser.add_argument("--side", type=int, default=SIDE, metavar="CELLS", help=f"of the crop ({SIDE})")
        parser.add_argument(
            "--steps", type=int, nargs=2, default=list(STEPS), metavar="N", help="of the two stages (400 16)"
        )
        parser.add_argument("--data", type=Path, metavar="PATH", help="instead of what POINTILLIST_DATA holds")
        parser.add_argument("--cache", type=Path, default=CACHE, metavar="FOLDER", help="not used: minutes in all")
        parser.add_argument("--out", type=Path, default=OUT, metavar="FOLDER", help=f"where the page goes ({OUT})")

    def run(self, options: argparse.Namespace) -> page.Page:
        """Train every row, and make the page.

        Raises
        ------
        ReproductionError
            An option that cannot be.
        UsageError, ModelsError
            Maps that cannot be learnt from.
        """
        require_known("stacks", options.stacks, STACK_NAMES)
        require_counts(side=options.side, steps=min(options.steps))
        rows: list[Row] = []
        for stack in (one for one in STACKS if one.name in options.stacks):
            (subject,) = stack.load(options.data or measurement_folder(), [0])
            scan = coarse_scan(_crop(subject, stack.name, options.side), FACTOR)
            rows += _rows(stack.name, scan, options.steps)
        return page.Page(_lines(rows, options), list(map(_csv_row, rows)))


def _crop(subject: Subject, name: str, side: int) -> Subject:
    first = [max(0, min(at, length - side)) for at, length in zip(CORNERS[name], subject.shape, strict=True)]
    part = slice(first[0], first[0] + side), slice(first[1], first[1] + side)
    rgb, values, allowed = subject.rgb[part].copy(), subject.values[part].copy(), subject.allowed[part].copy()
    return Subject(subject.name, rgb, values, allowed, subject.seed, subject.measure)


def _rows(stack: str, scan: CoarseScan, steps: Sequence[int]) -> Iterator[Row]:
    from tools.reproduce.unfolding import learned_maps

    cells, rgb = scan.cells, scan.photograph
    assert rgb is not None, "both stacks have a photograph"
    operator = cells.seen_by()
    plain = bilinear(operator, cells.values)
    rivals = {
        "bicubic": bicubic(scan.means, scan.factor),
        "bilinear, projected": projected(plain, operator, cells.values),
        "bilinear, smoothly projected": refined(plain, operator, cells.values),
    }
    for name, maps in rivals.items():
        yield Row(stack, "", name, scan.subject.figures(maps).rmse, None, (), 0.0)
    ours = _stages(PLANS[OURS], lambda stage: replace(stage, steps=_LESSON_STEPS))
    asked = [(OURS, "whole", ours, True)]
    for paper in PAPERS:
        named = _shortened(PLANS[paper], steps)
        asked += [(paper, one.name, one.change(named), one.is_projected) for one in ABLATIONS]
    for plan, name, named, is_projected in asked:
        found = learned_maps(cells, rgb, named)
        rmse = scan.subject.figures(found.agreeing if is_projected else found.bare).rmse
        yield Row(stack, plan, name, rmse, found.ended.held_out_rmse, found.ended.steps, found.processor_s)


def _shortened(named: NamedPlan, steps: Sequence[int]) -> NamedPlan:
    stages = tuple(
        replace(stage, steps=count, exposures=_EXPOSURES) for stage, count in zip(named.plan.stages, steps, strict=True)
    )
    return _adversary(replace(named, plan=replace(named.plan, stages=stages)), patches=_PATCHES)


def _lines(rows: Sequence[Row], options: argparse.Namespace) -> list[str]:
    lines = ["# Ablations: the unfolded network without its parts", "", *_introduction(rows, options)]
    header = ["without, or with", "RMSE", "PSNR", "less the full model", "paper", "less its full model"]
    for stack in dict.fromkeys(row.stack for row in rows):
        lines += [f"## {stack.capitalize()}", ""]
        beside = [row for row in rows if row.stack == stack and row.plan not in PAPERS]
        listed = [[_name(row), f"{row.rmse:.4f}", f"{row.db:.2f}"] for row in beside]
        lines += page.table(["beside", "RMSE", "PSNR"], listed)
        for paper in PAPERS:
            own = {row.name: row for row in rows if row.stack == stack and row.plan == paper}
            full = own[ABLATIONS[0].name]
            lines += [f"`{paper}`:", ""]
            lines += page.table(header, [_cells(one, own[one.name], full) for one in ABLATIONS])
    return [*lines, "## On what", "", f"- {provenance.versions()}.", ""]


def _introduction(rows: Sequence[Row], options: argparse.Namespace) -> list[str]:
    side, (first, second) = options.side, options.steps
    seconds = [row.processor_s for row in rows if row.plan in PAPERS]
    mean_s = sum(seconds) / max(len(seconds), 1)
    adversarial = " and ".join(f"{count:,}" for count in PUBLISHED_ADVERSARIAL_EPOCHS.values())
    return [
        f"Tables II and III of the later paper, on crops of {side} x {side} cells whose blocks of {FACTOR} x {FACTOR} "
        "were measured in thought, without noise; for both papers' plans. Figures of the paper are of its *Flowers and "
        "Insects*, 21 elements, 512 x 512, which is not public: differences can be compared, not figures. RMSE over "
        "all elements at once, each scaled by its 99.9th percentile; PSNR is 20 log10(1 / RMSE).",
        "",
        f"The papers pre-train for {PUBLISHED_PRE_TRAINING_EPOCHS:,} epochs and go on with a discriminator for "
        f"{adversarial}: days of a processor for each row. Here are at most {first} steps of {_EXPOSURES} exposures "
        f"and {second} of {_PATCHES} patches, fewer where exposures held out are no longer predicted better: "
        f"{mean_s:.0f} s of one core in the mean. So the adversarial part, whose weight is 0.5 millionths, has hardly "
        "begun, and rows that differ in it alone cannot be told apart. In pre-training the rate of learning is 3e-3, "
        "which the papers do not state; in the second stage theirs.",
        "",
        f"`{OURS}` is the way of this program, with {_LESSON_STEPS} steps at most.",
        "",
    ]


def _name(row: Row) -> str:
    return f"`{row.plan}`" if row.plan else row.name


def _cells(ablation: Ablation, row: Row, full: Row) -> list[str]:
    paper_full = ABLATIONS[0].paper_db
    less = "" if ablation.paper_db is None or paper_full is None else f"{ablation.paper_db - paper_full:+.2f}"
    return [
        ablation.name,
        f"{row.rmse:.4f}",
        f"{row.db:.2f}",
        f"{round(row.db - full.db, 2) + 0.0:+.2f}",
        page.figure(ablation.paper_db),
        less,
    ]


def _csv_row(row: Row) -> page.CsvRow:
    return {
        "stack": row.stack,
        "plan": row.plan,
        "row": row.name,
        "rmse": page.rounded(row.rmse),
        "psnr_of_rmse_db": page.rounded(row.db),
        "held_out_rmse": page.rounded(row.held_out_rmse),
        "steps": " ".join(map(str, row.steps)),
        "processor_s": page.rounded(row.processor_s),
    }


TABLE = AblationTable()
