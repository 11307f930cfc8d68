"""Ports by what the device behind them is, not by the order in which devices were plugged in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from firmware_bridge.faults import PortUnavailable

PREFIX: Final = "usb:"
_NUMBER: Final = re.compile(r"[0-9A-Fa-f]{4}")


@dataclass(frozen=True, slots=True)
class UsbPort:
    """A serial port that the operating system lists."""

    device: str
    """Path to open."""
    vendor: int | None
    """USB vendor; None where the port isn't USB's."""
    product: int | None
    serial_number: str | None
    """As the device says it; many cheap adapters say none, or all the same."""

    def __str__(self) -> str:
        serial_number = f", serial number {self.serial_number}" if self.serial_number else ""
        return f"{self.device} ({self.vendor or 0:04x}:{self.product or 0:04x}{serial_number})"


@dataclass(frozen=True, slots=True)
class UsbIdentity:
    """What a configuration says of a USB device; None matches any."""

    vendor: int | None
    product: int | None
    serial_number: str | None

    def is_of(self, port: UsbPort) -> bool:
        """Whether the port belongs to such a device."""
        if port.vendor is None or (self.vendor is not None and (port.vendor, port.product) != self._numbers):
            return False
        return self.serial_number is None or (port.serial_number or "").lower() == self.serial_number.lower()

    @property
    def _numbers(self) -> tuple[int | None, int | None]:
        return self.vendor, self.product


def identity_of(port: str) -> UsbIdentity:
    """Read ``usb:SERIAL``, ``usb:VID:PID`` or ``usb:VID:PID:SERIAL``; vendor and product are four hex digits each.

    Raises
    ------
    PortUnavailable
        It is none of these.
    """
    stated = port.removeprefix(PREFIX)
    vendor, _, rest = stated.partition(":")
    product, has_serial, serial_number = rest.partition(":")
    if _NUMBER.fullmatch(vendor) and _NUMBER.fullmatch(product) and bool(serial_number) == bool(has_serial):
        return UsbIdentity(int(vendor, 16), int(product, 16), serial_number or None)
    if not stated or stated.endswith(":"):
        raise PortUnavailable(f"{port}: not a USB identity: write usb:SERIAL, usb:VID:PID or usb:VID:PID:SERIAL")
    return UsbIdentity(None, None, stated)


def device_of(port: str, listed: Iterable[UsbPort]) -> str:
    """Path of the one listed port that an identity means.

    Raises
    ------
    PortUnavailable
        None does, or several do; the text says what is there.
    """
    identity = identity_of(port)
    usb = sorted((each for each in listed if each.vendor is not None), key=lambda each: each.device)
    found = [each for each in usb if identity.is_of(each)]
    if len(found) == 1:
        return found[0].device
    if found:
        names = ", ".join(str(each) for each in found)
        raise PortUnavailable(f"{port}: {len(found)} ports fit: {names}: name one by its serial number, or by its path")
    there = f"there are {', '.join(str(each) for each in usb)}" if usb else "no USB serial port is there"
    raise PortUnavailable(f"{port}: no such device: plug it in, or correct the identity ({there})")
