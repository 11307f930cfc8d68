"""Command lines as SCPI writes them: headers with a short and a long form, in any case, and a parameter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Generic, TypeVar

from firmware_bridge.scpi.vocabulary import ErrorCode

LONGEST_LINE: Final = 1_024
ERROR_TEXTS: Final = {
    ErrorCode.NO_ERROR: "No error",
    ErrorCode.SYNTAX: "Syntax error",
    ErrorCode.PARAMETER_NOT_ALLOWED: "Parameter not allowed",
    ErrorCode.MISSING_PARAMETER: "Missing parameter",
    ErrorCode.UNDEFINED_HEADER: "Undefined header",
    ErrorCode.INIT_IGNORED: "Init ignored",
    ErrorCode.SETTINGS_CONFLICT: "Settings conflict",
    ErrorCode.OUT_OF_RANGE: "Data out of range",
    ErrorCode.ILLEGAL_PARAMETER: "Illegal parameter value",
    ErrorCode.QUEUE_OVERFLOW: "Queue overflow",
    ErrorCode.INPUT_OVERRUN: "Input buffer overrun",
}
_LINE = re.compile(r"\s*(\*[A-Za-z]+\??|:?[A-Za-z]\w*(?::[A-Za-z]\w*)*\??)(?:\s+(\S(?:.*\S)?))?\s*")
_Meaning = TypeVar("_Meaning")


class CommandRefused(Exception):
    """A command that goes into the error queue."""

    def __init__(self, code: ErrorCode) -> None:
        super().__init__(ERROR_TEXTS[code])
        self.code = code


class CommandTable(Generic[_Meaning]):
    """What commands mean, by the names that the standard gives them.

    Parameters
    ----------
    meanings
        Names with their short forms in capitals, such as ``SENSe:CHANnels?``.
    """

    def __init__(self, meanings: Mapping[str, _Meaning]) -> None:
        self._meanings = [(_pattern(name), meaning) for name, meaning in meanings.items()]

    def look_up(self, line: str) -> tuple[_Meaning, str]:
        """What a line means, and its parameter, empty when it has none. Raises `CommandRefused`."""
        found = _LINE.fullmatch(line)
        if found is None:
            raise CommandRefused(ErrorCode.SYNTAX)
        for pattern, meaning in self._meanings:
            if pattern.fullmatch(found.group(1)):
                return meaning, found.group(2) or ""
        raise CommandRefused(ErrorCode.UNDEFINED_HEADER)


def _pattern(name: str) -> re.Pattern[str]:
    words = (re.sub(r"[a-z]+$", r"(?:\g<0>)?", word) for word in name.removesuffix("?").split(":"))
    question = r"\?" if name.endswith("?") else ""
    text = ":".join(words).replace("*", r"\*")
    return re.compile(("" if name.startswith("*") else ":?") + text + question, re.IGNORECASE)
