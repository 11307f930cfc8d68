"""What Tables I and IV share: crops of photographs, masks by reconstructions, and the page."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tools.measurement_folder import measurement_folder
from tools.reproduce import page
from tools.reproduce.estimators import Estimator, estimators
from tools.reproduce.masks import DIFFUSED, Absent, MaskCandidate, mask_candidates
from tools.reproduce.measuring import Plan, Results, measured
from tools.reproduce.options import (
    absent_of,
    add_shared,
    caps_of,
    networks_of,
    require_counts,
    require_known,
    require_seed,
)
from tools.reproduce.published import TEST_IMAGES, ByMask
from tools.reproduce.subjects import crop_subjects

PHOTOGRAPHS = "photos_test/dev_400_256px_jpg.tar"
IMAGES = 400
SIDE = 64
CAPS: Mapping[str, int] = {"pixel-exchange": 50, "bpfa": 50}
"""Where one image takes long."""

Figures = TypeVar("Figures")


@dataclass(frozen=True, slots=True)
class CropsTable:
    """One of the two tables."""

    title: str
    about: str
    """What it compares, in a sentence."""
    rates: Sequence[float]
    masks: Sequence[str]
    methods: Sequence[str]
    references: Sequence[str]
    published_db: Mapping[float, ByMask]
    published_s: Mapping[float, Mapping[str, float]]
    published_forms: Sequence[str]
    """Rows that need a network of ours, of a form that was published."""
    same_as: Mapping[str, str] = field(default_factory=dict)
    """Rows of ours by the paper's row that stands beside them."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Options of this table."""
        add_shared(parser, masks=self.masks, methods=self.methods, references=self.references, caps=CAPS)
        parser.add_argument("--images", type=int, default=IMAGES, metavar="N", help=f"photographs ({IMAGES})")
        parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the crops' places (0)")
        parser.add_argument("--rates", type=float, nargs="+", default=list(self.rates), metavar="C", help="rates")
        parser.add_argument("--nete", type=Path, metavar="FILE.onnx", help="NetE, written by tools.export_nete")

    def run(self, options: argparse.Namespace) -> page.Page:
        """Measure what is missing, and make the page.

        Raises
        ------
        ReproductionError
            An option that cannot be.
        ModelsError
            Photographs or a network that cannot be used.
        """
        require_counts(images=options.images, jobs=options.jobs)
        require_seed(options.seed)
        require_known("masks", options.masks, self.masks)
        require_known("methods", options.methods, self.methods)
        require_known("rates", options.rates, self.rates)
        require_known("reference", options.reference, self.masks)
        caps = caps_of(options, CAPS, [*self.masks, *self.methods])
        networks = networks_of(options)
        require_known("network", list(networks), self.published_forms)
        rows = mask_candidates(options.masks, networks, published_forms=self.published_forms)
        columns = estimators(options.methods, nete=options.nete)
        photographs = options.data or measurement_folder() / PHOTOGRAPHS
        plan = Plan(
            masks=[one for one in rows if isinstance(one, MaskCandidate)],
            estimators=[one for one in columns if isinstance(one, Estimator)],
            rates=options.rates,
            subjects=crop_subjects(photographs, count=options.images, side=SIDE, seed=options.seed),
            caps=caps,
        )
        results = measured(plan, options.cache, jobs=options.jobs)
        return self._page(results, options, absent_of([*rows, *columns]))

    def _page(self, results: Results, options: argparse.Namespace, absent: Sequence[Absent]) -> page.Page:
        here = [one.name for one in results.plan.masks]
        references = [name for name in options.reference if name in here]
        published = {rate: self._with_ours(by_mask) for rate, by_mask in self.published_db.items()}
        published_s = {rate: self._with_ours(row) for rate, row in self.published_s.items()}
        lines = [f"# {self.title}", "", *self._introduction(len(results.plan.subjects), options.seed)]
        for rate in options.rates:
            shown = published.get(rate, {})
            lines += [f"## c = {rate:g}", ""]
            header, rows = page.psnr_rows(results, rate, options.masks, options.methods, shown)
            times = published_s.get(rate, {})
            timed = [
                [*row, page.seconds_text(results.mask_seconds(mask, rate)), page.figure(times.get(mask))]
                for mask, row in zip(options.masks, rows, strict=True)
            ]
            lines += ["PSNR in dB, and seconds for a mask:", ""]
            lines += page.table([*header, "s", "paper"], timed)
            for reference in references:
                lines += [f"Less `{reference}`, in dB:", ""]
                lines += page.table(
                    *page.difference_rows(results, rate, options.masks, options.methods, shown, reference)
                )
        lines += self._seconds(results, options)
        images = f"{len(results.plan.subjects)} photographs, crops of {SIDE} x {SIDE}, seed {options.seed}."
        lines += page.closing([results], absent, images=images)
        rows_of_csv = page.csv_rows(results, options.masks, options.methods, references, published, published_s)
        return page.Page(lines, rows_of_csv)

    def _introduction(self, images: int, seed: int) -> list[str]:
        return [
            f"{self.about} One crop of {SIDE} x {SIDE} from each of {images} photographs, at places that the seed "
            f"{seed} fixes. PSNR is over RGB in [0, 1], estimates clipped to it, and the mean is that of the images' "
            "PSNR; how many images, stands in brackets. Where there are fewer, they are the first ones: compare such "
            "rows by their differences, which are in pairs of the same images, with 95 % intervals by Student's t. "
            "Every mask has exactly the count that the rate asks for. Seconds are the median of one mask's, everything "
            "included but compiling and opening.",
            "",
            f"Columns called *paper* are what Dai et al. print, means over {TEST_IMAGES:,} other images, so that gains "
            "compare and levels do not. Its harmonic reconstructions have not converged where a mask leaves large "
            "holes, as its Figure 9 shows of KbAS and Mascar; ours have. NetE counts with all "
            "cells as it restores them, sampled ones included. Kriging does not see the photograph here.",
            "",
        ]

    def _seconds(self, results: Results, options: argparse.Namespace) -> list[str]:
        header = ["seconds", *(f"c = {rate:g}" for rate in options.rates)]
        rows = [
            [f"`{method}`", *(page.seconds_text(results.method_seconds(method, rate)) for rate in options.rates)]
            for method in options.methods
        ]
        return ["## Seconds for a reconstruction", "", *page.table(header, rows)]

    def _with_ours(self, by_mask: Mapping[str, Figures]) -> dict[str, Figures]:
        """The paper's rows, and each again beside the row of ours that is of its form."""
        ours = {name: by_mask[paper] for name, paper in self.same_as.items() if paper in by_mask}
        return {**by_mask, **ours}


def with_diffused(names: Sequence[str]) -> list[str]:
    """Each published form twice: its masks as published, and its density under error diffusion."""
    return [row for name in names for row in (name, name + DIFFUSED)]
