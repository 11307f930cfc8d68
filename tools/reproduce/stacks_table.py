"""What Tables II and III share: element maps, masks by reconstructions in RMSE, PSNR and angle, and the page."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from edge.replay_matrix.result_cache import ScoreRow
from tools.measurement_folder import measurement_folder
from tools.reproduce import page
from tools.reproduce.estimators import Estimator, estimators
from tools.reproduce.masks import LEARNER, LISTENING, Absent, MaskCandidate, mask_candidates
from tools.reproduce.measuring import Plan, Results, measured
from tools.reproduce.options import absent_of, add_shared, caps_of, networks_of, require_counts, require_known
from tools.reproduce.stacks import STACKS, Stack

FORMS = ("netm-code",)
BLIND_MASKS = ("random", "grid", "blue-noise", LEARNER, LISTENING)
"""Masks that need no photograph."""
MASKS = (*BLIND_MASKS, "airs", "kbas", "mascar", "gradient", "laplacian", *FORMS, "netm")
METHODS = ("linear", "harmonic", "biharmonic", "mumford-shah", "bpfa", "fusion", "kriging")
SEEDS = 3
CAPS: Mapping[str, int] = {
    "grid": 1,
    "kbas": 1,
    LEARNER: 1,
    LISTENING: 2,
    "mumford-shah": 1,
    "biharmonic": 1,
    "bpfa": 1,
    "fusion": 1,
    "ssr": 1,
}
"""Where a seed changes little, or one run takes minutes."""
_MINUTES = (LEARNER, "bpfa", "fusion")

_ABOUT_LEARNER = (
    f"`{LEARNER}` chooses each cell by what it has measured, and is told the true percentiles; `{LISTENING}` chooses "
    "in eight batches by what it has measured, and is told nothing. Every other mask is known before the beam is on.",
    "",
)


@dataclass(frozen=True, slots=True)
class StacksTable:
    """One of the two tables: one plan for each stack, one page for all."""

    title: str
    about: str
    """What it compares, in a sentence."""
    rates: Sequence[float]
    masks: Sequence[str]
    stacks: Sequence[str]
    """Names of `tools.reproduce.stacks.STACKS`."""
    published: Sequence[str]
    """Lines that say what the paper printed."""
    methods: Sequence[str] = METHODS
    only: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Masks of a reconstruction that is not held against all of them."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Options of this table."""
        add_shared(parser, masks=self.masks, methods=self.methods, references=None, caps=CAPS)
        parser.add_argument(
            "--stacks", nargs="+", default=list(self.stacks), metavar="NAME", help=f"of {', '.join(self.stacks)}"
        )
        parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help=f"of each mask ({SEEDS})")
        parser.add_argument("--rates", type=float, nargs="+", default=list(self.rates), metavar="C", help="rates")

    def run(self, options: argparse.Namespace) -> page.Page:
        """Measure what is missing, and make the page.

        Raises
        ------
        ReproductionError
            An option that cannot be.
        UsageError, ModelsError
            Maps or a network that cannot be used.
        """
        require_counts(seeds=options.seeds, jobs=options.jobs)
        for option, known in (
            ("masks", self.masks),
            ("methods", self.methods),
            ("rates", self.rates),
            ("stacks", list(self.stacks)),
        ):
            require_known(option, getattr(options, option), known)
        caps = caps_of(options, CAPS, [*MASKS, *self.methods])
        networks = networks_of(options)
        require_known("network", list(networks), FORMS)
        rows = mask_candidates(options.masks, networks, published_forms=FORMS)
        columns = estimators(options.methods, photograph="used")
        folder = options.data or measurement_folder()
        found = []
        for stack in (one for one in STACKS if one.name in options.stacks):
            plan = Plan(
                masks=[one for one in rows if isinstance(one, MaskCandidate) and _can_have(stack, one.name)],
                estimators=[one for one in columns if isinstance(one, Estimator)],
                rates=options.rates,
                subjects=stack.load(folder, range(options.seeds)),
                # where the subjects are specimens, there is something to average over without chance, too
                caps={name: most for name, most in caps.items() if name in _MINUTES or not stack.has_specimens},
                only=self.only,
            )
            found.append((stack, measured(plan, options.cache, jobs=options.jobs)))
        return self._page(found, options, absent_of([*rows, *columns]))

    def _page(
        self, found: Sequence[tuple[Stack, Results]], options: argparse.Namespace, absent: Sequence[Absent]
    ) -> page.Page:
        lines = [f"# {self.title}", "", *self._introduction(options.seeds), *self.published]
        rows: list[page.CsvRow] = []
        for stack, results in found:
            masks = [mask for mask in options.masks if _can_have(stack, mask)]
            methods = [one.name for one in results.plan.estimators]
            lines += [f"## {stack.name.capitalize()}", "", stack.about, ""]
            for rate in options.rates:
                table = [
                    [f"`{mask}`", *(_cell(list(results.rows(mask, method, rate).values())) for method in methods)]
                    for mask in masks
                ]
                lines += [f"c = {rate:g}:", "", *page.table(["mask", *methods], table)]
            lines += [*_gains_of_shipped(results, masks, methods, options.rates)]
            rows += _csv_rows(stack, results, masks, methods)
        images = f"{len(found)} specimens, seeds 0 to {options.seeds - 1} of each mask."
        lines += page.closing([results for _, results in found], absent, images=images)
        return page.Page(lines, rows)

    def _introduction(self, seeds: int) -> list[str]:
        return [
            f"{self.about} Each "
            "element is scaled by the 99.9th percentile of its true map and estimates are clipped at 0. A cell of the "
            "tables reads RMSE, PSNR = 20 log10(1 / RMSE) in dB, and the mean spectral angle in degrees, over all "
            f"elements; means over {seeds} seeds of the mask, or over the specimens of a stack, as many as stand in "
            "brackets. The CSV also has the mean of the elements' own PSNR, which other pages quote. All "
            "reconstructions are converged, and see the photograph where they can and there is one. Masks that look "
            "at a photograph cannot be had where there is none.",
            "",
            *(_ABOUT_LEARNER if LEARNER in self.masks else ()),
        ]


