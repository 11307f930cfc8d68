"""What a report says, before it is laid out: everything measured, inferred and spent in one scan.

Whatever a scan does not have (a replay has no shutter) is ``None``, and the page says that it is absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from calibration.registration import Registration
from edge.grid import ScanGrid
from edge.maps import ElementMaps
from edge.motion.kinematics import StageModel

if TYPE_CHECKING:
    from edge.dose.map import DoseMap
    from edge.folds.standard_course import Following
    from edge.motion.refit import Refit
    from edge.motion.seen import Held
    from edge.reconstruct.lowest_point import NoOffset, Offset
    from edge.stopping.judgement import Judgement

Outcome = Literal["finished", "aborted", "interrupted", "replay", "joined"]


@dataclass(frozen=True, slots=True)
class ScannedObject:
    """What was on the easel, in the operator's words (untrusted text)."""

    title: str
    identifier: str
    operator: str


@dataclass(frozen=True, slots=True)
class Effort:
    """What the scan took so far, against what its plan promised for the whole; times on the controller's clock."""

    exposures_planned: int
    exposures_measured: int
    """Exposures of the plan that were measured in full."""
    predicted_s: float | None = None
    """Duration of the whole plan, without dead time."""
    running_s: float | None = None
    """Exposures and the moves between them; pauses and other standstills left out."""
    counting_s: float | None = None
    """Real time of all exposures, dead time included."""
    planned_travel_mm: float | None = None
    """Between the exposures of the whole plan."""
    travel_mm: float | None = None
    """Between the exposures made, from their measured positions."""
    pose_uncertainty_mm: tuple[float, float] | None = None
    """Median and largest standard uncertainty of the measured positions; None where no controller stated one."""
    full_raster_s: float | None = None
    """Predicted duration of visiting every cell of the same grid."""
    stage: StageModel | None = None
    """What both predictions were made with."""
    is_stage_of_plan: bool = True
    """False when the plan does not say what it was priced with, and ``stage`` is the configuration's."""
    held: Held | None = None
    """The prediction held against the ways and exposures that nothing interrupted."""
    refit: Refit | None = None
    """What the scan's own moves say of the stage; None where they cannot tell."""


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """The limits within the grid of what was to be scanned; corners in stage mm, each polygon of shape (corners, 2)."""

    polygon: NDArray[np.float64] | None
    keep_outs: tuple[tuple[str, NDArray[np.float64]], ...]
    """Name and corners (untrusted text)."""


@dataclass(frozen=True, slots=True)
class ShutterOpening:
    """One opening of the shutter, with its reasons."""

    opened_at: datetime
    reason: str
    closed_at: datetime | None
    """None when the closing was not recorded (an interrupted scan)."""
    closing_reason: str
    over: Literal["object", "standard"] = "object"
    """What lay under the beam."""


@dataclass(frozen=True, slots=True, eq=False)
class Dose:
    """How long the beam rested on the object while the detector counted; what moves pass over is not in it."""

    live_s_per_cell: NDArray[np.float64]
    """Live seconds of each visited cell, repeats added up, shape (visited cells,)."""
    real_s_per_cell: NDArray[np.float64]
    """Real seconds, dead time included, same shape: what the object received."""
    openings: tuple[ShutterOpening, ...] = ()
    limit_s_per_cell: float | None = None
    """The most live time that the configuration allows."""
    limit_photons_per_mm2: float | None = None
    map: DoseMap | None = None
    """Where the open beam was; None where that is not known."""


@dataclass(frozen=True, slots=True)
class CountTotals:
    """What the detector counted."""

    total: int
    median_per_exposure: float
    dead_time_fraction: float
    """1 - live time / real time over the whole scan, in [0, 1]."""


@dataclass(frozen=True, slots=True)
class EnergyScale:
    """Energy of channel n: ``offset_kev + gain_kev * n``, that the maps were made with."""

    offset_kev: float
    gain_kev: float
    residual_ev: float | None = None
    """RMS distance between peaks of the sum spectrum and of its fit, in eV; None when no peak was compared."""
    peaks: int = 0
    """Peaks compared."""
    nominal_because: str = ""
    """Why the spectra could not correct the configured scale; empty when they did."""


@dataclass(frozen=True, slots=True)
class LineLabel:
    """One emission line to name in the spectrum."""

    name: str
    energy_kev: float


@dataclass(frozen=True, slots=True, eq=False)
class SumSpectrum:
    """All exposures added up."""

    energy_kev: NDArray[np.float64]
    """Energy of each channel, ascending, shape (channels,)."""
    counts: NDArray[np.float64]
    """Shape (channels,)."""
    fitted: NDArray[np.float64] | None = None
    """The fit's total, shape (channels,)."""
    lines: tuple[LineLabel, ...] = ()


@dataclass(frozen=True, slots=True)
class Conditions:
    """How the instrument was set."""

    detector: str
    dwell_s: float
    pitch_mm: float
    anode: str = ""
    tube_kv: float | None = None
    tube_ua: float | None = None
    filter: str = ""


