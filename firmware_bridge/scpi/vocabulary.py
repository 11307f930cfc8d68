"""The commands, as docs/reference/scpi-spectrometer.md defines them, and the numbers in their answers.

The host sends the short forms, in capitals.
"""

from __future__ import annotations

from enum import Enum, IntEnum, IntFlag
from typing import Final

IDENTIFY: Final = "*IDN?"
CLEAR_STATUS: Final = "*CLS"
NEXT_ERROR: Final = "SYST:ERR?"
ASK_CONDITION: Final = "STAT:OPER:COND?"
ASK_CHANNELS: Final = "SENS:CHAN?"
ASK_PRESET_CLOCK: Final = "SENS:PRES:CLOC?"
ASK_PRESET_STEP: Final = "SENS:PRES:STEP?"
PRESET_TIME: Final = "SENS:PRES:TIME"
INITIATE: Final = "INIT"
ABORT: Final = "ABOR"
FETCH_COUNTERS: Final = "FETC:COUN?"
FETCH_SPECTRUM: Final = "FETC:SPEC?"
FETCH_SPECTRUM_AND_CLEAR: Final = "FETC:SPEC:CLE?"
MEASURE_TEMPERATURE: Final = "MEAS:TEMP?"
"""Of the detector, in kelvin; a device need not know it."""
MEASURE_VOLTAGE: Final = "MEAS:VOLT?"
"""Of the detector's high voltage supply, in volts; a device need not know it."""

INFINITE: Final = 9.9e37
"""SCPI's infinity: a preset that is never reached."""
MOST_CHANNELS: Final = 16_384


class Clock(Enum):
    """What ends an exposure."""

    LIVE = "LIVE"
    REAL = "REAL"


class Condition(IntFlag):
    """The operation status register; other bits are the device's own."""

    NONE = 0
    MEASURING = 1 << 4
    PRESET_REACHED = 1 << 8


class ErrorCode(IntEnum):
    """SCPI's numbers that the host or the twin has a use for."""

    NO_ERROR = 0
    SYNTAX = -102
    PARAMETER_NOT_ALLOWED = -108
    MISSING_PARAMETER = -109
    UNDEFINED_HEADER = -113
    INIT_IGNORED = -213
    SETTINGS_CONFLICT = -221
    OUT_OF_RANGE = -222
    ILLEGAL_PARAMETER = -224
    QUEUE_OVERFLOW = -350
    INPUT_OVERRUN = -363
