"""Each exposure fitted as soon as it is recorded, for the page: a thread beside the one that draws, which takes longer.

It knows no model until the one that draws has made one, and fits all again with every new one: the newest exposures
first with the old, a portion of the old ones with the new in between, until that has caught up.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from edge.faults import EdgeError
from edge.preview.samples_file import SamplesHead, SamplesWriter
from edge.record.folder import RecordingPaths
from edge.record.reader import JournalReader
from edge.spectra.scan_fit import ScanFit

_PERIOD_S = 0.05
_PORTION = 512
"""Exposures that are fitted again between two looks for new ones: some hundredths of a second."""


class _Fitted:
    """One model's file, and how far it has come in the journal."""

    def __init__(self, live: Path, fit: ScanFit, generation: int) -> None:
        calibration = fit.model.calibration
        scale = calibration if calibration else calibration.nominal
        head = SamplesHead(generation, fit.model.elements, scale.offset_kev, scale.gain_kev)
        self._fit, self.file, self._last_seq = fit, SamplesWriter(live, head), 0

    def go_on(self, reader: JournalReader) -> int:
        """Fit the next exposures; gives how many there were."""
        import numpy as np

        block = reader.measured_arrays(self._last_seq, at_most=_PORTION)
        if not len(block):
            return 0
        positions = self.file.count + np.arange(len(block))
        rates = self._fit.fit(block.counts, block.live_s, positions=positions)
        self.file.add(rates.values, rates.variance)
        self._last_seq = block.last_seq
        return len(block)


class Fitting:
    """Values of exposures, followed as they come.

    `adopt` belongs to one thread, the rest to another.

    Parameters
    ----------
    paths
        Of the recording.
    """

    def __init__(self, paths: RecordingPaths) -> None:
        self._paths = paths
        self._turn = threading.Lock()
        self._adopted: tuple[ScanFit, int] | None = None
        self._shown: _Fitted | None = None
        self._coming: _Fitted | None = None

    def adopt(self, fit: ScanFit, generation: int) -> None:
        """Fit with this model from now on."""
        with self._turn:
            self._adopted = fit, generation

    def step(self, reader: JournalReader) -> bool:
        """Fit what is new, and a portion of what is to be fitted again; whether more is to be done at once.

        Raises
        ------
        OSError
            The disk has no room.
        """
        with self._turn:
            adopted, self._adopted = self._adopted, None
        if adopted is not None:
            if self._coming is not None:
                self._coming.file.close()
            self._coming = _Fitted(self._paths.live, *adopted)
        fresh = 0 if self._shown is None else self._shown.go_on(reader)
        if self._coming is None:
            return fresh > 0
        if self._coming.go_on(reader) == 0:
            self._coming.file.publish()
            self._shown, self._coming = self._coming, None
        return True

    def run(self, has_ended: threading.Event) -> None:
        """Follow the journal until told to end; what cannot be done now is tried again."""
        reader = JournalReader(self._paths.journal)
        while not has_ended.is_set():
            is_busy = False
            with suppress(EdgeError, OSError, ValueError):
                is_busy = self.step(reader)
            if not is_busy:
                has_ended.wait(_PERIOD_S)
        reader.close()

    @contextmanager
    def following(self) -> Iterator[Self]:
        """A thread that runs meanwhile."""
        ended = threading.Event()
        thread = threading.Thread(target=self.run, args=(ended,), name="fitting", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            ended.set()
            thread.join()
