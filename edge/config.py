"""The closed configuration of a scan."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from edge.about_config import AboutConfig
from edge.area_config import AreaConfig, beam_reach_mm, require_free, require_reach
from edge.camera_config import CameraConfig, ColourConfig, FileCameraConfig, MosaicCameraConfig
from edge.device_config import ControllerConfig
from edge.durations import LONGEST_S
from edge.schema import Closed, ElementName, Millimetres, Name, PositiveMillimetres, read_text, validated
from edge.stopping.config import StopConfig, refuse_unknown_names, refuse_vain_error

_SOFTER = 4.0
"""So many times the stated run-out beyond the area, no stage brings the beam; a keep-out there is a slip."""


class ObjectConfig(Closed):
    """What is on the easel, for the report and the exports."""

    identifier: Name = "unnamed"
    title: str = ""
    operator: str = ""


class LensConfig(Closed):
    """Intrinsics of the camera, as its calibration found them."""

    matrix: Annotated[list[list[float]], Field(min_length=3, max_length=3)]
    distortion: Annotated[list[float], Field(min_length=5, max_length=5)]
    """OpenCV order: k1, k2, p1, p2, k3."""
    width_px: Annotated[int, Field(gt=0)]
    height_px: Annotated[int, Field(gt=0)]

    @model_validator(mode="after")
    def _is_a_pinhole(self) -> Self:
        if any(len(row) != 3 for row in self.matrix):
            raise ValueError("matrix is not 3 x 3: copy it from the camera's calibration")
        if min(self.matrix[0][0], self.matrix[1][1]) <= 0:
            raise ValueError("a focal length is not positive: copy matrix from the camera's calibration")
        return self


class MarkerConfig(Closed):
    """One printed ArUco marker and where its centre lies."""

    id: Annotated[int, Field(ge=0)]
    x_mm: Millimetres
    y_mm: Millimetres


class FiducialsConfig(Closed):
    """Markers around the object, at known stage positions, upright: their top edge towards smaller y."""

    dictionary: Name = "DICT_4X4_50"
    side_mm: PositiveMillimetres = 10.0
    markers: list[MarkerConfig] = Field(default=[], max_length=200)

    @model_validator(mode="after")
    def _identities_differ(self) -> Self:
        ids = [marker.id for marker in self.markers]
        if len(set(ids)) != len(ids):
            raise ValueError("two markers share an id: every marker needs its own")
        return self


class StageConfig(Closed):
    """How the stage moves, as far as the operator knows; the controller's own limits are read as well."""

    speed_mm_s: Annotated[float, Field(gt=0, le=5_000)] = 50.0
    acceleration_mm_s2: Annotated[float, Field(gt=0, le=1e6)] = 500.0
    settle_s: Annotated[float, Field(ge=0, le=60)] = 0.0
    overhead_s: Annotated[float, Field(ge=0, le=60)] = 0.0
    """What each dwell, and each run of strokes, costs besides moving, settling and counting."""
    jerk_mm_s3: Annotated[float, Field(gt=0, le=1e9)] | None = None
    """Change of acceleration; None: the acceleration sets in at once."""
    dwell_step_s: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Dwells are rounded up to multiples of this; 0: they are not."""
    readout_s: Annotated[float, Field(ge=0, le=60)] = 0.0
    """Time after each dwell in which the detector is read and does not count."""
    shortest_stroke_s: Annotated[float, Field(ge=0, le=60)] = 0.0
    """Shortest stroke whose counts the detector can tell from the next one's."""
    shutter_s: Annotated[float, Field(ge=0, le=60)] = 0.5
    """To close the shutter and open it again, on the way past a keep-out."""


class DetectorConfig(Closed):
    """Nominal energy scale and resolution; the spectra themselves correct them."""

    channels: Annotated[int, Field(ge=64, le=16_384)] = 2048
    offset_kev: Annotated[float, Field(ge=-5, le=5)] = 0.0
    gain_kev: Annotated[float, Field(gt=0, le=1)] = 0.01
    """keV per channel."""
    fwhm_mn_kev: Annotated[float, Field(gt=0.05, le=1)] = 0.14
    """Full width at half maximum of Mn K-alpha (5.895 keV)."""


