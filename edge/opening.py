"""The event that begins a recording, or goes on with one: who scans, with what."""

from __future__ import annotations

import platform
from importlib.metadata import version

from edge.beam.session import utc_now
from edge.events import Opened
from firmware_bridge.messages import Capabilities

_DECIDES = ("pointillist", "numpy", "scipy", "opencv-python", "numba", "h5py")


def versions() -> tuple[tuple[str, str], ...]:
    """Name and version of whatever decides the result."""
    return (*((name, version(name)) for name in _DECIDES), ("python", platform.python_version()))


def opened_event(config_yaml: str, capabilities: Capabilities, *, scan_id: str) -> Opened:
    """The event that begins, or goes on with, a recording."""
    ran = (*versions(), ("firmware", capabilities.firmware))
    return Opened(utc_now(), scan_id, config_yaml, ran, capabilities.boot_id)


def scan_number(scan_id: str) -> int:
    """A scan's identity as controllers carry it, 64 bits."""
    return int(scan_id[:16], 16)
