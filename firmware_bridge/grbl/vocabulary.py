"""GRBL 1.1's numbers as sentences that an operator can act on."""

from __future__ import annotations

from typing import Final

ERRORS: Final[dict[int, str]] = {
    1: "a word of the line has no letter: the line was mangled on its way",
    2: "a number in the line can't be read: the line was mangled on its way",
    3: "the firmware doesn't know this $ command: update it",
    4: "a value that must not be negative is: correct the setting",
    5: "homing is switched off: fit limit switches and set $22=1",
    6: "the step pulse is shorter than the firmware can make: set $0 to 3 or more",
    7: "the firmware could not read its stored settings and has taken its defaults: enter them again",
    8: "this $ command is taken only while the stage is idle: wait for it to stop",
    9: "G-code is locked out until the stage has been homed: home it",
    10: "soft limits need homing: set $22=1 before $20=1",
    11: "the line is longer than the firmware's line buffer: it was mangled on its way",
    12: "a setting asks for more steps a second than the firmware can make: lower $100 to $112",
    13: "the safety door is open: close it",
    14: "a stored line is longer than the firmware can keep: shorten it",
    15: "the jog would leave the stage's travel: jog less far",
    16: "the jog command is incomplete: the line was mangled on its way",
    17: "laser mode needs an output that can be dimmed: use a firmware with variable spindle",
    20: "the firmware doesn't know this G-code: update it",
    21: "two commands of one line exclude each other: the line was mangled on its way",
    22: "no speed has been given: the line was mangled on its way",
    23: "a command needs a whole number: the line was mangled on its way",
    24: "two commands of one line claim its axes: the line was mangled on its way",
    25: "a word stands twice in the line: the line was mangled on its way",
    26: "a command lacks its axes: the line was mangled on its way",
    27: "the line number is out of range: the line was mangled on its way",
    28: "a command lacks a value: the line was mangled on its way",
    29: "the work coordinate system doesn't exist: the line was mangled on its way",
    30: "G53 goes with G0 and G1 alone: the line was mangled on its way",
    31: "the line names axes that nothing uses: the line was mangled on its way",
    32: "an arc lacks its plane's axes: the line was mangled on its way",
    33: "the target of the motion is invalid: the line was mangled on its way",
    34: "an arc's radius is impossible: the line was mangled on its way",
    35: "an arc lacks its offsets: the line was mangled on its way",
    36: "the line holds words that nothing uses: the line was mangled on its way",
    37: "the tool length offset has another axis: the line was mangled on its way",
    38: "the tool number is too large: the line was mangled on its way",
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


def error_sentence(number: int) -> str:
    """What an ``error:n`` means, and what to do."""
    return ERRORS.get(number, f"the firmware reports error {number}: look it up in its manual")


def alarm_sentence(number: int) -> str:
    """What an ``ALARM:n`` means, and what to do."""
    return ALARMS.get(number, f"the firmware reports alarm {number}: look it up in its manual, then home the stage")
