"""Super-resolution: a coarse raster made fine in several ways, beside single cells measured instead."""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge.faults import EdgeError
from edge.replay_matrix.result_cache import ResultCache, ScoreRow, digest_of
from models.faults import ModelsError
from tools.measurement_folder import measurement_folder
from tools.reproduce import page, provenance, published_sharpening
from tools.reproduce.coarse import seconds
from tools.reproduce.coarse.scans import CoarseScan, coarse_scan
from tools.reproduce.coarse.ways import AS_LONG, AS_MANY, AS_PUBLISHED, WAYS, Way, absent_published, ways
from tools.reproduce.faults import ReproductionError
from tools.reproduce.masks import Absent
from tools.reproduce.measuring import Refusal
from tools.reproduce.options import CACHE, OUT, absent_of, require_known
from tools.reproduce.stacks import STACKS, Stack

FACTORS = (4, 5)
_WHY = "../explanation/super-resolution-ssr.md"
STACK_NAMES = ("portrait", "hands", "drawing", "tissue", "panel")
_CLAIMS = (("ssr", ("ssr-baseline-1", "ssr-baseline-2")), ("pointillist", ("ssr", AS_PUBLISHED, "kriging")))
HELP = "super-resolution at factor 4 and 5, beside sparse masks at equal exposures and seconds"


@dataclass(slots=True)
class Measured:
    """What the table knows of one stack at one factor."""

    stack: Stack
    factor: int
    rows: dict[str, list[ScoreRow]] = field(default_factory=dict)
    """Of each way, one for each subject."""
    raster_s: float = 0.0
    """Of the coarse raster, mean over subjects."""
    blocks: float = 0.0
    cells_as_long: float = 0.0
    """How many single cells take as long."""


class SharpeningTable:
    """Ways by stacks and factors."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Options of this table."""
        parser.add_argument("--ways", nargs="+", default=list(WAYS), metavar="NAME", help=f"rows ({', '.join(WAYS)})")
        parser.add_argument(
            "--stacks", nargs="+", default=list(STACK_NAMES), metavar="NAME", help=f"of {', '.join(STACK_NAMES)}"
        )
        parser.add_argument("--factors", type=int, nargs="+", default=list(FACTORS), metavar="K", help="(4 5)")
        parser.add_argument("--data", type=Path, metavar="PATH", help="instead of what POINTILLIST_DATA holds")
        parser.add_argument("--cache", type=Path, default=CACHE, metavar="FOLDER", help=f"kept results ({CACHE})")
        parser.add_argument("--out", type=Path, default=OUT, metavar="FOLDER", help=f"where the page goes ({OUT})")

    def run(self, options: argparse.Namespace) -> page.Page:
        """Measure what is missing, and make the page.

        Raises
        ------
        ReproductionError
            An option that cannot be.
        UsageError
            Maps that cannot be used.
        """
        require_known("ways", options.ways, WAYS)
        require_known("stacks", options.stacks, STACK_NAMES)
        candidates = ways(options.ways)
        cache, refusals, found = ResultCache(options.cache), list[Refusal](), []
        for stack in (one for one in STACKS if one.name in options.stacks):
            subjects = stack.load(options.data or measurement_folder(), [0])
            for factor in options.factors:
                scans = [coarse_scan(subject, factor) for subject in subjects]
                known = [one for one in candidates if isinstance(one, Way)]
                found.append(_measured(stack, scans, known, cache, refusals))
        return _page(found, options, [*absent_of(candidates), *absent_published()], refusals)


def _measured(
    stack: Stack, scans: Sequence[CoarseScan], known: Sequence[Way], cache: ResultCache, refusals: list[Refusal]
) -> Measured:
    measured = Measured(stack, scans[0].factor)
    for way in (one for one in known if stack.has_photograph or not one.needs_photograph):
        for scan in scans:
            row = _row_of(way, scan, cache)
            if isinstance(row, Refusal):
                refusals.append(row)
            else:
                measured.rows.setdefault(way.name, []).append(row)
    measured.raster_s = _mean([seconds.raster_s(scan) for scan in scans])
    measured.blocks = _mean([float(len(scan.cells)) for scan in scans])
    measured.cells_as_long = _mean([float(seconds.cells_in_time(scan)) for scan in scans])
    return measured


