"""GRBL 1.1's numbers as sentences that an operator can act on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_MANGLED: Final = "the line was mangled on its way, so check the cable and its shielding"

ERRORS: Final[dict[int, str]] = {
    1: f"a word of the line has no letter: {_MANGLED}",
    2: f"a number in the line can't be read: {_MANGLED}",
    3: "the firmware doesn't know this $ command: check the cable and its shielding, else update the firmware",
    4: "a value that must not be negative is: correct the setting",
    5: "homing is switched off: fit limit switches and set $22=1",
    6: "the step pulse is shorter than the firmware can make: set $0 to 3 or more",
    7: "the firmware could not read its stored settings and has taken its defaults: enter them again",
    8: "this $ command is taken only while the stage is idle: wait for it to stop",
    9: "G-code is locked out until the stage has been homed: home it",
    10: "soft limits need homing: set $22=1 before $20=1",
    11: f"the line is longer than the firmware's line buffer: {_MANGLED}",
    12: "a setting asks for more steps a second than the firmware can make: lower $100 to $112",
    13: "the safety door is open: close it",
    14: "a stored line is longer than the firmware can keep: shorten it",
    15: "the jog would leave the stage's travel: jog less far",
    16: f"the jog command is incomplete: {_MANGLED}",
    17: "laser mode needs an output that can be dimmed: use a firmware with variable spindle",
    20: "the firmware doesn't know this G-code: check the cable and its shielding, else update the firmware",
    21: f"two commands of one line exclude each other: {_MANGLED}",
    22: f"no speed has been given: {_MANGLED}",
    23: f"a command needs a whole number: {_MANGLED}",
    24: f"two commands of one line claim its axes: {_MANGLED}",
    25: f"a word stands twice in the line: {_MANGLED}",
    26: f"a command lacks its axes: {_MANGLED}",
    27: f"the line number is out of range: {_MANGLED}",
    28: f"a command lacks a value: {_MANGLED}",
    29: f"the work coordinate system doesn't exist: {_MANGLED}",
    30: f"G53 goes with G0 and G1 alone: {_MANGLED}",
    31: f"the line names axes that nothing uses: {_MANGLED}",
    32: f"an arc lacks its plane's axes: {_MANGLED}",
    33: f"the target of the motion is invalid: {_MANGLED}",
    34: f"an arc's radius is impossible: {_MANGLED}",
    35: f"an arc lacks its offsets: {_MANGLED}",
    36: f"the line holds words that nothing uses: {_MANGLED}",
    37: f"the tool length offset has another axis: {_MANGLED}",
    38: f"the tool number is too large: {_MANGLED}",
}

ALARMS: Final[dict[int, str]] = {
    1: "a limit switch was hit in motion and the position is lost: free the stage by hand, then home it",
    2: "a move would have left the stage's travel: move the scan area or the object, then home the stage",
    3: "the stage was reset in motion and its position is lost: home it",
    4: "the probe was not in its expected state: nothing here probes, so check the board's inputs, then home the stage",
    5: "the probe found nothing: nothing here probes, so check the board's inputs, then home the stage",
    6: "homing was ended by a reset: home the stage again",
    7: "the safety door was opened while homing: close it, then home the stage again",
    8: "homing could not leave the limit switch: raise the pull-off $27 or check the switches, then home again",
    9: "homing found no limit switch: check the switches and the travel in $130 and $131, then home again",
    10: "homing found no second limit switch: check the switches of the paired axis, then home again",
}

DEAF_AFTER: Final = frozenset({1, 2})
"""After these the firmware hears nothing but a reset."""
HOMING_REQUIRED: Final = 11
"""Of grblHAL, after its banner: it is locked until it is homed, and answers as ever."""
HAL_ALARMS: Final[dict[int, str]] = {
    10: "the emergency stop is pressed: release it, then home the stage",
    HOMING_REQUIRED: "the firmware moves nothing before it has been homed: home the stage",
    12: "a limit switch is pressed: free the stage by hand, then home it",
    13: "the probe was hit: nothing here probes, so check the board's inputs, then home the stage",
    14: "the spindle did not reach its speed: nothing here turns, so set the spindle to a plain output ($395)",
    15: "homing found no second limit switch: check the switches of the paired axis, then home again",
    16: "the firmware's test of itself failed: switch the board off and on, else have it repaired",
    17: "a motor's driver reports a fault: check motors, drivers and their supply, then home the stage",
    18: "homing is set up wrongly: check $22, $23 and $44 to $46, then home again",
}
"""Where grblHAL's alarms differ from GRBL 1.1's."""


def error_sentence(number: int) -> str:
    """What an ``error:n`` means, and what to do."""
    return ERRORS.get(number, f"the firmware reports error {number}: look it up in its manual")


def alarm_sentence(number: int, further: Mapping[int, str]) -> str:
    """What an ``ALARM:n`` means, and what to do.

    Parameters
    ----------
    further
        Alarms of this firmware that aren't GRBL 1.1's.
    """
    unknown = f"the firmware reports alarm {number}: look it up in its manual, then home the stage"
    return {**ALARMS, **further}.get(number, unknown)
