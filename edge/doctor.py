"""Is everything there that a scan needs? Each check is a finding with what to do about it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.camera import open_camera
from edge.config import AreaConfig, ScanConfig
from edge.faults import DeviceError, EdgeError, SafetyStop, UsageError
from firmware_bridge.messages import Capabilities, ControllerStatus

_ROOMS = ("firmware_bridge", "calibration", "models", "edge")
_BYTES_PER_CHANNEL = 1.0
"""Upper bound of a compressed spectrum's size, from long dwells; short ones take a fifth."""
_DISK_MARGIN = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    what: str
    passed: bool
    text: str
    """What was found; for a failure a sentence with the remedy."""
    fault: type[EdgeError] = UsageError
    """What a scan raises when this has not passed."""

    @property
    def exit_code(self) -> int:
        return 0 if self.passed else self.fault.exit_code

    def line(self) -> str:
        """The finding as the terminal shows it."""
        return f"{'ok  ' if self.passed else 'FAIL'}  {self.what:<12} {self.text}"


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
    from importlib.metadata import packages_distributions

    owners = packages_distributions()
    foreign = {room: sorted(set(owners.get(room, ())) - {"pointillist"}) for room in _ROOMS}
    clashes = [f"'{room}' is also installed by {', '.join(names)}" for room, names in foreign.items() if names]
    if clashes:
        yield Finding(
            "packages", False, f"{'; '.join(clashes)}: uninstall that distribution or use a clean environment"
        )
    else:
        yield Finding("packages", True, "no other distribution owns a name of ours")


def examine_disk(config: ScanConfig, folder: Path) -> Iterator[Finding]:
    """Room for every spectrum of the plan, with a margin."""
    parent = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    area = config.area
    cells = area.width_mm * area.height_mm / area.pitch_mm**2
    needed = int(cells * config.sampling.rate * config.instrument.detector.channels * _BYTES_PER_CHANNEL) + _DISK_MARGIN
    free = shutil.disk_usage(parent).free
    text = f"{free / 1e9:.1f} GB free under {parent}, at most {needed / 1e9:.1f} GB needed"
    if free < needed:
        text += ": free some space or record elsewhere with --out"
    yield Finding("disk", free >= needed, text)


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


def examine_readiness(status: ControllerStatus) -> Iterator[Finding]:
    """Door and shutter as they stand, and whether a fault holds that homing the stage may clear."""
    is_closed, is_open = status.is_door_closed, status.is_shutter_open
    yield Finding(
        "door", is_closed, "closed" if is_closed else "the door interlock is open: close the door", SafetyStop
    )
    words = "open although nobody asked: switch the tube off and check the shutter" if is_open else "closed"
    yield Finding("shutter", not is_open, words, SafetyStop)


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
        yield Finding("fiducials", False, str(error), type(error))
        return
    seen = len(registration.fiducials)
    yield Finding("fiducials", True, f"{seen} seen, residual {registration.rms_mm * 1_000:.0f} um rms")
