"""What goes wrong with a Marlin stage, as exceptions whose text an operator can act on."""

from __future__ import annotations

from typing import Final

from firmware_bridge.faults import (
    BridgeError,
    ControllerFault,
    LimitExceeded,
    LinkLost,
    ProtocolViolation,
    Rebooted,
    SettingRefused,
    WrongDevice,
    WrongPosition,
)
from firmware_bridge.messages import StagePose

_REMEDIES: Final = {
    "Protected Pin": "the gate's pin is one that the firmware uses itself: wire the gate to a free pin and name that",
    "paused for": "it waits for somebody at its own panel: confirm there, then home the stage",
}
_LAST_WORDS: Final = {
    "Homing Failed": "it did not find its end switches, or was halted while it looked for them: check them",
}
"""What is said just before a firmware stops for good, and what it means."""
_BUILDS: Final = {
    "M42": "with DIRECT_PIN_CONTROL",
    "M113": "with HOST_KEEPALIVE_FEATURE",
    "M211": "with software endstops",
    "M503": "without DISABLE_M503",
}


def nobody(port: str) -> LinkLost:
    """Not a byte came."""
    return LinkLost(f"nothing answers at {port}: check the board's power, cable and baud rate")


def stranger(port: str) -> WrongDevice:
    """Bytes came, but nothing that Marlin says."""
    return WrongDevice(
        f"what answers at {port} is no Marlin 2 board: check that the port is the stage's and that the baud rate is "
        "its own (250000 or 115200 as a rule)"
    )


def grbl_instead(port: str) -> WrongDevice:
    """A GRBL banner came."""
    return WrongDevice(f"what answers at {port} is a GRBL board: set the stage's kind to grbl")


def not_marlin(port: str, firmware: str) -> WrongDevice:
    """It says so itself."""
    return WrongDevice(f"the stage at {port} runs {firmware}: update its firmware to Marlin 2")


def silent(port: str, silence_s: float) -> LinkLost:
    """A board that says every two seconds that it is busy said nothing."""
    return LinkLost(
        f"the stage at {port} has not answered for {silence_s:.0f} s: check its power and cable, and that the shutter "
        "is closed, then connect again and home it"
    )


def lost_answer(port: str) -> ProtocolViolation:
    """It talks, but not about what it was asked."""
    return ProtocolViolation(
        f"the stage at {port} does not finish what it was asked for: see at its panel that it is neither paused nor "
        "slowed down, check the cable's shielding and the baud rate, then home it"
    )


def rebooted(port: str) -> Rebooted:
    """It said ``start`` and nobody had reset it."""
    return Rebooted(
        f"the stage at {port} has restarted and doesn't know where it is: check its supply, home it, and resume the "
        "scan"
    )


def killed(port: str, text: str, said_before: str) -> LinkLost:
    """The firmware has stopped for good, and said why just before."""
    meant = next((f"{words}: {meaning}" for words, meaning in _LAST_WORDS.items() if words in said_before), None)
    return LinkLost(
        f"the stage at {port} has shut itself down ({meant or text}): remedy what its display names, press its reset "
        "button, then connect again and home it"
    )


def complaint(text: str) -> BridgeError:
    """``Error:`` about something else than a line's number or checksum."""
    remedy = next((remedy for words, remedy in _REMEDIES.items() if words in text), None)
    if remedy is None:
        remedy = "look it up in Marlin's documentation, then home the stage"
    sentence = f"the stage reports '{text}': {remedy}"
    return SettingRefused(sentence) if text == "Protected Pin" else ControllerFault(sentence)


def unknown(command: str) -> SettingRefused:
    """The firmware was built without a command."""
    option = _BUILDS.get(command.partition(" ")[0], "with this command")
    return SettingRefused(f"the stage's firmware doesn't know '{command}': build it {option}")


def halted() -> ControllerFault:
    """Somebody called a halt."""
    return ControllerFault("the stage was halted: what was under way is dropped; give it again if it is still wanted")


def not_homed() -> ControllerFault:
    """The position isn't known."""
    return ControllerFault("the stage's position is unknown: home it first")


def unverified() -> ControllerFault:
    """The beam is asked for where the stage was not sent."""
    return ControllerFault("the stage was stopped on its way: move it to where the beam is wanted first")


def outside(what: str, pose: StagePose, x_mm: tuple[float, float], y_mm: tuple[float, float]) -> LimitExceeded:
    """A pose that is refused before it is sent; the board would clamp it without a word."""
    return LimitExceeded(
        f"{what}: {pose.x_mm:.3f}, {pose.y_mm:.3f} mm lies outside the stage's limits ({x_mm[0]:g} to {x_mm[1]:g}, "
        f"{y_mm[0]:g} to {y_mm[1]:g} mm): move the scan area or the object"
    )


def wrong_position(meant: StagePose, found: StagePose) -> WrongPosition:
    """The stage's own report contradicts what it was told."""
    return WrongPosition(
        f"the stage stands at {found.x_mm:.3f}, {found.y_mm:.3f} mm and was sent to {meant.x_mm:.3f}, "
        f"{meant.y_mm:.3f} mm: a command was mangled on its way, or the board clamps to other limits than M211 tells; "
        "check the cable's shielding and the limits, then home it"
    )
