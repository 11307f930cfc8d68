"""What stands on the page of full rasters of few photons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import mean, median, stdev

import numpy as np

from tools.reproduce import page, provenance
from tools.reproduce.photon_budget import HALF, Raster

RAW, OURS = "every cell, raw counts", "every cell, `photon-starved`"
ALONE, SPECTRA = "the same, element by element", "the same, from whole spectra"
CEILING = "half against half"


@dataclass(slots=True)
class Scores:
    """What was measured, by row, budget and, for denoisers, setting."""

    db: dict[tuple[str, float, str], list[float]] = field(default_factory=dict)
    seconds: dict[tuple[str, float], list[float]] = field(default_factory=dict)
    within: dict[tuple[float, float], list[float]] = field(default_factory=dict)
    """By budget and number of standard errors."""
    absent: dict[str, str] = field(default_factory=dict)

    def add(self, row: str, budget: float, db: float, *, setting: str = "", seconds: float | None = None) -> None:
        self.db.setdefault((row, budget, setting), []).append(db)
        if seconds is not None:
            self.seconds.setdefault((row, budget), []).append(seconds)

    def best(self, row: str, budget: float) -> tuple[str, list[float]]:
        """The setting with the highest mean, and its figures; none where there is no figure."""
        found = {setting: db for (name, at, setting), db in self.db.items() if (name, at) == (row, budget)}
        return max(found.items(), key=lambda one: mean(one[1])) if found else ("", [])


def _rows(scores: Scores) -> list[str]:
    names = list(dict.fromkeys(name for name, _, _ in scores.db))
    return [name for name in names if name != CEILING]


def starved_page(scores: Scores, raster: Raster, budgets: Sequence[float], seeds: int) -> page.Page:
    """The page, of everything that was measured."""
    rows, columns, count = raster.counts.shape
    header = ["", *(f"{100 * budget:g} %" for budget in budgets)]
    ceiling = mean(scores.best(CEILING, HALF)[1])
    lines = [
        "# Every cell for a short dwell",
        "",
        f"Real counts: {count} elements of {rows} x {columns} cells. Each photon goes to one of two halves by chance. "
        "A share of the scan's photons is drawn from one half and reconstructed; the other half, scaled, is the truth. "
        "PSNR is 20 log10(1 / RMSE), each element scaled by the 99.9th percentile of its true map, estimates clipped "
        "at 0, averaged over elements; each figure is the mean over divisions of the photons, with its standard "
        f"deviation where there are several ({seeds}; for `{ALONE}` one).",
        "",
        f"The truth is noisy: one half, as it is, reaches {ceiling:.2f} dB against the other, and the map without any "
        f"noise would reach about {ceiling + 10 * np.log10(2):.2f} dB.",
        "",
        *page.table(header, [[name, *_figures(scores, name, budgets)] for name in _rows(scores)]),
        "Some cells are chosen in blue noise and share the same photons; a tenth of the cells can only spend 5 %, as "
        "their half holds no more. `kriging` shows what was measured as it was; a row estimates those cells like the "
        "others. The denoisers of scikit-image see counts after Anscombe's transform, and are taken back without bias. "
        "Each is shown with the setting that scores best against the truth, which no user can know; `photon-starved` "
        f"has no setting. `{SPECTRA}`: with the rest of each spectrum as 12 further channels, which are not scored.",
        "",
        "## Settings of the denoisers",
        "",
        *page.table(header, _settings(scores, budgets)),
        "## The standard error",
        "",
        "Share of the true values within one and two standard errors of `photon-starved`, the truth's own counting "
        "noise included; 68 and 95 % are right.",
        "",
        *page.table(header, _coverage(scores, budgets)),
        "## Seconds",
        "",
        "Of processor time, the median; for a denoiser, of the setting shown or another one.",
        "",
        *page.table(header, [[name, *_seconds(scores, name, budgets)] for name in _rows(scores)]),
        *_closing(scores, raster),
    ]
    return page.Page(lines, _csv_rows(scores, budgets))


def _figures(scores: Scores, name: str, budgets: Sequence[float]) -> list[str]:
    found = [scores.best(name, budget)[1] for budget in budgets]
    return [_spread(one) if one else page.NOTHING for one in found]


def _spread(values: Sequence[float]) -> str:
    return f"{mean(values):.2f} ± {stdev(values):.2f}" if len(values) > 1 else f"{mean(values):.2f}"


def _settings(scores: Scores, budgets: Sequence[float]) -> list[list[str]]:
    chosen = {name: [scores.best(name, budget)[0] for budget in budgets] for name in _rows(scores)}
    return [[name, *settings] for name, settings in chosen.items() if any(settings)]


def _coverage(scores: Scores, budgets: Sequence[float]) -> list[list[str]]:
    return [
        [label, *(f"{100 * mean(scores.within[budget, deviations]):.1f} %" for budget in budgets)]
        for label, deviations in (("within one", 1.0), ("within two", 2.0))
    ]


def _seconds(scores: Scores, name: str, budgets: Sequence[float]) -> list[str]:
    found = [scores.seconds.get((name, budget), []) for budget in budgets]
    return [f"{median(one):.2g}" if one else page.NOTHING for one in found]


def _closing(scores: Scores, raster: Raster) -> list[str]:
    lines = []
    if scores.absent:
        lines += ["## Not measured", "", *(f"- {name}: {reason}." for name, reason in scores.absent.items()), ""]
    stated = provenance.approximations(["kriging", "photon-starved"])
    lines += ["## What is approximated", "", *(f"- {line.rstrip('.')}." for line in stated), ""]
    per_cell = raster.counts.sum(axis=2).mean()
    lines += [
        "## On what",
        "",
        f"- {', '.join(raster.elements)}: {per_cell:,.0f} counts a cell of the whole scan.",
        f"- Seconds taken on: {provenance.processor_name()}.",
        f"- {provenance.versions()}.",
        "",
    ]
    return lines


def _csv_rows(scores: Scores, budgets: Sequence[float]) -> list[page.CsvRow]:
    rows: list[page.CsvRow] = []
    for budget in budgets:
        for name in _rows(scores):
            setting, values = scores.best(name, budget)
            seconds = scores.seconds.get((name, budget), [])
            rows.append(
                {
                    "budget": budget,
                    "method": name.replace("`", ""),
                    "setting": setting,
                    "n": len(values),
                    "psnr_db": page.rounded(mean(values) if values else None),
                    "psnr_sd_db": page.rounded(stdev(values) if len(values) > 1 else None),
                    "method_s": page.rounded(median(seconds) if seconds else None),
                }
            )
    return rows
