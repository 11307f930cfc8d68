"""A page of results: Markdown for people, CSV for programs, and the index that lists the pages."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from textwrap import fill

from tools.reproduce import provenance
from tools.reproduce.faults import ReproductionError
from tools.reproduce.masks import Absent
from tools.reproduce.measuring import Refusal, Results
from tools.reproduce.paired import Difference, paired_difference
from tools.reproduce.published import ByMask

NOTHING = "–"
_WIDTH = 120
CsvRow = Mapping[str, str | float | int | None]


@dataclass(frozen=True, slots=True)
class Page:
    """What a table's run gives."""

    lines: Sequence[str]
    """Markdown."""
    rows: Sequence[CsvRow]
    """All with the same keys."""

    def write(self, out: Path, name: str) -> tuple[Path, Path]:
        """Write both files into a folder; says where.

        Raises
        ------
        ReproductionError
            The folder cannot be written.
        """
        markdown, table = out / f"{name}.md", out / f"{name}.csv"
        try:
            out.mkdir(parents=True, exist_ok=True)
            markdown.write_text("\n".join(map(_wrapped, self.lines)).rstrip() + "\n", encoding="utf-8")
            table.write_text(_csv_text(self.rows), encoding="utf-8")
        except OSError as error:
            raise ReproductionError(f"{out}: cannot be written ({error.strerror}): give another --out") from None
        return markdown, table


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table, figures to the right, with an empty line after it."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return [_row(header), _row(rule), *(_row(row) for row in rows), ""]


def psnr_rows(
    results: Results, rate: float, masks: Sequence[str], methods: Sequence[str], published: ByMask
) -> tuple[list[str], list[list[str]]]:
    """Header and rows of mean PSNR with the number of subjects, the paper's figure beside each."""
    header = ["mask"]
    for method in methods:
        header += [method, "paper"] if _is_published(method, published) else [method]
    rows = []
    for mask in masks:
        row = [f"`{mask}`"]
        for method in methods:
            row.append(mean_text(list(results.db(mask, method, rate).values())))
            if _is_published(method, published):
                row.append(figure(published.get(mask, {}).get(method)))
        rows.append(row)
    return header, rows


def difference_rows(
    results: Results, rate: float, masks: Sequence[str], methods: Sequence[str], published: ByMask, reference: str
) -> tuple[list[str], list[list[str]]]:
    """Header and rows of what each mask gains over the reference, in pairs, the paper's gain beside each."""
    header = ["mask"]
    for method in methods:
        header += [method, "paper"] if _is_published(method, published) else [method]
    rows = []
    for mask in masks:
        if mask == reference:
            continue
        row = [f"`{mask}`"]
        for method in methods:
            row.append(difference_text(difference(results, mask, reference, method, rate)))
            if _is_published(method, published):
                row.append(_published_gain(published, mask, reference, method))
        if any(cell not in ("", NOTHING) for cell in row[1:]):
            rows.append(row)
    return header, rows


def difference(results: Results, mask: str, reference: str, method: str, rate: float) -> Difference | None:
    """What a mask gains over another under a reconstruction."""
    return paired_difference(results.db(mask, method, rate), results.db(reference, method, rate))


def mean_text(values: Sequence[float]) -> str:
    """A mean of decibels with how many it is over."""
    return f"{sum(values) / len(values):.2f} ({len(values)})" if values else NOTHING


def difference_text(found: Difference | None) -> str:
    """A mean difference, its interval, and how many pairs."""
    if found is None:
        return NOTHING
    interval = "" if math.isnan(found.half_width_db) else f" ± {found.half_width_db:.2f}"
    return f"{found.mean_db:+.2f}{interval} ({found.pairs})"


def seconds_text(seconds: Sequence[float]) -> str:
    """The median time in seconds, with how many."""
    if not seconds:
        return NOTHING
    middle = median(seconds)
    return f"{middle:.2g} ({len(seconds)})" if middle < 100 else f"{middle:.0f} ({len(seconds)})"


