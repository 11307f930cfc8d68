"""Controllers, stages and spectrometers by the names that a configuration gives them.

Each function connects, or raises a `BridgeError`. A new device is one line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from firmware_bridge.controller import Controller

if TYPE_CHECKING:
    from firmware_bridge.spectrometer import Spectrometer
    from firmware_bridge.stage import Stage


def _connect_native(port: str, baud: int) -> Controller:
    from firmware_bridge.native.client import connect

    return connect(port, baud)


def _connect_grbl(port: str, baud: int, gate: str | None) -> Stage:
    from firmware_bridge.grbl.stage import connect_grbl

    return connect_grbl(port, baud, gate=gate)


def _connect_dp5(port: str, baud: int, settings: Mapping[str, str]) -> Spectrometer:
    from firmware_bridge.dp5.spectrometer import connect_dp5

    return connect_dp5(port, baud, settings=settings)


CONNECT: Final[dict[str, Callable[[str, int], Controller]]] = {"native": _connect_native}
"""Controllers that are one device: port and baud rate."""
STAGES: Final[dict[str, Callable[[str, int, str | None], Stage]]] = {"grbl": _connect_grbl}
"""Port, baud rate, and the output that gates the beam."""
SPECTROMETERS: Final[dict[str, Callable[[str, int, Mapping[str, str]], Spectrometer]]] = {"dp5": _connect_dp5}
"""Port, baud rate, and the device's own settings."""


def connect_pair(stage: Callable[[], Stage], spectrometer: Callable[[], Spectrometer]) -> Controller:
    """Connect both devices and pair them; what was connected is closed again when the rest fails."""
    from firmware_bridge.paired_controller import PairedController

    moving = stage()
    try:
        counting = spectrometer()
        try:
            return PairedController(moving, counting)
        except BaseException:
            counting.close()
            raise
    except BaseException:
        moving.close()
        raise
