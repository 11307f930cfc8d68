"""A native twin for the link's bench: spectra of a stated number of counts, on a line of a stated pace.

As a script: serves until told to end, printing the path of its pseudo-terminal.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.messages import StagePose
from firmware_bridge.twins.source import RecordedCounts

CHANNELS = 2048
SPECTRA = 64
"""Different ones."""
_LINES = ((0.13, 0.02), (0.185, 0.05), (0.32, 0.35), (0.353, 0.06), (0.53, 0.18), (0.63, 0.14))
"""Where peaks lie, as a share of the channels, and their share of the counts; the rest is a broad background."""
_PEAK_CHANNELS = 7.0


def sparse_spectrum(counts: int, seed: int) -> NDArray[np.uint32]:
    """A painting's spectrum with this many counts, shape (CHANNELS,): six peaks on a background."""
    chance = np.random.default_rng(seed)
    peaks = chance.multinomial(counts, [share for _, share in _LINES] + [1.0 - sum(share for _, share in _LINES)])
    centres = np.repeat([place * CHANNELS for place, _ in _LINES], peaks[:-1])
    background = CHANNELS * chance.beta(1.6, 2.4, peaks[-1])
    channels = np.concatenate((chance.normal(centres, _PEAK_CHANNELS), background))
    return np.bincount(np.clip(channels, 0, CHANNELS - 1).astype(int), minlength=CHANNELS).astype(np.uint32)


def pose_of(index: int) -> StagePose:
    """Where the bench makes an exposure, so that the twin knows which spectrum to hand out for it."""
    return StagePose(10.0 + index % SPECTRA / 1e3, 10.0)


class SparseSource:
    """Hands out ready spectra, by the micrometre of the pose, so that the twin has time for the link."""

    def __init__(self, counts: int, live_s: float) -> None:
        self._recorded = [RecordedCounts(sparse_spectrum(counts, seed), live_s) for seed in range(SPECTRA)]

    def at(self, start: StagePose, end: StagePose) -> RecordedCounts:
        return self._recorded[round((start.x_mm - 10.0) * 1e3) % SPECTRA]


def main(arguments: dict[str, Any]) -> None:
    """Be the twin, on a line of a pace (``baud``), with faults (``faults``), or as it is."""
    from firmware_bridge.twins.fault_script import FaultScript, fault_of
    from firmware_bridge.twins.native.process import serve
    from firmware_bridge.twins.paced_wire import PacedWire
    from firmware_bridge.twins.settings import TwinSettings

    log, baud = arguments["log"], arguments["baud"]
    faults = [fault_of(each) for each in arguments["faults"]]
    settings = TwinSettings(
        channels=CHANNELS, starts_homed=True, position_error_mm=0.0, encoder_noise_mm=0.0, speed_factor=1.0,
        acceleration_factor=1.0, clock_factor=arguments["clock_factor"], log=None if log is None else Path(log),
    )  # fmt: skip
    serve(
        SparseSource(arguments["counts"], arguments["live_s"]),
        settings,
        link=Path(arguments["port"]),
        ready=lambda port: print(port, flush=True),
        wire=FaultScript(faults) if baud is None else PacedWire(baud),
    )


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