def _row_of(way: Way, scan: CoarseScan, cache: ResultCache) -> ScoreRow | Refusal:
    """Kept from an earlier run, or measured now."""
    digest = digest_of(scan.means, factor=scan.factor)
    kept = cache.scores.rows.get((scan.subject.digest, digest, way.name, way.version))
    if kept is not None:
        return kept
    started = time.perf_counter()
    try:
        maps = way.make(scan)
        took_s = time.perf_counter() - started
        figures = scan.subject.figures(maps)
    except (EdgeError, ModelsError, ReproductionError) as error:
        return Refusal(f"{way.name} of {scan.subject.name} at factor {scan.factor}", str(error))
    row = ScoreRow(
        scan.subject.digest,
        f"blocks of {scan.factor}",
        1 / scan.factor**2,
        digest,
        way.name,
        way.version,
        figures.db,
        figures.rmse,
        figures.sam_deg,
        took_s,
        provenance.processor_name(),
    )
    cache.scores.append([row])
    return row


def _page(
    found: Sequence[Measured], options: argparse.Namespace, absent: Sequence[Absent], refusals: Sequence[Refusal]
) -> page.Page:
    lines = ["# Super-resolution: a coarse raster made fine", "", *_introduction()]
    for one in found:
        lines += [f"## {one.stack.name.capitalize()}, factor {one.factor}", "", one.stack.about, "", _times(one), ""]
        names = [name for name in options.ways if name in one.rows or one.stack.has_photograph]
        lines += page.table(["way", "RMSE", "PSNR", "mean of elements", "angle", "s"], _table_rows(one, names))
        lines += _order(one)
    lines += _published_lines()
    lines += ["## Not measured", "", *(f"- `{one.name}`: {one.reason}." for one in absent)]
    lines += [*(f"- {one.what}: {one.reason.rstrip('.')}." for one in refusals), ""]
    stated = provenance.approximations(options.ways)
    lines += ["## What is approximated", "", *(f"- {line.rstrip('.')}." for line in stated), ""]
    processors = sorted({row.processor for one in found for rows in one.rows.values() for row in rows})
    lines += ["## On what", "", *(f"- Seconds taken on: {name}." for name in processors)]
    lines += [f"- {provenance.versions()}.", ""]
    return page.Page(lines, list(_csv_rows(found)))


def _introduction() -> list[str]:
    return [
        "Known element maps are measured by a coarse raster in thought: an exposure sees the mean of a block of 4 x 4 "
        "or 5 x 5 cells, without noise. Each way makes maps of all cells from that; those that follow a photograph see "
        "the one that belongs to the maps, and are left out where there is none. Each element is scaled by the 99.9th "
        "percentile of its true map and estimates are clipped at 0; PSNR is 20 log10(1 / RMSE), over all elements at "
        "once and as the mean of the elements' own; the angle is the mean spectral angle in degrees. Cells beyond the "
        "last whole block, and blocks that reach cells which may not be scored, do not count.",
        "",
        f"`{AS_MANY}` spends as many exposures as there are blocks on single cells instead, chosen in eight batches by "
        f"what has been measured, and krigs them; `{AS_LONG}` as many as take as long, beam and travel, on the stage "
        f'"{seconds.STAGE}" with {seconds.DWELL_S:g} s at each exposure, all cells visited in an order of little '
        "travel. A beam as wide as a block sees every photon of it; a narrow one that dwells as long sees the same "
        "number of photons from one cell, so that equal seconds are equal photons here.",
        "",
        "`ssr`, its baselines, `csusr` and `ssrcu` move and blur the photograph as predicts exposures best, and hand "
        f"back to cells what exposures still see too little of ([why]({_WHY})). `{AS_PUBLISHED}` does neither, and "
        "takes the published lambda. Of kriging and `pointillist` the first is true, too; the papers' plans, guided "
        "filter and joint bilateral take the photograph where it lies.",
        "",
        "What a mean over a block has that single cells have not: no detail falls between exposures. What it has lost "
        "for good: where in the block.",
        "",
    ]


