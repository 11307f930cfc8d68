"""Sections that are read: spectrum, time, counts and dose, registration, course, and where everything came from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from calibration.registration import Registration
from edge.report.charts import duration_bars, histogram, residual_strip, spectrum_chart, timeline
from edge.report.contents import Conditions, Dose, ScanReport, ShutterOpening
from edge.report.markup import absent, facts, figure, paragraph, section, table
from edge.report.wording import clock, duration, moment, percent, significant, whole

_FIRST_ROWS, _LAST_ROWS = 40, 10


def spectrum_section(report: ScanReport) -> str:
    """All counts on one energy axis, and how the axis was found."""
    parts = []
    if report.spectrum is None:
        parts.append(absent("No spectra are part of this report."))
    else:
        fit = "; the thin orange line is the fit’s total" if report.spectrum.fitted is not None else ""
        caption = f"Sum of all spectra, counts per channel on a logarithmic scale{fit}."
        parts.append(figure(spectrum_chart(report.spectrum), caption, "full"))
    scale = report.energy_scale
    if scale is None:
        parts.append(absent("No energy calibration was recorded."))
    else:
        rows = [
            ("Energy of channel 0", f"{significant(1000 * scale.offset_kev)} eV"),
            ("Energy per channel", f"{significant(1000 * scale.gain_kev, 5)} eV"),
            ("Lines miss the scale by", f"{significant(scale.residual_ev, 2)} eV rms"),
        ]
        parts.append(facts(rows))
    return section("spectrum", "Spectrum", *parts)


def time_section(report: ScanReport) -> str:
    """What the plan predicted, what the scan took, and what a full raster would have taken."""
    effort = report.effort
    known = [
        ("Predicted", effort.predicted_s),
        ("Actual", effort.actual_s),
        ("Full raster, predicted", effort.full_raster_s),
    ]
    bars = [(name, seconds) for name, seconds in known if seconds is not None]
    rows = [(name, duration(seconds), _against(seconds, effort.predicted_s)) for name, seconds in bars]
    if effort.beam_s is not None:
        rows.append(("Shutter open", duration(effort.beam_s), ""))
    if effort.travel_mm is not None:
        rows.append(("Stage travel", f"{significant(effort.travel_mm / 1000)} m", ""))
    planned, made = effort.exposures_planned, effort.exposures_measured
    share = f"{percent(made / planned)} of the plan" if planned else ""
    rows.append(("Exposures", f"{whole(made)} of {whole(planned)}", share))
    parts = [table("Plan and course; times by the controller’s clock", ["", "Value", "Against the plan"], rows)]
    if not bars:
        return section("time", "Time", absent("No times were recorded."), *parts)
    parts.insert(0, figure(duration_bars(bars), "Durations on one scale."))
    return section("time", "Time", f'<div class="figures">{"".join(parts)}</div>')


def _against(seconds: float, predicted_s: float | None) -> str:
    if not predicted_s or seconds == predicted_s:
        return ""
    change = seconds / predicted_s - 1
    if abs(change) < 2:
        return f"{change:+.1%}".replace("-", "−").replace("%", " %")
    return f"{significant(seconds / predicted_s)} ×"


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
    parts.append(_openings_table(report.dose.openings))
    return section("dose", "Counts and dose", *parts)


def _dose_numbers(dose: Dose) -> str:
    live_s = dose.live_s_per_cell
    if live_s.size == 0:
        return absent("No cell received any beam.")
    rows = [
        ("Live time in all", duration(float(live_s.sum()))),
        ("Least per visited cell", duration(float(live_s.min()))),
        ("Median", duration(float(np.median(live_s)))),
        ("Most", duration(float(live_s.max()))),
    ]
    if dose.limit_s_per_cell is not None:
        within = "kept" if float(live_s.max()) <= dose.limit_s_per_cell * (1 + 1e-6) else "exceeded"
        rows.append(("Limit per cell", f"{duration(dose.limit_s_per_cell)}, {within}"))
    chart = histogram(live_s, "s", "Live time per visited cell")
    caption = f"How long the beam rested on each of {whole(live_s.size)} visited cells."
    return f'<div class="figures">{figure(chart, caption)}{facts(rows)}</div>'


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
            duration((opening.closed_at - opening.opened_at).total_seconds()) if opening.closed_at is not None else "—",
        )
        for i, opening in enumerate(openings, start=1)
    ]
    headers = ["No.", "Opened, UTC", "Reason", "Closed, UTC", "Reason", "Open for"]
    return table(f"Shutter openings{_left_out(rows)}", headers, _ends(rows))


def _ends(rows: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
    if len(rows) <= _FIRST_ROWS + _LAST_ROWS:
        return rows
    return [*rows[:_FIRST_ROWS], ["…"] * len(rows[0]), *rows[-_LAST_ROWS:]]


def _left_out(rows: Sequence[Sequence[str]]) -> str:
    if len(rows) <= _FIRST_ROWS + _LAST_ROWS:
        return ""
    return f": the first {_FIRST_ROWS} and the last {_LAST_ROWS} of {whole(len(rows))}; the journal holds all"


def registration_section(report: ScanReport) -> str:
    """How well the photograph's place on the stage is known."""
    registration = report.registration
    if registration is None:
        return section("registration", "Registration", absent("No registration is part of this report."))
    limit_mm = report.half_pitch_mm
    residuals = np.asarray(registration.residuals_mm, dtype=float)
    groups = _by_fiducial(registration)
    over = int((residuals > limit_mm).sum())
    largest = float(residuals.max(initial=0.0))
    if registration.rms_mm > limit_mm:
        verdict = "Over the limit: photograph and maps may be displaced against each other by more than half a cell."
    elif over:
        lie = "lies" if over == 1 else "lie"
        verdict = f"Within the limit on the whole; of {whole(residuals.size)} corners {whole(over)} {lie} beyond it."
    else:
        verdict = "Within the limit: every residual is smaller than half a pitch."
    rows = [
        (name, whole(len(values)), significant(_rms(values), 2), significant(max(values, default=0.0), 2))
        for name, values in groups
    ]
    rows.append(("All", whole(residuals.size), significant(registration.rms_mm, 2), significant(largest, 2)))
    style = "verdict over" if registration.rms_mm > limit_mm else "verdict"
    caption = "Distance between where each fiducial’s corner was seen and where it is stated to be."
    pieces = figure(residual_strip(groups, limit_mm), caption) + table(
        "Residuals by fiducial, mm", ["Fiducial", "Corners", "RMS", "Largest"], rows, style="numbers"
    )
    about = facts([("Registered", _moment_of(registration.registered_at)), ("Camera", registration.camera_identity)])
    return section(
        "registration", "Registration", paragraph(verdict, style), f'<div class="figures">{pieces}</div>', about
    )


