"""What a device's replies mean: who it is, what went wrong, what it has counted."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.scpi.codec import Element, Quoted, Reply, ScpiCodecError, encode_reply
from firmware_bridge.scpi.vocabulary import INFINITE, Condition, ErrorCode

_INTEGER = re.compile(r"[+-]?\d{1,20}")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
_NOT_A_NUMBER = 9.91e37
_ROUNDING_S = 0.001
"""Clocks that are told in milliseconds may seem to overtake each other."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answers to ``*IDN?``."""

    maker: str
    model: str
    serial_number: str
    firmware: str


@dataclass(frozen=True, slots=True)
class DeviceError:
    """The oldest entry of the device's error queue."""

    code: int
    text: str

    def __bool__(self) -> bool:
        return self.code != ErrorCode.NO_ERROR

    def __str__(self) -> str:
        return f"{self.code}, {self.text}"


@dataclass(frozen=True, slots=True)
class Counters:
    """Where the device's counting stands."""

    number: int
    """Of the spectrum; one more after every start and every clearing, since the device was switched on."""
    clock_s: float
    """The device's own clock when the spectrum was taken; it runs always, and never back."""
    real_s: float
    live_s: float
    input_count: int
    """Events that reached the detector in the real time."""
    output_count: int
    """Events in the spectrum: the sum of its channels."""
    condition: Condition

    @property
    def is_counting(self) -> bool:
        return Condition.MEASURING in self.condition

    @property
    def is_preset_reached(self) -> bool:
        return Condition.PRESET_REACHED in self.condition


def as_number(element: Element) -> float:
    """A decimal number of SCPI, whose infinity is 9.9E37."""
    if not isinstance(element, str) or _NUMBER.fullmatch(element) is None:
        raise ScpiCodecError(f"{_shown(element)} where a number belongs")
    number = float(element)
    if number == _NOT_A_NUMBER:
        raise ScpiCodecError(f"{element}, which is SCPI's 'not a number', where a number belongs")
    return math.copysign(math.inf, number) if abs(number) >= INFINITE else number


def as_integer(element: Element) -> int:
    """A whole number, from 0."""
    if not isinstance(element, str) or _INTEGER.fullmatch(element) is None or int(element) < 0:
        raise ScpiCodecError(f"{_shown(element)} where a whole number from 0 belongs")
    return int(element)


def as_seconds(element: Element) -> float:
    """A time, from 0."""
    seconds = as_number(element)
    if not 0 <= seconds < math.inf:
        raise ScpiCodecError(f"{_shown(element)} where a time in seconds belongs")
    return seconds


def as_text(element: Element) -> str:
    """Text, with or without quotes."""
    match element:
        case Quoted(text) | str(text):
            return text
        case _:
            raise ScpiCodecError(f"{_shown(element)} where a text belongs")


def only(reply: Reply) -> Element:
    """The one element of a reply."""
    if len(reply) != 1:
        raise ScpiCodecError(f"{len(reply)} values where one belongs")
    return reply[0]


def decode_identity(reply: Reply) -> Identity:
    """Raises `ScpiCodecError` when it isn't four fields."""
    texts = [element for element in reply if isinstance(element, str)]
    if len(reply) != 4 or len(texts) != 4 or not texts[1]:
        raise ScpiCodecError(f"{_shown(*reply)} where maker, model, serial number and firmware belong")
    return Identity(*texts)


def decode_error(reply: Reply) -> DeviceError | None:
    """The entry of an error queue; None when the reply is something else."""
    match reply:
        case (str(code), Quoted(text)) if _INTEGER.fullmatch(code):
            return DeviceError(int(code), text)
        case _:
            return None


def decode_counters(reply: Reply) -> Counters:
    """Raises `ScpiCodecError` when it isn't seven numbers that go together."""
    if len(reply) != 7:
        raise ScpiCodecError(f"{len(reply)} values where the seven counters belong")
    number, clock, real, live, arrived, recorded, condition = reply
    counters = Counters(
        number=as_integer(number),
        clock_s=as_seconds(clock),
        real_s=as_seconds(real),
        live_s=as_seconds(live),
        input_count=as_integer(arrived),
        output_count=as_integer(recorded),
        condition=Condition(as_integer(condition) & (Condition.MEASURING | Condition.PRESET_REACHED)),
    )
    if counters.live_s > counters.real_s + _ROUNDING_S:
        raise ScpiCodecError(f"a live time of {counters.live_s:g} s in a real time of {counters.real_s:g} s")
    return counters


def decode_spectrum(reply: Reply, channels: int) -> tuple[Counters, NDArray[np.uint32]]:
    """Counters, and counts of shape (channels,), read-only.

    Raises
    ------
    ScpiCodecError
        The block hasn't four bytes for every channel, or its channels don't add up to the output count.
    """
    block = reply[-1]
    if not isinstance(block, bytes):
        raise ScpiCodecError(f"{_shown(block)} where a spectrum's block belongs")
    counters = decode_counters(reply[:-1])
    if len(block) != 4 * channels:
        raise ScpiCodecError(f"a spectrum of {len(block)} bytes, where {channels} channels have {4 * channels}")
    counts = np.frombuffer(block, dtype="<u4").astype(np.uint32, copy=False)
    total = int(counts.sum(dtype=np.uint64))
    if total != counters.output_count:
        raise ScpiCodecError(
            f"a spectrum whose channels add up to {total} events, and {counters.output_count} as their number"
        )
    counts.flags.writeable = False
    return counters, counts


def encode_counters(counters: Counters, counts: NDArray[np.uint32] | None = None) -> bytes:
    """The reply with counters, and with the spectrum if there is one."""
    numbers = (
        f"{counters.number}", f"{counters.clock_s:.6f}", f"{counters.real_s:.6f}", f"{counters.live_s:.6f}",
        f"{counters.input_count}", f"{counters.output_count}", f"{counters.condition.value}",
    )  # fmt: skip
    return encode_reply(*numbers, *([] if counts is None else [counts.astype("<u4").tobytes()]))


def _shown(*elements: Element) -> str:
    """Elements for a sentence, briefly."""
    texts = []
    for element in elements:
        match element:
            case bytes():
                texts.append(f"a block of {len(element)} bytes")
            case Quoted(text):
                texts.append(f'"{text}"')
            case str():
                texts.append(element)
    joined = ",".join(texts)
    return f"'{joined[:60]}{'...' if len(joined) > 60 else ''}'"
