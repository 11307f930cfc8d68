"""The page of times to quality."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from edge.console import duration_text
from edge.modes.competition import Predicted, best_of
from edge.modes.registry import MODES
from tools.reproduce import page, provenance
from tools.reproduce.timed.rivals import LEARNER, ONE_SHOT
from tools.reproduce.timed.stages import PITCH_MM, STAGES
from tools.reproduce.timed.trial import COARSE, RAW

if TYPE_CHECKING:
    from tools.reproduce.time_to_quality import Row

_ERRORS = (0.1, 0.05, 0.03)
_NAMES = {1 / 18: "1/18", 1 / 10: "1/10", 1 / 3: "1/3"}
_WORTH = 0.2


def page_of(rows: Sequence[Row], *, about: Sequence[str]) -> page.Page:
    """Markdown and CSV of all trials."""
    usual = [row for row in rows if not row.subject.startswith("hour")]
    subjects = list(dict.fromkeys(row.subject for row in usual))
    lines = [
        "# Time to quality",
        "",
        "Scans carried out in thought: pieces are ordered and priced by the stage's kinematics, photons are counted "
        "one by one, maps are made by `reconstruct` as a scan's are, and held against a truth that no scan has seen. "
        "PSNR is in dB, "
        "each element scaled by the 99.9th percentile of its true map, averaged over elements; RMSE is the root of the "
        "mean over elements on the same scale. The full raster is what people scan today: every cell flown over in the "
        "dwell, along the longer side, shown as it was counted; where the stage at full speed takes longer than the "
        "dwell, for as long as that.",
        "",
        *(f"- `{name}`: {text}." for name, text in zip(subjects, about, strict=True)),
        *(
            f"- {name}: {stage.speed_mm_s:g} mm/s, {stage.acceleration_mm_s2:g} mm/s2, {stage.settle_s:g} s to settle, "
            f"{stage.overhead_s:g} s of overhead a stop; cells of {PITCH_MM:g} mm."
            for name, stage in STAGES.items()
        ),
        *(f"- `{name}`: {mode.about}." for name, mode in MODES.items()),
        f"- `{COARSE}`: as people scan in a hurry, every so many rows, a dwell for so many cells, drawn by "
        "interpolation.",
        "",
        *_hour(rows),
        *_against_raster(usual),
        *_best(usual),
        *_points(usual),
        *_times(usual),
        *_prediction(usual),
        "## On what",
        "",
        f"- {provenance.versions()}.",
        "",
    ]
    return page.Page(lines, [{k: _csv(v) for k, v in asdict(row).items()} for row in rows])


def _hour(rows: Sequence[Row]) -> Iterator[str]:
    yield from (
        "## Eighteen hours in one",
        "",
        "The first paper's scan took 164 ms a cell, 18 hours in all. Here a full raster at that dwell, raw, beside an "
        "eighteenth of its time, everything included, on the laboratory stage. PSNR in dB; in brackets what it is less "
        "than the raw raster (at most 1.5 is the aim).",
        "",
    )
    ways = list(dict.fromkeys(row.way for row in rows if row.subject.startswith("hour") and row.way != RAW))
    table = []
    for subject in dict.fromkeys(row.subject for row in rows if row.subject.startswith("hour")):
        ones = {row.way: row for row in rows if row.subject == subject}
        raw = ones[RAW]
        name = "hands" if subject == "hour hands" else f"portrait, {subject.split()[1]} counts in the brightest cells"
        cells = [_loss(ones[way], raw) for way in ways]
        table.append([name, duration_text(raw.seconds), f"{raw.db:.2f}", *cells])
    yield from page.table(["", "full raster", "raw", *(f"`{way}`" for way in ways)], table)


def _against_raster(rows: Sequence[Row]) -> Iterator[str]:
    yield from (
        "## How much faster",
        "",
        "The least share of the full raster's time, of those tried, in which the best mode is at most 1 dB below the "
        "raw "
        "raster, and in which it is as good; – where none is.",
        "",
    )
    table = []
    for (subject, stage, dwell_s), ones in _groups(rows):
        raw = next(row for row in ones if row.way == RAW)
        within = [
            min((row.share for row in _modes(ones) if row.db >= raw.db - loss), default=0.0) for loss in (1.0, 0.0)
        ]
        table.append(
            [
                f"{subject}, {stage}, {1000 * dwell_s:g} ms",
                duration_text(raw.seconds),
                f"{raw.db:.2f}",
                *(_NAMES.get(share, page.NOTHING) for share in within),
            ]
        )
    yield from page.table(["", "full raster", "raw, dB", "within 1 dB", "as good"], table)


def _best(rows: Sequence[Row]) -> Iterator[str]:
    yield from (
        "## The best mode, and the one that was chosen",
        "",
        "For each share of the full raster's time the mode that shows most, its PSNR, and the coarse raster's; where "
        "the "
        "photograph allowed a choice beforehand and it fell on another mode, that one and what it lost.",
        "",
    )
    table = []
    for (subject, stage, dwell_s), ones in _groups(rows):
        cells = []
        for share in _NAMES:
            here = [row for row in _modes(ones) if math.isclose(row.share, share)]
            coarse = next(row for row in ones if row.way == COARSE and math.isclose(row.share, share))
            cells.append(_cell(here, coarse))
        table.append([f"{subject}, {stage}, {1000 * dwell_s:g} ms", *cells])
    yield from page.table(["", *_NAMES.values()], table)


def _points(rows: Sequence[Row]) -> Iterator[str]:
    yield from (
        "## Points, as others choose them",
        "",
        "Where a stage can only stop and count: points on a regular grid, of the mask network in one shot (blue noise "
        "for the hands), of `adaptive.Learner2D`, and the mode `points`, which listens, all in the same seconds, where "
        "these allow two, on one stage. Learner2D sees every element as one vector, is told what true maps are scaled "
        "by, and visits its points in the order of least travel as if it knew them beforehand.",
        "",
    )
    ways = ("grid", ONE_SHOT, LEARNER, "points")
    table = []
    for (subject, stage, dwell_s), ones in _groups(rows):
        for share, name in _NAMES.items():
            here = {row.way: row for row in ones if math.isclose(row.share, share)}
            if not all(way in here and here[way].db > 0 for way in ways):
                continue
            cells = [f"{here[way].db:.2f}" for way in ways]
            table.append([f"{subject}, {stage}, {1000 * dwell_s:g} ms, {name}", *cells])
    yield from page.table(["", "`grid`", "one shot", LEARNER, "`points`"], table)


def _times(rows: Sequence[Row]) -> Iterator[str]:
    yield from (
        "## Time to an error",
        "",
        f"Least time, of those tried, to a normalised RMSE of {', '.join(f'{error:g}' for error in _ERRORS)}: by any "
        "mode, by "
        "the coarse raster, and by the full one.",
        "",
    )
    table = []
    for (subject, stage, dwell_s), ones in _groups(rows):
        cells = []
        for error in _ERRORS:
            for kind in (
                _modes(ones),
                [row for row in ones if row.way == COARSE],
                [row for row in ones if row.way == RAW],
            ):
                least = min((row.seconds for row in kind if row.rmse <= error), default=math.nan)
                cells.append(page.NOTHING if math.isnan(least) else duration_text(least))
        table.append([f"{subject}, {stage}, {1000 * dwell_s:g} ms", *cells])
    header = [f"{kind} to {error:g}" for error in _ERRORS for kind in ("mode", "coarse", "full")]
    yield from page.table(["", *header], table)


def _prediction(rows: Sequence[Row]) -> Iterator[str]:
    pairs = [row for row in rows if row.predicted > 0 and row.rmse > 0]
    if not pairs:
        return
    yield from (
        "## How good the prediction is",
        "",
        "Before the beam is on, the error of each mode is predicted on maps that the photograph suggests. By mode: "
        "how many "
        "dB the error came out above what was predicted, on average, and the standard deviation of that.",
        "",
    )
    table = []
    for way in dict.fromkeys(row.way for row in pairs):
        off = [20 * math.log10(row.rmse / row.predicted) for row in pairs if row.way == way]
        table.append([f"`{way}`", f"{np.mean(off):+.1f}", f"{np.std(off):.1f}", str(len(off))])
    yield from page.table(["", "mean", "standard deviation", "scans"], table)
    lost = [_choice(here) for here in _choices(rows)]
    losses = [loss for _, loss in lost]
    well = sum(loss <= _WORTH for loss in losses)
    yield from (
        "Of modes that are predicted to be about as good one that listens is chosen. The chosen mode was the best "
        f"one, or within {_WORTH:g} dB of it, in {well} of "
        f"{len(losses)} cases; on average it lost {np.mean(losses):.2f} dB, at most {max(losses):.2f} dB.",
        "",
    )


def _choices(rows: Sequence[Row]) -> Iterator[list[Row]]:
    for _, ones in _groups(rows):
        for share in _NAMES:
            here = [row for row in _modes(ones) if math.isclose(row.share, share) and row.predicted > 0]
            if here:
                yield here


def _choice(here: Sequence[Row]) -> tuple[Row, float]:
    """The mode that is predicted to be best, and how far it is behind the one that is."""
    named = {row.way: row for row in here}
    best = best_of(Predicted(row.way, row.seconds, row.seconds, row.predicted) for row in here)
    assert best is not None
    chosen = named[best.mode]
    return chosen, max(row.db for row in here) - chosen.db


def _cell(here: Sequence[Row], coarse: Row) -> str:
    if not here:
        return page.NOTHING
    best = max(here, key=lambda row: row.db)
    text = f"`{best.way}` {best.db:.2f}"
    if not math.isnan(coarse.db):
        text += f" ({coarse.db:.2f})"
    predicted = [row for row in here if row.predicted > 0]
    if predicted:
        chosen, loss = _choice(predicted)
        text += "" if chosen.way == best.way else f"; chosen `{chosen.way}` −{loss:.2f}"
    return text


def _groups(rows: Sequence[Row]) -> Iterator[tuple[tuple[str, str, float], list[Row]]]:
    for key in dict.fromkeys((row.subject, row.stage, row.dwell_s) for row in rows):
        yield key, [row for row in rows if (row.subject, row.stage, row.dwell_s) == key]


def _modes(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.way in MODES and not math.isnan(row.db)]


def _loss(row: Row, raw: Row) -> str:
    return page.NOTHING if math.isnan(row.db) else f"{row.db:.2f} ({raw.db - row.db:+.2f})"


def _csv(value: object) -> str | float | int | None:
    if isinstance(value, float):
        return page.rounded(value)
    return str(value)
