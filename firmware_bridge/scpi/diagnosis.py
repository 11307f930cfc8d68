"""What a SCPI spectrometer is found to be: questions that change nothing, and what is to be done about the answers."""

from __future__ import annotations

import time
from statistics import median
from typing import Final

from firmware_bridge.messages import Observation
from firmware_bridge.scpi import vocabulary as v
from firmware_bridge.scpi.answers import Identity, as_number, only
from firmware_bridge.scpi.codec import Reply
from firmware_bridge.scpi.configuration import Abilities
from firmware_bridge.scpi.exchange import ScpiExchange

_ROUND_TRIPS: Final = 20
_SPECTRA: Final = 5
_SHORTEST_S: Final = 1e-6
_SLOW_TRIP_S: Final = 0.03
"""A server that forgets to send small packets at once makes each of them wait for 40 ms."""
_SLOW_SPECTRUM_S: Final = 0.3
_WARMEST_K: Final = 273.0
"""Above, a detector isn't cooled, whatever its make."""
_LEAST_VOLTS: Final = 20.0


def diagnose(exchange: ScpiExchange, identity: Identity, abilities: Abilities) -> tuple[Observation, ...]:
    """Everything that can be found out without beam; the device stays as it is."""
    volts = exchange.ask_if_known(v.MEASURE_VOLTAGE, _number)
    kelvin = exchange.ask_if_known(v.MEASURE_TEMPERATURE, _number)
    return (
        Observation(
            "identity",
            f"{identity.maker} {identity.model}, serial number {identity.serial_number or 'unknown'}, firmware "
            f"{identity.firmware or 'unknown'}, {abilities.channels} channels",
        ),
        Observation(
            "preset", f"{abilities.clock.value.lower()} time, in steps of {abilities.preset_step_s * 1e3:g} ms"
        ),
        *([] if volts is None else [observe_voltage(volts)]),
        *([] if kelvin is None else [observe_temperature(kelvin)]),
        observe_round_trip(_durations_s(exchange, v.ASK_CONDITION, _ROUND_TRIPS)),
        observe_rate(abilities.channels, median(_durations_s(exchange, v.FETCH_SPECTRUM, _SPECTRA))),
    )


def observe_voltage(volts: float) -> Observation:
    """The detector's bias."""
    if abs(volts) >= _LEAST_VOLTS:
        return Observation("high voltage", f"{volts:g} V")
    words = f"{volts:g} V: too little for a detector to count: switch its high voltage on"
    return Observation("high voltage", words, is_good=False)


def observe_temperature(kelvin: float) -> Observation:
    """The detector's temperature; a warm one has broad peaks."""
    if kelvin <= _WARMEST_K:
        return Observation("temperature", f"{kelvin:.1f} K")
    words = f"{kelvin:.1f} K, not cooled: wait some minutes; if it stays warm, switch its cooler on"
    return Observation("temperature", words, is_good=False)


def observe_round_trip(trips_s: list[float]) -> Observation:
    """A short question to its answer."""
    text = f"median {1e3 * median(trips_s):.2f} ms, largest {1e3 * max(trips_s):.2f} ms of {len(trips_s)}"
    if median(trips_s) <= _SLOW_TRIP_S:
        return Observation("round trip", text)
    return Observation(
        "round trip",
        f"{text}: slow for so few bytes: connect it by cable, and let its server send small packets at once "
        "(TCP_NODELAY)",
        is_good=False,
    )


def observe_rate(channels: int, spectrum_s: float) -> Observation:
    """How often a whole spectrum can be read."""
    text = f"{1 / spectrum_s:,.3g} a second: {channels} channels take {1e3 * spectrum_s:.3g} ms"
    if spectrum_s <= _SLOW_SPECTRUM_S:
        return Observation("spectra", text)
    words = f"{text}: slow: connect it by cable, see what keeps its server busy, or choose fewer channels"
    return Observation("spectra", words, is_good=False)


def _durations_s(exchange: ScpiExchange, question: str, count: int) -> list[float]:
    durations_s = []
    for _ in range(count):
        asked_s = time.monotonic()
        exchange.ask(question, tuple)
        durations_s.append(max(_SHORTEST_S, time.monotonic() - asked_s))
    return durations_s


def _number(reply: Reply) -> float:
    return as_number(only(reply))
