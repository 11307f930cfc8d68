"""The closed configuration of a scan: every key known, every bound stated, every complaint with its line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from edge.faults import UsageError
from edge.yaml_strict import LocatedYaml, StrictYamlError, parse_yaml

Millimetres = Annotated[float, Field(allow_inf_nan=False, ge=-10_000, le=10_000)]
PositiveMillimetres = Annotated[float, Field(gt=0, le=10_000)]
Schema = TypeVar("Schema", bound=BaseModel)
Resolve = Callable[[dict[str, Any], Path], dict[str, Any]]

Name = Annotated[str, Field(min_length=1, max_length=200)]
ElementName = Annotated[str, Field(pattern=r"^[A-Z][a-z]?(-[KLM])?$")]


_MOST_CELLS = 20e6
_MOST_CELLS_A_SIDE = 30_000


class Closed(BaseModel):
    """A mapping without unknown keys, read once and never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class ObjectConfig(Closed):
    """What is on the easel, for the report and the exports."""

    identifier: Name = "unnamed"
    title: str = ""
    operator: str = ""


class NativeControllerConfig(Closed):
    """A controller that speaks the native protocol."""

    kind: Literal["native"] = "native"
    port: Name
    """Serial device, pseudo-terminal, or any address that pyserial opens."""
    baud: Annotated[int, Field(ge=9_600, le=12_000_000)] = 2_000_000


class GrblStageConfig(Closed):
    """A stage on a GRBL 1.1 board."""

    kind: Literal["grbl"] = "grbl"
    port: Name
    """Serial device, pseudo-terminal, or any address that pyserial opens."""
    baud: Annotated[int, Field(ge=9_600, le=12_000_000)] = 115_200
    gate: Literal["M3", "M7", "M8"]
    """Output that triggers the external monostable which lets the beam through."""


class Dp5SpectrometerConfig(Closed):
    """A spectrometer of Amptek's DP5 family."""

    kind: Literal["dp5"] = "dp5"
    port: Name
    """Serial device, or ``udp://host:10001``."""
    baud: Annotated[int, Field(ge=9_600, le=12_000_000)] = 115_200
    settings: dict[str, str] = {}
    """Commands of the maker's guide and their values, sent without writing flash; empty: left as the device is."""


class PairedControllerConfig(Closed):
    """A stage and a spectrometer, each a device of its own, paired by this computer."""

    kind: Literal["paired"] = "paired"
    stage: GrblStageConfig
    spectrometer: Dp5SpectrometerConfig


ControllerConfig = Annotated[NativeControllerConfig | PairedControllerConfig, Field(discriminator="kind")]


class FolderCameraConfig(Closed):
    """A camera that leaves its pictures in a folder (tethering): the newest one is taken."""

    kind: Literal["folder"] = "folder"
    path: Name
    newest_within_s: Annotated[float, Field(gt=0)] | None = None
    """Refuse a picture older than this."""


class FileCameraConfig(Closed):
    """A picture taken beforehand."""

    kind: Literal["file"] = "file"
    path: Name


class UvcCameraConfig(Closed):
    """A USB camera."""

    kind: Literal["uvc"] = "uvc"
    device: Name
    """Device path, for instance a link under ``/dev/v4l/by-id``."""
    width_px: Annotated[int, Field(ge=64, le=20_000)] = 1920
    height_px: Annotated[int, Field(ge=64, le=20_000)] = 1080
    warm_up_frames: Annotated[int, Field(ge=0, le=500)] = 10
    average_frames: Annotated[int, Field(ge=1, le=64)] = 8


CameraConfig = Annotated[FolderCameraConfig | FileCameraConfig | UvcCameraConfig, Field(discriminator="kind")]


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
    markers: Annotated[list[MarkerConfig], Field(min_length=1, max_length=200)]

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


class InstrumentConfig(Closed):
    """Everything that is plugged in."""

    controller: ControllerConfig
    camera: CameraConfig
    lens: LensConfig | None = None
    fiducials: FiducialsConfig
    stage: StageConfig = StageConfig()
    detector: DetectorConfig = DetectorConfig()
    tube: TubeConfig = TubeConfig()


class AreaConfig(Closed):
    """The rectangle to scan, in stage millimetres."""

    x_mm: Millimetres
    y_mm: Millimetres
    width_mm: PositiveMillimetres
    height_mm: PositiveMillimetres
    pitch_mm: Annotated[float, Field(gt=0.005, le=50)]

    @model_validator(mode="after")
    def _not_too_many_cells(self) -> Self:
        if self.width_mm < self.pitch_mm or self.height_mm < self.pitch_mm:
            raise ValueError("the area is smaller than one cell: enlarge it or reduce pitch_mm")
        if self.width_mm * self.height_mm / self.pitch_mm**2 > _MOST_CELLS:
            raise ValueError("more than 20 million cells: enlarge pitch_mm or reduce the area")
        if max(self.width_mm, self.height_mm) / self.pitch_mm > _MOST_CELLS_A_SIDE:
            raise ValueError("more than 30,000 cells on a side: enlarge pitch_mm or split the area")
        return self


