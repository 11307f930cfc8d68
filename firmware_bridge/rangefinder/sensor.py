"""Sensors of the stand-off: a rangefinder on a port of its own, and a switch on the stage's probe input."""

from __future__ import annotations

from firmware_bridge.faults import ProtocolViolation, WrongDevice
from firmware_bridge.ports import BytePort, open_port
from firmware_bridge.rangefinder.sources import AskedSource, DistanceSource, ListenedSource
from firmware_bridge.stage import Stage
from firmware_bridge.standoff import Standoff, StandoffOptions


def connect_rangefinder(options: StandoffOptions) -> RangefinderSensor:
    """Open the port and take one reading, in range or not.

    Raises
    ------
    PortUnavailable
        The port is missing, busy or refused.
    LinkLost
        Nothing answers.
    WrongDevice
        Something answers, but no rangefinder.
    ControllerFault
        The rangefinder says that it cannot measure.
    """
    return connect_rangefinder_over(open_port(options.port, options.baud), options)


def connect_rangefinder_over(port: BytePort, options: StandoffOptions) -> RangefinderSensor:
    """As `connect_rangefinder`, over a port that is open already; it is closed with the sensor, or when this fails."""
    sensor = RangefinderSensor(
        port,
        options.ask,
        options.mm_per_unit,
        options.nearest_mm,
        options.farthest_mm,
        name=options.port,
    )
    try:
        sensor.read()
    except ProtocolViolation as violation:
        sensor.close()
        raise WrongDevice(str(violation)) from violation
    except BaseException:
        sensor.close()
        raise
    return sensor


class RangefinderSensor:
    """`StandoffSensor` over a rangefinder that tells the distance as text, a line each.

    Parameters
    ----------
    ask
        What asks for one reading, ASCII without the line's end (CR LF is sent); empty: the device sends by itself, and
        a reading is the median of the last three of the last half second.
    mm_per_unit
        Millimetres per unit of the number that it sends.
    nearest_mm, farthest_mm
        The allowed interval, both included.
    name
        What the operator calls the port.
    """

    def __init__(
        self,
        port: BytePort,
        ask: str,
        mm_per_unit: float,
        nearest_mm: float,
        farthest_mm: float,
        *,
        name: str = "its port",
    ) -> None:
        self._source: DistanceSource = AskedSource(port, name, ask) if ask else ListenedSource(port, name)
        self._mm_per_unit = mm_per_unit
        self._allowed_mm = (nearest_mm, farthest_mm)

    def read(self) -> Standoff:
        """A fresh reading.

        Raises
        ------
        LinkLost
            The device is silent for two seconds, or its port has gone.
        ControllerFault
            It says that it cannot measure.
        ProtocolViolation
            It says something else than distances.
        """
        return judged(self._source.fresh() * self._mm_per_unit, *self._allowed_mm)

    def close(self) -> None:
        """Release the port. Safe to call twice."""
        self._source.close()


class InputSensor:
    """`StandoffSensor` over a switch on the stage's probe input, active while the object is too near or too far."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def read(self) -> Standoff:
        """A fresh reading; raises what the stage's status raises."""
        if not self._stage.status().is_probe_active:
            return Standoff(None, True, "")
        return Standoff(
            None,
            False,
            "the object is too near or too far: the switch on the stage's probe input is active: "
            "see whether the object bows or has moved, set the distance right, then go on",
        )

    def close(self) -> None:
        """Nothing: the stage isn't its own."""


def judged(distance_mm: float, nearest_mm: float, farthest_mm: float) -> Standoff:
    """A distance against the allowed interval, both ends included."""
    if nearest_mm <= distance_mm <= farthest_mm:
        return Standoff(distance_mm, True, "")
    is_near = distance_mm < nearest_mm
    beyond_mm = nearest_mm - distance_mm if is_near else distance_mm - farthest_mm
    return Standoff(
        distance_mm,
        False,
        f"the object is {beyond_mm:.3f} mm too {'near' if is_near else 'far'}: the rangefinder reads "
        f"{distance_mm:.3f} mm, allowed are {nearest_mm:g} to {farthest_mm:g} mm: "
        "see whether the object bows or has moved, set the distance right, then go on",
    )
