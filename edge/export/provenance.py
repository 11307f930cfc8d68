"""Where exported values come from: object, instrument, conditions, plan, calibrations, software."""

from __future__ import annotations

from importlib.metadata import version

from edge.export.contents import EnergyScale, Provenance, without_nothing
from edge.record.maps_file import MapsFile
from edge.report.gathered import versions_of
from edge.results import Planned
from edge.state import Ended
from models.masks.network import network_digest

Section = dict[str, str | float | int]


def provenance_of(planned: Planned, maps: MapsFile | None, maps_origin: str, scale: EnergyScale) -> Provenance:
    """Everything that is known of a recording beside its values; what is not known has no name in it."""
    return {
        "object": _object(planned),
        "scan": _scan(planned),
        "instrument": _instrument(planned),
        "dose": _dose(planned),
        "energy_scale": {"zero_kev": scale.zero_kev, "gain_kev": scale.gain_kev, "origin": scale.origin},
        "maps": _maps(maps, maps_origin),
        "digests": _digests(planned),
        "software": {**versions_of(planned.history.opened), "exported by": f"pointillist {version('pointillist')}"},
    }


def _object(planned: Planned) -> Section:
    subject = planned.config.object
    return without_nothing({"identifier": subject.identifier, "title": subject.title, "operator": subject.operator})


def _scan(planned: Planned) -> Section:
    history, plan, grid = planned.history, planned.plan, planned.plan.grid
    state = history.state
    return {
        "scan_id": history.scan_id,
        "started_at": history.started_at,
        "last_event_at": history.last_at,
        "outcome": state.outcome if isinstance(state, Ended) else "not ended",
        "exposures_planned": len(plan.exposures),
        "exposures_measured": len(history.done),
        "spectra": history.exposures,
        "rows": grid.rows,
        "columns": grid.columns,
        "pitch_mm": grid.pitch_mm,
        "origin_x_mm": grid.origin_x_mm,
        "origin_y_mm": grid.origin_y_mm,
        "dwell_s": planned.config.sampling.dwell_s,
        "mask": plan.mask.origin,
        "mask_seed": plan.mask.seed,
        **({} if plan.way is None else {"mode": plan.way.mode, "budget_s": plan.way.budget_s}),
    }


def _instrument(planned: Planned) -> Section:
    instrument = planned.config.instrument
    about, tube, detector, beam = instrument.about, instrument.tube, instrument.detector, instrument.beam
    registration = planned.sighting.registration
    return without_nothing(
        {
            "name": about.name,
            "optics": about.optics,
            "detector": about.detector,
            "atmosphere": about.atmosphere,
            "anode": tube.anode,
            "tube_kv": tube.kv,
            "tube_ua": tube.ua,
            "filter": tube.filter,
            "channels": detector.channels,
            "beam_fwhm_mm": beam.fwhm_mm,
            "flux_per_s": beam.flux_per_s,
            "camera": registration.camera_identity,
            "camera_calibration": instrument.camera_calibration,
            "stage_calibration": instrument.stage_calibration,
            "stage": None if planned.plan.stage is None else planned.plan.stage.origin,
            "photograph_registered_at": registration.registered_at,
            "registration_rms_mm": registration.rms_mm if registration.residuals_mm.size else None,
        }
    )


def _dose(planned: Planned) -> Section:
    history = planned.history
    return {
        "live_s": history.live_s,
        "real_s": history.real_s,
        "limit_live_s_per_cell": planned.config.dose.max_live_s_per_cell,
    }


def _maps(maps: MapsFile | None, origin: str) -> Section:
    if maps is None:
        return {"origin": origin}
    return {
        "origin": origin,
        "unit": str(maps.attributes.get("unit", "")),
        "reconstruction": maps.element_maps.method,
        "elements": ", ".join(maps.element_maps.elements),
    }


def _digests(planned: Planned) -> Section:
    sighting, plan = planned.sighting, planned.plan
    return without_nothing(
        {
            "plan": plan.digest,
            "registration": sighting.registration.digest,
            "photograph": sighting.frame_sha256,
            "mask_network": network_digest(plan.mask.origin),
        }
    )
