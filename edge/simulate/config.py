"""The closed description of a simulated instrument: specimen, easel, camera, controller."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from calibration.fiducials import Fiducial
from edge.config import FiducialsConfig
from edge.faults import UsageError
from edge.schema import Closed, Millimetres, Name, PositiveMillimetres, validate_yaml
from firmware_bridge.messages import StagePose

if TYPE_CHECKING:
    from firmware_bridge.twins.fault_script import FaultScript, LineFault
    from firmware_bridge.twins.settings import TwinSettings

Seed = Annotated[int, Field(ge=0, lt=2**63)]
Interval = Annotated[list[Millimetres], Field(min_length=2, max_length=2)]
Share = Annotated[float, Field(ge=0, le=1)]


class PanelConfig(Closed):
    """A panel painted by code."""

    kind: Literal["panel"] = "panel"
    seed: Seed = 7
    width_mm: Annotated[float, Field(ge=20, le=400)] = 120.0
    height_mm: Annotated[float, Field(ge=20, le=400)] = 90.0
    beam_fwhm_mm: Annotated[float, Field(gt=0, le=10)] = 0.4


class CubeConfig(Closed):
    """Spectra that a real scanner recorded, one file per detector, summed."""

    kind: Literal["cube"] = "cube"
    files: Annotated[list[Name], Field(min_length=1, max_length=16)]
    """``.npz`` with ``counts``, rows x columns x channels, and ``real_time_s`` unless live_s is given."""
    pitch_mm: PositiveMillimetres
    live_s: Annotated[float, Field(gt=0)] | None = None
    """Live time of each spectrum; the mean of ``real_time_s`` where it is left out."""


class MapsConfig(Closed):
    """Element maps with the photograph that belongs to them."""

    kind: Literal["maps"] = "maps"
    file: Name
    """``.npz`` with ``maps``, rows x columns x elements, ``elements``, and ``rgb`` of the same rows and columns."""
    pitch_mm: PositiveMillimetres
    rates_hz: Annotated[float, Field(gt=0, le=1e7)] = 5_000.0
    """Photons per second of an element's lines where its map is 1."""
    matrix_rate_hz: Annotated[float, Field(ge=0, le=1e7)] = 6_000.0
    beam_fwhm_mm: Annotated[float, Field(gt=0, le=10)] = 0.4


SpecimenConfig = Annotated[PanelConfig | CubeConfig | MapsConfig, Field(discriminator="kind")]


class PlacementConfig(Closed):
    """Where the specimen's upper left corner lies on the stage."""

    x_mm: Millimetres
    y_mm: Millimetres


class SimulatedCameraConfig(Closed):
    """A camera before the easel, as it truly is."""

    width_px: Annotated[int, Field(ge=320, le=12_000)] = 3000
    height_px: Annotated[int, Field(ge=240, le=12_000)] = 2200
    focal_px: Annotated[float, Field(gt=0, le=100_000)] = 3600.0
    centre_x_px: float = 6.0
    """Principal point right of the picture's centre."""
    centre_y_px: float = -4.0
    distortion: list[float] = Field(default=[-0.085, 0.03, 0.0004, -0.0003, 0.0], min_length=5, max_length=5)
    """OpenCV order: k1, k2, p1, p2, k3."""
    distance_mm: PositiveMillimetres = 230.0
    aim_x_mm: Millimetres = 0.0
    """Where the axis meets the easel, right of the specimen's centre."""
    aim_y_mm: Millimetres = 0.0
    tilt_x_deg: Annotated[float, Field(ge=-45, le=45)] = 2.4
    tilt_y_deg: Annotated[float, Field(ge=-45, le=45)] = -1.7
    roll_deg: Annotated[float, Field(ge=-180, le=180)] = 0.9
    exposure: Annotated[float, Field(gt=0, le=10)] = 1.0
    """Light of a perfect white, of full scale."""
    vignetting: Share = 0.28
    """Loss of light in the corners."""
    blur_px: Annotated[float, Field(ge=0, le=20)] = 0.8
    well_electrons: Annotated[float, Field(gt=0, le=1e7)] = 25_000.0
    noise_electrons: Annotated[float, Field(ge=0, le=1e5)] = 12.0
    seed: Seed = 11


class LineFaultConfig(Closed):
    """Something that goes wrong on the controller's line; see `firmware_bridge.twins.fault_script`."""

    kind: Literal["drop", "flip", "duplicate", "delay", "stall", "half", "reset", "hang_up"]
    towards: Literal["host", "controller"] = "host"
    at_byte: Annotated[int, Field(ge=0)] | None = None
    at_s: Annotated[float, Field(ge=0)] | None = None
    count: Annotated[int, Field(ge=1, le=65_536)] = 1
    bit: Annotated[int, Field(ge=0, le=7)] = 0
    for_s: Annotated[float, Field(ge=0, le=3_600)] | None = None
    every_bytes: Annotated[int, Field(ge=1)] | None = None
    every_s: Annotated[float, Field(ge=0.001)] | None = None

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        self.scripted()
        return self

    def scripted(self) -> LineFault:
        """The fault as the twin's line takes it; raises `ValueError` when it lacks what its kind needs."""
        from firmware_bridge.twins.fault_script import fault_of

        return fault_of(self.model_dump())


