"""The closed configuration of a scan."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from edge.configuration.area import AreaConfig, beam_reach_mm, require_free, require_reach
from edge.configuration.camera import FileCameraConfig, MosaicCameraConfig
from edge.configuration.instrument import (
    BeamConfig,
    DetectorConfig,
    FiducialsConfig,
    InstrumentConfig,
    LensConfig,
    StageConfig,
    StandardConfig,
    TubeConfig,
)
from edge.configuration.monitor import AlertsConfig, MonitorConfig
from edge.configuration.paths import resolve_paths
from edge.configuration.sampling import OF_A_RATE, SamplingConfig
from edge.configuration.schema import Closed, ElementName, Millimetres, Name, read_text, validated
from edge.stopping.config import refuse_unknown_names, refuse_vain_error

__all__ = [
    "OF_A_RATE",
    "BeamConfig",
    "ChecksConfig",
    "DetectorConfig",
    "DoseConfig",
    "FiducialsConfig",
    "InstrumentConfig",
    "LensConfig",
    "ObjectConfig",
    "PartConfig",
    "PoseConfig",
    "ReconstructConfig",
    "SamplingConfig",
    "ScanConfig",
    "StageConfig",
    "StandardConfig",
    "TubeConfig",
    "load_scan_config",
    "parse_scan_config",
]

_SOFTER, _SETS_IN_S = 4.0, 0.2
"""So many times the stated run-out beyond the area, and what is covered in so many seconds besides, no stage brings the
beam: a keep-out there is a slip."""


class ObjectConfig(Closed):
    """What is on the easel, for the report and the exports."""

    identifier: Name = "unnamed"
    title: str = ""
    operator: str = ""


class DoseConfig(Closed):
    """What the object may receive."""

    max_live_s_per_cell: Annotated[float, Field(gt=0)] = 60.0
    max_beam_s: Annotated[float, Field(gt=0)] = 24 * 3_600.0
    """Longest time with the shutter open in one scan, travel between exposures included."""
    max_photons_per_mm2: Annotated[float, Field(gt=0)] | None = None
    """Most photons on a square millimetre in one scan, travel between exposures included; None: not limited."""
    earlier: list[Name] = Field(default=[], max_length=100)
    """Recordings of the same object in the same place: what it received there counts too."""


class PoseConfig(Closed):
    """Where the stage stands."""

    x_mm: Millimetres
    y_mm: Millimetres


class ChecksConfig(Closed):
    """When it is looked whether camera and object are still where they were."""

    every_minutes: Annotated[float, Field(gt=0, le=10_080)] | None = None
    """Of a running scan, with the shutter closed meanwhile; None: before the beam and after interruptions alone."""
    stage: PoseConfig | None = None
    """Where the stage goes before every photograph, so that nothing stands before the object; None: nowhere."""
    max_age_days: Annotated[float, Field(gt=0, le=36_500)] | None = None
    """Refuse a stored calibration older than this."""


class PartConfig(Closed):
    """One of several placements of the scanner before an object that is larger than the stage."""

    campaign: Name
    """The campaign's file: what is visited is its business, not ``sampling``'s, which gives the dwell alone."""
    name: Name
    """Of this placement in it."""


class ReconstructConfig(Closed):
    """How maps are made from the exposures."""

    method: Name = "automatic"


class ScanConfig(Closed):
    """One scan, whole."""

    object: ObjectConfig = ObjectConfig()
    instrument: InstrumentConfig
    area: AreaConfig
    sampling: SamplingConfig = SamplingConfig()
    elements: list[ElementName] = Field(default=[], max_length=60)
    """Elements to map (``Pb``, or ``Pb-L`` for one line group); empty: proposed from the sum spectrum."""
    reconstruct: ReconstructConfig = ReconstructConfig()
    checks: ChecksConfig = ChecksConfig()
    dose: DoseConfig = DoseConfig()
    placement: PartConfig | None = None
    monitor: MonitorConfig | None = None
    """The page that shows the scan; None: there is none."""
    alerts: AlertsConfig | None = None

    @property
    def listens(self) -> bool:
        """Whether a number of cells is given that are chosen while the scan runs."""
        if self.placement is not None or self.has_time or self.is_coarse:
            return False
        return self.sampling.mask == "adaptive"

    @property
    def has_time(self) -> bool:
        """Whether a time is given, rather than a number of cells."""
        return self.placement is None and self.sampling.time_s is not None

    @property
    def is_coarse(self) -> bool:
        """Whether every block of a coarse raster is measured, rather than a number of cells."""
        return self.sampling.coarse is not None

    @model_validator(mode="after")
    def _placement_is_its_campaigns(self) -> Self:
        if self.placement is not None and self.is_coarse:
            raise ValueError(
                "sampling.coarse says what is measured, and of a placement its campaign does: leave coarse out"
            )
        if self.placement is not None and self.sampling.time_s is not None:
            raise ValueError(
                "sampling.time_s says how much is measured, and of a placement its campaign does: leave time_s out, or "
                "limit the time with sampling.stop.time_s"
            )
        return self

    @model_validator(mode="after")
    def _dwell_within_dose(self) -> Self:
        if self.sampling.dwell_s > self.dose.max_live_s_per_cell:
            raise ValueError("sampling.dwell_s is above dose.max_live_s_per_cell: shorten the dwell or raise the limit")
        return self

    @model_validator(mode="after")
    def _stop_and_interest_mean_something(self) -> Self:
        self.check_stop()
        refuse_unknown_names(self.sampling.interest, self.elements, "sampling.interest")
        return self

    def check_stop(self) -> None:
        """Raises `ValueError` where an error is asked for that nothing will tell."""
        sampling, listens = self.sampling, self.listens or self.has_time
        is_placement = self.placement is not None
        refuse_vain_error(
            sampling.stop,
            held_out=sampling.held_out,
            listens=listens,
            is_placement=is_placement,
            is_coarse=self.is_coarse,
        )
        refuse_unknown_names(sampling.stop.elements, self.elements, "sampling.stop.elements")

    @model_validator(mode="after")
    def _photons_can_be_told(self) -> Self:
        beam = self.instrument.beam
        if self.dose.max_photons_per_mm2 is not None and (beam.flux_per_s is None or beam.fwhm_mm is None):
            raise ValueError(
                "dose.max_photons_per_mm2 can be kept only where instrument.beam states flux_per_s and fwhm_mm: give "
                "both, or limit the seconds alone"
            )
        return self

    @model_validator(mode="after")
    def _looks_can_show_something(self) -> Self:
        camera = self.instrument.camera
        if self.checks.every_minutes is not None and isinstance(camera, FileCameraConfig | MosaicCameraConfig):
            raise ValueError(
                f"checks.every_minutes looks again, but a camera of kind {camera.kind!r} gives the same picture each "
                "time: leave it out, or name a camera that takes new ones"
            )
        return self

    @model_validator(mode="after")
    def _keep_outs_lie_in_reach(self) -> Self:
        stage = self.instrument.stage
        run_out_mm = _SOFTER * stage.speed_mm_s**2 / (2 * stage.acceleration_mm_s2) + _SETS_IN_S * stage.speed_mm_s
        require_reach(self.area, run_out_mm + (self.instrument.beam.fwhm_mm or self.area.pitch_mm))
        return self

    @model_validator(mode="after")
    def _standard_lies_beside_the_area(self) -> Self:
        standard, area = self.instrument.standard, self.area
        if standard is None:
            return self
        reach_mm = beam_reach_mm(area, self.instrument.beam.fwhm_mm)
        require_free(area, standard.x_mm, standard.y_mm, reach_mm=reach_mm)
        beside_mm = max(
            area.x_mm - standard.x_mm,
            standard.x_mm - area.x_mm - area.width_mm,
            area.y_mm - standard.y_mm,
            standard.y_mm - area.y_mm - area.height_mm,
        )
        if beside_mm <= 0:
            raise ValueError(
                f"instrument.standard, ({standard.x_mm:g}, {standard.y_mm:g}) mm, lies in the area that is scanned: "
                "place it beside the object, and give that place"
            )
        return self

    @model_validator(mode="after")
    def _holes_can_be_kept_closed(self) -> Self:
        hole_mm, pitch_mm = self.sampling.max_hole_mm, self.area.pitch_mm
        if hole_mm is None:
            return self
        if hole_mm < pitch_mm:
            raise ValueError(
                f"sampling.max_hole_mm is {hole_mm:g} and below area.pitch_mm, {pitch_mm:g}: "
                "give the distance of neighbouring cells or more"
            )
        # more cells than lie within the distance, on a circle grown by a cell, no sample can keep covered
        covered = math.pi * (hole_mm / pitch_mm + 1) ** 2
        if self.sampling.rate * covered < 1:
            raise ValueError(
                f"sampling.max_hole_mm is {hole_mm:g}, which no mask keeps at sampling.rate {self.sampling.rate:g}: "
                f"raise the rate above {1 / covered:.2g}, or allow wider holes"
            )
        return self


def load_scan_config(path: Path) -> ScanConfig:
    """Read and check a configuration file.

    Relative paths inside it are taken from the file's own folder.

    Raises
    ------
    UsageError
        The file is missing, not strict YAML, or breaks the schema; the text names file, line and key.
    """
    return parse_scan_config(read_text(path), path)


def parse_scan_config(text: str, path: Path) -> ScanConfig:
    """Check a configuration's text; `path` names it in complaints and is where its relative paths start."""
    return validated(ScanConfig, text, path, resolve_paths)
