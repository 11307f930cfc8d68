"""How well the native link is used: bytes carried, bytes that are no spectrum, exposures a second, host time, gaps.

The native controller's twin runs in a process of its own behind a pseudo-terminal; everything is measured at the
host's end, on the wall clock, except gaps, for which the twin's own log is asked.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.faults import LeaseExpired, LinkLost, PortUnavailable
from firmware_bridge.messages import Exposure, ExposureDone, StagePose
from firmware_bridge.native.client import NativeController, connect_over
from firmware_bridge.native.messages import CodedSpectrum
from firmware_bridge.native.spectrum_coding import encode_spectrum
from firmware_bridge.ports import open_port
from tools.bench.counting_port import CountingPort
from tools.bench.link_twin import CHANNELS, pose_of
from tools.bench.table import Row

NOTES = (
    f"Native: spectra have {CHANNELS} channels and 300 counts; the twin hands them out as fast as the link takes them.",
    "Busy: bytes that reached the host over bytes that a line of this rate carries in the same time (10 bits a byte).",
    "Not spectrum: everything that reached the host, acknowledgements, answers and repeats included, less the spectra.",
    "It may pass 100 % by what the line's buffer held when the measurement began.",
    "Unpaced: the pseudo-terminal as it is, which has no limit; the one beside it is USB's at full speed, 1 MB/s.",
    "The host's processor: of the whole process, link's thread and consumer.",
    "Gaps: 2 ms strokes in one row; time of the row in which the twin's log has no exposure, to its 2 microseconds.",
)

BAUDS = (115_200, 921_600, 2_000_000)
COUNTS = 300
_BITS_PER_BYTE = 10
_ENTRY_BYTES = CodedSpectrum.LAYOUT.size + 2
"""Fields and length of one exposure: what no batching takes away."""
_LEAST_SAID_BYTES = 8
"""The pose alone."""
_USB_BYTES_PER_S = 1e6
"""What USB at full speed carries at most, in bulk; a pseudo-terminal has no limit of its own."""
_RUN_S = 5.0
_WARM_UP = 0.2
_UNPACED_EXPOSURES = 10_000
_SUBMITTED_AT_ONCE = 256
_SUBMITTED_EVERY = 64
_PATIENCE_S = 10.0
LIVE_S = 0.001
FASTEST_CLOCK = 10_000.0
_AWAY_S = 1.0
_KNOCK_S = 0.05
_STROKES = 2_000
_STROKE_S = 0.002
_STROKE_MM = 0.05
_LOG_RESOLUTION_S = 2e-6


@dataclass(frozen=True, slots=True)
class Use:
    """What a run made of a link: rates after warming up, sizes over all of it."""

    exposures_per_s: float
    heard_bytes_per_s: float
    host_cores: float
    """Processor time of this process over the wall clock's."""
    beside_spectrum_bytes: float
    """Towards the host, of each exposure."""
    said_bytes: float
    """Towards the controller, of each exposure."""
    spectrum_bytes: float
    """Of each exposure."""


def measure(repeats: int) -> list[Row]:
    """Rows of the native protocol."""
    rows: list[Row] = []
    for baud in BAUDS:
        rows += paced_rows(baud, repeats)
    return [*rows, *unpaced_rows(repeats), *gap_rows(), return_row(repeats)]


def paced_rows(baud: int, repeats: int) -> list[Row]:
    """A line of a baud rate, saturated."""
    bytes_per_s = baud / _BITS_PER_BYTE
    count = round(_RUN_S * bytes_per_s / 240)
    best = max((use_of_link(count, baud) for _ in range(repeats)), key=lambda use: use.heard_bytes_per_s)
    size = f"{baud} baud"
    return [
        Row("native: line busy", size, 100 * best.heard_bytes_per_s / bytes_per_s, "%", None, 100.0, 95.0),
        Row("native: not spectrum, an exposure", size, best.beside_spectrum_bytes, "B", None, _ENTRY_BYTES, 64.0),
        Row("native: host to controller, an exposure", size, best.said_bytes, "B", limit=_LEAST_SAID_BYTES),
        Row("native: exposures", size, best.exposures_per_s, "1/s", limit=bytes_per_s / least_bytes(best)),
    ]


def unpaced_rows(repeats: int) -> list[Row]:
    """A pseudo-terminal as fast as it is."""
    best = max((use_of_link(_UNPACED_EXPOSURES, None) for _ in range(repeats)), key=lambda use: use.exposures_per_s)
    size = "unpaced"
    return [
        Row(
            "native: exposures",
            size,
            best.exposures_per_s,
            "1/s",
            limit=_USB_BYTES_PER_S / least_bytes(best),
            target=1e3,
        ),
        Row("native: host's processor at that rate", size, best.host_cores, "cores", target=1.0),
        Row("native: host's processor at 1000/s", size, 1e3 * best.host_cores / best.exposures_per_s, "cores"),
        Row("native: not spectrum, an exposure", size, best.beside_spectrum_bytes, "B", None, _ENTRY_BYTES, 64.0),
    ]


def return_row(repeats: int) -> Row:
    """The port goes away in the middle of a scan, and comes back."""
    best_s = min(continued_s() for _ in range(repeats))
    return Row("native: exposures again after the port's return", f"gone for {_AWAY_S:g} s", best_s, "s", target=2.0)