class TwinConfig(Closed):
    """What differs from the twin's own settings; see `firmware_bridge.twins.settings`."""

    x_limits_mm: Interval | None = None
    y_limits_mm: Interval | None = None
    channels: Annotated[int, Field(ge=16, le=16_384)] | None = None
    offset_kev: Annotated[float, Field(ge=-5, le=5)] | None = None
    gain_kev: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: Seed | None = None
    clock_factor: Annotated[float, Field(gt=0, le=10_000)] | None = None
    log: Name | None = None
    queue_length: Annotated[int, Field(ge=1, le=65_535)] | None = None
    lease_s: Annotated[float, Field(gt=0, le=0.5)] | None = None
    starts_homed: bool | None = None
    max_speed_mm_s: Annotated[float, Field(gt=0, le=5_000)] | None = None
    max_acceleration_mm_s2: Annotated[float, Field(gt=0, le=1e6)] | None = None
    speed_factor: Annotated[float, Field(gt=0, le=2)] | None = None
    acceleration_factor: Annotated[float, Field(gt=0, le=2)] | None = None
    settle_s: Annotated[float, Field(ge=0, le=60)] | None = None
    encoder_noise_mm: Annotated[float, Field(ge=0, le=1)] | None = None
    position_error_mm: Annotated[float, Field(ge=0, le=1)] | None = None
    gain_error: Annotated[float, Field(ge=-0.2, le=0.2)] | None = None
    offset_error_kev: Annotated[float, Field(ge=-1, le=1)] | None = None
    gain_drift_per_hour: Annotated[float, Field(ge=-0.1, le=0.1)] | None = None
    dead_time_s: Annotated[float, Field(ge=0, le=1e-3)] | None = None
    pile_up_s: Annotated[float, Field(ge=0, le=1e-3)] | None = None
    door_open_at_s: Annotated[float, Field(ge=0)] | None = None
    door_opens_after: Annotated[int, Field(ge=0)] | None = None
    door_stays_open_s: Annotated[float, Field(ge=0)] | None = None
    standoff_mm: PositiveMillimetres | None = None
    bow_mm: Millimetres | None = None
    nearest_mm: PositiveMillimetres | None = None
    farthest_mm: PositiveMillimetres | None = None
    standoff_leaves_at_s: Annotated[float, Field(ge=0)] | None = None
    standoff_leaves_after: Annotated[int, Field(ge=0)] | None = None
    standoff_stays_out_s: Annotated[float, Field(ge=0)] | None = None
    clock_step_s: Annotated[float, Field(ge=-1e6, le=1e6)] | None = None
    clock_steps_at_s: Annotated[float, Field(ge=0)] | None = None
    faults: list[LineFaultConfig] = Field(default=[], max_length=1_000)
    """What goes wrong on its line."""


class PairConfig(Closed):
    """A stage and a spectrometer in place of the one native controller; each a process of its own.

    Both take from `twin` what applies to them: limits, speeds, clock and seed the one, the detector the other.
    """

    stage: Literal["grbl", "marlin"] = "grbl"
    spectrometer: Literal["dp5", "scpi"] = "dp5"
    gate: Annotated[str, Field(pattern=r"^(M3|M7|M8|P\d{1,3})$")] | None = None
    """Output that triggers the monostable; None: M8 of a GRBL board, P57 of Marlin."""
    has_trigger: bool = False
    """Whether the level of a GRBL board's spindle output is wired to a DP5's AUX_IN2."""
    spectrometer_link: Name | None = None
    """Where a DP5's twin leaves a link to its serial port, and a SCPI twin a file with its address."""
    udp_port: Annotated[int, Field(ge=0, le=65_535)] | None = None
    """Port on the loopback interface where a DP5 answers too; 0 for any that is free."""
    network_port: Annotated[int, Field(ge=0, le=65_535)] | None = None
    """Port on the loopback interface where a SCPI spectrometer answers; None and 0: any that is free."""
    stage_log: Name | None = None
    """Where the stage's twin writes its own log."""
    rangefinder_link: Name | None = None
    """Where a rangefinder leaves a link to its serial port; None: there is none."""
    stage_faults: list[LineFaultConfig] = Field(default=[], max_length=1_000)
    """What goes wrong on the stage's line."""
    spectrometer_faults: list[LineFaultConfig] = Field(default=[], max_length=1_000)
    """What goes wrong on the spectrometer's line."""

    @property
    def gate_output(self) -> str:
        """The gate, chosen or not."""
        return self.gate or {"grbl": "M8", "marlin": "P57"}[self.stage]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.gate_output.startswith("P") != (self.stage == "marlin"):
            raise ValueError(f"gate {self.gate}: give M3, M7 or M8 of a grbl stage, or a pin as P57 of a marlin stage")
        if self.has_trigger and (self.stage, self.spectrometer) != ("grbl", "dp5"):
            raise ValueError("has_trigger: only a grbl stage triggers, and only a dp5 spectrometer: leave it out")
        if self.spectrometer == "dp5" and self.spectrometer_link is None:
            raise ValueError("a dp5 spectrometer needs spectrometer_link: name the link to its serial port")
        stray = {"dp5": "network_port", "scpi": "udp_port"}[self.spectrometer]
        if getattr(self, stray) is not None:
            raise ValueError(f"a {self.spectrometer} spectrometer has no {stray}: leave it out")
        return self


