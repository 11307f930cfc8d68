"""A long scan over a line that fails again and again: what is recorded, how often, and whether memory grows."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.faults import BridgeError, LeaseExpired, LinkLost, PortUnavailable, Rebooted
from firmware_bridge.messages import Exposure
from firmware_bridge.native.client import NativeController, connect
from tools.bench.link_native import COUNTS, dwell, twin
from tools.bench.link_twin import SPECTRA, sparse_spectrum
from tools.bench.processor import resident_mb
from tools.bench.table import Row

NOTES = (
    "Faults take turns: drop, flip, duplicate, delay, stall, half, reset, hang_up; in both directions.",
    "One comes after as many bytes as 1,000 frames of this load have: 2,100 each to the host, 300 to the controller.",
    "A reset loses what the controller kept and the host had not recorded: that alone is measured twice.",
    "Memory: resident, at the end over that at a tenth of the scan.",
)

FAILS = True
EXPOSURES = 1_000_000
_FRAMES_BETWEEN_FAULTS = 1_000
_FRAME_BYTES = {"host": 2_100, "controller": 300}
_STRIKES: tuple[dict[str, Any], ...] = (
    {"kind": "drop", "count": 5},
    {"kind": "flip", "count": 2, "bit": 3},
    {"kind": "duplicate", "count": 50},
    {"kind": "delay", "for_s": 0.1},
    {"kind": "stall", "for_s": 0.1},
    {"kind": "half"},
    {"kind": "reset"},
    {"kind": "hang_up", "for_s": 0.2},
)
_SUBMITTED_AT_ONCE = 256
_SUBMITTED_EVERY = 64
_PATIENCE_S = 60.0
_KNOCK_S = 0.05


@dataclass
class Record:
    """What the host has on paper."""

    expected: list[NDArray[np.uint32]]
    times: bytearray
    """How often each index was recorded."""
    count: int = 0
    missing: int = 0
    changed: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    resident: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.missing = len(self.times)

    def __contains__(self, index: object) -> bool:
        return isinstance(index, int) and self.times[index] > 0

    def note(self, index: int, counts: NDArray[np.uint32]) -> None:
        """Write one exposure down."""
        self.missing -= self.times[index] == 0
        self.times[index] = min(255, self.times[index] + 1)
        self.count += 1
        self.changed += not np.array_equal(counts, self.expected[index % SPECTRA])

    def note_fault(self, fault: BridgeError) -> None:
        """Count what the operator would have read."""
        name = type(fault).__name__
        self.faults[name] = self.faults.get(name, 0) + 1

    def first_open(self, start: int) -> int:
        """The first index from here on that isn't recorded."""
        found = self.times.find(0, start)
        return len(self.times) if found < 0 else found


def measure(repeats: int) -> list[Row]:
    """One soak; it is long enough not to be repeated."""
    del repeats
    return soak(EXPOSURES)


def soak(exposures: int) -> list[Row]:
    """Rows of a scan of so many exposures."""
    record = Record([sparse_spectrum(COUNTS, seed) for seed in range(SPECTRA)], bytearray(exposures))
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, twin(folder, faults=scripted()) as (port, pid):
        heard_s = time.monotonic()
        while record.missing:
            before = record.count
            try:
                with connect(port, 2_000_000) as controller:
                    go_on(controller, record, pid)
            except (LinkLost, Rebooted, PortUnavailable) as fault:
                record.note_fault(fault)
                heard_s = heard_s if record.count == before else time.monotonic()
                if time.monotonic() - heard_s > _PATIENCE_S:
                    raise RuntimeError(f"nothing was recorded in {_PATIENCE_S:g} s: {fault}") from fault
                time.sleep(_KNOCK_S)
    wall_s = time.monotonic() - began_s
    size = f"{exposures} exposures"
    once = sum(times == 1 for times in record.times)
    rows = [
        Row("native: recorded exactly once", size, once, "", limit=exposures, target=exposures),
        Row("native: byte-exact", size, record.count - record.changed, "", limit=exposures, target=exposures),
        Row("native: exposures, faults included", size, exposures / wall_s, "1/s"),
    ]
    rows += [Row(f"native: {name}", size, count, "times") for name, count in sorted(record.faults.items())]
    return rows + [
        Row(f"native: {what} memory grown", size, last - first, "MB", target=5.0)
        for what, (first, *_, last) in record.resident.items()
    ]


def scripted() -> list[dict[str, Any]]:
    """Faults of all kinds in turn, in each direction."""
    faults = []
    for towards, frame_bytes in _FRAME_BYTES.items():
        step = _FRAMES_BETWEEN_FAULTS * frame_bytes
        for turn, strike in enumerate(_STRIKES, start=1):
            row = {"towards": towards, "at_byte": turn * step, "every_bytes": len(_STRIKES) * step}
            faults.append({**strike, **row})
    return faults


def go_on(controller: NativeController, record: Record, pid: int) -> None:
    """Measure what isn't recorded, until all is, or the session ends by a fault."""
    if not controller.status().is_homed:
        controller.home()
    controller.begin_scan(1, record)
    controller.open_shutter()
    submitted = record.first_open(0)
    ends_s = time.monotonic() + _PATIENCE_S
    is_idle = True
    while record.missing:
        try:
            if record.count % _SUBMITTED_EVERY == 0 or is_idle:
                submitted = submit(controller, record, submitted)
            done = controller.next_done(1.0)
        except LeaseExpired as fault:
            record.note_fault(fault)
            controller.open_shutter()
            continue
        is_idle = done is None
        if done is None:
            if time.monotonic() > ends_s:
                raise RuntimeError(f"no exposure came in {_PATIENCE_S:g} s")
            continue
        ends_s = time.monotonic() + _PATIENCE_S
        record.note(done.index, done.counts)
        controller.acknowledge(done.index)
        if record.count % (len(record.times) // 10) == 0:
            for what, process in (("host's", os.getpid()), ("twin's", pid)):
                record.resident.setdefault(what, []).append(resident_mb(process))


def submit(controller: NativeController, record: Record, start: int) -> int:
    """Keep the controller's queue full; returns the index to go on from."""
    batch: list[Exposure] = []
    index = record.first_open(start)
    while index < len(record.times) and len(batch) < _SUBMITTED_AT_ONCE:
        batch.append(dwell(index))
        index = record.first_open(index + 1)
    taken = controller.submit(batch)
    return batch[taken].index if taken < len(batch) else index