class SamplingConfig(Closed):
    """Where to measure."""

    rate: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Fraction of the cells that are visited."""
    mask: Name = "gradient"
    binariser: Name = "error-diffusion"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    dwell_s: Annotated[float, Field(ge=0.001, le=3_600)] = 0.1


class DoseConfig(Closed):
    """What the object may receive."""

    max_live_s_per_cell: Annotated[float, Field(gt=0)] = 60.0
    max_beam_s: Annotated[float, Field(gt=0)] = 24 * 3_600.0
    """Longest time with the shutter open in one scan, travel between exposures included."""


class ReconstructConfig(Closed):
    """How maps are made from the exposures."""

    method: Name = "kriging"


class ScanConfig(Closed):
    """One scan, whole."""

    object: ObjectConfig = ObjectConfig()
    instrument: InstrumentConfig
    area: AreaConfig
    sampling: SamplingConfig = SamplingConfig()
    elements: Annotated[list[ElementName], Field(max_length=60)] = []
    """Elements to map (``Pb``, or ``Pb-L`` for one line group); empty: proposed from the sum spectrum."""
    reconstruct: ReconstructConfig = ReconstructConfig()
    dose: DoseConfig = DoseConfig()

    @model_validator(mode="after")
    def _dwell_within_dose(self) -> Self:
        if self.sampling.dwell_s > self.dose.max_live_s_per_cell:
            raise ValueError("sampling.dwell_s is above dose.max_live_s_per_cell: shorten the dwell or raise the limit")
        return self


def load_scan_config(path: Path) -> ScanConfig:
    """Read and check a configuration file.

    Relative paths inside it are taken from the file's own folder.

    Raises
    ------
    UsageError
        The file is missing, not strict YAML, or breaks the schema; the text names file, line and key.
    """
    return parse_scan_config(_read(path), path)


def parse_scan_config(text: str, path: Path) -> ScanConfig:
    """Check a configuration's text; `path` names it in complaints and is where its relative paths start."""
    return _validated(ScanConfig, text, path, _resolve_paths)


def validate_yaml(schema: type[Schema], path: Path, resolve: Resolve | None = None) -> Schema:
    """Parse a YAML file against a closed schema; see `load_scan_config`."""
    return _validated(schema, _read(path), path, resolve)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file: give the path of a configuration") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({error}): give a text file that this user may read") from None


def _validated(schema: type[Schema], text: str, path: Path, resolve: Resolve | None) -> Schema:
    try:
        document = parse_yaml(text)
    except StrictYamlError as error:
        raise UsageError(f"{path}:{error}") from None
    if not isinstance(document.value, dict):
        raise UsageError(f"{path}:1:1: a configuration is a mapping of keys: start from the one that the demo leaves")
    value = resolve(document.value, path.parent) if resolve else document.value
    try:
        return schema.model_validate(value)
    except ValidationError as error:
        raise UsageError(_sentence(path, document, error)) from None


_PATHS = (
    ("camera", "path"),
    ("controller", "port"),
    ("controller", "stage", "port"),
    ("controller", "spectrometer", "port"),
)
"""Where under ``instrument`` a path may stand."""


def _resolve_paths(value: dict[str, Any], folder: Path) -> dict[str, Any]:
    instrument = value.get("instrument")
    for place in _PATHS:
        instrument = _resolved(instrument, place, folder)
    return value if instrument is None else {**value, "instrument": instrument}


def _resolved(section: Any, place: tuple[str, ...], folder: Path) -> Any:
    """A copy in which the text at a place, if there is one, is a path from the folder; addresses stay as they are."""
    if not place:
        is_path = isinstance(section, str) and "://" not in section and not section.startswith("usb:")
        return str((folder / section).absolute()) if is_path else section
    if not isinstance(section, dict) or place[0] not in section:
        return section
    return {**section, place[0]: _resolved(section[place[0]], place[1:], folder)}


def _sentence(path: Path, document: LocatedYaml, error: ValidationError) -> str:
    # A mistyped key is also a missing one: name the typing, which is what the operator sees in the file.
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    location = _without_tags(document, first["loc"])
    line, column = document.position(location)
    key = ".".join(str(part) for part in location) or "configuration"
    match first["type"]:
        case "extra_forbidden":
            what = "unknown key: remove it, or see docs/reference/configuration.md for the right name"
        case "missing":
            what = "missing: add this key"
        case "value_error":
            what = str(first["ctx"]["error"])
        case _:
            what = f"{first['msg'].lower()} (got {first['input']!r})"
    others = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{path}:{line}:{column}: {key}: {what}{others}"


def _without_tags(document: LocatedYaml, location: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Drop the union tags that pydantic inserts into a location (``camera.folder.path``)."""
    path: tuple[str | int, ...] = ()
    for i, part in enumerate(location):
        last = i == len(location) - 1
        if (*path, part) in document.positions or last:
            path = (*path, part)
    return path
