"""What the object received: how long the beam was on each cell, and when the shutter was open."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.dose.map import DoseMap
from edge.report.charts import histogram
from edge.report.contents import Dose, ScanReport, ShutterOpening
from edge.report.figures import NO_VALUE_RGB, block_mean, colour_limits, map_png
from edge.report.mapfigure import fitted_frame, map_figure, picture
from edge.report.markup import absent, data_uri, facts, figure, long_table, paragraph, section, table
from edge.report.wording import clock, duration, percent, significant, whole

_MAP_BOX_PX = (420.0, 420.0)
_MOST_SHOWN_CELLS = 600_000
_SHARES = (0.5, 0.9, 0.99, 0.999)


def dose_section(report: ScanReport) -> str:
    """How much was counted, and how long the beam rested on the object."""
    parts = []
    if report.counts is None:
        parts.append(absent("No counts were recorded."))
    else:
        counts = report.counts
        rows = [
            ("Counts in all", whole(counts.total)),
            ("Median per exposure", significant(counts.median_per_exposure)),
            ("Dead time", percent(counts.dead_time_fraction)),
        ]
        parts.append(facts(rows))
    if report.dose is None:
        parts.append(absent("No dose was recorded: no beam was used, or its journal is not part of this report."))
        return section("dose", "Counts and dose", *parts)
    parts.append(_dose_numbers(report.dose))
    if report.dose.map is not None:
        parts.append(_map(report, report.dose, report.dose.map))
    parts.append(_openings_table(report.dose.openings))
    return section("dose", "Counts and dose", *parts)


def _dose_numbers(dose: Dose) -> str:
    real_s, live_s = dose.real_s_per_cell, dose.live_s_per_cell
    if live_s.size == 0:
        return absent("No cell received any beam.")
    rows = [
        ("", "Real time", "Live time"),
        ("All cells", *(duration(float(seconds.sum())) for seconds in (real_s, live_s))),
        ("Least per visited cell", *(duration(float(seconds.min())) for seconds in (real_s, live_s))),
        ("Median", *(duration(float(np.median(seconds))) for seconds in (real_s, live_s))),
        ("Most", *(duration(float(seconds.max())) for seconds in (real_s, live_s))),
    ]
    if dose.limit_s_per_cell is not None:
        within = "kept" if float(live_s.max()) <= dose.limit_s_per_cell * (1 + 1e-6) else "exceeded"
        rows.append(("Limit per cell", "not limited", f"{duration(dose.limit_s_per_cell)}, {within}"))
    chart = histogram(real_s, "s", "Real time per visited cell")
    caption = (
        f"How long the beam rested on each of {whole(real_s.size)} visited cells while the detector counted, dead time "
        "included. What a cell receives while the beam moves over it is not in it."
    )
    numbers = table("By the controller’s clock", rows[0], rows[1:], style="numbers")
    return f'<div class="figures">{figure(chart, caption)}{numbers}</div>'


def _map(report: ScanReport, dose: Dose, received: DoseMap) -> str:
    """Where the open beam was, with the way between exposures, as a picture and in numbers."""
    if received.photons_per_mm2 is not None:
        values, unit, what = received.photons_per_mm2, "photons/mm²", "Photons that each cell received"
    else:
        values, unit, what = received.beam_s, "s", "How long the open beam was on each cell"
    if not values.any():
        return absent("No place of the open beam is known.")
    pictures = _picture(report, values, unit, f"{what}, dead time and the way between exposures included.")
    if received.way_s.any():
        way = "Of that, the way between exposures alone, on a scale of its own."
        pictures += _picture(report, received.way_s, "s", way)
    numbers = facts(_map_numbers(report, dose, received, values, unit))
    swatch = "#{:02x}{:02x}{:02x}".format(*NO_VALUE_RGB)
    none = (
        f'<p class="note"><svg class="swatch" width="14" height="14" aria-hidden="true"><rect width="14" height="14" '
        f'fill="{swatch}"/></svg> Cells of this colour received none.</p>'
    )
    return f'<div class="figures">{pictures}</div>{none}{numbers}{paragraph(_ABOUT_THE_MAP, "note")}'


def _picture(report: ScanReport, values: NDArray[np.floating], unit: str, caption: str) -> str:
    grid = report.grid
    shown = np.where(values > 0, values, np.nan)
    block = max(1, math.ceil(math.sqrt(values.size / _MOST_SHOWN_CELLS)))
    limits = colour_limits(shown)
    frame = fitted_frame(grid.rows, grid.columns, grid.pitch_mm, _MAP_BOX_PX)
    uri = data_uri(map_png(block_mean(shown, block), "viridis", limits))
    drawing = map_figure(
        frame, f"{caption.partition(',')[0]}, in {unit}", picture(uri, frame), limits=limits, unit=unit
    )
    return figure(drawing, caption)


_ABOUT_THE_MAP = (
    "Exposures lie where the controller measured them. The ways between them are straight, of the measured length in "
    "time, driven as the stage was predicted to; what they took longer, the stage stood at their ends. The moments "
    "between the opening of the shutter and the first exposure, and between the last one and the closing, are not in "
    "the map. Where a gate closes by itself on the way, as that of a paired stage does, the ways are an upper bound. "
    "An exposure that was cut short has no spectrum: its cell has the most that it can have received."
)


def _map_numbers(
    report: ScanReport, dose: Dose, received: DoseMap, values: NDArray[np.floating], unit: str
) -> list[tuple[str, str]]:
    grid = report.grid
    row, column = divmod(int(np.argmax(values)), grid.columns)
    there = grid.centre(row, column)
    with_beam = values[values > 0]
    levels = (
        f"{significant(100 * share)} %: {significant(float(level))}"
        for share, level in zip(_SHARES, np.quantile(with_beam, _SHARES), strict=True)
    )
    rows = [
        ("Counting", duration(received.counted_s)),
        ("On the way between exposures", duration(received.on_the_way_s)),
        ("Of exposures cut short, at most", duration(received.cut_short_s)),
        (
            "Most in a cell",
            f"{significant(float(values[row, column]))} {unit}, in row {row}, column {column}, at "
            f"({significant(there.x_mm, 5)}, {significant(there.y_mm, 5)}) mm",
        ),
        (f"So much or less, in {unit}, of the {whole(with_beam.size)} cells with beam", "; ".join(levels)),
    ]
    if dose.limit_photons_per_mm2 is not None and received.photons_per_mm2 is not None:
        most = float(received.photons_per_mm2.max())
        within = "kept" if most <= dose.limit_photons_per_mm2 * (1 + 1e-6) else "exceeded"
        rows.append(("Limit", f"{significant(dose.limit_photons_per_mm2)} photons/mm², {within}"))
    if received.left_out:
        rows.append(("Not made, for what their cells had received", f"{whole(received.left_out)} exposures"))
    return rows


def _openings_table(openings: Sequence[ShutterOpening]) -> str:
    if not openings:
        return absent("No opening of the shutter was recorded.")
    rows = [
        (
            whole(i),
            clock(opening.opened_at),
            opening.reason,
            clock(opening.closed_at) if opening.closed_at is not None else "not recorded",
            opening.closing_reason,
            duration(_open_s(opening)),
        )
        for i, opening in enumerate(openings, start=1)
    ]
    headers = ["No.", "Opened, UTC", "Reason", "Closed, UTC", "Reason", "Open for"]
    return long_table(f"Shutter openings, by the computer’s clock; {_open_in_all(openings)}", headers, rows)


def _open_s(opening: ShutterOpening) -> float | None:
    return None if opening.closed_at is None else (opening.closed_at - opening.opened_at).total_seconds()


def _open_in_all(openings: Sequence[ShutterOpening]) -> str:
    stretches_s = [_open_s(opening) for opening in openings]
    total = f"open for {duration(sum(seconds for seconds in stretches_s if seconds is not None))} in all"
    if standard := [_open_s(opening) or 0.0 for opening in openings if opening.over == "standard"]:
        visits = "visit" if len(standard) == 1 else "visits"
        total += f", {duration(sum(standard))} of it over the standard in {whole(len(standard))} {visits}"
    unknown = stretches_s.count(None)
    return f"{total}, without {whole(unknown)} whose closing was not recorded" if unknown else total