def figure(value: float | None) -> str:
    """A published figure."""
    return "" if value is None else f"{value:.2f}"


def csv_rows(
    results: Results,
    masks: Sequence[str],
    methods: Sequence[str],
    references: Sequence[str],
    published_db: Mapping[float, ByMask],
    published_s: Mapping[float, Mapping[str, float]],
) -> list[CsvRow]:
    """A row for each rate, mask and reconstruction."""
    rows: list[CsvRow] = []
    for rate in results.plan.rates:
        for mask in masks:
            for method in methods:
                values = list(results.db(mask, method, rate).values())
                row: dict[str, str | float | int | None] = {"rate": rate, "mask": mask, "method": method}
                row |= {"n": len(values), "psnr_db": rounded(sum(values) / len(values) if values else None)}
                row["paper_db"] = published_db.get(rate, {}).get(mask, {}).get(method)
                for reference in references:
                    found = difference(results, mask, reference, method, rate)
                    row[f"less_{reference}_db"] = rounded(None if found is None else found.mean_db)
                    row[f"less_{reference}_half_width_db"] = rounded(None if found is None else found.half_width_db)
                seconds, own = results.mask_seconds(mask, rate), results.method_seconds(method, rate)
                row["mask_s"] = rounded(median(seconds) if seconds else None)
                row["mask_paper_s"] = published_s.get(rate, {}).get(mask)
                row["method_s"] = rounded(median(own) if own else None)
                rows.append(row)
    return rows


def closing(found: Sequence[Results], absent: Sequence[Absent], *, images: str) -> list[str]:
    """What every page ends with: what is missing, what is approximated, networks, machine and versions."""
    # one of each name, in the order of their first mention
    masks = {one.name: one for results in found for one in results.plan.masks}
    methods = {one.name: one for results in found for one in results.plan.estimators}
    refusals = [one for results in found for one in results.refusals]
    lines = []
    if absent or refusals:
        lines += ["## Not measured", ""]
        lines += [f"- `{one.name}`: {one.reason}." for one in absent]
        lines += [*_refused(refusals), ""]
    stated = [f"- {line.rstrip('.')}." for line in provenance.approximations([*masks, *methods])]
    lines += ["## What is approximated", "", *(stated or ["Nothing that the masks and reconstructions state."]), ""]
    named = provenance.networks([*masks.values(), *methods.values()])
    if named:
        lines += ["## Networks", "", *table(("name", "form", "steps", "floor", "SHA-256"), named)]
    lines += ["## On what", "", f"- {images}"]
    processors = sorted({processor for results in found for processor in results.processors})
    lines += [f"- Seconds taken on: {processor}." for processor in processors]
    lines += [f"- {provenance.versions()}.", ""]
    return lines


def _refused(refusals: Sequence[Refusal]) -> list[str]:
    """A line for each thing that refused, with the first reason and how many there are."""
    reasons: dict[str, list[str]] = {}
    for one in refusals:
        reasons.setdefault(one.what, []).append(one.reason)
    times = {what: "once" if len(given) == 1 else f"{len(given)} times" for what, given in reasons.items()}
    return [f"- {what}, {times[what]}: {given[0]}." for what, given in reasons.items()]


def _is_published(method: str, published: ByMask) -> bool:
    return any(method in row for row in published.values())


def _published_gain(published: ByMask, mask: str, reference: str, method: str) -> str:
    ours, theirs = published.get(mask, {}).get(method), published.get(reference, {}).get(method)
    return "" if ours is None or theirs is None else f"{ours - theirs:+.2f}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _wrapped(line: str) -> str:
    """A paragraph or item in lines of the repository's width; a table's row or a heading as it is."""
    if line.startswith(("|", "#")):
        return line
    indent = "  " if line.startswith("- ") else ""
    return fill(line, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def rounded(value: float | None) -> float | None:
    """A figure of the CSV, to six digits; None for none, or NaN."""
    return None if value is None or math.isnan(value) else float(f"{value:.6g}")


def _csv_text(rows: Sequence[CsvRow]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
