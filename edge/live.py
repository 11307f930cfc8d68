"""Maps while the scan runs: a process of its own that reads the journal, so that it can never hold up the beam.

It folds over the same journal as everybody else. If it dies, the scan does not notice; what it shows is a preview.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from edge.maps import Samples
    from edge.spectra.model import SpectrumModel

_PERIOD_S = 0.5
"""Shortest time between two previews."""
_FIRST_EXPOSURES = 30
"""Exposures before the first preview: fewer say nothing about energy scale and background."""
_NICE = 10


class LiveMaps:
    """The preview process, from the first exposure to the last; a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "edge.live", str(self._folder), str(os.getpid())]
        # Its own session: a Ctrl-C in the terminal is the scan's to answer, not the preview's.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()


class Preview:
    """Keeps maps current while exposures arrive; a spectrum is fitted once, unless the model has been made anew."""

    def __init__(self, folder: Path) -> None:
        from edge.record.folder import open_recording
        from edge.results import read_planned

        self._recording = open_recording(folder)
        self._planned = read_planned(self._recording)
        self._model: SpectrumModel | None = None
        self._modelled = 0
        self._forget()

    def _forget(self) -> None:
        self._last_seq = 0
        self.exposures = 0
        self._live_s = 0.0
        self._counts: NDArray[np.float64] | float = 0.0
        self._parts: list[Samples] = []

    def update(self) -> bool:
        """Take over what has arrived and draw it; False when nothing new is there, or not yet enough."""
        from edge.results import spectrum_model

        fresh = self._take_in()
        if self.exposures < _FIRST_EXPOSURES or not fresh:
            return False
        if self._model is None or self.exposures >= 2 * self._modelled:
            # Twice the spectra say enough more about energy scale and background to fit them all again. They are read
            # again for that: held in memory, those of a long scan would crowd out the scan itself.
            self._model = spectrum_model(np.asarray(self._counts), self._live_s, self._planned.config)
            self._modelled = self.exposures
            self._forget()
            self._take_in()
        self._draw()
        return True

    def _take_in(self) -> int:
        """Add up what the journal holds beyond the last look, and fit it; gives how many exposures that were."""
        from edge.results import portions, samples_of

        before = self.exposures
        for batch in portions(self._recording.reader, self._last_seq):
            self._last_seq = batch.last_seq
            self._counts = self._counts + batch.counts.sum(axis=0, dtype=float)
            self._live_s += float(batch.live_s.sum())
            self.exposures += len(batch)
            if self._model is not None:
                self._parts.append(samples_of(batch, self._model, self._planned.plan))
        return self.exposures - before

    def _draw(self) -> None:
        from edge.record.maps_file import write_maps
        from edge.report.figures import montage_png
        from edge.results import MAPS_UNIT, join, maps_of

        assert self._model is not None
        maps = maps_of(join(self._parts), self._model, self._planned)
        live = self._recording.paths.live
        live.mkdir(exist_ok=True)
        _replace(live / "maps.png", montage_png(maps.maps, maps.elements, unit=MAPS_UNIT))
        attributes: dict[str, str | float] = {"unit": MAPS_UNIT, "exposures": self.exposures}
        write_maps(live / "maps.h5", maps, mask=self._planned.plan.mask.cells, attributes=attributes)


def _replace(path: Path, content: bytes) -> None:
    """Whoever looks finds the old picture or the new one, never half of one."""
    unfinished = path.with_suffix(".part")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def main(folder: Path, scan_pid: int) -> None:
    """Follow a recording until the scan's process is gone."""
    os.nice(_NICE)
    preview = Preview(folder)
    while os.getppid() == scan_pid:
        started = time.monotonic()
        preview.update()
        time.sleep(max(0.0, _PERIOD_S - (time.monotonic() - started)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
