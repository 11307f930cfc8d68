"""What a DP5's counters and clocks mean.

The device has two clocks. *Real time* runs while it counts. *Accumulation time* stops besides during transfers, gating
and the detector's resets; the time that each pulse takes to be shaped is on neither. There is therefore no preset of
live time: `PresetClock` says which of the two ends an exposure. Real time does unless told otherwise, because its step
is 1 ms and not 0.1 s. Live time is worked out afterwards, see `live_time_s`.

Both clocks are told in whole milliseconds: the live time of a 10 ms dwell is known to 10 % only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.dp5.codec import Dp5CodecError, Dp5Status, Packet, decode_spectrum, decode_status
from firmware_bridge.dp5.exchange import Dp5Exchange
from firmware_bridge.dp5.vocabulary import ASK_STATUS, STATUS, StatusFlag
from firmware_bridge.faults import ProtocolViolation
from firmware_bridge.spectrometer import Spectrum

_ROUNDING_S: Final = 0.0015
"""A clock told in milliseconds may stand one short of its preset."""
_LATE_S: Final = 0.25
"""No device goes on for so long once its preset is reached."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A clock that can end an exposure."""

    setting: str
    step_s: float
    decimals: int
    longest_s: float


class PresetClock(Enum):
    """What ends an exposure."""

    REAL = Preset("PRER", 0.001, 3, 4_294_967.0)
    ACCUMULATION = Preset("PRET", 0.1, 1, 9_999_999.9)


def live_time_s(status: Dp5Status) -> float:
    """Live time from the counters: accumulation time x slow / fast counts, at most the accumulation time.

    The fast channel counts nearly every event, the slow one those that were told apart and measured ("Understanding
    acquisition time, live time, and all that", Amptek). One event is added to each count, so that a nearly empty
    spectrum doesn't lose its live time by chance.
    """
    return status.accumulation_ms / 1000 * min(1.0, (status.slow_count + 1) / (status.fast_count + 1))


def is_reached(status: Dp5Status, clock: Preset, preset_s: float) -> bool:
    """Whether an exposure's preset has been reached."""
    clock_ms = status.real_ms if clock is PresetClock.REAL.value else status.accumulation_ms
    return StatusFlag.REAL_REACHED in status.flags or clock_ms / 1000 >= preset_s - _ROUNDING_S


def is_overrun(status: Dp5Status, clock: Preset, preset_s: float) -> bool:
    """Whether an exposure goes on long after its preset: the device knows of none."""
    clock_ms = status.real_ms if clock is PresetClock.REAL.value else status.accumulation_ms
    return StatusFlag.ENABLED in status.flags and clock_ms / 1000 > preset_s + _LATE_S


def read_status(exchange: Dp5Exchange) -> Dp5Status:
    """Ask for the status. Raises `ProtocolViolation` when the answer is none."""
    packet = exchange.ask(ASK_STATUS, expected=(STATUS,))
    try:
        return decode_status(packet.content)
    except Dp5CodecError as error:
        raise ProtocolViolation(f"{exchange.name} sent {error}: update its firmware") from error


def counts_and_status(packet: Packet, channels: int, name: str) -> tuple[NDArray[np.uint32], Dp5Status]:
    """Counts, shape (channels,), read-only, and status out of a spectrum's packet.

    Raises
    ------
    ProtocolViolation
        Its length isn't what its type says, or not the number of channels that the device was set up for.
    """
    try:
        counts, status = decode_spectrum(packet)
    except Dp5CodecError as error:
        raise ProtocolViolation(f"{name} sent {error}: update its firmware") from error
    assert status is not None, "only spectra with a status are asked for"
    if counts.size != channels:
        raise ProtocolViolation(
            f"{name} sent a spectrum of {counts.size} channels instead of {channels}: it has restarted, or another "
            "program has changed its settings; connect again"
        )
    return counts, status


def spectrum_of(counts: NDArray[np.uint32], status: Dp5Status, *, is_preset_reached: bool) -> Spectrum:
    """A spectrum with its times and rates.

    The input rate is fast counts per accumulation time, which is the fast channel's live time; the output rate slow
    counts per real time. Both are 0 where their clock stands at 0.
    """
    accumulation_s, real_s = status.accumulation_ms / 1000, status.real_ms / 1000
    return Spectrum(
        counts=counts,
        live_s=live_time_s(status),
        real_s=real_s,
        input_rate_hz=status.fast_count / accumulation_s if accumulation_s else 0.0,
        output_rate_hz=status.slow_count / real_s if real_s else 0.0,
        is_preset_reached=is_preset_reached,
    )
