"""What goes wrong with a GRBL stage, as exceptions whose text an operator can act on."""

from __future__ import annotations

from firmware_bridge.faults import (
    BridgeError,
    ControllerFault,
    DoorOpen,
    LimitExceeded,
    LinkLost,
    ProtocolViolation,
    Rebooted,
    WrongDevice,
    WrongPosition,
)
from firmware_bridge.grbl.codec import Banner
from firmware_bridge.grbl.vocabulary import HAL_ALARMS, alarm_sentence, error_sentence
from firmware_bridge.messages import StagePose


def nobody(port: str) -> LinkLost:
    """Not a byte came."""
    return LinkLost(f"nothing answers at {port}: check the board's power, cable and baud rate")


def stranger(port: str) -> WrongDevice:
    """Bytes came, but no banner."""
    return WrongDevice(
        f"what answers at {port} is no GRBL 1.1 board: check that the port is the stage's and that the baud rate is "
        "its own (115200 as a rule)"
    )


def silent(port: str, silence_s: float) -> LinkLost:
    """A question for the status stayed unanswered."""
    return LinkLost(
        f"the stage at {port} has not answered for {silence_s:.0f} s: check its power and cable, and that the shutter "
        "is closed, then connect again and home it"
    )


def rebooted(port: str) -> Rebooted:
    """A banner came that nobody had asked for."""
    return Rebooted(
        f"the stage at {port} has restarted and doesn't know where it is: check its supply, home it, and resume the "
        "scan"
    )


def garbled(port: str, text: str) -> ProtocolViolation:
    """A line that no firmware sends."""
    return ProtocolViolation(
        f"the stage at {port} was misunderstood ('{text}'): check the baud rate and the cable's shielding; it was "
        "stopped"
    )


def misanswered(port: str, answer: BridgeError) -> ProtocolViolation:
    """A refusal of a question that every board answers: it belongs to a line of before."""
    return ProtocolViolation(
        f"the stage at {port} did not tell what it is ({answer}): see that nothing else sends to it, then connect again"
    )


def stray_answer(port: str) -> ProtocolViolation:
    """More answers than lines."""
    return ProtocolViolation(
        f"the stage at {port} acknowledged a line that was never sent: see that no other program uses the port; it "
        "was stopped"
    )


def lost_answer(port: str) -> ProtocolViolation:
    """The board is idle, and yet has not answered everything."""
    return ProtocolViolation(
        f"the stage at {port} has lost a line or its answer: check the cable, and that the receive buffer is as large "
        "as $I says; it was stopped"
    )


def halted() -> ControllerFault:
    """Somebody called a halt."""
    return ControllerFault("the stage was halted: what was under way is dropped; give it again if it is still wanted")


def door_open() -> DoorOpen:
    """The safety door's input is active."""
    return DoorOpen("the door is open: close it, then go on")


def hold_input() -> DoorOpen:
    """The hold input is active: where firmware without a door input has the door's switch."""
    return DoorOpen(
        "the stage's hold input is active: close the door if its switch is wired there, or release the button, then "
        "go on"
    )


def not_homed() -> ControllerFault:
    """The position isn't known."""
    return ControllerFault("the stage's position is unknown: home it first")


def unverified() -> ControllerFault:
    """The beam is asked for where the stage was not sent."""
    return ControllerFault("the stage was stopped on its way: move it to where the beam is wanted first")


def on_hold() -> ControllerFault:
    """Somebody pressed the board's own button."""
    return ControllerFault("the stage was put on hold at its own panel: release it there, then go on")


def of_refusal(number: int, line: bytes) -> BridgeError:
    """An ``error:n`` for a line."""
    shown = line.decode("ascii", "backslashreplace").strip()
    sentence = f"the stage refused '{shown}' (error {number}): {error_sentence(number)}"
    return DoorOpen(sentence) if number == 13 else ControllerFault(sentence)


def of_alarm(number: int, banner: Banner | None) -> ControllerFault:
    """An ``ALARM:n`` of a firmware."""
    further = HAL_ALARMS if banner is not None and banner.is_hal else {}
    sentence = f"the stage stopped (alarm {number}): {alarm_sentence(number, further)}"
    match number:
        case 2:
            return LimitExceeded(sentence)
        case 7:
            return DoorOpen(sentence)
        case _:
            return ControllerFault(sentence)


def outside(
    pose: StagePose, what: str, x_limits_mm: tuple[float, float], y_limits_mm: tuple[float, float]
) -> LimitExceeded:
    """A pose that is refused before it is sent."""
    return LimitExceeded(
        f"{what}: {pose.x_mm:.3f}, {pose.y_mm:.3f} mm lies outside the stage's limits ({x_limits_mm[0]:g} to "
        f"{x_limits_mm[1]:g}, {y_limits_mm[0]:g} to {y_limits_mm[1]:g} mm): move the scan area or the object"
    )


def turned_back(before: StagePose, found: StagePose) -> WrongPosition:
    """A stroke that goes backward."""
    return WrongPosition(
        f"the stage went back from {before.x_mm:.3f}, {before.y_mm:.3f} mm to {found.x_mm:.3f}, {found.y_mm:.3f} mm "
        "within a stroke: a command or the report was mangled on its way, so check the cable and its shielding; the "
        "stage was stopped"
    )


def wrong_position(meant: StagePose, found: StagePose) -> WrongPosition:
    """The stage's own report contradicts what it was told."""
    return WrongPosition(
        f"the stage stands at {found.x_mm:.3f}, {found.y_mm:.3f} mm and was sent to {meant.x_mm:.3f}, "
        f"{meant.y_mm:.3f} mm: a command or the report was mangled on its way, so check the cable and its shielding; "
        "the stage was stopped"
    )


def beam_astray(found: StagePose) -> WrongPosition:
    """The output was on before the stroke's start or after its end."""
    return WrongPosition(
        f"the beam was on at {found.x_mm:.3f}, {found.y_mm:.3f} mm, outside its stroke: a command was mangled on its "
        "way, so check the cable and its shielding; the stage was stopped"
    )


def beam_missing(found: StagePose) -> ControllerFault:
    """The output was off within a stroke."""
    return ControllerFault(
        f"the beam was off at {found.x_mm:.3f}, {found.y_mm:.3f} mm, within its stroke: a command was mangled or late, "
        "so check the cable and that this computer isn't too busy; the stroke is measured again"
    )


def overrun(expected_s: float) -> ControllerFault:
    """A stroke doesn't come to its end."""
    return ControllerFault(
        f"a stroke of {expected_s:.1f} s took more than twice as long: a command was mangled on its way, so check the "
        "cable and its shielding; the stage was stopped"
    )
