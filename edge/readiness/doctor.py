"""Is everything there that a scan needs? Each check is a finding with what to do about it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from edge.cameras import open_camera
from edge.configuration.area import AreaConfig
from edge.configuration.camera import MosaicCameraConfig
from edge.configuration.config import ScanConfig, StandardConfig
from edge.configuration.devices import (
    GrblStageConfig,
    NativeControllerConfig,
    PairedControllerConfig,
    RangefinderStandoffConfig,
)
from edge.faults import DeviceError, EdgeError, SafetyStop, UsageError
from edge.room import exposures_bytes, room_for
from firmware_bridge.faults import BridgeError
from firmware_bridge.messages import Capabilities, ControllerStatus, Observation
from firmware_bridge.usb_identity import PREFIX, UsbPort, identity_of

_ROOMS = ("firmware_bridge", "calibration", "models", "edge")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    what: str
    passed: bool
    text: str
    """What was found; for a failure a sentence with the remedy."""
    fault: type[EdgeError] = UsageError
    """What a scan raises when this has not passed."""
    is_good: bool = True
    """Whether nothing has to be done about it; a scan may run all the same when it has passed."""

    @property
    def exit_code(self) -> int:
        return 0 if self.passed else self.fault.exit_code

    def line(self) -> str:
        """The finding as the terminal shows it."""
        level = "FAIL" if not self.passed else "ok  " if self.is_good else "note"
        return f"{level}  {self.what:<21} {self.text}"


def require(findings: Iterator[Finding] | list[Finding]) -> list[Finding]:
    """All findings, or the fault of the first that has not passed."""
    passed = []
    for finding in findings:
        if not finding.passed:
            raise finding.fault(f"{finding.what}: {finding.text}")
        passed.append(finding)
    return passed


def examine_installation() -> Iterator[Finding]:
    """No other distribution may own one of the rooms' names."""
    from importlib import metadata

    owners = _owners(metadata.packages_distributions)
    foreign = {room: sorted(set(owners.get(room, ())) - {"pointillist"}) for room in _ROOMS}
    clashes = [f"'{room}' is also installed by {', '.join(names)}" for room, names in foreign.items() if names]
    if clashes:
        yield Finding(
            "packages", False, f"{'; '.join(clashes)}: uninstall that distribution or use a clean environment"
        )
    else:
        yield Finding("packages", True, "no other distribution owns a name of ours")


@cache
def _owners(read: Callable[[], Mapping[str, list[str]]]) -> Mapping[str, list[str]]:
    """Distributions by the names they own, read once: every file of every one is looked at."""
    return read()


def examine_ports(config: ScanConfig, listed: Iterable[UsbPort]) -> Iterator[Finding]:
    """Serial ports that the system lists, and which of them, or what else, the configuration names."""
    named = dict(_named_ports(config))
    found = sorted(listed, key=lambda port: port.device)
    for port in found:
        roles = " and ".join(role for role, name in named.items() if _means(name, port))
        yield Finding("port", True, f"{_described(port)}: {roles or 'not named in the configuration'}")
    for role, name in named.items():
        if not any(_means(name, port) for port in found):
            kind = "an address" if "://" in name else "not among the serial ports that this system lists"
            yield Finding("port", True, f"{name}: {role}, {kind}")


def _named_ports(config: ScanConfig) -> Iterator[tuple[str, str]]:
    """What is where: a role and a port for each device of the configuration."""
    match config.instrument.controller:
        case NativeControllerConfig(port=port):
            yield "the controller", port
        case PairedControllerConfig(stage=stage, spectrometer=spectrometer, standoff=standoff):
            yield "the stage", stage.port
            yield "the spectrometer", spectrometer.port
            if isinstance(standoff, RangefinderStandoffConfig):
                yield "the rangefinder", standoff.port


def _means(name: str, port: UsbPort) -> bool:
    if name.startswith(PREFIX):
        try:
            return identity_of(name).is_of(port)
        except BridgeError:
            return False
    return "://" not in name and Path(name).resolve() == Path(port.device).resolve()


def _described(port: UsbPort) -> str:
    if port.vendor is None:
        return f"{port.device} (not USB)"
    return str(port)


def examine_disk(config: ScanConfig, folder: Path) -> Iterator[Finding]:
    """Room for every spectrum that a scan may take and for its maps, with a margin."""
    area, sampling = config.area, config.sampling
    cells = area.width_mm * area.height_mm / area.pitch_mm**2
    exposures = cells * (sampling.rate if sampling.coarse is None else sampling.coarse.factor**-2)
    if sampling.time_s is not None:
        exposures = min(cells, sampling.time_s / sampling.dwell_s)
    each = exposures_bytes(sampling.dwell_s, config.instrument.detector.channels)
    room = room_for(folder, math.ceil(exposures * each), math.ceil(cells))
    yield Finding("disk", room.suffices, room.sentence())


def examine_controller(config: ScanConfig, capabilities: Capabilities) -> Iterator[Finding]:
    """Firmware, detector and travel of a connected controller."""
    yield Finding("firmware", True, f"{capabilities.firmware}, protocol {capabilities.protocol_version}")
    wanted = config.instrument.detector.channels
    has = capabilities.channels
    text = (
        f"{has} channels"
        if wanted == has
        else (
            f"the controller's spectra have {has} channels, the configuration says {wanted}: "
            f"set instrument.detector.channels to {has}"
        )
    )
    yield Finding("detector", wanted == has, text, DeviceError)
    yield _travel(config.area, capabilities)
    if (stands := config.checks.stage) is not None:
        (x0, x1), (y0, y1) = capabilities.x_limits_mm, capabilities.y_limits_mm
        if not (x0 <= stands.x_mm <= x1 and y0 <= stands.y_mm <= y1):
            words = f"checks.stage, ({stands.x_mm:g}, {stands.y_mm:g}) mm, is beyond the travel: give a pose within"
            yield Finding("limits", False, words, SafetyStop)
    if (standard := config.instrument.standard) is not None:
        yield _standard(standard, capabilities)
    yield from examine_wiring(config)


