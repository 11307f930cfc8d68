"""The few questions that a first configuration needs, each answer checked by the schema that will read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from edge.configuration.area import AreaConfig
from edge.configuration.camera import HttpCameraConfig
from edge.configuration.config import ObjectConfig
from edge.configuration.devices import MarlinStageConfig
from edge.configuration.durations import seconds_of
from edge.configuration.instrument import DetectorConfig, TubeConfig
from edge.configuration.sampling import SamplingConfig
from edge.faults import UsageError
from edge.setting_up.interview import Check, Choice, Interview
from edge.setting_up.plugged_in import choices_of
from firmware_bridge.usb_identity import UsbPort

_CONTROLLERS = (
    Choice("native", "one controller for stage, shutter and spectrometer, by the native protocol"),
    Choice("grbl", "a stage on a GRBL 1.1 board, and a spectrometer of its own"),
    Choice("marlin", "a stage on a board with Marlin 2, and a spectrometer of its own"),
)
_SPECTROMETERS = (
    Choice("dp5", "Amptek DP5 family, on a serial port or the network"),
    Choice("scpi", "a spectrometer on the network that takes SCPI commands"),
)
_GATES = (
    Choice("none", "no output lets the beam through: no scan is possible yet"),
    Choice("M3", "the spindle's output triggers the shutter's monostable"),
    Choice("M7", "the mist coolant's output does"),
    Choice("M8", "the flood coolant's output does"),
)
_CAMERAS = (
    Choice("folder", "tethering software leaves pictures in a folder"),
    Choice("http", "a network camera gives a snapshot"),
    Choice("file", "one picture, made beforehand"),
)


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage on a board of its own."""

    kind: str
    port: str
    gate: str
    """Empty: none."""


@dataclass(frozen=True, slots=True)
class Camera:
    """Where the photograph comes from; of a USB camera its identity, else a path or an address."""

    kind: str
    place: str


@dataclass(frozen=True, slots=True)
class Answers:
    """What was answered, ready to be written."""

    identifier: str
    title: str
    operator: str
    port: str
    """Of the native controller; empty where there is a pair."""
    stage: Stage | None
    spectrometer: tuple[str, str] | None
    """Kind and port of the other half of a pair."""
    camera: Camera
    area_mm: tuple[str, str, str, str]
    """x, y, width, height."""
    pitch_mm: str
    dwell_s: str
    time_s: str
    """Empty: a tenth of the cells, in whatever time that takes."""
    anode: str
    kv: str
    ua: str
    channels: str
    gain_kev: str


def ask_all(ask: Interview, *, ports: Sequence[UsbPort], cameras: Sequence[UsbPort]) -> Answers:
    """Everything, in the order in which somebody before an instrument thinks of it.

    Parameters
    ----------
    ports, cameras
        Serial ports and video devices that the system lists.

    Raises
    ------
    UsageError
        The answers have ended.
    """
    identifier = ask.ask("Inventory number of the object", "unnamed", of(ObjectConfig, "identifier"))
    title = ask.ask("Its title", "", of(ObjectConfig, "title"))
    operator = ask.ask("Your name", "", of(ObjectConfig, "operator"))
    kind = ask.choose("What drives the stage", _CONTROLLERS)
    port, stage, spectrometer = "", None, None
    if kind == "native":
        port = _port(ask, "Where is the controller", ports)
    else:
        stage = Stage(kind, _port(ask, "Where is the stage's board", ports), _gate(ask, kind))
        spectrometer = _spectrometer(ask, [each for each in ports if each.device != stage.port])
    camera = _camera(ask, cameras)
    ask.say("The area, in stage millimetres: its corner with the smallest x and y, and its size")
    area = (
        ask.ask("  x of the corner, mm", "0", of(AreaConfig, "x_mm")),
        ask.ask("  y of the corner, mm", "0", of(AreaConfig, "y_mm")),
        ask.ask("  width, mm", "100", of(AreaConfig, "width_mm")),
        ask.ask("  height, mm", "100", of(AreaConfig, "height_mm")),
    )
    pitch = ask.ask("Distance of cells, about the width of the beam, mm", "0.5", of(AreaConfig, "pitch_mm"))
    dwell = ask.ask("Live time in a cell, s", "0.1", of(SamplingConfig, "dwell_s"))
    time = ask.ask("Time for the whole scan (90min, 2h), or nothing for a tenth of the cells", "", _time)
    ask.say("The tube and the detector")
    return Answers(
        identifier=identifier,
        title=title,
        operator=operator,
        port=port,
        stage=stage,
        spectrometer=spectrometer,
        camera=camera,
        area_mm=area,
        pitch_mm=pitch,
        dwell_s=dwell,
        time_s=time,
        anode=ask.ask("  anode of the tube", "Rh", of(TubeConfig, "anode")),
        kv=ask.ask("  its voltage, kV", "40", of(TubeConfig, "kv")),
        ua=ask.ask("  its current, uA", "500", of(TubeConfig, "ua")),
        channels=ask.ask("  channels of the detector", "2048", of(DetectorConfig, "channels")),
        gain_kev=ask.ask("  width of a channel, keV", "0.01", of(DetectorConfig, "gain_kev")),
    )