class TubeConfig(Closed):
    """Excitation, for the fit's line ratios and the report."""

    anode: Annotated[str, Field(pattern=r"^[A-Z][a-z]?$")] = "Rh"
    kv: Annotated[float, Field(gt=1, le=160)] = 40.0
    ua: Annotated[float, Field(gt=0, le=100_000)] = 500.0
    filter: str = "none"


class StandardConfig(Closed):
    """A reference standard that lies still beside the object and is visited while a scan runs."""

    x_mm: Millimetres
    """Where the stage stands when the beam is on it."""
    y_mm: Millimetres
    live_s: Annotated[float, Field(ge=0.1, le=600)] = 20.0
    """Live time of a visit."""
    every_minutes: Annotated[float, Field(gt=0, le=10_080)] = 30.0
    """From one visit to the next; there is one before the first exposure and one after the last."""


class BeamConfig(Closed):
    """The beam on the object."""

    fwhm_mm: Annotated[float, Field(gt=0, le=50)] | None = None
    """Full width at half maximum; None: taken as no wider than a cell."""
    flux_per_s: Annotated[float, Field(gt=0, le=1e18)] | None = None
    """Photons per second on the object; None: unknown, and what the object receives is told in seconds."""


class InstrumentConfig(Closed):
    """Everything that is plugged in."""

    about: AboutConfig = AboutConfig()
    controller: ControllerConfig
    reconnect_s: Annotated[float, Field(ge=0, le=86_400)] = 60.0
    """How long a running scan looks for a controller that it has lost; 0: it ends at once."""
    camera: CameraConfig
    lens: LensConfig | None = None
    camera_calibration: Name | None = None
    """Stored calibration of the camera, in place of `lens`."""
    stage_calibration: Name | None = None
    """Stored calibration of the stage, which places every photograph in place of `fiducials`."""
    motion_calibration: Name | None = None
    """Stored calibration of the stage's motion, in place of what `stage` states."""
    fiducials: FiducialsConfig = FiducialsConfig()
    stage: StageConfig = StageConfig()
    detector: DetectorConfig = DetectorConfig()
    tube: TubeConfig = TubeConfig()
    beam: BeamConfig = BeamConfig()
    colour: ColourConfig = ColourConfig()
    standard: StandardConfig | None = None
    """Reference standard by which gain and tube output are followed; None: there is none."""

    @model_validator(mode="after")
    def _mosaic_is_placed_already(self) -> Self:
        stated = [key for key in ("lens", "camera_calibration", "stage_calibration") if getattr(self, key) is not None]
        if isinstance(self.camera, MosaicCameraConfig) and stated:
            raise ValueError(f"a mosaic is free of distortion and placed already: leave out {stated[0]}")
        return self

    @model_validator(mode="after")
    def _one_lens(self) -> Self:
        if self.lens is not None and self.camera_calibration is not None:
            raise ValueError("lens and camera_calibration both say what the lens is: keep one of them")
        return self


OF_A_RATE = ("rate", "mask", "batches")
"""Keys that say nothing where a time is given."""