class SimulatedInstrumentConfig(Closed):
    """One simulated instrument, whole."""

    link: Name
    """Where the twin leaves a link to its serial port; of a pair, the stage's."""
    frames: Name
    """Folder where the camera leaves its pictures."""
    specimen: SpecimenConfig
    placement: PlacementConfig
    fiducials: FiducialsConfig
    camera: SimulatedCameraConfig = SimulatedCameraConfig()
    twin: TwinConfig = TwinConfig()
    pair: PairConfig | None = None

    @model_validator(mode="after")
    def _has_each_fault_on_its_line(self) -> Self:
        if self.pair is not None and self.twin.faults:
            raise ValueError(
                "twin.faults is of the native controller's line: use pair.stage_faults and pair.spectrometer_faults"
            )
        return self


def load_instrument(path: Path) -> SimulatedInstrumentConfig:
    """Read and check an instrument file; relative paths in it are taken from its own folder.

    Raises
    ------
    UsageError
        The file is missing, not strict YAML, or breaks the schema; the text names file, line and key.
    """
    return validate_yaml(SimulatedInstrumentConfig, path, resolve=_resolve_paths)


def twin_settings(config: SimulatedInstrumentConfig, *, log: Path | None = None) -> TwinSettings:
    """The controller twin's settings: its own, except where the file, or for the log the caller, says otherwise.

    Raises
    ------
    UsageError
        The twin refuses them.
    """
    from firmware_bridge.twins.settings import TwinSettings

    stated: dict[str, Any] = config.twin.model_dump(exclude={"faults"}, exclude_none=True)
    for key in ("x_limits_mm", "y_limits_mm"):
        if key in stated:
            stated[key] = tuple(stated[key])
    if "log" in stated:
        stated["log"] = Path(stated["log"])
    if log is not None:
        stated["log"] = log
    try:
        return TwinSettings(**stated)
    except ValueError as error:
        raise UsageError(f"twin: {error}") from None


def twin_wire(config: SimulatedInstrumentConfig) -> FaultScript | None:
    """The line between the native controller's twin and its port; None where nothing is said to go wrong on it."""
    return faulty_wire(config.twin.faults, delimiter=0)


def faulty_wire(faults: Sequence[LineFaultConfig], *, delimiter: int | None) -> FaultScript | None:
    """A line on which these faults happen; None for none of them.

    Parameters
    ----------
    delimiter
        Byte that ends a message of the line's protocol; None where there is none.
    """
    from firmware_bridge.twins.fault_script import FaultScript

    return FaultScript([fault.scripted() for fault in faults], delimiter) if faults else None


def fiducials_of(config: FiducialsConfig) -> tuple[Fiducial, ...]:
    """The configured markers as fiducials."""
    return tuple(Fiducial(marker.id, StagePose(marker.x_mm, marker.y_mm), config.side_mm) for marker in config.markers)


def _resolve_paths(value: dict[str, Any], folder: Path) -> dict[str, Any]:
    def resolved(text: Any) -> Any:
        return str((folder / text).absolute()) if isinstance(text, str) and text else text

    result = {key: resolved(part) if key in ("link", "frames") else part for key, part in value.items()}
    specimen = value.get("specimen")
    if isinstance(specimen, dict):
        specimen = dict(specimen)
        if "file" in specimen:
            specimen["file"] = resolved(specimen["file"])
        if isinstance(specimen.get("files"), list):
            specimen["files"] = [resolved(file) for file in specimen["files"]]
        result["specimen"] = specimen
    for section, keys in (("twin", ("log",)), ("pair", ("spectrometer_link", "stage_log", "rangefinder_link"))):
        part = value.get(section)
        if isinstance(part, dict):
            result[section] = {key: resolved(text) if key in keys else text for key, text in part.items()}
    return result
