"""Figure 9 of Dai et al. (2017): whole paintings at a tenth of their cells, with what a mask takes."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from tools.measurement_folder import measurement_folder
from tools.reproduce import page, published
from tools.reproduce.estimators import Estimator, estimators
from tools.reproduce.masks import Absent, MaskCandidate, mask_candidates
from tools.reproduce.measuring import Plan, Results, measured
from tools.reproduce.options import absent_of, add_shared, caps_of, networks_of, require_counts, require_known
from tools.reproduce.subjects import painting_subjects

PAINTINGS = "paintings"
LONGER_SIDE = 680
RATE = published.FIGURE_9_RATE
MASKS = (
    *("random", "grid", "blue-noise", "gradient", "laplacian", "airs", "kbas", "mascar"),
    *("netm-code", "netm", "netm-photograph", "pixel-exchange"),
)
METHODS = ("harmonic", "mumford-shah", "bpfa")
FORMS = ("netm-code",)
CAPS: Mapping[str, int] = {"bpfa": 2}
"""Where one painting takes very long."""
HELP = "Figure 9: whole paintings"


class PaintingsTable:
    """The whole-painting comparison."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Options of this table."""
        add_shared(
            parser, masks=MASKS, methods=METHODS, references=("random", "laplacian", "netm-photograph"), caps=CAPS
        )
        parser.add_argument("--images", type=int, metavar="N", help="the first N paintings by name (all)")
        parser.add_argument("--side", type=int, default=LONGER_SIDE, metavar="CELLS", help=f"longer ({LONGER_SIDE})")

    def run(self, options: argparse.Namespace) -> page.Page:
        """Measure what is missing, and make the page.

        Raises
        ------
        ReproductionError
            An option that cannot be, or no painting.
        ModelsError
            A network that cannot be used.
        """
        require_counts(images=options.images, jobs=options.jobs, side=options.side)
        require_known("masks", options.masks, MASKS)
        require_known("methods", options.methods, METHODS)
        require_known("reference", options.reference, MASKS)
        caps = caps_of(options, CAPS, [*MASKS, *METHODS])
        networks = networks_of(options)
        require_known("network", list(networks), FORMS)
        rows = mask_candidates(options.masks, networks, published_forms=FORMS)
        columns = estimators(options.methods)
        folder = options.data or measurement_folder() / PAINTINGS
        subjects, unread = painting_subjects(folder, longer_side=options.side, count=options.images)
        plan = Plan(
            masks=[one for one in rows if isinstance(one, MaskCandidate)],
            estimators=[one for one in columns if isinstance(one, Estimator)],
            rates=(RATE,),
            subjects=subjects,
            caps=caps,
        )
        results = measured(plan, options.cache, jobs=options.jobs)
        absent = [*absent_of([*rows, *columns]), *(Absent(name, "cannot be read") for name in unread)]
        return _page(results, options, absent)


def _page(results: Results, options: argparse.Namespace, absent: Sequence[Absent]) -> page.Page:
    here = [one.name for one in results.plan.masks]
    paintings = results.plan.subjects
    lines = [
        "# Figure 9: whole paintings",
        "",
        f"{len(paintings)} paintings, resized so that the longer side has {options.side} cells; {RATE:.0%} of them "
        "measured. PSNR is over RGB in [0, 1], estimates clipped to it; how many paintings, stands in brackets, and "
        "where there are fewer, they are the first by name. Seconds are the median of one mask's, everything included. "
        "Intervals are of 95 %, by Student's t over pairs of the same painting.",
        "",
        "Columns called *paper* are what Dai et al. print for one painting of 680 x 580 that is not among these: gains "
        "compare, levels do not. Its harmonic reconstructions of the KbAS and Mascar masks leave large holes unfilled; "
        "ours are converged.",
        "",
    ]
    header, rows = page.psnr_rows(results, RATE, options.masks, options.methods, published.FIGURE_9_DB)
    timed = [
        [*row, page.seconds_text(results.mask_seconds(mask, RATE)), page.figure(published.FIGURE_9_MASK_S.get(mask))]
        for mask, row in zip(options.masks, rows, strict=True)
    ]
    lines += ["## Means", "", *page.table([*header, "s", "paper"], timed)]
    for reference in (name for name in options.reference if name in here):
        lines += [f"Less `{reference}`, in dB:", ""]
        lines += page.table(
            *page.difference_rows(results, RATE, options.masks, options.methods, published.FIGURE_9_DB, reference)
        )
    for method in (one.name for one in results.plan.estimators):
        lines += [f"## Each painting, {method}", "", *_each(results, here, method)]
    images = f"{len(paintings)} paintings, longer side {options.side}, {RATE:.0%}; seeds are their places by name."
    return page.Page([*lines, *page.closing([results], absent, images=images)], _csv_rows(results))


def _each(results: Results, masks: Sequence[str], method: str) -> list[str]:
    by_mask = {mask: results.db(mask, method, RATE) for mask in masks}
    rows = []
    for subject in results.plan.subjects:
        figures = [by_mask[mask].get(subject.name) for mask in masks]
        size = f"{subject.shape[0]} x {subject.shape[1]}"
        rows.append([subject.name.replace("_", " "), size, *(page.figure(value) for value in figures)])
    return page.table(["painting", "cells", *masks], rows)


def _csv_rows(results: Results) -> list[page.CsvRow]:
    rows: list[page.CsvRow] = []
    for mask in results.plan.masks:
        for subject in results.plan.subjects:
            made = results.masks.get((mask.name, RATE, subject.name))
            for method in results.plan.estimators:
                score = results.scores.get((mask.name, RATE, subject.name, method.name))
                if made is None or score is None:
                    continue
                rows.append(
                    {
                        "painting": subject.name,
                        "rows": subject.shape[0],
                        "columns": subject.shape[1],
                        "mask": mask.name,
                        "method": method.name,
                        "psnr_db": round(score.db, 4),
                        "mask_s": float(f"{made.seconds:.4g}"),
                        "method_s": float(f"{score.seconds:.4g}"),
                    }
                )
    return rows


TABLE = PaintingsTable()
