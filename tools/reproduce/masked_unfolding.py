"""The unfolded network with a sampling mask as its operator, beside fusion inpainting and kriging at equal samples."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from edge.replay_matrix.result_cache import ScoreRow
from tools.measurement_folder import measurement_folder
from tools.reproduce import page
from tools.reproduce.estimators import Estimator, estimators
from tools.reproduce.masks import LISTENING, Absent, MaskCandidate, mask_candidates
from tools.reproduce.measuring import Plan, Results, measured
from tools.reproduce.options import absent_of, add_shared, require_counts, require_known
from tools.reproduce.stacks import STACKS
from tools.reproduce.subjects import Subject
from tools.reproduce.unfolded_estimators import UNFOLDING, unfolding_estimator

HELP = "the unfolded network with a sampling mask, beside fusion inpainting and kriging"
MASKS = ("random", "grid", LISTENING)
METHODS = ("harmonic", "fusion", "kriging", UNFOLDING)
RATES = (0.05, 0.1, 0.2)
_CROP = (96, 96)
"""Fusion inpainting takes a minute or two of a processor for as much at a tenth of the cells."""


@dataclass(frozen=True, slots=True)
class Part:
    """One specimen, or a crop of one, and what is measured on it."""

    name: str
    stack: str
    """Of `tools.reproduce.stacks.STACKS`."""
    about: str
    crop: tuple[slice, slice] | None
    """Rows and columns; None: the whole."""
    has_fusion: bool

    def subject(self, folder: Path) -> Subject:
        """The first of the stack's subjects, cropped."""
        (stack,) = (one for one in STACKS if one.name == self.stack)
        whole = stack.load(folder, [0])[0]
        if self.crop is None:
            return whole
        values, allowed = np.ascontiguousarray(whole.values[self.crop]), np.ascontiguousarray(whole.allowed[self.crop])
        return Subject(whole.name, whole.rgb[self.crop], values, allowed, whole.seed, whole.measure)


def _square(row: int, column: int) -> tuple[slice, slice]:
    return slice(row, row + _CROP[0]), slice(column, column + _CROP[1])


PARTS = (
    Part(
        "portrait-crop",
        "portrait",
        "96 x 96 cells of the portrait, 6 elements, with its photograph: what fusion inpainting does soon, "
        "and little to learn from.",
        _square(320, 80),
        True,
    ),
    Part(
        "portrait-half",
        "portrait",
        "400 x 240 cells of the portrait, two fifths of it; fusion inpainting left out.",
        (slice(200, 600), slice(20, 260)),
        False,
    ),
    Part("portrait", "portrait", "The whole portrait, 811 x 285; fusion inpainting left out.", None, False),
    Part(
        "panel-crop",
        "panel",
        "96 x 96 cells of the panel made by code, 8 elements. Made maps flatter what follows colour.",
        _square(80, 70),
        True,
    ),
    Part("hands", "hands", "Gross counts of 14 windows, 60 x 120, without a photograph.", None, True),
)


class MaskedUnfoldingTable:
    """A plan for each part."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Options of this table."""
        add_shared(parser, masks=MASKS, methods=METHODS, references=None, caps={})
        names = [part.name for part in PARTS]
        parser.add_argument("--rates", type=float, nargs="+", default=list(RATES), metavar="C", help="rates")
        parser.add_argument("--parts", nargs="+", default=names, metavar="NAME", help=f"of {', '.join(names)}")

    def run(self, options: argparse.Namespace) -> page.Page:
        """Measure what is missing, and make the page.

        Raises
        ------
        ReproductionError
            An option that cannot be.
        UsageError, ModelsError
            Maps that cannot be used.
        """
        require_counts(jobs=options.jobs)
        known = (("masks", MASKS), ("methods", METHODS), ("parts", [part.name for part in PARTS]), ("rates", RATES))
        for option, names in known:
            require_known(option, getattr(options, option), names)
        rows = mask_candidates(options.masks, {})
        plain = estimators([name for name in options.methods if name != UNFOLDING], photograph="used")
        columns = [*plain, *([unfolding_estimator()] if UNFOLDING in options.methods else [])]
        folder = options.data or measurement_folder()
        found = []
        for part in (one for one in PARTS if one.name in options.parts):
            can_have = [one for one in columns if part.has_fusion or one.name != "fusion"]
            plan = Plan(
                masks=[one for one in rows if isinstance(one, MaskCandidate)],
                estimators=[one for one in can_have if isinstance(one, Estimator)],
                rates=options.rates,
                subjects=[part.subject(folder)],
            )
            found.append((part, measured(plan, options.cache, jobs=options.jobs)))
        return _page(found, options, absent_of([*rows, *columns]))


