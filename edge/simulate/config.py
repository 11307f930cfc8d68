"""The closed description of a simulated instrument: specimen, easel, camera, controller."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from calibration.boards import parse_board
from calibration.fiducials import Fiducial
from edge.configuration.config import FiducialsConfig
from edge.configuration.schema import Closed, Millimetres, Name, PositiveMillimetres, validate_yaml
from edge.faults import UsageError
from edge.simulate.twin_config import NOT_OF_A_PAIR, PairConfig, Seed, TwinConfig, faulty_wire
from firmware_bridge.messages import StagePose

if TYPE_CHECKING:
    from firmware_bridge.twins.fault_script import FaultScript
    from firmware_bridge.twins.settings import TwinSettings

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
    turn_deg: Annotated[float, Field(ge=-45, le=45)] = 0.0
    """Clockwise, as the camera sees it, about that corner."""


class GlassConfig(Closed):
    """A square of glass beside the specimen, with potassium, calcium, iron, copper, strontium and lead in it."""

    x_mm: Millimetres
    """Stage x of its middle."""
    y_mm: Millimetres
    side_mm: PositiveMillimetres = 10.0


class SimulatedLaserConfig(Closed):
    """The alignment laser's spot on the easel, where the beam would meet it."""

    fwhm_mm: Annotated[float, Field(gt=0, le=50)] = 1.2
    peak: Annotated[float, Field(gt=0, le=1_000)] = 2.0
    """Its light in the middle, of that of a perfect white under the lamps."""
    speckle: Share = 0.35
    """Standard deviation of its light over the mean, before the camera's blur."""
    grain_px: Annotated[float, Field(gt=0, le=50)] = 0.8


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
    laser: SimulatedLaserConfig | None = None
    """None: no laser is switched on. Seen only at the camera's address, where the stage's place is known."""
    board: Name | None = None
    """A calibration board that somebody holds before the camera, seen at its address only; None: the easel."""
    seed: Seed = 11

    @model_validator(mode="after")
    def _board_is_known(self) -> Self:
        if self.board is not None:
            parse_board(self.board)
        return self


class SimulatedHeadCameraConfig(Closed):
    """A camera that travels with the beam, as it truly is."""

    link: Name = "head"
    """File in which the address of its snapshot is left."""
    width_px: Annotated[int, Field(ge=320, le=12_000)] = 1200
    height_px: Annotated[int, Field(ge=240, le=12_000)] = 900
    mm_per_px: Annotated[float, Field(gt=0.001, le=1)] = 0.03
    """At the picture's centre."""
    distance_mm: PositiveMillimetres = 80.0
    distortion: list[float] = Field(default=[-0.06, 0.02, 0.0003, -0.0002, 0.0], min_length=5, max_length=5)
    """OpenCV order: k1, k2, p1, p2, k3."""
    offset_x_mm: Millimetres = 22.0
    """Where its axis meets the object, from the beam."""
    offset_y_mm: Millimetres = -9.0
    turn_deg: Annotated[float, Field(ge=-180, le=180)] = 2.3
    """How far its rows are turned from the stage's x, from x towards y."""
    tilt_x_deg: Annotated[float, Field(ge=-30, le=30)] = 0.0
    tilt_y_deg: Annotated[float, Field(ge=-30, le=30)] = 0.0
    exposure: Annotated[float, Field(gt=0, le=10)] = 0.8
    exposure_drift: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Standard deviation of the logarithm of a frame's exposure, as of an automatic one."""
    vignetting: Share = 0.3
    """Loss of light in the corners."""
    blur_px: Annotated[float, Field(ge=0, le=20)] = 0.7
    spot_fwhm_mm: Annotated[float, Field(ge=0, le=20)] = 0.0
    """Width of the alignment laser's spot where the beam meets the object; 0: the laser is off."""
    well_electrons: Annotated[float, Field(gt=0, le=1e7)] = 20_000.0
    noise_electrons: Annotated[float, Field(ge=0, le=1e5)] = 12.0
    seed: Seed = 12


class SimulatedInstrumentConfig(Closed):
    """One simulated instrument, whole."""

    link: Name
    """Where the twin leaves a link to its serial port; of a pair, the stage's."""
    frames: Name
    """Folder where the camera leaves its pictures."""
    camera_link: Name | None = None
    """File in which the address of the camera's snapshot is left; None: none, and the camera has no address."""
    camera_port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    """TCP port of that address, on this computer; None: any that is free."""
    specimen: SpecimenConfig
    placement: PlacementConfig
    standard: GlassConfig | None = None
    """A reference standard for the beam; the camera does not show it. None: there is none."""
    fiducials: FiducialsConfig
    camera: SimulatedCameraConfig = SimulatedCameraConfig()
    head_camera: SimulatedHeadCameraConfig | None = None
    """A second camera, beside the beam; None: there is none."""
    twin: TwinConfig = TwinConfig()
    pair: PairConfig | None = None

    @model_validator(mode="after")
    def _takes_everything_from_twin(self) -> Self:
        if self.pair is None:
            return self
        if self.twin.faults:
            raise ValueError(
                "twin.faults is of the native controller's line: use pair.stage_faults and pair.spectrometer_faults"
            )
        if stray := sorted(NOT_OF_A_PAIR & self.twin.model_fields_set):
            raise ValueError(f"twin.{stray[0]} is of the native controller, and a pair would ignore it: leave it out")
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


def fiducials_of(config: FiducialsConfig) -> tuple[Fiducial, ...]:
    """The configured markers as fiducials."""
    return tuple(Fiducial(marker.id, StagePose(marker.x_mm, marker.y_mm), config.side_mm) for marker in config.markers)


def _resolve_paths(value: dict[str, Any], folder: Path) -> dict[str, Any]:
    def resolved(text: Any) -> Any:
        return str((folder / text).absolute()) if isinstance(text, str) and text else text

    result = {key: resolved(part) if key in ("link", "frames", "camera_link") else part for key, part in value.items()}
    specimen = value.get("specimen")
    if isinstance(specimen, dict):
        specimen = dict(specimen)
        if "file" in specimen:
            specimen["file"] = resolved(specimen["file"])
        if isinstance(specimen.get("files"), list):
            specimen["files"] = [resolved(file) for file in specimen["files"]]
        result["specimen"] = specimen
    for section, keys in (
        ("twin", ("log",)),
        ("head_camera", ("link",)),
        ("pair", ("spectrometer_link", "stage_log", "rangefinder_link")),
    ):
        part = value.get(section)
        if isinstance(part, dict):
            result[section] = {key: resolved(text) if key in keys else text for key, text in part.items()}
    return result
