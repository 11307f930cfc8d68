"""What a native controller and its link are found to be: figures in, observations for the operator out."""

from __future__ import annotations

from statistics import median
from typing import Final

from firmware_bridge.faults import LinkLost
from firmware_bridge.messages import Observation
from firmware_bridge.native import messages as m
from firmware_bridge.native.device_clock import ClockFit
from firmware_bridge.native.heartbeat import Heartbeat

QUESTIONS: Final = 20
"""Round trips that a diagnosis measures."""
_BITS_PER_BYTE = 10
"""On a serial line, 8N1."""
_SPARSE_BYTES = 340
"""A spectrum of 300 counts, with its share of a frame."""
_DENSE_BYTES_PER_CHANNEL = 2
_ROUND_TRIPS_PER_LEASE = 4
_WORST_PPM = 200.0
_SIGMAS = 2.0
_STEP_S = 0.02
"""Deviation from a steady clock that answers' delays don't explain."""
_REAL_TIME = 0.01


def observe(welcome: m.Welcome, heartbeat: Heartbeat, baud: int | None) -> tuple[Observation, ...]:
    """Everything that a session knows of its controller and its link.

    Parameters
    ----------
    baud
        Bits per second; None where no baud rate bounds the line.

    Raises
    ------
    LinkLost
        Not one question was answered.
    """
    clock = heartbeat.clock
    round_trips_s = clock.round_trips_s(QUESTIONS)
    if not round_trips_s:
        raise LinkLost("the controller answered no question in time: check its cable, then connect again")
    return (
        observe_buffers(welcome),
        observe_lease(welcome.max_lease_ms, heartbeat.renewal_s),
        observe_round_trip(round_trips_s, welcome.max_lease_ms / 1e3),
        observe_clock(clock.fit(), clock.largest_deviation_s()),
        observe_link(baud, welcome.channels, welcome.queue_length, median(round_trips_s)),
    )


def observe_buffers(welcome: m.Welcome) -> Observation:
    """How far the controller looks ahead, keeps and listens."""
    return Observation(
        "buffers",
        f"{welcome.queue_length} exposures ahead, {welcome.store_length} spectra kept, "
        f"{welcome.window} frames of at most {welcome.max_frame} bytes at a time",
    )


def observe_lease(max_lease_ms: int, renewal_s: float) -> Observation:
    """How long the shutter stays open by itself."""
    return Observation(
        "lease", f"the shutter closes {max_lease_ms} ms after the last word; renewed every {1e3 * renewal_s:.0f} ms"
    )


def observe_round_trip(round_trips_s: list[float], lease_s: float) -> Observation:
    """Question to answer; a lease that is renewed four times has to outlast some of them."""
    middle_s = median(round_trips_s)
    text = f"median {1e3 * middle_s:.1f} ms, largest {1e3 * max(round_trips_s):.1f} ms of {len(round_trips_s)}"
    limit_s = lease_s / _ROUND_TRIPS_PER_LEASE
    if middle_s <= limit_s:
        return Observation("round trip", text)
    return Observation(
        "round trip",
        f"{text}; above {1e3 * limit_s:.0f} ms, a quarter of the lease, the shutter may close between two renewals: "
        "close other programs, connect the controller without a hub or network between, or raise the baud rate",
        is_good=False,
    )


def observe_clock(fit: ClockFit | None, deviation_s: float) -> Observation:
    """The controller's clock against this computer's.

    Parameters
    ----------
    deviation_s
        See `DeviceClock.largest_deviation_s`.
    """
    if fit is None:
        return Observation(
            "clock", "no rate could be told from its answers: check that the firmware's clock runs", is_good=False
        )
    if abs(fit.rate - 1) - _SIGMAS * fit.rate_uncertainty > _REAL_TIME:
        return Observation(
            "clock",
            f"runs {fit.rate:.4g} times as fast as this computer's, as a simulated instrument's may: if it is a real "
            "one, correct the time base in its firmware",
            is_good=False,
        )
    ppm, uncertainty_ppm = 1e6 * (fit.rate - 1), 1e6 * fit.rate_uncertainty
    text = (
        f"{ppm:+.0f} ppm against this computer's, give or take {max(uncertainty_ppm, 1.0):.0f}, in {fit.span_s:.1f} s"
    )
    if deviation_s > _STEP_S:
        return Observation(
            "clock",
            f"{text}, but it strayed from that by {1e3 * deviation_s:.0f} ms: examine again with nothing else running "
            "here; if it stays so, look for what halts the firmware's timer",
            is_good=False,
        )
    if abs(ppm) - _SIGMAS * uncertainty_ppm > _WORST_PPM:
        return Observation(
            "clock",
            f"{text}: beyond {_WORST_PPM:.0f} ppm dwell times are wrong by as much: correct the oscillator or the "
            "timer's divider in the firmware",
            is_good=False,
        )
    return Observation("clock", text)


def observe_link(baud: int | None, channels: int, queue_length: int, round_trip_s: float) -> Observation:
    """What the line can carry, and how many exposures the round trip lets begin; ``baud`` as for `observe`."""
    started = queue_length / max(round_trip_s, 1e-6)
    bound = f"the round trip and a queue of {queue_length} let {_rate(started)} exposures begin each second"
    if baud is None:
        return Observation("link", f"no baud rate bounds it; {bound}")
    octets = baud / _BITS_PER_BYTE
    dense = octets / (_DENSE_BYTES_PER_CHANNEL * channels)
    return Observation(
        "link",
        f"{octets / 1e3:.4g} kB/s at {baud} baud: {_rate(octets / _SPARSE_BYTES)} spectra a second of 300 counts, "
        f"{_rate(dense)} with every one of {channels} channels filled; {bound}",
    )


def _rate(per_second: float) -> str:
    return f"{per_second:,.0f}" if per_second >= 10 else f"{per_second:.1f}"
