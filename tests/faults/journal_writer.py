"""A process that journals exposures and says which are durable, to be killed by the tests beside it."""

from __future__ import annotations

import functools
import os
import random
import sys
from pathlib import Path

import numpy as np

from edge.beam.session import utc_now
from edge.events import Measured, ScanEvent, ShutterOpened
from edge.record.journal import Journal
from firmware_bridge.messages import ExposureDone, ExposureFlag, StagePose

AT = "2026-01-02T03:04:05.000006+00:00"
CHANNELS = 2048


@functools.lru_cache(4096)
def exposure_of(index: int) -> ExposureDone:
    """The exposure of an index, the same in every process."""
    rng = np.random.default_rng(index)
    x_mm, y_mm, rate_hz = rng.uniform(0, 300, 3)
    spectrum = rng.poisson(4 * np.exp(-np.linspace(0, 6, CHANNELS))).astype(np.uint32)
    return ExposureDone(
        index=index,
        start=StagePose(x_mm, y_mm),
        end=StagePose(x_mm + 0.1, y_mm),
        real_s=0.11,
        live_s=0.1,
        opened_at_s=0.2 * index,
        closed_at_s=0.2 * index + 0.11,
        input_rate_hz=rate_hz,
        output_rate_hz=0.9 * rate_hz,
        flags=ExposureFlag.NONE,
        counts=spectrum,
    )


def measured(index: int) -> Measured:
    """The event of an index's exposure."""
    return Measured(AT, exposure_of(index))


def measured_now(index: int) -> Measured:
    """The same, with the time that a scan would give it."""
    return Measured(utc_now(), exposure_of(index))


def main(path: Path, first: int, seed: int, batches: int) -> None:
    """Append batches of seeded sizes, printing each index once it is durable."""
    sizes = random.Random(seed)
    journal = Journal.open(path) if path.exists() else Journal.create(path)
    index = first
    for _ in range(batches):
        batch = range(index, index + sizes.choice((1, 1, 1, 3, 20)))
        events: list[ScanEvent] = [measured_now(i) for i in batch]
        if sizes.random() < 0.1:
            events.append(ShutterOpened(utc_now(), "scan", 10, 0.1 * index))
        journal.append(events)
        os.write(1, "".join(f"{i}\n" for i in batch).encode())
        index = batch.stop
    journal.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
