"""Element maps of a portrait with its photograph: what the masks are for."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from statistics import mean, median, stdev

from tools.measurement_folder import measurement_folder
from tools.reproduce import page
from tools.reproduce.estimators import Estimator, estimators
from tools.reproduce.masks import LEARNER, LISTENING, Absent, MaskCandidate, mask_candidates
from tools.reproduce.measuring import Plan, Results, measured
from tools.reproduce.options import absent_of, add_shared, caps_of, networks_of, require_counts, require_known
from tools.reproduce.subjects import portrait_subjects

STACK = "maxrf_portrait/portrait_811x285.npz"
RATES = (0.05, 0.1, 0.2)
MASKS = ("random", "grid", "blue-noise", "laplacian", "gradient", "netm-code", "netm", LEARNER, LISTENING)
METHODS = ("linear", "kriging")
FORMS = ("netm-code",)
SEEDS = 5
CAPS: Mapping[str, int] = {"grid": 1, LEARNER: 1, LISTENING: 3}
"""Where the seed changes nothing, or a mask takes seconds."""
AIM_DB: Mapping[float, float] = {0.05: 32.2, 0.1: 34.8, 0.2: 37.6}
"""Of the network's mask, under linear interpolation."""
HELP = "element maps of a portrait, with Learner2D beside"


class PortraitTable:
    """Masks on element maps."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Options of this table."""
        add_shared(parser, masks=MASKS, methods=METHODS, references=("laplacian",), caps=CAPS)
        parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help=f"of each mask ({SEEDS})")
        parser.add_argument("--rates", type=float, nargs="+", default=list(RATES), metavar="C", help="rates")

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
        require_known("masks", options.masks, MASKS)
        require_known("methods", options.methods, METHODS)
        require_known("rates", options.rates, RATES)
        require_known("reference", options.reference, MASKS)
        caps = caps_of(options, CAPS, [*MASKS, *METHODS])
        networks = networks_of(options)
        require_known("network", list(networks), FORMS)
        rows = mask_candidates(options.masks, networks, published_forms=FORMS)
        columns = estimators(options.methods, photograph="used")
        stack = options.data or measurement_folder() / STACK
        plan = Plan(
            masks=[one for one in rows if isinstance(one, MaskCandidate)],
            estimators=[one for one in columns if isinstance(one, Estimator)],
            rates=options.rates,
            subjects=portrait_subjects(stack, seeds=range(options.seeds)),
            caps=caps,
        )
        results = measured(plan, options.cache, jobs=options.jobs)
        return _page(results, options, absent_of([*rows, *columns]))


def _page(results: Results, options: argparse.Namespace, absent: Sequence[Absent]) -> page.Page:
    subject = results.plan.subjects[0]
    channels = subject.values.shape[2]
    lines = [
        "# Element maps of a portrait",
        "",
        f"{channels} element maps of {subject.shape[0]} x {subject.shape[1]} with an aligned photograph. Rates are of "
        "the valid cells, counts exact. PSNR is 20 log10(1 / RMSE) on valid cells, each element scaled by the 99.9th "
        "percentile of its true map, estimates clipped at 0, averaged over elements. Each figure is the mean over "
        "seeds of the mask with its standard deviation; how many seeds, stands in brackets. One portrait is one "
        "sample: the spread says nothing of other paintings. Kriging sees the photograph.",
        "",
        f"`{LEARNER}` is `adaptive.Learner2D` on the vector of elements. It measures cell after cell and chooses each "
        f"by what it has seen, and is told the true percentiles. `{LISTENING}` chooses in eight batches by what it has "
        "measured, and is told nothing. The other masks are known before the beam is on.",
        "",
    ]
    rates = [f"{rate:.0%}" for rate in options.rates]
    for method in (one.name for one in results.plan.estimators):
        rows = [
            [f"`{mask}`", *(_spread(list(results.db(mask, method, rate).values())) for rate in options.rates)]
            for mask in options.masks
        ]
        if method == "linear":
            rows.append(["aim of `netm`", *(f"{AIM_DB[rate]:.1f}" for rate in options.rates)])
        lines += [f"## {method.capitalize()}", "", *page.table(["mask", *rates], rows)]
        for reference in options.reference:
            lines += [f"Less `{reference}`, in dB, means over seeds:", ""]
            lines += page.table(["mask", *rates], _gains(results, options, method, reference))
    seconds = [
        [f"`{mask}`", *(page.seconds_text(results.mask_seconds(mask, rate)) for rate in options.rates)]
        for mask in options.masks
    ]
    lines += ["## Seconds for a mask", "", *page.table(["mask", *rates], seconds)]
    images = f"{subject.shape[0]} x {subject.shape[1]} cells, seeds 0 to {len(results.plan.subjects) - 1}."
    closing = page.closing([results], absent, images=images)
    return page.Page([*lines, *closing], _csv_rows(results, options))


def _spread(values: Sequence[float]) -> str:
    if not values:
        return page.NOTHING
    spread = f" ± {stdev(values):.2f}" if len(values) > 1 else ""
    return f"{sum(values) / len(values):.2f}{spread} ({len(values)})"


def _gains(results: Results, options: argparse.Namespace, method: str, reference: str) -> list[list[str]]:
    """Differences of means: the seeds of two masks are no pairs."""
    rows = []
    for mask in options.masks:
        if mask == reference:
            continue
        gains = []
        for rate in options.rates:
            ours, theirs = (list(results.db(name, method, rate).values()) for name in (mask, reference))
            both = ours and theirs
            gains.append(f"{sum(ours) / len(ours) - sum(theirs) / len(theirs):+.2f}" if both else page.NOTHING)
        rows.append([f"`{mask}`", *gains])
    return rows


def _csv_rows(results: Results, options: argparse.Namespace) -> list[page.CsvRow]:
    """Mean and standard deviation over seeds; no differences, as the seeds of two masks are no pairs."""
    rows: list[page.CsvRow] = []
    for rate in options.rates:
        for mask in options.masks:
            for method in options.methods:
                values = list(results.db(mask, method, rate).values())
                seconds, own = results.mask_seconds(mask, rate), results.method_seconds(method, rate)
                rows.append(
                    {
                        "rate": rate,
                        "mask": mask,
                        "method": method,
                        "n": len(values),
                        "psnr_db": page.rounded(mean(values) if values else None),
                        "psnr_sd_db": page.rounded(stdev(values) if len(values) > 1 else None),
                        "mask_s": page.rounded(median(seconds) if seconds else None),
                        "method_s": page.rounded(median(own) if own else None),
                    }
                )
    return rows


TABLE = PortraitTable()