def _page(found: Sequence[tuple[Part, Results]], options: argparse.Namespace, absent: Sequence[Absent]) -> page.Page:
    lines = ["# The unfolded network with a sampling mask", "", *_INTRODUCTION]
    rows: list[page.CsvRow] = []
    for part, results in found:
        methods = [one.name for one in results.plan.estimators]
        scored = {
            (rate, mask): {method: _row(results, mask, method, rate) for method in methods}
            for rate in options.rates
            for mask in options.masks
        }
        lines += [f"## {part.name.capitalize()}", "", part.about, ""]
        lines += page.table(
            ["rate, mask", *methods], [[_named(key), *map(_cell, of.values())] for key, of in scored.items()]
        )
        if UNFOLDING in methods:
            lines += ["What the network gains, in dB of the joint RMSE and of the elements' mean PSNR:", ""]
            rivals = [method for method in methods if method != UNFOLDING]
            gains = [
                [_named(key), *(_gain(of[UNFOLDING], of[rival]) for rival in rivals)] for key, of in scored.items()
            ]
            lines += page.table(["rate, mask", *(f"over {rival}" for rival in rivals)], gains)
        lines += ["Seconds, medians over masks:", ""]
        seconds = [[f"{rate:.0%}", *(_seconds(results, method, rate) for method in methods)] for rate in options.rates]
        lines += page.table(["rate", *methods], seconds)
        rows += [_csv_row(part.name, key, method, row) for key, of in scored.items() for method, row in of.items()]
    images = f"{len(found)} parts, one seed of each mask, one training of each network."
    closing = page.closing([results for _, results in found], absent, images=images)
    return page.Page([*lines, *closing], rows)


_INTRODUCTION = (
    "The network of Verinaz-Jadan et al. sharpens a coarse raster. Here it is given a sampling mask in its place: it "
    "learns from the measured cells of one scan, each with inputs that were made without it, and never sees the maps "
    "that it is held against ([how](../explanation/unfolding-with-a-mask.md)). All columns "
    "see the same cells and, but for `harmonic`, the photograph where there is one.",
    "",
    "A cell reads 20 log10(1 / RMSE) over all elements in dB, in brackets the mean of the elements' own PSNR, then the "
    "mean spectral angle in degrees. Each element is scaled by the 99.9th percentile of its true map. In the joint "
    "figure the element with the most noise weighs most. Seconds are of one process on a machine that served others at "
    "the time: they are upper bounds.",
    "",
)


def _named(key: tuple[float, str]) -> str:
    return f"{key[0]:.0%}, `{key[1]}`"


def _row(results: Results, mask: str, method: str, rate: float) -> ScoreRow | None:
    return next(iter(results.rows(mask, method, rate).values()), None)


def _joint_db(row: ScoreRow) -> float:
    return -20 * math.log10(max(row.rmse, 1e-7))


def _cell(row: ScoreRow | None) -> str:
    return page.NOTHING if row is None else f"{_joint_db(row):.2f} ({row.db:.2f}), {row.sam_deg:.2f}"


def _gain(ours: ScoreRow | None, theirs: ScoreRow | None) -> str:
    if ours is None or theirs is None:
        return page.NOTHING
    return f"{_joint_db(ours) - _joint_db(theirs):+.2f}, {ours.db - theirs.db:+.2f}"


def _seconds(results: Results, method: str, rate: float) -> str:
    found = results.method_seconds(method, rate)
    return f"{median(found):.3g}" if found else page.NOTHING


def _csv_row(part: str, key: tuple[float, str], method: str, row: ScoreRow | None) -> page.CsvRow:
    return {
        "part": part,
        "rate": key[0],
        "mask": key[1],
        "method": method,
        "rmse": page.rounded(None if row is None else row.rmse),
        "psnr_of_rmse_db": page.rounded(None if row is None else _joint_db(row)),
        "psnr_mean_of_elements_db": page.rounded(None if row is None else row.db),
        "sam_deg": page.rounded(None if row is None else row.sam_deg),
        "method_s": page.rounded(None if row is None else row.seconds),
    }


TABLE = MaskedUnfoldingTable()
