"""What is plugged in, by names that stay the same when other devices come and go."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from edge.setting_up.interview import Choice
from firmware_bridge.faults import PortUnavailable
from firmware_bridge.usb_identity import PREFIX, UsbPort, device_of


def lasting_name(port: UsbPort, listed: Sequence[UsbPort]) -> str:
    """The USB identity that means this port and no other; its path where there is none."""
    if port.vendor is None or port.product is None:
        return port.device
    kind = f"{PREFIX}{port.vendor:04x}:{port.product:04x}"
    names = [f"{kind}:{port.serial_number}"] if port.serial_number else []
    for name in [*names, kind]:
        with suppress(PortUnavailable):
            if device_of(name, listed) == port.device:
                return name
    return port.device


def choices_of(listed: Sequence[UsbPort]) -> list[Choice]:
    """Those of USB first: a computer lists serial ports that nothing is plugged into."""
    ordered = sorted(listed, key=lambda port: (port.vendor is None, port.device))
    return [Choice(lasting_name(port, listed), f"now at {port.device}") for port in ordered]
