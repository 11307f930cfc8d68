"""The scan's side: what the preview found of the maps' error, written down, and held against what was asked for."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from edge.beam.session import Session, utc_now
from edge.events import Judged
from edge.record.own_files import read_note
from edge.stopping.config import StopConfig
from edge.stopping.figure import ErrorFigure, figure_from_json, figure_to_json
from edge.stopping.rule import below_floor, not_mapped, reason_to_stop

_PERIOD_S = 0.5
"""Time between two looks for a figure."""
_WORTH_NOTING = 1.03
"""Times the exposures of the figure that was written down last."""


class Watch:
    """Looks again and again whether a scan has enough.

    Parameters
    ----------
    stop
        What is asked for.
    path
        Where the preview leaves a figure.
    session
        Of the scan.
    noted
        Exposures of the figure that was written down last.
    warn
        Tells the operator.
    note
        Shows the error beside the progress.
    clock
        Monotonic time in s: the computer's may be set, by hours where it has no clock of its own.
    """

    def __init__(
        self,
        stop: StopConfig,
        path: Path,
        session: Session,
        *,
        noted: int,
        warn: Callable[[str], None],
        note: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stop, self._path, self._session = stop, path, session
        self._warn, self._note = warn, note
        self._clock = clock
        self._looked_s = -float("inf")
        self._running_s, self._since = session.running.ended_s, ""
        self._figure: ErrorFigure | None = None
        self._noted = noted
        self._warned: set[str] = set()

    def enough(self, live_s: float) -> str:
        """Why the scan is over, given the live time that the object has received; empty where it goes on.

        Takes no time: a file is looked at twice a second at the most.
        """
        now_s = self._clock()
        if now_s - self._looked_s < _PERIOD_S:
            return ""
        self._run_on(now_s - self._looked_s)
        self._looked_s = now_s
        self._look()
        reason = reason_to_stop(self._stop, self._figure, running_s=self._running_s, live_s=live_s)
        if reason and self._figure is not None:
            self._record(self._figure)
        return reason

    def _run_on(self, seconds: float) -> None:
        """So long has passed since the last look; it counts unless the scan stood still at either, or in between."""
        since = self._session.running.since
        if since and since == self._since:
            self._running_s += seconds
        self._since = since

    def _look(self) -> None:
        """Take over a figure of more exposures than the one that is known; a file that is damaged is none."""
        try:
            figure = figure_from_json(read_note(self._path))
        except (OSError, ValueError):
            return
        if self._figure is not None and figure.exposures <= self._figure.exposures:
            return
        self._figure = figure
        self._note(f"error {figure.overall.words}")
        for warning in (below_floor(self._stop, figure), not_mapped(self._stop, figure)):
            # the figures in it change; that it was said does not
            if warning and warning[:40] not in self._warned:
                self._warned.add(warning[:40])
                self._warn(warning)
        if figure.exposures >= _WORTH_NOTING * self._noted:
            self._record(figure)

    def _record(self, figure: ErrorFigure) -> None:
        if figure.exposures > self._noted:
            self._noted = figure.exposures
            self._session.record(Judged(utc_now(), figure.exposures, figure_to_json(figure)))
