"""The settings of a DP5's twin: names, defaults, and what it takes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from firmware_bridge.dp5.vocabulary import CHANNELS, Ack


@dataclass(frozen=True, slots=True)
class _Choice:
    default: str
    options: tuple[str, ...]

    def taken(self, text: str) -> str | None:
        return text if text in self.options else None


@dataclass(frozen=True, slots=True)
class _Number:
    default: str
    low: float
    high: float
    step: float
    decimals: int
    words: tuple[str, ...] = ()

    def taken(self, text: str) -> str | None:
        """The value as the device stores it: on its step."""
        if text in self.words:
            return text
        try:
            value = float(text)
        except ValueError:
            return None
        if not (math.isfinite(value) and self.low <= value <= self.high):
            return None
        return f"{round(value / self.step) * self.step:.{self.decimals}f}"


_OFF = ("OFF",)
_SWITCH = _Choice("OFF", ("OFF", "ON"))
_SETTINGS: Final[dict[str, _Choice | _Number]] = {
    "MCAC": _Choice("1024", tuple(map(str, CHANNELS))),
    "PRET": _Number("OFF", 0.1, 99_999_999.9, 0.1, 1, _OFF),
    "PRER": _Number("OFF", 0.001, 4_294_967.29, 0.001, 3, _OFF),
    "PREC": _Number("OFF", 1, 4_294_967_295, 1, 0, _OFF),
    "CLCK": _Choice("AUTO", ("AUTO", "20", "80")),
    "TPEA": _Number("2.400", 0.05, 102.4, 0.05, 3),
    "TFLA": _Number("0.200", 0.05, 51.2, 0.05, 3),
    "TPFA": _Number("100", 50, 400, 50, 0),
    "GAIN": _Number("50.000", 0.75, 500, 0.001, 3),
    "GAIA": _Number("1", 1, 24, 1, 0),
    "GAIF": _Number("1.0000", 0.75, 1.25, 0.0001, 4),
    "THSL": _Number("1.000", 0, 24.9, 0.001, 3),
    "THFA": _Number("30.00", 0, 511.93, 0.01, 2),
    "TLLD": _Number("OFF", 0, 8191, 1, 0, _OFF),
    "RESL": _Number("204", 0, 6_553.6, 0.8, 0),
    "PURE": _Choice("ON", ("ON", "OFF", "MAX")),
    "RTDE": _SWITCH,
    "AINP": _Choice("POS", ("POS", "NEG")),
    "INOF": _Number("DEF", -2047, 2047, 1, 0, ("AUTO", "DEF")),
    "SOFF": _Number("OFF", -2047, 2047, 1, 0, _OFF),
    "HVSE": _Number("OFF", -1500, 1500, 1, 0, _OFF),
    "TECS": _Number("OFF", 0, 299, 1, 0, _OFF),
    "MCAE": _SWITCH,
    "MCAS": _Choice("NORM", ("NORM", "MCS", "FAST", "PUR", "RTD")),
    "GATE": _Choice("OFF", ("OFF", "HI", "LO")),
    "AUO1": _Choice("SCA8", ("SCA8", "ICR", "ONESH", "MCAEN", "STREAM")),
    "CON1": _Choice("DAC", ("DAC", "AUXOUT1", "AUXIN1")),
    "CON2": _Choice("AUXOUT2", ("AUXOUT2", "AUXIN2", "GATEH", "GATEL")),
    "BLRM": _Number("1", 0, 1, 1, 0, _OFF),
    "BLRD": _Number("3", 0, 3, 1, 0),
    "BLRU": _Number("0", 0, 3, 1, 0),
    "VOLU": _SWITCH,
    "BOOT": _SWITCH,
}


class Dp5Configuration:
    """Settings by name, as the device stores them.

    Parameters
    ----------
    channels
        What it was left with when it was last switched off.
    """

    def __init__(self, channels: int) -> None:
        self.values = _defaults()
        self.values["MCAC"] = str(channels)

    @property
    def channels(self) -> int:
        return int(self.values["MCAC"])

    def seconds(self, name: str) -> float | None:
        """A preset, None when it is off."""
        text = self.values[name]
        return None if text in _OFF else float(text)

    def apply(self, text: str) -> tuple[Ack, str]:
        """Take settings one by one until one is wrong; returns the answer, and the wrong one."""
        for part in filter(None, text.rstrip("\x00").split(";")):
            name, _, value = part.partition("=")
            if name == "RESC" and value in ("Y", "YES"):
                self.values = _defaults()
                continue
            setting = _SETTINGS.get(name)
            if setting is None:
                return Ack.UNKNOWN_COMMAND, f"{part};"
            taken = None if " " in value else setting.taken(value)
            if taken is None:
                return Ack.PARAMETER, f"{part};"
            self.values[name] = taken
        return Ack.OK, ""

    def tell(self, text: str) -> tuple[Ack, str]:
        """Answer ``NAME=?;`` for each name; a name alone is a question too."""
        answers = []
        for part in filter(None, text.rstrip("\x00").split(";")):
            name = part.partition("=")[0]
            if name not in self.values:
                return Ack.UNKNOWN_COMMAND, f"{part};"
            answers.append(f"{name}={self.values[name]};")
        return Ack.OK, "".join(answers)


def _defaults() -> dict[str, str]:
    return {name: setting.default for name, setting in _SETTINGS.items()}