def _by_fiducial(registration: Registration) -> list[tuple[str, list[float]]]:
    residuals = [float(value) for value in registration.residuals_mm]
    count = len(registration.fiducials)
    if not count or len(residuals) % count:
        return [("all corners", residuals)]
    each = len(residuals) // count
    return [
        (f"marker {marker}", residuals[i * each : (i + 1) * each]) for i, marker in enumerate(registration.fiducials)
    ]


def _moment_of(stamp: str) -> str:
    try:
        time = datetime.fromisoformat(stamp)
    except ValueError:
        return stamp
    return moment(time) if time.tzinfo is not None else stamp


def _rms(values: Sequence[float]) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if values else 0.0


def course_section(report: ScanReport) -> str:
    """How the scan went: conditions, timeline, events."""
    parts = [_conditions(report.conditions)]
    openings = report.dose.openings if report.dose is not None else ()
    if openings or report.events:
        drawing = timeline(report.started_at, report.finished_at, openings, [event.at for event in report.events])
        caption = "Course of the scan: filled while the shutter was open; numbers refer to the events below."
        parts.append(figure(drawing, caption, "full"))
    if report.events:
        rows = [(whole(i), clock(event.at), event.text) for i, event in enumerate(report.events, start=1)]
        parts.append(table(f"Events{_left_out(rows)}", ["No.", "Time, UTC", "Event"], _ends(rows)))
    else:
        parts.append(absent("No pause, fault or other event was noted."))
    return section("course", "Conditions and course", *parts)


def _conditions(conditions: Conditions | None) -> str:
    if conditions is None:
        return absent("The instrument’s settings were not recorded.")
    tube = [
        f"{conditions.anode} anode" if conditions.anode else "",
        f"{significant(conditions.tube_kv)} kV" if conditions.tube_kv is not None else "",
        f"{significant(conditions.tube_ua)} µA" if conditions.tube_ua is not None else "",
    ]
    rows = [
        ("Tube", ", ".join(part for part in tube if part) or "not stated"),
        ("Filter", conditions.filter or "not stated"),
        ("Detector", conditions.detector or "not stated"),
        ("Dwell", f"{duration(conditions.dwell_s)} live"),
        ("Pitch", f"{significant(conditions.pitch_mm)} mm"),
    ]
    return facts(rows)


def provenance_section(report: ScanReport) -> str:
    """Versions and digests, by which every input can be told from any other."""
    grid = report.grid
    place = (
        f"{whole(grid.rows)} rows × {whole(grid.columns)} columns of {significant(grid.pitch_mm, 5)} mm; first corner "
        f"at x {significant(grid.origin_x_mm, 6)} mm, y {significant(grid.origin_y_mm, 6)} mm on the stage."
    )
    parts = [facts([("Scan grid", place), ("Reconstruction", report.maps.method)])]
    for name, entries in (("Versions", report.versions), ("Digests (SHA-256)", report.digests)):
        if entries:
            headers = ["Of", "Version" if name == "Versions" else "Digest"]
            parts.append(table(name, headers, sorted(entries.items()), style="plain code"))
        else:
            parts.append(absent(f"{name}: none recorded."))
    return section("provenance", "Provenance", *parts)
