"""Controllers, stages, spectrometers and stand-off sensors by the names that a configuration gives them.

Each function connects, or raises a `BridgeError`. A new device is one line here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from firmware_bridge.controller import Controller

if TYPE_CHECKING:
    from firmware_bridge.spectrometer import Spectrometer, SpectrometerOptions
    from firmware_bridge.stage import Stage, StageOptions
    from firmware_bridge.standoff import StandoffOptions, StandoffSensor


def _connect_native(port: str, baud: int) -> Controller:
    from firmware_bridge.native.client import connect

    return connect(port, baud)


def _connect_grbl(options: StageOptions) -> Stage:
    from firmware_bridge.grbl.stage import connect_grbl

    return connect_grbl(options.port, options.baud, gate=options.gate, has_trigger=options.has_trigger)


def _connect_marlin(options: StageOptions) -> Stage:
    from firmware_bridge.marlin.stage import connect_marlin

    return connect_marlin(options)


def _connect_dp5(options: SpectrometerOptions) -> Spectrometer:
    from firmware_bridge.dp5.spectrometer import connect_dp5

    return connect_dp5(options.port, options.baud, settings=options.settings)


def _connect_scpi(options: SpectrometerOptions) -> Spectrometer:
    from firmware_bridge.scpi.spectrometer import connect_scpi

    return connect_scpi(options)


def _watch_input(stage: Stage, _options: StandoffOptions) -> StandoffSensor:
    from firmware_bridge.rangefinder.sensor import InputSensor

    return InputSensor(stage)


def _connect_rangefinder(_stage: Stage, options: StandoffOptions) -> StandoffSensor:
    from firmware_bridge.rangefinder.sensor import connect_rangefinder

    return connect_rangefinder(options)


CONNECT: Final[dict[str, Callable[[str, int], Controller]]] = {"native": _connect_native}
"""Controllers that are one device: port and baud rate."""
STAGES: Final[dict[str, Callable[[StageOptions], Stage]]] = {"grbl": _connect_grbl, "marlin": _connect_marlin}
SPECTROMETERS: Final[dict[str, Callable[[SpectrometerOptions], Spectrometer]]] = {
    "dp5": _connect_dp5,
    "scpi": _connect_scpi,
}
STANDOFFS: Final[dict[str, Callable[[Stage, StandoffOptions], StandoffSensor]]] = {
    "input": _watch_input,
    "rangefinder": _connect_rangefinder,
}
"""What watches the distance to the object, given the stage, whose input it may be."""


def connect_pair(
    stage: Callable[[], Stage],
    spectrometer: Callable[[], Spectrometer],
    standoff: Callable[[Stage], StandoffSensor] | None = None,
) -> Controller:
    """Connect all devices and pair them; what was connected is closed again when the rest fails.

    Parameters
    ----------
    standoff
        Connects what watches the distance to the object, given the stage, whose input it may be.
    """
    from contextlib import ExitStack

    from firmware_bridge.paired_controller import PairedController

    with ExitStack() as connected:
        moving = stage()
        connected.callback(moving.close)
        counting = spectrometer()
        connected.callback(counting.close)
        watching = None if standoff is None else standoff(moving)
        if watching is not None:
            connected.callback(watching.close)
        controller = PairedController(moving, counting, watching)
        connected.pop_all()
        return controller
