"""After the beam: final maps and the report, both made again from the recording alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edge.dose.map import DoseMap, dose_map
from edge.folds.ledger import Ledger, read_ledger
from edge.folds.standard_course import Following
from edge.motion.stage_known import stage_of
from edge.photography.correction import correction_sentence
from edge.planning.plan import ScanPlan
from edge.record.fold import ScanHistory
from edge.record.folder import Recording, RecordingPaths, open_recording
from edge.record.maps_file import write_maps
from edge.report.accounts import output_course, scale_course
from edge.report.gathered import report_of
from edge.report.page import write_report
from edge.results import MAPS_UNIT, Planned, Results, read_planned, results_of
from edge.spectra.energy import EnergyCalibration, NotCalibrated, describe_calibration
from edge.stopping.drawing import LEAST_LEFT
from edge.stopping.interest import not_seen


def finish_recording(folder: Path) -> list[str]:
    """Write ``maps.h5`` and ``report.html`` from what the journal holds; gives lines for the operator.

    Raises
    ------
    UsageError
        Nothing has been measured.
    IntegrityError
        The recording is damaged.
    """
    with open_recording(folder) as recording:
        paths = recording.paths
        if recording.history.exposures == 0:
            return ["Nothing was measured, so there are no maps"]
        planned = read_planned(recording)
        return write_finished(recording, planned, results_of(recording, planned), paths)


def write_finished(
    recording: Recording,
    planned: Planned,
    results: Results,
    paths: RecordingPaths,
    attributes: Mapping[str, str | float] | None = None,
) -> list[str]:
    """Write ``maps.h5``, with further attributes, and ``report.html`` where ``paths`` says; lines for the operator."""
    plan = planned.plan
    ledger = read_ledger(recording.reader, plan.grid)
    received = dose_of(recording.history, planned, ledger)
    write_maps(
        paths.maps,
        results.maps,
        mask=plan.mask.cells,
        rgb=results.placing.sighting.display,
        grid=plan.grid,
        attributes=attributes_of(recording.history, plan) | dict(attributes or {}),
        received=received.datasets(),
    )
    report = report_of(recording, planned, results, ledger=ledger, received=received)
    write_report(paths.report, report)
    moved = results.placing.was_moved
    where = correction_sentence(results.placing.sighting.registration)
    return [
        *([f"Photograph: {where}"] if moved else []),
        f"{report.effort.exposures_measured} of {report.effort.exposures_planned} exposures, "
        f"{len(results.maps.elements)} element maps: {', '.join(results.maps.elements)}",
        calibration_line(results.model.calibration),
        *following_lines(results.following),
        *error_lines(results, planned),
        f"Report: {paths.report}",
        f"Maps:   {paths.maps}",
    ]


def dose_of(history: ScanHistory, planned: Planned, ledger: Ledger) -> DoseMap:
    """What each cell received, as the recording says."""
    plan, config = planned.plan, planned.config
    return dose_map(ledger, history, plan, plan.stage or stage_of(config), config.instrument.beam)


def attributes_of(history: ScanHistory, plan: ScanPlan) -> dict[str, str | float]:
    """What ``maps.h5`` says of a scan beside its maps."""
    return {
        "unit": MAPS_UNIT,
        "scan_id": history.scan_id,
        "plan": plan.digest,
        "exposures": float(history.exposures),
    }


def error_lines(results: Results, planned: Planned) -> list[str]:
    """What the operator reads of the maps' error, and of elements that were wanted and are not there."""
    figure, unseen = results.figure, not_seen(planned.config.sampling.interest, results.maps.elements)
    lines = []
    if figure is not None:
        few = "" if figure.held_out >= LEAST_LEFT else ": so few tell its order of magnitude alone"
        lines = [f"Error, by {figure.held_out} exposures held out: {figure.overall.words}{few}"]
    return [*lines, unseen] if unseen else lines


def calibration_line(calibration: EnergyCalibration | NotCalibrated) -> str:
    """What the operator reads of the energy scale."""
    if not calibration:
        return f"Energy scale: as configured, the spectra could not correct it ({calibration.reason})"
    if not calibration.peaks:
        return "Energy scale: fitted, but no peak of the sum spectrum bears it out; look at the fit in the report"
    return f"Energy scale: {describe_calibration(calibration)}"


def following_lines(following: Following) -> list[str]:
    """What the operator reads of scale and tube output through the scan: nothing where nothing moved or told it."""
    lines = [f"Scale through the scan: {scale_course(following)}"] if following.is_scale_followed else []
    if following.standard.visits:
        lines.append(f"Tube output: {output_course(following)}")
    return lines