def _times(one: Measured) -> str:
    return f"{one.blocks:,.0f} blocks in {one.raster_s:,.0f} s; in as long, {one.cells_as_long:,.0f} single cells."


def _table_rows(one: Measured, names: Sequence[str]) -> Iterator[list[str]]:
    for name in names:
        rows = one.rows.get(name)
        if not rows:
            yield [f"`{name}`", *[page.NOTHING] * 5]
            continue
        rmse = _mean([row.rmse for row in rows])
        figures = [f"{rmse:.4f}", f"{_mean([_db(row.rmse) for row in rows]):.2f}"]
        figures += [f"{_mean([row.db for row in rows]):.2f}", f"{_mean([row.sam_deg for row in rows]):.2f}"]
        yield [f"`{name}`", *figures, page.seconds_text([row.seconds for row in rows])]


def _order(one: Measured) -> list[str]:
    """What the papers claim, here: how far ahead these ways are of those, in the mean of the elements' PSNR."""
    db = {name: _mean([row.db for row in rows]) for name, rows in one.rows.items()}
    ahead = [
        f"`{name}` less `{rival}` {db[name] - db[rival]:+.2f} dB"
        for name, rivals in _CLAIMS
        for rival in rivals
        if name in db and rival in db
    ]
    return [f"In the mean of elements: {'; '.join(ahead)}.", ""] if ahead else []


def _published_lines() -> list[str]:
    dai = [
        [f"`{name}`", f"{rmse:.2f}", f"{db:.2f}", f"{angle:.2f}"]
        for name, (rmse, db, angle) in published_sharpening.DAI_TABLE_II.items()
    ]
    verinaz = [
        [f"`{name}`", *(f"{rmse:.4f}, {db:.2f}" for rmse, db in pairs)]
        for name, pairs in published_sharpening.VERINAZ_TABLE_I.items()
    ]
    later = published_sharpening.VERINAZ_LATER_FLOWERS
    verinaz.append(["`unfolding, later`", f"{later[0]:.4f}, {later[1]:.2f}", page.NOTHING, page.NOTHING])
    return [
        "## As published",
        "",
        "Dai et al., Table II: spectra of 2,048 channels of a flower piece, factor 5, in counts, held against the "
        "noisy scan itself. Its columns contradict each other: between 70.35 and 70.43 in RMSE lie 1.13 dB of PSNR "
        "where 0.01 follow.",
        "",
        *page.table(["way", "RMSE", "PSNR", "angle"], dai),
        "Verinaz-Jadan et al., Table I of both papers: element maps of three paintings, 512 x 512, factor 4. None of "
        "them is public, and how their coarse maps were averaged is not stated; figures of other paintings cannot be "
        "held against ours one by one, their order can.",
        "",
        *page.table(["way", *published_sharpening.PAINTINGS], verinaz),
    ]


def _csv_rows(found: Sequence[Measured]) -> Iterator[Mapping[str, str | float | int | None]]:
    for one in found:
        for name, rows in one.rows.items():
            yield {
                "stack": one.stack.name,
                "factor": one.factor,
                "way": name,
                "n": len(rows),
                "rmse": page.rounded(_mean([row.rmse for row in rows])),
                "psnr_of_rmse_db": page.rounded(_mean([_db(row.rmse) for row in rows])),
                "psnr_mean_of_elements_db": page.rounded(_mean([row.db for row in rows])),
                "sam_deg": page.rounded(_mean([row.sam_deg for row in rows])),
                "seconds": page.rounded(_mean([row.seconds for row in rows])),
                "raster_s": page.rounded(one.raster_s),
                "cells_as_long": page.rounded(one.cells_as_long),
            }


def _db(rmse: float) -> float:
    return -20 * math.log10(max(rmse, 1e-7))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


TABLE = SharpeningTable()
