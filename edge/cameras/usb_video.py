"""USB cameras by what they are: a video device's number depends on which camera was plugged in first."""

from __future__ import annotations

from pathlib import Path

from edge.faults import DeviceError
from firmware_bridge.faults import PortUnavailable
from firmware_bridge.usb_identity import PREFIX, UsbPort, device_of

SYSTEM = Path("/sys/class/video4linux")


def listed_cameras(system: Path = SYSTEM, devices: Path = Path("/dev")) -> list[UsbPort]:
    """Video devices that give pictures; a camera's further devices, which give metadata, are left out."""
    found = []
    for entry in sorted(system.glob("video*")) if system.is_dir() else ():
        if _text(entry / "index") in ("", "0"):
            found.append(_usb_port(entry, str(devices / entry.name)))
    return found


def device_path(device: str, listed: list[UsbPort]) -> str:
    """The path to open for what the configuration says.

    Raises
    ------
    DeviceError
        An identity that no camera, or more than one, has.
    """
    if not device.startswith(PREFIX):
        return device
    try:
        return device_of(device, listed)
    except PortUnavailable as error:
        words = str(error).replace("USB serial port", "USB camera").replace("ports fit", "cameras fit")
        raise DeviceError(f"{words}: see instrument.camera.device") from None


def camera_identity(path: str, listed: list[UsbPort]) -> str:
    """What the camera is: vendor, product and serial number where the system knows them, otherwise the path."""
    real = Path(path).resolve()
    for port in listed:
        if port.vendor is not None and Path(port.device).resolve() == real:
            serial_number = port.serial_number or "without a serial number"
            return f"uvc:{port.vendor:04x}:{port.product or 0:04x}:{serial_number}"
    return f"uvc:{path}"


def _usb_port(entry: Path, device: str) -> UsbPort:
    """The USB device above a video device: its interface's parent."""
    parent = (entry / "device").resolve().parent
    vendor, product = _text(parent / "idVendor"), _text(parent / "idProduct")
    if not vendor or not product:
        return UsbPort(device, None, None, None)
    return UsbPort(device, int(vendor, 16), int(product, 16), _text(parent / "serial") or None)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
