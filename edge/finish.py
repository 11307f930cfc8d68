"""After the beam: final maps and the report, both made again from the recording alone."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np

from edge.config import ScanConfig
from edge.events import ShutterClosed, ShutterOpened
from edge.kinematics import predict_raster_s
from edge.prepare import choose_cells, stage_of
from edge.record.fold import ScanHistory
from edge.record.folder import Recording, open_recording
from edge.record.maps_file import write_maps
from edge.report.contents import (
    Conditions,
    CountTotals,
    Dose,
    Effort,
    EnergyScale,
    LineLabel,
    NotedEvent,
    Outcome,
    ScannedObject,
    ScanReport,
    ShutterOpening,
    SumSpectrum,
)
from edge.report.page import write_report
from edge.results import MAPS_UNIT, Planned, Results, portions, read_planned, results_of
from edge.state import Ended


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
        results = results_of(recording, planned)
        plan = planned.plan
        attributes = {"unit": MAPS_UNIT, "scan_id": recording.history.scan_id, "plan": plan.digest}
        write_maps(
            paths.maps,
            results.maps,
            mask=plan.mask.cells,
            rgb=planned.sighting.rgb,
            grid=plan.grid,
            attributes=attributes,
        )
        report = report_of(recording, planned, results)
    write_report(paths.report, report)
    return [
        f"{report.effort.exposures_measured} of {report.effort.exposures_planned} exposures, "
        f"{len(results.maps.elements)} element maps: {', '.join(results.maps.elements)}",
        f"Report: {paths.report}",
        f"Maps:   {paths.maps}",
    ]


def report_of(recording: Recording, planned: Planned, results: Results) -> ScanReport:
    """Everything that the report says of a recording."""
    history, plan, sighting = recording.history, planned.plan, planned.sighting
    ledger = _Ledger(recording, planned)
    subject = planned.config.object
    finished_at = history.last_at
    return ScanReport(
        subject=ScannedObject(subject.title, subject.identifier, subject.operator),
        started_at=datetime.fromisoformat(history.started_at),
        finished_at=datetime.fromisoformat(finished_at),
        outcome=_outcome(history),
        grid=plan.grid,
        mask=plan.mask.cells,
        maps=results.maps,
        maps_unit=MAPS_UNIT,
        rgb=sighting.rgb,
        density=choose_cells(sighting, planned.config).density.values,
        effort=ledger.effort(),
        dose=Dose(ledger.live_s_per_cell(), _openings(history), planned.config.dose.max_live_s_per_cell),
        counts=ledger.count_totals(),
        registration=sighting.registration,
        energy_scale=_energy_scale(results),
        spectrum=_spectrum(results, ledger.live_s),
        conditions=_conditions(planned.config),
        events=_noted(history),
        versions=dict(history.opened[-1].versions),
        digests={
            "plan": plan.digest,
            "registration": sighting.registration.digest,
            "photograph": sighting.frame_sha256,
        },
    )


class _Ledger:
    """What the exposures add up to: time, dose and counts, read once."""

    def __init__(self, recording: Recording, planned: Planned) -> None:
        self._planned = planned
        self._exposures = recording.history.done
        columns: dict[str, list[np.ndarray]] = {}
        for portion in portions(recording.reader):
            middle = planned.plan.grid.cells_of((portion.starts_mm + portion.ends_mm) / 2)
            parts = {
                "rows": middle[:, 0],
                "columns": middle[:, 1],
                "real_s": portion.real_s,
                "live_s": portion.live_s,
                "opened_at_s": portion.opened_at_s,
                "closed_at_s": portion.closed_at_s,
                "counts": portion.counts.sum(axis=1, dtype=np.int64),
            }
            for name, part in parts.items():
                columns.setdefault(name, []).append(part)
        self._all = {name: np.concatenate(parts) for name, parts in columns.items()}
        self.live_s = float(self._all["live_s"].sum())

    def effort(self) -> Effort:
        plan, config = self._planned.plan, self._planned.config
        stage = stage_of(config)
        return Effort(
            exposures_planned=len(plan.exposures),
            exposures_measured=len(self._exposures),
            predicted_s=plan.predicted_s,
            actual_s=self._running_s(),
            travel_mm=plan.travel_mm,
            beam_s=self._running_s(),
            full_raster_s=predict_raster_s(plan.grid, config.sampling.dwell_s, stage),
        )

    def _running_s(self) -> float:
        """Time from first to last exposure on the controller's clock, without the stretches in which it stood still.

        A pause, or the clock's new start after a reboot, shows as a step that no move within the area can take.
        """
        order = np.argsort(self._all["opened_at_s"], kind="stable")
        opened, closed = self._all["opened_at_s"][order], self._all["closed_at_s"][order]
        gaps = np.maximum(opened[1:] - closed[:-1], 0)
        longest_move_s = self._planned.plan.longest_move_s * 3 + 1
        return float((closed - opened).sum() + gaps[gaps <= longest_move_s].sum())

    def live_s_per_cell(self) -> np.ndarray:
        rows, columns = self._planned.plan.grid.shape
        inside = (
            (self._all["rows"] >= 0)
            & (self._all["rows"] < rows)
            & (self._all["columns"] >= 0)
            & (self._all["columns"] < columns)
        )
        cell = self._all["rows"][inside] * columns + self._all["columns"][inside]
        total = np.bincount(cell, weights=self._all["live_s"][inside], minlength=rows * columns)
        return total[total > 0]

    def count_totals(self) -> CountTotals:
        counts = self._all["counts"]
        dead = 1 - self.live_s / max(float(self._all["real_s"].sum()), 1e-9)
        return CountTotals(int(counts.sum()), float(np.median(counts)), float(np.clip(dead, 0, 1)))


def _outcome(history: ScanHistory) -> Outcome:
    return history.state.outcome if isinstance(history.state, Ended) else "interrupted"


def _openings(history: ScanHistory) -> tuple[ShutterOpening, ...]:
    openings: list[ShutterOpening] = []
    for event in history.shutter:
        at = datetime.fromisoformat(event.at)
        match event:
            case ShutterOpened():
                openings.append(ShutterOpening(at, event.reason, None, ""))
            case ShutterClosed() if openings and openings[-1].closed_at is None:
                last = openings[-1]
                openings[-1] = ShutterOpening(last.opened_at, last.reason, at, event.reason)
    return tuple(openings)


def _energy_scale(results: Results) -> EnergyScale | None:
    calibration = results.model.calibration
    if not calibration:
        return None
    residuals = np.array(calibration.residuals_kev)
    rms_ev = 1_000 * float(np.sqrt(np.mean(residuals**2))) if residuals.size else 0.0
    return EnergyScale(calibration.offset_kev, calibration.gain_kev, rms_ev)


def _spectrum(results: Results, live_s: float) -> SumSpectrum:
    model = results.model
    return SumSpectrum(
        energy_kev=model.sum_fit.shape.energies_kev(),
        counts=results.sum_counts,
        fitted=model.expected(model.mean_rates[: len(model.elements)]) * live_s,
        lines=tuple(LineLabel(name, energy) for name, energy in model.line_labels()),
    )


def _conditions(config: ScanConfig) -> Conditions:
    instrument = config.instrument
    return Conditions(
        detector=f"{instrument.detector.channels} channels, {instrument.detector.gain_kev * 1_000:g} eV nominal",
        dwell_s=config.sampling.dwell_s,
        pitch_mm=config.area.pitch_mm,
        anode=instrument.tube.anode,
        tube_kv=instrument.tube.kv,
        tube_ua=instrument.tube.ua,
        filter=instrument.tube.filter,
    )


def _noted(history: ScanHistory) -> tuple[NotedEvent, ...]:
    noted = [NotedEvent(datetime.fromisoformat(event.at), "Recording opened") for event in history.opened]
    noted += [
        NotedEvent(datetime.fromisoformat(event.at), f"{type(event).__name__}: {event.reason}")
        for event in history.pauses
    ]
    noted += [
        NotedEvent(datetime.fromisoformat(event.at), f"Fault ({event.fault}): {event.sentence}")
        for event in history.faults
    ]
    return tuple(sorted(noted, key=lambda event: event.at))
