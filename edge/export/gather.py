"""From a recording's folder to what every format is written from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge.configuration.config import ScanConfig
from edge.console import Console
from edge.export.contents import Contents, EnergyScale
from edge.export.provenance import provenance_of
from edge.export.survey import Survey, survey
from edge.faults import UsageError
from edge.finish import attributes_of, calibration_line, dose_of
from edge.folds.ledger import read_ledger
from edge.folds.standard_course import course_of
from edge.record.folder import Recording, open_recording
from edge.record.maps_file import MapsFile
from edge.record.reader import JournalReader
from edge.recordings.stored_maps import stored_maps
from edge.results import Planned, read_planned, results_of, spectrum_model
from edge.spectra.energy import EnergyCalibration, NotCalibrated
from edge.spectra.scan_fit import fit_of_scan
from edge.state import Ended


@contextmanager
def contents_of(folder: Path, console: Console) -> Iterator[Contents]:
    """Open a recording, finished or not, and make what formats are written from; what comes later is not seen.

    Raises
    ------
    UsageError
        No recording, or nothing was measured.
    IntegrityError
        It is damaged.
    """
    with open_recording(folder) as opened:
        if opened.history.exposures == 0:
            raise UsageError(f"{folder}: holds no exposure yet: there is nothing to export")
        with JournalReader(opened.paths.journal, upto_seq=opened.last_seq) as reader:
            recording = replace(opened, reader=reader)
            planned = read_planned(recording)
            _say_what_is_missing(planned, console)
            channels = planned.config.instrument.detector.channels
            with console.progress("Reading", recording.history.exposures) as progress:
                surveyed = survey(reader, planned.plan.grid, channels, progress)
            made = _maps_and_scale(recording, planned, surveyed, console)
            yield _contents(recording, planned, surveyed, made)


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    """What the spectra were turned into."""

    maps: MapsFile | None
    maps_origin: str
    scale: EnergyScale


def _contents(recording: Recording, planned: Planned, surveyed: Survey, made: _Made) -> Contents:
    history, plan, subject = planned.history, planned.plan, planned.config.object
    folder = recording.paths.folder.resolve()
    held = plan.held
    return Contents(
        name=folder.name,
        title=subject.title or subject.identifier,
        grid=plan.grid,
        channels=planned.config.instrument.detector.channels,
        exposures=surveyed.exposures,
        totals=surveyed.totals,
        sum_counts=surveyed.blocks.total(),
        scale=made.scale,
        maps=made.maps,
        planned=plan.mask.cells,
        held_out=np.zeros(plan.grid.shape, np.bool_) if held is None else held,
        provenance=provenance_of(planned, made.maps, made.maps_origin, made.scale),
        config_yaml=history.config_yaml,
        started_at=history.started_at,
        ended_at=history.last_at,
        reader=recording.reader,
    )


def _say_what_is_missing(planned: Planned, console: Console) -> None:
    history = planned.history
    if not isinstance(history.state, Ended):
        console.say(
            f"This scan has not ended: what it has is exported, {len(history.done)} of "
            f"{len(planned.plan.exposures)} exposures"
        )


def _maps_and_scale(recording: Recording, planned: Planned, surveyed: Survey, console: Console) -> _Made:
    """The maps as they lie in the recording where those are of all its exposures, else made anew."""
    stored = stored_maps(recording, planned)
    try:
        if stored is not None:
            return _Made(stored, "as the recording has them", _scale_of(_calibration(planned, surveyed)))
        console.say("Computing the maps")
        maps, calibration = _fresh_maps(recording, planned)
    except UsageError as reason:
        console.warn(f"no maps are exported: {reason}")
        detector = planned.config.instrument.detector
        nominal = EnergyScale(detector.offset_kev, detector.gain_kev, f"as configured: {reason}")
        return _Made(None, f"none: {reason}", nominal)
    return _Made(maps, "made for this export", _scale_of(calibration))


def _fresh_maps(recording: Recording, planned: Planned) -> tuple[MapsFile, EnergyCalibration | NotCalibrated]:
    plan, history = planned.plan, planned.history
    results = results_of(recording, planned)
    received = dose_of(history, planned, read_ledger(recording.reader, plan.grid)).datasets()
    attributes = attributes_of(history, plan)
    rgb = results.placing.sighting.display
    return MapsFile(results.maps, plan.mask.cells, rgb, plan.grid, attributes, received), results.model.calibration


def _calibration(planned: Planned, surveyed: Survey) -> EnergyCalibration | NotCalibrated:
    """As the maps' own was found."""
    config: ScanConfig = planned.config
    standard = course_of(planned.history.visits, config)
    fit = fit_of_scan(
        surveyed.blocks,
        surveyed.live_s,
        lambda total, seconds: spectrum_model(total, seconds, config),
        standard.scale,
    )
    return fit.model.calibration


def _scale_of(calibration: EnergyCalibration | NotCalibrated) -> EnergyScale:
    scale = calibration if calibration else calibration.nominal
    return EnergyScale(scale.offset_kev, scale.gain_kev, calibration_line(calibration).removeprefix("Energy scale: "))
