"""Sections that are read: spectrum, registration, course, and where everything came from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from calibration.expected_error import expected_error_mm
from calibration.registration import Registration
from edge.photography.mosaic_placing import is_mosaic
from edge.report.charts import residual_strip, spectrum_chart, timeline
from edge.report.contents import Conditions, EnergyScale, ScanReport
from edge.report.markup import absent, facts, figure, long_table, paragraph, section, table
from edge.report.wording import clock, duration, moment, significant, whole

if TYPE_CHECKING:
    from edge.folds.standard_course import Following


def spectrum_section(report: ScanReport) -> str:
    """All counts on one energy axis, and how the axis was found."""
    parts = []
    if report.spectrum is None:
        parts.append(absent("No spectra are part of this report."))
    else:
        fit = "; the thin orange line is the fit’s total" if report.spectrum.fitted is not None else ""
        caption = f"Sum of all spectra, counts per channel on a logarithmic scale{fit}."
        parts.append(figure(spectrum_chart(report.spectrum), caption, "full"))
    if report.energy_scale is None:
        parts.append(absent("No energy calibration was recorded."))
    else:
        parts += _energy_scale(report.energy_scale)
    if report.following is not None:
        parts.append(facts(_course_rows(report.following)))
    return section("spectrum", "Spectrum", *parts)


def _energy_scale(scale: EnergyScale) -> list[str]:
    rows = [
        ("Energy of channel 0", f"{significant(1000 * scale.offset_kev)} eV"),
        ("Energy per channel", f"{significant(1000 * scale.gain_kev, 5)} eV"),
    ]
    if scale.nominal_because:
        warning = (
            f"The spectra could not correct the energy scale ({scale.nominal_because}): the maps were made with the "
            "configured one. Look whether the fit follows every peak."
        )
        return [paragraph(warning, "verdict over"), facts(rows)]
    compared = "no peak was compared"
    if scale.residual_ev is not None:
        compared = f"{significant(scale.residual_ev, 2)} eV rms, {whole(scale.peaks)} peaks"
    return [facts([*rows, ("Peaks less fitted peaks", compared)])]


def scale_course(following: Following) -> str:
    """How far the scale moved, by what that was told, and what was done about it."""
    at_kev = significant(following.at_kev, 2)
    if following.scale_by == "nothing":
        return "not followed: too few counts for it, or no lines that fix it"
    told = {"standard": "visits to the standard", "lines": "the object’s own lines"}[following.scale_by]
    moved = f"a line at {at_kev} keV moved by {following.scale_range_ev:.1f} eV, by {told}"
    done = "fitted along" if following.is_scale_followed else "too little to be followed"
    return f"{moved}; {done}"


def output_course(following: Following) -> str:
    """How the tube's output changed, how surely that is known, and what was done about it."""
    standard = following.standard
    if standard.output is None:
        return f"not followed: {standard.reason}"
    factors = standard.output.factors
    error = 100 * float(standard.output.relative_errors[1:].max())
    return (
        f"{100 * float(factors.min()):.1f} to {100 * float(factors.max()):.1f} % of that at the first of "
        f"{whole(standard.visits)} visits to the standard, known to ± {significant(error, 2)} %; the maps are "
        "those of the first visit’s output"
    )


def _course_rows(following: Following) -> list[tuple[str, str]]:
    standard = following.standard
    rows = [("Scale through the scan", scale_course(following))]
    if standard.visits:
        rows.append(("Tube output", output_course(following)))
    if standard.visits and standard.output is not None and standard.scale is None:
        rows.append(("Standard and scale", standard.reason))
    return rows


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
    expected = _expected_mm(registration, report)
    if registration.rms_mm > limit_mm or (expected is not None and expected[1] > limit_mm):
        verdict = "Over the limit: photograph and maps may be displaced against each other by more than half a cell."
    elif over:
        lie = "lies" if over == 1 else "lie"
        verdict = f"Within the limit on the whole; of {whole(residuals.size)} corners {whole(over)} {lie} beyond it."
    else:
        verdict = "Within the limit: every residual is smaller than half a pitch."
    if registration.shift is not None and registration.shift.distance_mm > limit_mm:
        verdict = (
            f"Over the limit: what was measured shows the photograph {significant(registration.shift.distance_mm, 2)} "
            "mm from where its markers place it, whatever their residuals: check the markers’ stated places."
        )
    rows = [
        (name, whole(len(values)), significant(_rms(values), 2), significant(max(values, default=0.0), 2))
        for name, values in groups
    ]
    rows.append(("All", whole(residuals.size), significant(registration.rms_mm, 2), significant(largest, 2)))
    style = "verdict over" if verdict.startswith("Over") else "verdict"
    seen = "fiducial’s corner" if registration.fiducials else "point of the stage’s calibration"
    caption = f"Distance between where each {seen} was seen and where it is stated to be."
    if is_mosaic(registration):
        caption = "Distance between what two neighbouring frames of the mosaic show, where both show the same."
    pieces = figure(residual_strip(groups, limit_mm), caption) + table(
        "Residuals by fiducial, mm", ["Fiducial", "Corners", "RMS", "Largest"], rows, style="numbers"
    )
    words = "not known"
    if expected is not None:
        words = f"{significant(expected[0], 2)} mm rms, {significant(expected[1], 2)} mm at most"
    about = facts(
        [
            ("Expected error over the area", words),
            ("Registered", _moment_of(registration.registered_at)),
            ("Camera", registration.camera_identity),
        ]
    )
    notes = [paragraph(f"{note[:1].upper()}{note[1:]}", "note") for note in registration.notes]
    notes = [*(paragraph(text, "note") for text in _place_by_samples(registration, report)), *notes]
    figures = f'<div class="figures">{pieces}</div>'
    joined = _placements(report)
    return section("registration", "Registration", paragraph(verdict, style), *notes, *joined, figures, about)


