"""A run's figures as it knows them itself, for its own terminal: the same that others read from its journal."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable
from contextlib import suppress

from edge.beam.intake import Intake
from edge.beam.session import Session, utc_now
from edge.beam.work import Work
from edge.record.folder import RecordingPaths
from edge.record.own_files import length_of, read_note
from edge.record.schema import wal_path
from edge.recordings.progress import Lately, Progress
from edge.stopping.figure import Estimate, figure_from_json


class RunFigures:
    """Told from what the run holds in memory, and the lengths of a few files; takes well below a millisecond.

    Parameters
    ----------
    clock
        Monotonic time in s.
    """

    def __init__(
        self, session: Session, intake: Intake, work: Work, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._session, self._intake, self._work = session, intake, work
        self._paths = RecordingPaths(session.folder)
        self._lately = Lately(clock)
        self._error: Estimate | None = None

    def look(self) -> Progress:
        """What stands now."""
        work, session, paths, now = self._work, self._session, self._paths, utc_now()
        done, expected = work.measured, work.budget
        rate_hz = self._lately.hz(done)
        length = sum(length_of(path) for path in (paths.journal, wal_path(paths.journal)))
        with suppress(OSError, ValueError):
            self._error = figure_from_json(read_note(paths.figure)).overall
        last, age_s = self._intake.last, _age_s(self._paths)
        return Progress(
            state=session.state,
            concluded="",
            is_running=True,
            done=done,
            expected=expected,
            rate_hz=0.0 if math.isnan(rate_hz) else rate_hz,
            left_s=(expected - done) / rate_hz if rate_hz > 0 else math.nan,
            live_s=self._intake.live_s,
            beam_s=session.beam.until_s(now),
            dead_share=math.nan if last is None or last.real_s <= 0 else 1 - last.live_s / last.real_s,
            error=self._error,
            interruptions=session.interruptions,
            silent_s=session.silent_s(),
            preview=None if math.isnan(age_s) else paths.live / "maps.png",
            preview_age_s=age_s,
            length=length,
            free=shutil.disk_usage(paths.folder).free,
            wanted=max(0, expected - done) * length / done if done else math.nan,
            at_mm=None if last is None else (last.end.x_mm, last.end.y_mm),
        )


def _age_s(paths: RecordingPaths) -> float:
    with suppress(OSError):
        return max(0.0, time.time() - (paths.live / "maps.png").stat().st_mtime)
    return math.nan