def _can_have(stack: Stack, mask: str) -> bool:
    return stack.has_photograph or mask in BLIND_MASKS


def _db(rmse: float) -> float:
    return -20 * math.log10(max(rmse, 1e-7))


def _cell(rows: Sequence[ScoreRow]) -> str:
    if not rows:
        return page.NOTHING
    rmse, angle, db = (_mean([value(row) for row in rows]) for value in (_rmse, _angle, _joint_db))
    return f"{rmse:.4f}, {db:.2f}, {angle:.2f} ({len(rows)})"


def _rmse(row: ScoreRow) -> float:
    return row.rmse


def _angle(row: ScoreRow) -> float:
    return row.sam_deg


def _joint_db(row: ScoreRow) -> float:
    return _db(row.rmse)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _gains_of_shipped(
    results: Results, masks: Sequence[str], methods: Sequence[str], rates: Sequence[float]
) -> list[str]:
    """Kriging less the best of the others on the same cells, dB; it is the reconstruction that ships."""
    rivals = [method for method in methods if method != "kriging"]
    if "kriging" not in methods or not rivals:
        return []
    rows = []
    for mask in masks:
        row = [f"`{mask}`"]
        for rate in rates:
            ours = results.rows(mask, "kriging", rate)
            best = (-math.inf, "")
            for rival in rivals:
                theirs = results.rows(mask, rival, rate)
                both = [name for name in ours if name in theirs]
                if both:
                    less = _mean([_joint_db(theirs[name]) - _joint_db(ours[name]) for name in both])
                    best = max(best, (less, rival))
            row.append(f"{-best[0]:+.2f} ({best[1]})" if best[1] else page.NOTHING)
        rows.append(row)
    header = ["mask", *(f"c = {rate:g}" for rate in rates)]
    return ["Kriging less the best of the others, in dB of RMSE, and which that is:", "", *page.table(header, rows)]


def _csv_rows(stack: Stack, results: Results, masks: Sequence[str], methods: Sequence[str]) -> list[page.CsvRow]:
    rows: list[page.CsvRow] = []
    for rate in results.plan.rates:
        for mask in masks:
            for method in methods:
                found = list(results.rows(mask, method, rate).values())
                seconds = results.mask_seconds(mask, rate)
                figures = {
                    "rmse": [row.rmse for row in found],
                    "psnr_of_rmse_db": [_joint_db(row) for row in found],
                    "psnr_mean_of_elements_db": [row.db for row in found],
                    "sam_deg": [row.sam_deg for row in found],
                    "method_s": [row.seconds for row in found],
                }
                row: dict[str, str | float | int | None] = {"stack": stack.name, "rate": rate, "mask": mask}
                row |= {"method": method, "n": len(found)}
                row |= {name: page.rounded(_mean(values) if values else None) for name, values in figures.items()}
                row["mask_s"] = page.rounded(median(seconds) if seconds else None)
                rows.append(row)
    return rows
