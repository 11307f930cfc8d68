"""Maps while the scan runs: a process of its own that reads the journal, so that it can never hold up the beam.

It folds over the same journal as everybody else. If it dies, the scan does not notice; what it shows is a preview: it
follows the energy scale by the object's own lines, and between two looks at them takes the scale to stay where it was
last; visits to a standard, and with them the tube's output, are left to the maps at the end.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.preview.files import LiveFiles, replaced

if TYPE_CHECKING:
    from edge.maps import ElementMaps, Samples
    from edge.preview.drawing import Drawing
    from edge.spectra.scan_fit import ScanFit

_PERIOD_S = 0.5
"""Shortest time between two previews."""
_FIRST_EXPOSURES = 30
"""Exposures before the first preview: fewer say nothing about energy scale and background."""
_SOON = 1.25
"""Times the exposures of now, after which a model that could not be made is tried again."""
_PORTION = 512
"""Exposures that are fitted at a time, after a new model all of them: larger portions take memory, and no less time."""
_NICE = 10
_REST = 8.0
"""Times what writing maps as a picture and as a file took, for which they are left: the page has its own file."""


class Preview:
    """Keeps maps current while exposures arrive; a spectrum is fitted once, unless the model has been made anew.

    What the exposures so far do not allow (no element shows yet) may pass with the next ones: it is `trouble`, and said
    in ``live/trouble.txt`` while it lasts.

    Parameters
    ----------
    folder
        Of the recording.
    learned
        Told of every new model, and the number of its generation.
    rest
        Times what writing the maps as a picture and as a file took, for which these are left as they are.
    """

    def __init__(
        self,
        folder: Path,
        learned: Callable[[ScanFit, int], None] = lambda fit, generation: None,
        rest: float = 0.0,
    ) -> None:
        from edge.photography.correction import due_after
        from edge.planning.area import allowed_cells
        from edge.record.folder import open_recording
        from edge.results import read_planned
        from edge.stopping.apart import Apart

        self._recording = open_recording(folder)
        self._planned = read_planned(self._recording)
        self._apart = Apart(self._planned.plan)
        self._scanned = allowed_cells(self._planned.config, self._planned.plan.grid)
        self._fit: ScanFit | None = None
        self._model_at = _FIRST_EXPOSURES
        self.trouble = ""
        """Why nothing is drawn, or not as it should be; empty when all is well."""
        with suppress(OSError):
            self._note.unlink(missing_ok=True)
        self._learned = learned
        self._generation = int(time.time())
        self._files = LiveFiles(self._recording.paths.live, self._planned.plan.mask.cells, rest=rest)
        self._drawing: Drawing | None = None
        self._is_current = True
        self._shown: list[tuple[Samples, NDArray[np.float64]]] = []
        """What maps may know, with the live time of each."""
        self._look_at = due_after(len(self._planned.plan.exposures))
        self._forget()

    def _forget(self) -> None:
        from edge.spectra.drift import BlockSums

        self._last_seq = 0
        self.exposures = 0
        self._live_s = 0.0
        self._blocks = BlockSums(self._planned.config.instrument.detector.channels)
        self._shown.clear()
        self._apart.forget()

    def update(self) -> bool:
        """Take over what has arrived and draw it; False when nothing is new, or not yet enough."""
        try:
            if not self._renew():
                return False
        except UsageError as reason:
            trouble = str(reason)
        except OSError as error:
            trouble = f"the preview cannot be written ({error.strerror or error}): see that the disk has room"
        else:
            self._tell("")
            return True
        # Not current: it is tried again without waiting for an exposure, for a disk may have room again.
        self._is_current = False
        self._tell(trouble)
        return False

    def _renew(self) -> bool:
        fresh = self._take_in()
        if self.exposures < _FIRST_EXPOSURES:
            return False
        if not fresh and self._is_current:
            return self._files.file_late()
        if self.exposures >= self._model_at:
            self._learn()
        if self._fit is None:
            return False
        if self.exposures >= self._look_at:
            self._look_at = 2 * self.exposures
            self._straighten()
        self._draw()
        return True

    def _learn(self) -> None:
        """Make the model of all exposures so far, and fit them all again with it.

        Twice the spectra say enough more about energy scale, its drift and the background. They are read again for
        that: held in memory, those of a long scan would crowd out the scan itself.
        """
        from edge.results import spectrum_model
        from edge.spectra.scan_fit import fit_of_scan

        self._model_at = math.ceil(_SOON * self.exposures)
        config = self._planned.config
        self._fit = fit_of_scan(self._blocks, self._live_s, lambda total, live_s: spectrum_model(total, live_s, config))
        self._model_at = 2 * self.exposures
        self._generation += 1
        self._learned(self._fit, self._generation)
        self._begin_drawing()
        self._forget()
        self._take_in()

    def _tell(self, trouble: str) -> None:
        """Say once what keeps the preview from being drawn, and that it is over."""
        if trouble == self.trouble:
            return
        self.trouble = trouble
        with suppress(OSError):
            self._note.parent.mkdir(exist_ok=True)
            if trouble:
                replaced(self._note, f"{trouble}\n".encode())
            else:
                self._note.unlink(missing_ok=True)

    @property
    def _note(self) -> Path:
        return self._recording.paths.live / "trouble.txt"

    def _begin_drawing(self) -> None:
        from edge.preview.drawing import drawing_of

        assert self._fit is not None
        if self._drawing is not None:
            self._drawing.close()
        self._drawing = drawing_of(self._fit.model, self._planned)

    def _straighten(self) -> None:
        """Look where the samples say that the photograph lies; if elsewhere, draw with it there, and tell the scan."""
        from edge.maps import Samples
        from edge.photography.correction import leave_correction, placed_by_samples

        assert self._fit is not None
        samples = Samples.joined([samples for samples, _ in self._shown])
        placing = placed_by_samples(samples, self._fit.model.elements, self._planned.sighting, self._planned.config)
        if not placing.was_moved:
            return
        self._planned = replace(self._planned, sighting=placing.sighting)
        paths = self._recording.paths
        with suppress(OSError):
            paths.live.mkdir(exist_ok=True)
            leave_correction(paths.correction, placing.sighting.registration, self.exposures)
        self._begin_drawing()
        assert self._drawing is not None
        for shown, live_s in self._shown:
            self._drawing.add(shown, live_s)

    def close(self) -> None:
        """Let go of what draws."""
        if self._drawing is not None:
            self._drawing.close()
        self._files.close()

    def _take_in(self) -> int:
        """Add up what the journal holds beyond the last look, and fit it; gives how many exposures that were.

        A batch that cannot be fitted is not counted anywhere: positions stay those of the journal.
        """
        from edge.results import portions, samples_of

        before = self.exposures
        for batch in portions(self._recording.reader, self._last_seq, at_most=_PORTION):
            if self._fit is not None and self._drawing is not None:
                if self._apart.is_outgrown(batch):
                    self._read_plan()
                samples = samples_of(batch, self._fit, self._planned.plan, first=self.exposures)
                self._show(*self._apart.shown(batch.telling(), samples))
            self._blocks.add(batch.counts)
            self._live_s += float(batch.telling().live_s.sum())
            self._last_seq = batch.last_seq
            self.exposures += len(batch)
        return self.exposures - before

    def _show(self, samples: Samples, live_s: NDArray[np.float64]) -> None:
        assert self._drawing is not None
        if len(samples):
            self._shown.append((samples, live_s))
            self._drawing.add(samples, live_s)

    def _read_plan(self) -> None:
        """The plan has grown; what it holds out no longer is drawn."""
        from edge.planning.plan import plan_from_json
        from edge.record.folder import open_recording

        with open_recording(self._recording.paths.folder) as recording:
            plan = plan_from_json(recording.history.plan_json)
        self._planned = replace(self._planned, plan=plan)
        released = self._apart.released(plan)
        if released is not None:
            self._show(*released)

    def _draw(self) -> None:
        from edge.maps import limited_to

        assert self._drawing is not None
        drawn, self._is_current = self._drawing.drawn()
        self._files.show(limited_to(drawn, self._scanned), self.exposures, self._generation)
        self._judge(drawn)

    def _judge(self, maps: ElementMaps) -> None:
        """Leave for the scan what the exposures held out tell of the maps."""
        from edge.stopping.figure import figure_to_json

        figure = self._apart.figure(maps, self._planned, self.exposures)
        if figure is not None:
            replaced(self._recording.paths.figure, figure_to_json(figure).encode())


def main(folder: Path, scan_pid: int) -> None:
    """Follow a recording until the scan's process is gone."""
    from edge.preview.fitting import Fitting
    from edge.record.folder import RecordingPaths

    os.nice(_NICE)
    with Fitting(RecordingPaths(folder)).following() as fitting:
        preview = Preview(folder, learned=fitting.adopt, rest=_REST)
        try:
            while os.getppid() == scan_pid:
                started = time.monotonic()
                preview.update()
                time.sleep(max(0.0, _PERIOD_S - (time.monotonic() - started)))
        finally:
            preview.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
