"""Finding out who answers, setting it up, and making sure that it took what was asked."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from firmware_bridge.faults import ControllerFault, ProtocolViolation, SettingRefused, WrongDevice
from firmware_bridge.scpi import vocabulary as v
from firmware_bridge.scpi.answers import Identity, as_integer, as_number, as_text, decode_identity, only
from firmware_bridge.scpi.codec import Reply, ScpiCodecError
from firmware_bridge.scpi.exchange import ScpiExchange

_COMMAND = re.compile(r"[A-Za-z][A-Za-z0-9:]{0,79}")
_VALUE = re.compile(r"[\x20-\x3a\x3c-\x7e]{1,200}")
_OURS: Final = ("PRES:TIME", "PRESET:TIME")
_SAME: Final = 1e-6
"""Relative difference between a number that was sent and the same one read back."""


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a device says of its spectra."""

    channels: int
    clock: v.Clock
    preset_step_s: float


def identify(exchange: ScpiExchange) -> Identity:
    """Who answers.

    Raises
    ------
    LinkLost
        Nobody does.
    WrongDevice
        It isn't a device that takes SCPI commands, or it is no spectrometer.
    """
    try:
        exchange.order(v.CLEAR_STATUS)
        identity = exchange.ask(v.IDENTIFY, decode_identity)
    except (ProtocolViolation, ControllerFault) as fault:
        raise WrongDevice(
            f"{exchange.name} answers, but not as a device that takes SCPI commands: correct the address and its port "
            f"number ({fault})"
        ) from fault
    if exchange.ask_if_known(v.ASK_CHANNELS, only) is None:
        raise WrongDevice(
            f"{exchange.name} is a {identity.maker} {identity.model}, which knows nothing of {v.ASK_CHANNELS}: give "
            "the spectrometer's address"
        )
    return identity


def read_abilities(exchange: ScpiExchange) -> Abilities:
    """What the device can do, as it is set up now. Raises `ProtocolViolation` when that makes no sense."""
    return Abilities(
        channels=exchange.ask(v.ASK_CHANNELS, _channels),
        clock=exchange.ask(v.ASK_PRESET_CLOCK, _clock),
        preset_step_s=exchange.ask(v.ASK_PRESET_STEP, _step_s),
    )


def configure(exchange: ScpiExchange, settings: Mapping[str, str]) -> None:
    """Send settings in their order, read each back, and compare.

    Raises
    ------
    SettingRefused
        A setting cannot be sent, is refused, or reads back as something else.
    """
    for command, value in settings.items():
        _check(command, value, exchange.name)
        set_and_verify(exchange, command, value)


def set_and_verify(exchange: ScpiExchange, command: str, value: str) -> None:
    """Send one setting and read it back. Raises `SettingRefused`."""
    error = exchange.try_order(f"{command} {value}")
    if error:
        raise SettingRefused(f"{exchange.name} refuses {command} {value} ({error}): give a value that it can take")
    told = exchange.ask_if_known(f"{command}?", lambda reply: ",".join(map(as_text, reply)))
    if told is None:
        raise SettingRefused(f"{exchange.name} says nothing of {command}?: leave out what cannot be read back")
    if not _is_same(value, told):
        raise SettingRefused(
            f"{exchange.name} did not take {command} as asked: it was to be {value} and is {told}: give a value that "
            "it can take"
        )


def _check(command: str, value: str, name: str) -> None:
    if _COMMAND.fullmatch(command) is None or _VALUE.fullmatch(value) is None:
        raise SettingRefused(
            f"the setting {command!r}: {value!r} of {name} cannot be sent: give a command without its value and "
            "question mark, and a value without semicolon"
        )
    if command.upper().endswith(_OURS):
        raise SettingRefused(f"the setting {command} of {name} cannot be given (exposures set it): leave it out")


def _is_same(asked: str, told: str) -> bool:
    try:
        return math.isclose(as_number(asked.strip()), as_number(told), rel_tol=_SAME)
    except ScpiCodecError:
        return asked.strip().strip("\"'").upper() == told.upper()


def _channels(reply: Reply) -> int:
    channels = as_integer(only(reply))
    if not 1 <= channels <= v.MOST_CHANNELS:
        raise ScpiCodecError(f"{channels} channels, where 1 to {v.MOST_CHANNELS} can be")
    return channels


def _clock(reply: Reply) -> v.Clock:
    match only(reply):
        case "LIVE":
            return v.Clock.LIVE
        case "REAL":
            return v.Clock.REAL
        case other:
            raise ScpiCodecError(f"{other!r}, where LIVE or REAL belongs")


def _step_s(reply: Reply) -> float:
    step_s = as_number(only(reply))
    if not 0 < step_s <= 1:
        raise ScpiCodecError(f"{step_s:g} s, where a step above 0 and up to 1 s belongs")
    return step_s