class SamplingConfig(Closed):
    """Where to measure."""

    rate: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Fraction of the cells that are visited, where no time is given."""
    time_s: Annotated[float, Field(gt=0, le=LONGEST_S)] | None = None
    """Time for the whole scan, spent as `mode` says; None: a rate is asked for."""
    mode: Name = "automatic"
    """How a time is spent, by a name of `edge.modes.registry`; the one that is predicted to show most by itself."""
    mask: Name = "adaptive"
    model: Name | None = None
    """A mask network's ONNX file, for the mask ``netm``; None for the shipped one."""
    batches: Annotated[int, Field(ge=1, le=100)] = 8
    """Of the mask ``adaptive``: in so many, what is not visited first is chosen while the scan runs."""
    binariser: Name = "error-diffusion"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    max_hole_mm: Annotated[float, Field(gt=0, le=1_000)] | None = None
    """Coverage floor: no cell further than this from a visited one; None: what the mask gives."""
    dwell_s: Annotated[float, Field(ge=0.001, le=3_600)] = 0.1
    interest: dict[ElementName, Annotated[float, Field(ge=0, le=1_000)]] = Field(default={}, max_length=60)
    """How much elements count, against 1 of those not named, where cells are chosen while the scan runs."""
    held_out: Annotated[float, Field(ge=0, le=0.5)] = 0.02
    """Part of the exposures, drawn by lot, that is never fitted and tells the maps' error; 0: none."""
    stop: StopConfig = StopConfig()
    """When the scan is over before its budget is spent."""

    @property
    def first_mask(self) -> str:
        """The mask that is known before the beam is on."""
        return "netm" if self.mask == "adaptive" else self.mask

    @model_validator(mode="after")
    def _time_or_rate(self) -> Self:
        # a recorded configuration states the defaults, too
        stated = [key for key in OF_A_RATE if getattr(self, key) != SamplingConfig.model_fields[key].default]
        if self.time_s is not None and "rate" in stated:
            raise ValueError("rate and time_s both say how much is measured: keep one of them")
        if self.time_s is not None and stated:
            raise ValueError(f"{stated[0]} chooses cells for a rate, and mode spends time_s: leave one of them out")
        if self.time_s is None and self.mode != "automatic":
            raise ValueError(f"mode {self.mode!r} shares out a time: give time_s too, or leave mode out")
        return self

    @model_validator(mode="after")
    def _model_is_used(self) -> Self:
        if self.model is not None and self.mask not in ("netm", "adaptive"):
            raise ValueError(f"model is of no use to the mask {self.mask!r}: write mask: netm, or remove model")
        return self


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

    @property
    def listens(self) -> bool:
        """Whether a number of cells is given that are chosen while the scan runs."""
        return self.placement is None and not self.has_time and self.sampling.mask == "adaptive"

    @property
    def has_time(self) -> bool:
        """Whether a time is given, rather than a number of cells."""
        return self.placement is None and self.sampling.time_s is not None

    @model_validator(mode="after")
    def _placement_is_its_campaigns(self) -> Self:
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
        refuse_vain_error(sampling.stop, held_out=sampling.held_out, listens=listens, is_placement=is_placement)
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
        run_out_mm = _SOFTER * stage.speed_mm_s**2 / (2 * stage.acceleration_mm_s2)
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
    return validated(ScanConfig, text, path, _resolve_paths)


_PATHS = (
    ("instrument", "camera", "path"),
    ("instrument", "camera", "credentials"),
    ("instrument", "colour", "flat_field"),
    ("instrument", "camera_calibration"),
    ("instrument", "stage_calibration"),
    ("instrument", "motion_calibration"),
    ("sampling", "stop", "dwell_test"),
    ("instrument", "controller", "port"),
    ("instrument", "controller", "stage", "port"),
    ("instrument", "controller", "spectrometer", "port"),
    ("instrument", "controller", "standoff", "port"),
    ("sampling", "model"),
    ("placement", "campaign"),
    ("dose", "earlier"),
)
"""Where a path may stand."""


def _resolve_paths(value: dict[str, Any], folder: Path) -> dict[str, Any]:
    for place in _PATHS:
        value = _resolved(value, place, folder)
    return value


def _resolved(section: Any, place: tuple[str, ...], folder: Path) -> Any:
    """A copy in which the text at a place, if there is one, is a path from the folder; addresses stay as they are."""
    if not place and isinstance(section, list):
        return [_resolved(item, place, folder) for item in section]
    if not place:
        is_path = isinstance(section, str) and "://" not in section and not section.startswith("usb:")
        return str((folder / section).absolute()) if is_path else section
    if not isinstance(section, dict) or place[0] not in section:
        return section
    return {**section, place[0]: _resolved(section[place[0]], place[1:], folder)}
