"""The DP5's settings as text: ``RESC=Y;MCAC=2048;``, upper case, no spaces."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from firmware_bridge.dp5.codec import LONGEST_REQUEST, Dp5CodecError

RESET = "RESC=Y;"
"""Begins a configuration: what isn't named gets the maker's default, so the outcome doesn't depend on the past."""
_NAME = re.compile(r"[A-Z][A-Z0-9]{3}")
_VALUE = re.compile(r"[!-:<>-~]+")
_NUMBER = re.compile(r"([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)([A-Z]{0,3})")


def as_settings(asked: Mapping[str, str]) -> dict[str, str]:
    """Settings in the device's spelling: upper case.

    Raises
    ------
    Dp5CodecError
        A name isn't four letters or digits, a value is empty or holds a space, a semicolon or an equals sign.
    """
    settings = {}
    for name, value in asked.items():
        setting, text = name.strip().upper(), str(value).strip().upper()
        if not _NAME.fullmatch(setting):
            raise Dp5CodecError(f"the setting '{name}' is no DP5 command: they have four letters, as MCAC or TPEA")
        if not _VALUE.fullmatch(text):
            raise Dp5CodecError(f"the setting {setting} has the value '{value}': give one word without ; and =")
        if setting in settings:
            raise Dp5CodecError(f"the setting {setting} is given twice: leave one out")
        settings[setting] = text
    return settings


def as_texts(settings: Mapping[str, str]) -> list[bytes]:
    """Texts for as many requests as the settings need, each at most `LONGEST_REQUEST` bytes."""
    return _packed([f"{name}={value};" for name, value in settings.items()])


def as_questions(names: list[str]) -> list[bytes]:
    """Texts that ask for settings."""
    return _packed([f"{name}=?;" for name in names])


def read_text(content: bytes) -> dict[str, str]:
    """Settings out of a text that either side sends.

    Raises
    ------
    Dp5CodecError
        It is not a row of ``NAME=value;``.
    """
    try:
        text = content.decode("ascii").rstrip("\x00\r\n")
    except UnicodeDecodeError as error:
        raise Dp5CodecError("a configuration that isn't ASCII text") from error
    settings = {}
    for part in filter(None, text.split(";")):
        name, equals, value = part.partition("=")
        if not _NAME.fullmatch(name) or not equals or not _VALUE.fullmatch(value):
            raise Dp5CodecError(f"a configuration with '{part[:40]}' instead of NAME=value")
        settings[name] = value
    return settings


def is_same_value(asked: str, told: str) -> bool:
    """Whether a readback says what was asked for.

    Numbers are the same when they agree to the last digit that the device tells, a unit may be left out on one side.
    """
    if asked == told:
        return True
    first, second = _NUMBER.fullmatch(asked), _NUMBER.fullmatch(told)
    if first is None or second is None or (first[2] and second[2] and first[2] != second[2]):
        return False
    try:
        wanted, got = Decimal(first[1]), Decimal(second[1])
    except InvalidOperation:
        return False
    exponent = got.as_tuple().exponent
    last_digit = Decimal(1).scaleb(exponent) if isinstance(exponent, int) and exponent < 0 else Decimal(0)
    return abs(wanted - got) <= last_digit / 2


def _packed(parts: list[str]) -> list[bytes]:
    texts = [""]
    for part in parts:
        if len(part) > LONGEST_REQUEST:
            raise Dp5CodecError(f"the setting {part[:4]} is longer than the {LONGEST_REQUEST} bytes of a request")
        if len(texts[-1]) + len(part) > LONGEST_REQUEST:
            texts.append("")
        texts[-1] += part
    return [text.encode("ascii") for text in texts if text]