def continued_s() -> float:
    """Time between the port's return under another name, and the next exposure at the host."""
    hang_up = {"kind": "hang_up", "at_byte": 100_000, "for_s": _AWAY_S}
    collected, gone_s = 0, 0.0
    with tempfile.TemporaryDirectory() as folder, twin(folder, faults=[hang_up]) as (name, _):
        while True:
            try:
                with connect_over(open_port(name, BAUDS[-1]), name) as native:
                    native.begin_scan(1, range(collected))
                    native.open_shutter()
                    for _ in collect(native, [dwell(index) for index in range(collected, 100_000)]):
                        if gone_s:
                            return time.monotonic() - gone_s - _AWAY_S
                        collected += 1
            except (LinkLost, PortUnavailable):
                gone_s = gone_s or time.monotonic()
                time.sleep(_KNOCK_S)


def least_bytes(use: Use) -> float:
    """What an exposure takes on any line: its spectrum and its entry."""
    return use.spectrum_bytes + _ENTRY_BYTES


def gap_rows() -> list[Row]:
    """Strokes that join: what isn't counting is the host's fault."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "twin.jsonl"
        with controller(folder, baud=None, live_s=_STROKE_S, clock_factor=1.0, log=log) as (native, _):
            deque(collect(native, joined_strokes(_STROKES)), maxlen=0)
        gaps_s = gaps_of(log)
    row = f"{_STROKES} strokes of {1e3 * _STROKE_S:g} ms"
    return [
        Row("native: all gaps between exposures", row, sum(gaps_s), "s", limit=0.0, target=0.0),
        Row("native: longest gap between exposures", row, max(gaps_s), "s", limit=0.0, target=0.0),
    ]


def use_of_link(count: int, baud: int | None) -> Use:
    """Collect exposures at rest from a twin on a line."""
    dwells = [dwell(index) for index in range(count)]
    warm = round(_WARM_UP * count)
    spectra: list[NDArray[np.uint32]] = []
    began_s = host_s = heard = 0.0
    with (
        tempfile.TemporaryDirectory() as folder,
        controller(folder, baud=baud, live_s=LIVE_S, clock_factor=FASTEST_CLOCK, log=None) as (native, port),
    ):
        for done in collect(native, dwells):
            spectra.append(done.counts)
            if len(spectra) == warm:
                began_s, host_s, heard = time.monotonic(), time.process_time(), port.heard
        wall_s, host_s = time.monotonic() - began_s, time.process_time() - host_s
        rate, all_heard, said = (port.heard - heard) / wall_s, port.heard, port.said
    spectrum_bytes = sum(len(encode_spectrum(counts)) for counts in spectra)
    return Use(
        exposures_per_s=(count - warm) / wall_s,
        heard_bytes_per_s=rate,
        host_cores=host_s / wall_s,
        beside_spectrum_bytes=(all_heard - spectrum_bytes) / count,
        said_bytes=said / count,
        spectrum_bytes=spectrum_bytes / count,
    )


def dwell(index: int) -> Exposure:
    """An exposure at rest."""
    return Exposure(index, pose_of(index), pose_of(index), LIVE_S)


def joined_strokes(count: int, stroke_s: float = _STROKE_S) -> list[Exposure]:
    """One row, end to end."""
    places = [StagePose(10.0 + _STROKE_MM * step, 20.0) for step in range(count + 1)]
    return [Exposure(index, *ends, stroke_s) for index, ends in enumerate(pairwise(places))]


def collect(native: NativeController, exposures: Sequence[Exposure]) -> Iterator[ExposureDone]:
    """Expose all, keeping the controller's queue full, and take each as it comes.

    A computer that is busy with something else for half a second lets the shutter's lease expire: that costs time here,
    and nothing else.
    """
    submitted = count = 0
    while count < len(exposures):
        try:
            if count % _SUBMITTED_EVERY == 0:
                submitted += native.submit(exposures[submitted : submitted + _SUBMITTED_AT_ONCE])
            done = native.next_done(_PATIENCE_S)
        except LeaseExpired:
            native.open_shutter()
            continue
        if done is None:
            raise RuntimeError(f"no exposure came in {_PATIENCE_S:g} s")
        native.acknowledge(done.index)
        count += 1
        yield done


@contextmanager
def controller(
    folder: str, *, baud: int | None, live_s: float, clock_factor: float, log: Path | None
) -> Iterator[tuple[NativeController, CountingPort]]:
    """A native controller with its shutter open, and the port that it is behind."""
    with twin(folder, baud=baud, live_s=live_s, clock_factor=clock_factor, log=log) as (name, _):
        port = CountingPort(open_port(name, BAUDS[-1]))
        with connect_over(port, name) as native:
            native.open_shutter()
            yield native, port


@contextmanager
def twin(
    folder: str,
    *,
    baud: int | None = None,
    live_s: float = LIVE_S,
    clock_factor: float = FASTEST_CLOCK,
    log: Path | None = None,
    faults: Sequence[dict[str, Any]] = (),
) -> Iterator[tuple[str, int]]:
    """A twin in a process of its own; the path of its port, and the process."""
    arguments = {
        "port": str(Path(folder) / "port"), "baud": baud, "counts": COUNTS, "live_s": live_s, "faults": list(faults),
        "clock_factor": clock_factor, "log": None if log is None else str(log),
    }  # fmt: skip
    command = [sys.executable, "-m", "tools.bench.link_twin", json.dumps(arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip(), process.pid
        finally:
            process.terminate()


def gaps_of(log: Path) -> list[float]:
    """Time between each exposure and the next one, of the twin's own log; 0 where it is below its resolution."""
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    exposed = [(line["device_s"] - line["real_s"], line["device_s"]) for line in lines if line["event"] == "exposed"]
    gaps_s = [after - before for (_, before), (after, _) in pairwise(exposed)]
    return [gap_s if gap_s > _LOG_RESOLUTION_S else 0.0 for gap_s in gaps_s]
