"""What a rangefinder's silence or words mean, as exceptions whose text an operator can act on."""

from __future__ import annotations

from firmware_bridge.faults import BridgeError, ControllerFault, LinkLost, ProtocolViolation
from firmware_bridge.rangefinder.codec import Complaint, Garbage


def silent(name: str, silence_s: float, *, is_asked: bool) -> LinkLost:
    """Nothing came."""
    remedy = (
        "whether `ask` is what it answers to" if is_asked else "whether it sends by itself or has to be asked (`ask`)"
    )
    return LinkLost(
        f"the rangefinder at {name} has said nothing for {silence_s:g} s: "
        f"check its power, cable and baud rate, and {remedy}"
    )


def fault_of(line: Complaint | Garbage, name: str) -> BridgeError:
    """The exception for a line without a distance in it."""
    match line:
        case Complaint(said=said):
            return ControllerFault(
                f"the rangefinder at {name} could not measure ({said}): see that its spot falls on the object and not "
                "on glass or gloss, look the code up in its manual, then go on"
            )
        case Garbage(said=said, why=why):
            return ProtocolViolation(
                f"the rangefinder at {name} sent a line with {why} ({said!r}): "
                "check the baud rate, and set the device to send the distance alone"
            )