@dataclass(frozen=True, slots=True)
class NotedEvent:
    """Something worth a line in the file: a pause, a fault, a resumption."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class JoinedPlacement:
    """One placement of the scanner among several whose exposures make one map."""

    name: str
    exposures: int
    turn_deg: float
    """Of the stage in the object's frame."""
    shift_mm: tuple[float, float]
    """The stage's origin in that frame."""
    rms_mm: float
    """How well its photograph fits that of the whole."""
    intensity: float
    """Against the first placement; the rates were divided by it."""
    intensity_error: float


@dataclass(frozen=True, slots=True, eq=False)
class ScanReport:
    """Everything that the page shows.

    Raises
    ------
    ValueError
        An array's shape disagrees with the grid, the elements or the channels, or a time has no time zone.
    """

    subject: ScannedObject
    started_at: datetime
    """By the computer's clock, as all moments; with time zone."""
    finished_at: datetime
    outcome: Outcome
    grid: ScanGrid
    mask: NDArray[np.bool_]
    """Cells that the plan meant to visit, shape (rows, columns)."""
    maps: ElementMaps
    maps_unit: str
    effort: Effort
    rgb: NDArray[np.uint8] | None = None
    """Photograph on the scan grid, shape (rows, columns, 3), RGB."""
    density: NDArray[np.floating] | None = None
    """Sampling density, shape (rows, columns)."""
    dose: Dose | None = None
    counts: CountTotals | None = None
    registration: Registration | None = None
    offset: Offset | NoOffset | None = None
    """What all exposures say of the photograph's place, against where the scan knew it to be; where it is significant,
    ``registration`` holds it. None where nobody looked."""
    unmoved: str = ""
    """Why ``registration`` does not hold a significant one; mostly empty."""
    placements: tuple[JoinedPlacement, ...] = ()
    """Where several placements were joined; ``grid`` and ``registration`` are then the object's."""
    overlaps: tuple[str, ...] = ()
    """What the cells that several of them visited say, one sentence each."""
    energy_scale: EnergyScale | None = None
    following: Following | None = None
    """How scale and tube output went through the scan; None where nobody looked."""
    judgement: Judgement | None = None
    """What exposures held out of the maps say of them; None where a report knows of none."""
    spectrum: SumSpectrum | None = None
    conditions: Conditions | None = None
    outline: Outline | None = None
    """What of the grid was to be scanned; None: all of it."""
    events: tuple[NotedEvent, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    """Name to version of whatever ran, all openings of the recording: application, firmware, libraries."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """Name to SHA-256: configuration, plan, registration, frame, model."""

    def __post_init__(self) -> None:
        cells = self.grid.shape
        elements = len(self.maps.elements)
        _demand("mask", self.mask.shape, cells)
        _demand("maps", self.maps.maps.shape, (*cells, elements))
        _demand("standard_error", self.maps.standard_error.shape, (*cells, elements))
        _demand("measured", self.maps.measured.shape, cells)
        if self.maps.visible is not None:
            _demand("visible", self.maps.visible.shape, (*cells, elements))
        if self.rgb is not None:
            _demand("rgb", self.rgb.shape, (*cells, 3))
        if self.density is not None:
            _demand("density", self.density.shape, cells)
        if (left_out := self.maps.left_out) is not None:
            for name in ("rms", "within_one", "within_two"):
                _demand(f"left_out.{name}", getattr(left_out, name).shape, (elements,))
        if self.dose is not None:
            _demand("dose.real_s_per_cell", self.dose.real_s_per_cell.shape, self.dose.live_s_per_cell.shape)
            if self.dose.map is not None:
                _demand("dose.map.beam_s", self.dose.map.beam_s.shape, cells)
        if self.spectrum is not None:
            channels = self.spectrum.counts.shape
            _demand("spectrum.energy_kev", self.spectrum.energy_kev.shape, channels)
            if self.spectrum.fitted is not None:
                _demand("spectrum.fitted", self.spectrum.fitted.shape, channels)
        self._demand_time_zones()

    def _demand_time_zones(self) -> None:
        openings = self.dose.openings if self.dose else ()
        times = [self.started_at, self.finished_at, *(event.at for event in self.events)]
        times += [opening.opened_at for opening in openings]
        times += [opening.closed_at for opening in openings if opening.closed_at is not None]
        for time in times:
            if time.tzinfo is None:
                raise ValueError(f"the time {time.isoformat()} has no time zone: give UTC")

    @property
    def cells(self) -> int:
        """Cells that were to be scanned."""
        return self.grid.rows * self.grid.columns if self.maps.scanned is None else int(self.maps.scanned.sum())

    @property
    def measured_cells(self) -> int:
        return int(self.maps.measured.sum())

    @property
    def measured_fraction(self) -> float:
        return self.measured_cells / self.cells

    @property
    def half_pitch_mm(self) -> float:
        """The most that a registration residual may be."""
        return self.grid.pitch_mm / 2


def _demand(name: str, found: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    if found != wanted:
        raise ValueError(f"{name} has shape {found}, but the report's grid and elements need {wanted}")