def _placements(report: ScanReport) -> list[str]:
    """How several placements lie in the object's frame, and what their overlaps say."""
    if not report.placements:
        return []
    rows = [
        (
            one.name,
            whole(one.exposures),
            f"{one.turn_deg:+.2f}°".replace("-", "−"),
            f"{significant(one.shift_mm[0], 5)}, {significant(one.shift_mm[1], 5)}",
            significant(one.rms_mm, 2),
            f"{one.intensity:.3f} ± {one.intensity_error:.3f}",
        )
        for one in report.placements
    ]
    headers = ["Placement", "Exposures", "Turned", "Stage origin, mm", "Photographs’ rms, mm", "Intensity"]
    told = [paragraph(f"{sentence[:1].upper()}{sentence[1:]}.", "note") for sentence in report.overlaps]
    return [table("Placements in the object’s frame", headers, rows, style="numbers"), *told]


def _place_by_samples(registration: Registration, report: ScanReport) -> list[str]:
    """What the measured cells say of the photograph's place, by how much and how surely."""
    sentences, shift, offset = [], registration.shift, report.offset
    if shift is not None:
        (x_mm, y_mm), chance = shift.deviation_mm, significant(shift.chance, 1)
        sentences.append(
            f"{whole(shift.samples)} measured cells show that the photograph lies elsewhere than its markers say: "
            f"{_way(shift.x_mm, x_mm)} in x and {_way(shift.y_mm, y_mm)} in y, one standard error given. A photograph "
            f"in its place would seem to be so far off with a probability of {chance}. It was moved by that for the "
            "maps."
        )
    if offset and offset.skew is not None and offset.skew.is_significant:
        skew = offset.skew
        turn = f"{skew.turn_deg:+.2f} ± {skew.turn_error_deg:.2f}°".replace("-", "−")
        stretch = f"{100 * skew.stretch:+.2f} ± {100 * skew.stretch_error:.2f} %".replace("-", "−")
        sentences.append(
            f"The measured cells also show the photograph turned by about {turn} and stretched by {stretch} against "
            "the scan, which was not corrected: check the markers’ stated places, or calibrate the camera’s lens."
        )
    if offset is None or (offset and offset.is_significant and not report.unmoved):
        return sentences
    if not offset:
        return [*sentences, f"Whether the photograph lies elsewhere, the measured cells do not tell: {offset.reason}."]
    pitch_mm, (down, right) = report.grid.pitch_mm, offset.deviation
    rest = "what is left" if shift is not None else "the photograph’s offset"
    x, y = _way(offset.right * pitch_mm, right * pitch_mm), _way(offset.down * pitch_mm, down * pitch_mm)
    why = f"which is hardly chance, but {report.unmoved}" if report.unmoved else "which may be chance"
    told = f"By all {whole(offset.samples)} measured cells {rest} is {x} in x and {y} in y, {why}: it was left there."
    return [*sentences, told]


def _way(value_mm: float, error_mm: float) -> str:
    return f"{value_mm:+.3f} ± {error_mm:.3f} mm".replace("-", "−")


def _expected_mm(registration: Registration, report: ScanReport) -> tuple[float, float] | None:
    """Expected distance of the photograph's points from where they are taken to be: root mean square and largest."""
    grid = report.grid
    x, y = np.meshgrid(np.linspace(0, grid.width_mm, 9), np.linspace(0, grid.height_mm, 9))
    places = np.column_stack([x.ravel() + grid.origin_x_mm, y.ravel() + grid.origin_y_mm])
    errors = expected_error_mm(registration, places)
    return None if errors is None else (float(np.sqrt(np.mean(errors**2))), float(errors.max()))


def _by_fiducial(registration: Registration) -> list[tuple[str, list[float]]]:
    residuals = [float(value) for value in registration.residuals_mm]
    count = len(registration.fiducials)
    if not count or len(residuals) % count:
        alone = "pairs of frames" if is_mosaic(registration) else "stage points"
        return [("all corners" if count else alone, residuals)]
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
        caption = (
            "Course of the scan by the computer’s clock: filled while the shutter was open; numbers refer to the "
            "events below."
        )
        if any(opening.closed_at is None for opening in openings[:-1]):
            caption += " An opening whose closing was not recorded is a thin line."
        parts.append(figure(drawing, caption, "full"))
    if report.events:
        rows = [(whole(i), clock(event.at), event.text) for i, event in enumerate(report.events, start=1)]
        parts.append(long_table("Events, by the computer’s clock", ["No.", "Time, UTC", "Event"], rows))
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
