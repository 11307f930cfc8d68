"""What the report says of a recording: gathered from journal, plan, maps and ledger."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from calibration.registration_record import registration_from_dict
from edge.configuration.config import ScanConfig
from edge.dose.map import DoseMap
from edge.events import Opened, ShutterClosed, ShutterOpened
from edge.folds.ledger import Ledger, running_s, seconds_per_cell, travel_mm, uncertainty_mm
from edge.motion.kinematics import predict_raster_s
from edge.motion.refit import Refit, refit, seen_in
from edge.motion.seen import held_against
from edge.motion.stage_known import stage_of
from edge.photography.correction import as_planned, correction_sentence
from edge.prepare import density_of_plan
from edge.record.fold import ScanHistory
from edge.record.folder import Recording
from edge.report.contents import (
    Conditions,
    CountTotals,
    Dose,
    Effort,
    EnergyScale,
    LineLabel,
    NotedEvent,
    Outcome,
    Outline,
    ScannedObject,
    ScanReport,
    ShutterOpening,
    SumSpectrum,
)
from edge.results import MAPS_UNIT, Planned, Results
from edge.spectra.energy import EnergyCalibration, NotCalibrated
from edge.state import Ended
from edge.stopping.judgement import judgement_of
from models.masks.network import network_digest


def report_of(
    recording: Recording, planned: Planned, results: Results, *, ledger: Ledger, received: DoseMap
) -> ScanReport:
    """Everything that the report says of a recording."""
    history, plan, sighting = recording.history, planned.plan, results.placing.sighting
    subject = planned.config.object
    finished_at = history.last_at
    network = network_digest(plan.mask.origin)
    # what came to it since has made another plan of it
    reviewed = history.plans[0].plan_digest if recording.paths.reviewed.is_dir() else None
    return ScanReport(
        subject=ScannedObject(subject.title, subject.identifier, subject.operator),
        started_at=datetime.fromisoformat(history.started_at),
        finished_at=datetime.fromisoformat(finished_at),
        outcome=_outcome(history),
        grid=plan.grid,
        mask=plan.mask.cells,
        maps=results.maps,
        maps_unit=MAPS_UNIT,
        rgb=sighting.display,
        density=density_of_plan(as_planned(sighting, planned.config), planned.config, plan),
        effort=_effort(history, planned, ledger),
        dose=_dose(history, planned, ledger, received),
        counts=_count_totals(ledger),
        registration=sighting.registration,
        offset=results.placing.offset,
        unmoved=results.placing.unmoved,
        energy_scale=energy_scale_of(results.model.calibration),
        following=results.following,
        judgement=judgement_of(history, planned, results),
        spectrum=_spectrum(results, float(ledger.live_s.sum())),
        conditions=_conditions(planned.config),
        outline=_outline(planned.config),
        events=_noted(history),
        versions=versions_of(history.opened),
        digests={
            "plan": plan.digest,
            "registration": sighting.registration.digest,
            "photograph": sighting.frame_sha256,
        }
        | ({} if reviewed is None else {"reviewed plan": reviewed})
        | ({} if network is None else {"mask network": network}),
    )


def _outline(config: ScanConfig) -> Outline | None:
    """The limits of what was to be scanned; None where that is the whole grid."""
    area = config.area
    if area.is_whole:
        return None
    polygon = None if area.polygon is None else np.array(area.polygon)
    return Outline(polygon, tuple((each.name, np.array(each.polygon)) for each in area.keep_out))


def _effort(history: ScanHistory, planned: Planned, ledger: Ledger) -> Effort:
    plan, config = planned.plan, planned.config
    stage = plan.stage or stage_of(config)
    # Three times the longest move predicted: a slow stage is no pause.
    longest_move_s = 3 * (plan.longest_move_s + max(stage.stop_s, stage.run_stop_s)) + 1
    seen = seen_in(ledger, plan.table, history.received_before)
    found = refit(seen, stage)
    return Effort(
        exposures_planned=len(plan.exposures),
        exposures_measured=len(history.done),
        predicted_s=plan.predicted_s,
        running_s=running_s(ledger.opened_at_s, ledger.closed_at_s, longest_move_s),
        counting_s=float(ledger.real_s.sum()),
        planned_travel_mm=plan.travel_mm,
        travel_mm=travel_mm(ledger.starts_mm, ledger.ends_mm),
        pose_uncertainty_mm=uncertainty_mm(ledger.pose_uncertainty_mm),
        full_raster_s=predict_raster_s(plan.grid, config.sampling.dwell_s, stage),
        stage=stage,
        is_stage_of_plan=plan.stage is not None,
        held=held_against(seen, stage),
        refit=found if isinstance(found, Refit) else None,
    )


def _dose(history: ScanHistory, planned: Planned, ledger: Ledger, received: DoseMap) -> Dose:
    shape = planned.plan.grid.shape
    return Dose(
        live_s_per_cell=seconds_per_cell(ledger.cells, ledger.live_s, shape),
        real_s_per_cell=seconds_per_cell(ledger.cells, ledger.real_s, shape),
        openings=_openings(history),
        limit_s_per_cell=planned.config.dose.max_live_s_per_cell,
        limit_photons_per_mm2=planned.config.dose.max_photons_per_mm2,
        map=received,
    )


def _count_totals(ledger: Ledger) -> CountTotals:
    dead = 1 - float(ledger.live_s.sum()) / max(float(ledger.real_s.sum()), 1e-9)
    return CountTotals(int(ledger.counts.sum()), float(np.median(ledger.counts)), float(np.clip(dead, 0, 1)))


def _outcome(history: ScanHistory) -> Outcome:
    return history.state.outcome if isinstance(history.state, Ended) else "interrupted"


def _openings(history: ScanHistory) -> tuple[ShutterOpening, ...]:
    openings: list[ShutterOpening] = []
    for event in history.shutter:
        at = datetime.fromisoformat(event.at)
        match event:
            case ShutterOpened():
                openings.append(ShutterOpening(at, event.reason, None, "", event.over))
            case ShutterClosed() if openings and openings[-1].closed_at is None:
                openings[-1] = replace(openings[-1], closed_at=at, closing_reason=event.reason)
    return tuple(openings)


def energy_scale_of(calibration: EnergyCalibration | NotCalibrated) -> EnergyScale:
    """The scale that the maps were made with, and why it is only the configured one where it is."""
    if not calibration:
        nominal = calibration.nominal
        return EnergyScale(nominal.offset_kev, nominal.gain_kev, nominal_because=calibration.reason)
    residuals = np.array(calibration.residuals_kev)
    rms_ev = 1_000 * float(np.sqrt(np.mean(residuals**2))) if residuals.size else None
    return EnergyScale(calibration.offset_kev, calibration.gain_kev, rms_ev, len(calibration.peaks))


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
    noted += [
        NotedEvent(datetime.fromisoformat(event.at), f"Visit to the standard missed: {event.reason}")
        for event in history.missed
    ]
    noted += [
        NotedEvent(
            datetime.fromisoformat(event.at),
            f"After {event.exposures} exposures: "
            + correction_sentence(registration_from_dict(json.loads(event.registration_json))),
        )
        for event in history.corrections
    ]
    return tuple(sorted(noted, key=lambda event: event.at))


def versions_of(opened: Sequence[Opened]) -> dict[str, str]:
    """What ran, by name; where later openings of the recording ran with others, all of them in order."""
    ran: dict[str, list[str]] = {}
    for i, opening in enumerate(opened, start=1):
        for name, version in opening.versions:
            known = ran.setdefault(name, [])
            if not known or known[-1].partition(",")[0] != version:
                known.append(version if i == 1 else f"{version}, from opening {i}")
    return {name: "; ".join(versions) for name, versions in ran.items()}
