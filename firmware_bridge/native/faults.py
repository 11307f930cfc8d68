"""Codes of the native protocol as exceptions whose text an operator can act on."""

from __future__ import annotations

from typing import Final

from firmware_bridge.faults import (
    ClockJumped,
    ControllerFault,
    DoorOpen,
    LeaseExpired,
    LimitExceeded,
    LinkLost,
    ProtocolViolation,
    Rebooted,
    StandoffExceeded,
    WrongDevice,
)
from firmware_bridge.native.vocabulary import Code

SENTENCES: Final[dict[Code, str]] = {
    Code.OK: "",
    Code.NOT_HOMED: "the stage's position is unknown: home it first",
    Code.LIMIT: "the pose lies outside the controller's limits: move the scan area or the object",
    Code.DOOR_OPEN: "the door is open: close it, then open the shutter again",
    Code.LEASE_EXPIRED: (
        "the shutter closed because its lease was not renewed in time: see what kept this computer busy, "
        "then open the shutter again"
    ),
    Code.SHUTTER_OPEN: "this is not done while the shutter is open: close it first",
    Code.BUSY: "the controller is busy with another command: wait for it, or abort it",
    Code.ABORTED: "the command was aborted: give it again if it is still wanted",
    Code.UNSUPPORTED: "the firmware doesn't know this command: update it, or do without",
    Code.MALFORMED: "the controller could not read a message: compare the firmware with the protocol's description",
    Code.LEASE_TOO_LONG: "the lease asked for is longer than the controller allows: ask for at most its own",
    Code.TOO_FAST: "a stroke is faster than the stage: lengthen its time or shorten its way",
    Code.LIVE_TIME: "a live time is zero or longer than the controller can count: choose another dwell",
    Code.NO_SCAN: "an exposure came before its scan was named: begin the scan first",
    Code.FAULTED: "an earlier fault still holds: remove its cause and home the stage",
    Code.STANDOFF: (
        "the object is too near or too far: see whether it bows or has moved, set the distance right, "
        "then open the shutter again"
    ),
    Code.STALLED: "an axis stalled: look for an obstacle, then home the stage",
    Code.LIMIT_SWITCH: "a limit switch was hit: free the stage by hand, then home it",
    Code.DETECTOR: "the detector failed: check its power, cooling and cable, then home the stage",
    Code.SHUTTER_STUCK: "the shutter doesn't follow: switch the tube off by its own control and have it repaired",
}

_CLASSES: Final[dict[Code, type[ControllerFault]]] = {
    Code.DOOR_OPEN: DoorOpen,
    Code.LEASE_EXPIRED: LeaseExpired,
    Code.LIMIT: LimitExceeded,
    Code.STANDOFF: StandoffExceeded,
}


def fault_of(code: int, what: str, remark: str = "") -> ControllerFault | ProtocolViolation:
    """The exception for a code that the controller sent.

    Parameters
    ----------
    what
        What was asked or happened, to begin the sentence: ``"opening the shutter"``.
    remark
        The firmware's own words, put behind it.
    """
    said = f" ({words})" if (words := _plain(remark)) else ""
    try:
        known = Code(code)
    except ValueError:
        return ControllerFault(
            f"{what}: the controller reports fault {code}: look it up in the firmware's manual{said}"
        )
    if known in (Code.MALFORMED, Code.NO_SCAN):
        return ProtocolViolation(f"{what}: {SENTENCES[known]}{said}")
    return _CLASSES.get(known, ControllerFault)(f"{what}: {SENTENCES[known]}{said}")


def _plain(remark: str) -> str:
    """One line without control characters, whatever the firmware sent."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in remark).split())


def nobody(port: str) -> LinkLost:
    """Not a byte came."""
    return LinkLost(f"nothing answers at {port}: check the controller's power, cable and baud rate")


def stranger(port: str) -> WrongDevice:
    """Bytes came, but no frame."""
    return WrongDevice(
        f"what answers at {port} doesn't speak the native protocol: "
        "check that the port is the controller's and that the baud rate is its own"
    )


def other_version(port: str, theirs: int, ours: int) -> WrongDevice:
    """A frame of another version came."""
    return WrongDevice(
        f"the controller at {port} speaks version {theirs} of the native protocol and this program "
        f"version {ours}: update the older of the two"
    )


def silent(port: str, silence_s: float) -> LinkLost:
    """A question stayed unanswered."""
    return LinkLost(
        f"the controller at {port} has not answered for {silence_s:.0f} s: "
        "check its power and cable, then connect again; its shutter closes by itself"
    )


def clock_jumped(port: str, jump_s: float) -> ClockJumped:
    """Device time went backwards, or ran ahead of what can have passed."""
    way = "forwards" if jump_s > 0 else "back"
    return ClockJumped(
        f"the clock of the controller at {port} has jumped {way} by {_jump_text(abs(jump_s))}, so that the times of "
        "its exposures are of no use; its shutter closes by itself: see whether this computer was asleep, else mend "
        "the firmware's timer; then connect again and resume the scan"
    )


def _jump_text(jump_s: float) -> str:
    return f"{jump_s:.3g} s" if jump_s >= 1 else f"{1e3 * jump_s:.3g} ms"


def rebooted(port: str) -> Rebooted:
    """A new boot identity answered."""
    return Rebooted(
        f"the controller at {port} has restarted and doesn't know where its stage is: "
        "connect again, home it, and resume the scan"
    )


def taken_over(port: str) -> LinkLost:
    """The controller knows another session."""
    return LinkLost(
        f"the controller at {port} has ended this session: make sure that no other program uses it, then connect again"
    )
