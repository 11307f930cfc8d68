"""Round trips to a DP5, beside the time that their bytes take on the line."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Container

from firmware_bridge.datagrams import open_datagrams
from firmware_bridge.dp5.codec import CHECKSUM_BYTES, HEADER_BYTES
from firmware_bridge.dp5.exchange import SPECTRA_WITH_STATUS, Dp5Exchange
from firmware_bridge.dp5.vocabulary import ASK_SPECTRUM_WITH_STATUS, ASK_STATUS, STATUS, Pid
from firmware_bridge.ports import open_port
from tools.bench.counting_port import CountingPort
from tools.bench.device_twins import BAUD, UDP_BYTES_PER_S, running
from tools.bench.table import Row

NOTES = (
    f"DP5: median of the round trips, with the device not counting; over UDP at the {UDP_BYTES_PER_S / 1e3:g} kB/s "
    f"that the device makes of its Ethernet, and over a serial line of {BAUD} baud. Its limit: the reply's bytes, on a "
    "serial line the request's as well, over the bytes that the line carries a second.",
)

_QUESTIONS: tuple[tuple[str, Pid, Container[Pid]], ...] = (
    ("DP5: status", ASK_STATUS, (STATUS,)),
    ("DP5: spectrum of 2048 channels and status", ASK_SPECTRUM_WITH_STATUS, SPECTRA_WITH_STATUS),
)
_TIMES = 5
_REQUEST_BYTES = HEADER_BYTES + CHECKSUM_BYTES
_BITS_PER_BYTE = 10


def measure(repeats: int) -> list[Row]:
    """Rows of a DP5."""
    rows = []
    with tempfile.TemporaryDirectory() as folder, running("dp5", folder) as (serial, udp):
        lines = (
            ("UDP", CountingPort(open_datagrams(udp)), UDP_BYTES_PER_S, 0),
            (f"{BAUD} baud", CountingPort(open_port(serial, BAUD)), BAUD / _BITS_PER_BYTE, _REQUEST_BYTES),
        )
        for size, port, bytes_per_s, request_bytes in lines:
            exchange = Dp5Exchange(port, size)
            try:
                for what, pid, expected in _QUESTIONS:
                    before = port.heard
                    trips_s = [_round_trip_s(exchange, pid, expected) for _ in range(_TIMES * repeats)]
                    reply_bytes = (port.heard - before) / len(trips_s)
                    limit_s = (reply_bytes + request_bytes) / bytes_per_s
                    rows.append(Row(what, size, statistics.median(trips_s), "s", limit=limit_s))
            finally:
                exchange.close()
    return rows


def _round_trip_s(exchange: Dp5Exchange, pid: Pid, expected: Container[Pid]) -> float:
    began_s = time.monotonic()
    exchange.ask(pid, expected=expected)
    return time.monotonic() - began_s
