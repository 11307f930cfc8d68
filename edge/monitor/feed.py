"""What a recording holds, taken in look by look: exposures as they come, figures twice a second, no file kept open."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.registration import Registration
from calibration.registration_record import registration_from_dict
from edge.alerts.fold import Alert, AlertFold
from edge.configuration.config import ScanConfig, parse_scan_config
from edge.events import Corrected, Opened, Planned, Registered, ScanEvent, utc_text
from edge.faults import EdgeError
from edge.grid import ScanGrid
from edge.monitor.history import History
from edge.monitor.taken import Taken
from edge.photography.sighting import grid_of
from edge.planning.plan import ScanPlan, plan_from_json
from edge.record.folder import RecordingPaths
from edge.record.head import ExposureHead
from edge.record.reader import JournalReader
from edge.record.schema import wal_path
from edge.recordings.presence import looked_at
from edge.recordings.progress import Follower, Progress

_FIGURES_S = 0.5
"""Time between two looks at everything that is no spectrum."""
_PORTION = 256
"""Exposures between two marks: so many spectra are unpacked at most to find one."""


@dataclass(frozen=True, slots=True, eq=False)
class About:
    """What a scan is, as far as it has said so."""

    scan_id: str
    config: ScanConfig
    grid: ScanGrid
    registration: Registration | None
    plan: ScanPlan | None


class Feed:
    """A recording, looked at again and again by one thread, and asked by others.

    Parameters
    ----------
    folder
        Of the recording, running or at rest, or still to come.
    clock
        Monotonic time in s.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self._clock = clock
        self._turn = threading.Lock()
        self._begin()

    def _begin(self) -> None:
        self._paths = RecordingPaths(self.folder)
        self._follower: Follower | None = None
        self._alerts = AlertFold()
        self._figured_s = -math.inf
        self._stamp: tuple[tuple[int, int], ...] = ()
        self.progress: Progress | None = None
        """Figures of the last look; None before the first one."""
        self.about: About | None = None
        self.taken: Taken | None = None
        self.history = History()
        self.trouble = ""
        """Why the last look failed; empty when all is well."""

    def look(self) -> bool:
        """Take in what is new; whether anything was."""
        try:
            with self._turn:
                figured = self._look_at_figures()
                # a file's time is told in steps of milliseconds: two writes may look like one
                took = (self._has_moved() or figured) and self._take()
            self.trouble = ""
        except EdgeError as error:
            is_news, self.trouble = self.trouble != str(error), str(error)
            return is_news
        return figured or took

    def spectrum(self, row: int, column: int) -> tuple[int, NDArray[np.uint32], float] | None:
        """The exposure that touched a cell last or came nearest, its counts and live time; None where there is none.

        Raises
        ------
        IntegrityError
            The journal is damaged.
        """
        with self._turn:
            taken = self.taken
            found = None if taken is None else taken.nearest(row, column)
            if taken is None or found is None:
                return None
            seq, skipped = taken.seq_before(found)
        with looked_at(self._paths) as look, JournalReader(look.path, mode=look.mode) as reader:
            block = reader.measured_arrays(seq, at_most=skipped + 1)
        return found, block.counts[skipped], float(block.live_s[skipped])

    def _look_at_figures(self) -> bool:
        now = self._clock()
        if now - self._figured_s < _FIGURES_S:
            return False
        self._figured_s = now
        if self._follower is None or self._is_another():
            self._begin()
            self._figured_s = now
            self._follower = Follower(self.folder, clock=self._clock, heard=self._hear)
        self.progress = self._follower.look()
        self._alerts.look(self.progress, utc_text(datetime.now(UTC)))
        return True

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """What somebody should know even when not looking, oldest first."""
        return self._alerts.alerts

    def _is_another(self) -> bool:
        """Whether the folder holds another recording by now: a demonstration that was replaced."""
        if self.about is None or self.taken is None or not self.taken.last_seq:
            return False
        with looked_at(self._paths) as look, JournalReader(look.path, mode=look.mode) as reader:
            return reader.last_seq() < self.taken.last_seq

    def _has_moved(self) -> bool:
        """Whether the journal's files are others than at the last look; a look costs more than asking."""
        paths = self._paths
        stamp = tuple(_stamp(path) for path in (paths.journal, wal_path(paths.journal)))
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        return True

    def _take(self) -> bool:
        if self.taken is None:
            # before the configuration is known nothing can be placed
            self._stamp = ()
            return False
        before = len(self.taken)
        with looked_at(self._paths) as look, JournalReader(look.path, mode=look.mode) as reader:
            is_more = True
            while is_more:
                block = reader.measured_arrays(self.taken.last_seq, at_most=_PORTION)
                is_more = len(block) >= _PORTION
                if len(block):
                    self.taken.add(block)
        return len(self.taken) > before

    def _hear(self, record: ScanEvent | ExposureHead) -> None:
        self.history.add(record)
        self._alerts.add(record)
        match record:
            case Opened():
                self._open(record)
            case Registered(registration_json=text) | Corrected(registration_json=text):
                self._know(registration=_registration(text))
            case Planned(plan_json=text):
                with suppress(EdgeError):
                    self._know(plan=plan_from_json(text))
            case _:
                pass

    def _open(self, event: Opened) -> None:
        if self.about is not None and self.about.scan_id == event.scan_id:
            return
        config = parse_scan_config(event.config_yaml, self._paths.config)
        grid = grid_of(config.area)
        self.about = About(event.scan_id, config, grid, None, None)
        self.taken = Taken(grid, config.instrument.detector.channels)

    def _know(self, *, registration: Registration | None = None, plan: ScanPlan | None = None) -> None:
        if self.about is not None:
            about = self.about
            self.about = About(
                about.scan_id, about.config, about.grid, registration or about.registration, plan or about.plan
            )
        if plan is not None and self.taken is not None:
            self.taken.know(plan)


def _registration(text: str) -> Registration | None:
    with suppress(ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return registration_from_dict(json.loads(text))
    return None


def _stamp(path: Path) -> tuple[int, int]:
    with suppress(OSError):
        state = path.stat()
        return state.st_size, state.st_mtime_ns
    return 0, 0