def of(schema: type[BaseModel], key: str) -> Check:
    """The check of one key, as the schema states it."""
    field = schema.model_fields[key]
    bounded: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    adapter: TypeAdapter[Any] = TypeAdapter(bounded)

    def check(answer: str) -> str:
        try:
            value = adapter.validate_python(answer)
        except ValidationError as error:
            raise ValueError(f"{answer!r}: {error.errors()[0]['msg'].lower()}") from None
        return f"{value:.12g}" if isinstance(value, float) else str(value)

    return check


def _time(answer: str) -> str:
    try:
        return f"{seconds_of(answer):.12g}" if answer else ""
    except UsageError as error:
        raise ValueError(str(error)) from None


def _named(answer: str) -> str:
    if not answer:
        raise ValueError("give a path, usb:VID:PID:SERIAL, or an address")
    return answer


def _port(ask: Interview, question: str, ports: Sequence[UsbPort]) -> str:
    found = choices_of(ports)
    if not found:
        ask.say(f"{question}? No serial port is plugged in; a path, usb:VID:PID:SERIAL or an address")
        return ask.ask("  port", "/dev/ttyACM0", _named)
    return ask.choose(f"{question} (or write a path or an address)", found, check=_named)


def _gate(ask: Interview, kind: str) -> str:
    if kind == "marlin":
        return ask.ask("Pin that triggers the shutter's monostable, such as P57", "P57", of(MarlinStageConfig, "gate"))
    gate = ask.choose("Which output lets the beam through", _GATES)
    return "" if gate == "none" else gate


def _spectrometer(ask: Interview, ports: Sequence[UsbPort]) -> tuple[str, str]:
    kind = ask.choose("Which spectrometer", _SPECTROMETERS)
    if kind == "dp5":
        return kind, _port(ask, "Where is the spectrometer", ports)
    return kind, ask.ask("Its address", "socket://192.168.0.2:5025", _named)


def _camera(ask: Interview, cameras: Sequence[UsbPort]) -> Camera:
    usb = choices_of(cameras)
    kind = ask.choose("Where does the photograph come from", [*usb, *_CAMERAS])
    match kind:
        case "folder":
            return Camera(kind, ask.ask("  folder of the pictures", "incoming", _named))
        case "file":
            return Camera(kind, ask.ask("  file of the picture", "photograph.png", _named))
        case "http":
            check = of(HttpCameraConfig, "url")
            return Camera(kind, ask.ask("  address of the snapshot", "http://192.168.0.3/snapshot.jpg", check))
    return Camera("uvc", kind)
