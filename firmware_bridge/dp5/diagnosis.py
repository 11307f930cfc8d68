"""What a DP5 is found to be: its status and measured times in, observations for the operator out."""

from __future__ import annotations

from statistics import median
from typing import Final

from firmware_bridge.dp5.codec import Dp5Status, spectrum_bytes, under_way_s
from firmware_bridge.messages import Observation
from firmware_bridge.spectrometer import SpectrometerCapabilities

STATUSES: Final = 10
"""Round trips that a diagnosis measures."""
_WARMEST_K = 250.0
"""Cooled detectors of the family work at 210 to 245 K."""
_PLAUSIBLE_K = (150.0, 350.0)
_LEAST_VOLTS = 20.0
"""Silicon drift detectors need about 100 V, pin diodes and CdTe several hundred."""
_SLOW_STATUS_S = 0.1
_NETWORK_S = 0.3
"""Far beyond the 70 ms that 2,048 channels usually take over Ethernet."""
_MARGIN = 1.5


def observe(
    capabilities: SpectrometerCapabilities,
    status: Dp5Status,
    *,
    baud: int | None,
    statuses_s: list[float],
    spectrum_s: float,
) -> tuple[Observation, ...]:
    """Everything that was found out.

    Parameters
    ----------
    baud
        Of the serial port; None over a network.
    statuses_s
        Round trips of status requests.
    spectrum_s
        Time in which a whole spectrum with its status was read.
    """
    return (
        Observation(
            "identity",
            f"{capabilities.model}, serial number {capabilities.serial_number}, firmware {capabilities.firmware}, "
            f"{capabilities.channels} channels",
        ),
        observe_voltage(status.high_voltage_v),
        observe_temperature(status.detector_k),
        observe_round_trip(statuses_s),
        observe_rate(capabilities.channels, baud, spectrum_s),
        Observation("slots", f"{capabilities.slots} for rows with a wired trigger; longer rows are split"),
    )


def observe_voltage(volts: float) -> Observation:
    """The detector's bias."""
    if abs(volts) >= _LEAST_VOLTS:
        return Observation("high voltage", f"{volts:g} V")
    return Observation(
        "high voltage",
        f"{volts:g} V: too little for a detector to count: give HVSE as the detector's data sheet has it, and look "
        "whether its power supply is on",
        is_good=False,
    )


def observe_temperature(kelvin: float) -> Observation:
    """The detector's temperature; a warm one has broad peaks."""
    text = f"{kelvin:.1f} K"
    coldest_k, hottest_k = _PLAUSIBLE_K
    if not coldest_k < kelvin < hottest_k:
        words = f"{text}, which no detector has: check the detector's cable, then look again"
        return Observation("temperature", words, is_good=False)
    if kelvin > _WARMEST_K:
        return Observation(
            "temperature",
            f"{text}, still warm: wait some minutes until it has cooled below {_WARMEST_K:.0f} K; if it doesn't, check "
            "TECS and the heat sink",
            is_good=False,
        )
    return Observation("temperature", text)


def observe_round_trip(statuses_s: list[float]) -> Observation:
    """Status request to status."""
    middle_s = median(statuses_s)
    text = f"median {1e3 * middle_s:.1f} ms, largest {1e3 * max(statuses_s):.1f} ms of {len(statuses_s)} statuses"
    if middle_s <= _SLOW_STATUS_S:
        return Observation("status", text)
    return Observation(
        "status",
        f"{text}: slow for 64 bytes: connect it without a hub or other programs between",
        is_good=False,
    )


def observe_rate(channels: int, baud: int | None, spectrum_s: float) -> Observation:
    """How often a whole spectrum can be read, against what its line can carry."""
    rate = f"{1 / spectrum_s:,.0f}" if spectrum_s < 0.1 else f"{1 / spectrum_s:.1f}"
    text = f"{rate} a second: {channels} channels take {1e3 * spectrum_s:.3g} ms"
    if baud is None:
        words = f"{text} over the network"
        if spectrum_s <= _NETWORK_S:
            return Observation("spectra", words)
        return Observation(
            "spectra", f"{words}, far longer than usual: connect it directly, without wireless between", is_good=False
        )
    octets, bound_s = spectrum_bytes(channels), under_way_s(channels, baud)
    if spectrum_s < bound_s / _MARGIN:
        return Observation("spectra", f"{text}, more than {baud} baud can carry: the port heeds no baud rate")
    words = f"{text}, of which {octets} bytes at {baud} baud need {1e3 * bound_s:.0f}"
    if spectrum_s <= max(_MARGIN * bound_s, bound_s + _SLOW_STATUS_S):
        return Observation("spectra", f"{words}; Ethernet or fewer channels are quicker")
    return Observation(
        "spectra", f"{words}: answers are being repeated or held up: check cable, shield and baud rate", is_good=False
    )