def _standard(standard: StandardConfig, capabilities: Capabilities) -> Finding:
    (x0, x1), (y0, y1) = capabilities.x_limits_mm, capabilities.y_limits_mm
    place = f"({standard.x_mm:g}, {standard.y_mm:g}) mm"
    if not (x0 <= standard.x_mm <= x1 and y0 <= standard.y_mm <= y1):
        words = (
            f"{place} is beyond the travel x {x0:g} to {x1:g}, y {y0:g} to {y1:g} mm: "
            "lay the standard elsewhere, or leave instrument.standard out"
        )
        return Finding("standard", False, words, SafetyStop)
    visits = f"{standard.live_s:g} s every {standard.every_minutes:g} min"
    return Finding("standard", True, f"at {place}, {visits}")


def examine_wiring(config: ScanConfig) -> Iterator[Finding]:
    """What the configuration leaves out that a scan cannot do without; nothing has to be connected for it."""
    match config.instrument.controller:
        case PairedControllerConfig(stage=GrblStageConfig(gate=None)):
            words = (
                "instrument.controller.stage.gate is left out, so no beam comes through at rest, and scans are planned "
                "as dwells: wire a monostable and name the output that triggers it"
            )
            yield Finding("gate", False, words)


def examine_readiness(status: ControllerStatus) -> Iterator[Finding]:
    """Door and shutter as they stand, and whether a fault holds that homing the stage may clear."""
    is_closed, is_open = status.is_door_closed, status.is_shutter_open
    yield Finding(
        "door", is_closed, "closed" if is_closed else "the door interlock is open: close the door", SafetyStop
    )
    words = "open although nobody asked: switch the tube off and check the shutter" if is_open else "closed"
    yield Finding("shutter", not is_open, words, SafetyStop)


def examine_standoff(config: ScanConfig, status: ControllerStatus) -> Iterator[Finding]:
    """Distance to the object where something measures it; a scan would pause on one out of range."""
    is_in_range, text = status.is_in_range, "the object is too near or too far"
    if status.standoff_mm is not None:
        text = f"{status.standoff_mm:.2f} mm to the object"
        controller = config.instrument.controller
        watched = controller.standoff if isinstance(controller, PairedControllerConfig) else None
        if isinstance(watched, RangefinderStandoffConfig):
            text += f", {watched.nearest_mm:g} to {watched.farthest_mm:g} mm allowed"
            is_in_range = watched.nearest_mm <= status.standoff_mm <= watched.farthest_mm
        elif not is_in_range:
            text += ", too near or too far"
    if not is_in_range:
        yield Finding("stand-off", True, f"{text}: set the distance right, or a scan will pause", is_good=False)
    elif status.standoff_mm is not None:
        yield Finding("stand-off", True, text)


def examine_observations(observed: Iterable[Observation]) -> Iterator[Finding]:
    """What the devices and their links were found to be; nothing of it makes a scan impossible."""
    for each in observed:
        yield Finding(each.what, True, each.text, is_good=each.is_good)


def examine_fault(status: ControllerStatus) -> Iterator[Finding]:
    """A fault that the controller reports by itself."""
    words = f"{status.fault}: clear the fault at the controller" if status.fault else "no fault"
    yield Finding("controller", not status.fault, words, DeviceError)


def _travel(area: AreaConfig, capabilities: Capabilities) -> Finding:
    for axis, low, size, limits in (
        ("x", area.x_mm, area.width_mm, capabilities.x_limits_mm),
        ("y", area.y_mm, area.height_mm, capabilities.y_limits_mm),
    ):
        if low < limits[0] or low + size > limits[1]:
            return Finding(
                "limits",
                False,
                f"the area runs from {low:g} to {low + size:g} mm in {axis}, the stage from {limits[0]:g} to "
                f"{limits[1]:g} mm: move or shrink the area",
                SafetyStop,
            )
    (x0, x1), (y0, y1) = capabilities.x_limits_mm, capabilities.y_limits_mm
    return Finding("limits", True, f"stage travels {x0:g} to {x1:g} mm in x, {y0:g} to {y1:g} mm in y")


def examine_camera(config: ScanConfig) -> Iterator[Finding]:
    """A frame, and the fiducials in it."""
    from edge.photography.stage_placing import UNHELD
    from edge.prepare import register_frame

    try:
        frame = open_camera(config.instrument.camera).capture()
    except EdgeError as error:
        yield Finding("camera", False, str(error), type(error))
        return
    height, width = frame.image.shape[:2]
    yield Finding("camera", True, f"{frame.identity}: {width} x {height} px")
    try:
        registration = register_frame(frame, config)
    except EdgeError as error:
        what = "fiducials" if config.instrument.stage_calibration is None else "stage calibration"
        yield Finding(what, False, str(error), type(error))
        return
    seen, residual = len(registration.fiducials), f"residual {registration.rms_mm * 1_000:.0f} um rms"
    if isinstance(config.instrument.camera, MosaicCameraConfig):
        yield Finding("mosaic", True, f"covers the area, {residual} between its frames")
    elif seen:
        yield Finding("fiducials", True, f"{seen} seen, {residual}")
    elif config.instrument.fiducials.markers:
        yield Finding("stage calibration", True, f"of this camera, {residual}; the fiducials lie where it says")
    else:
        yield Finding("stage calibration", True, f"of this camera, {residual}; {UNHELD}", is_good=False)
