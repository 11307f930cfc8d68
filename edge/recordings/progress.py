"""How far a running scan is, told from its journal in short looks: none holds the scan up, none outlives its call."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from calibration.registration_record import registration_from_dict
from edge.configuration.config import ScanConfig, parse_scan_config
from edge.events import Corrected, Faulted, Judged, Paused, Registered, ScanEvent
from edge.faults import EdgeError
from edge.folds.beam_time import BeamTime
from edge.folds.running_time import RunningTime
from edge.prepare import budget_of
from edge.record.folder import RecordingPaths, recording_at
from edge.record.head import ExposureHead
from edge.record.own_files import length_of, read_note
from edge.record.reader import JournalReader
from edge.record.schema import wal_path
from edge.recordings.books import Books
from edge.recordings.presence import looked_at
from edge.state import Ended, Scanning, ScanState
from edge.stopping.figure import Estimate, figure_from_json

_RATE_OVER_S = 30.0
"""Time over which the rate is told."""
_SOONEST_S = 2.0
"""A rate is told from looks that lie so far apart, and else from the whole run."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What one look at a recording tells."""

    state: ScanState
    concluded: str
    """Why a scan ended before its plan did; empty where it did not."""
    is_running: bool
    """Whether a process is writing it."""
    done: int
    """Exposures measured in full, or left out."""
    expected: int
    """Exposures in the end, as far as can be told; 0 before there is a plan."""
    rate_hz: float
    """Exposures a second, lately; 0 where none came."""
    left_s: float
    """Time to the end; NaN where nobody can say."""
    live_s: float
    """Live time that the object has received."""
    beam_s: float
    """Time with the beam on the object."""
    dead_share: float
    """Of the last exposure's time; NaN where there is none."""
    error: Estimate | None
    """Of all elements, by exposures held out; None where nothing is told yet."""
    interruptions: int
    """Pauses and faults so far."""
    silent_s: float
    """Since something was written to the journal last; NaN where that cannot be told."""
    preview: Path | None
    """The picture of the maps as they grow."""
    preview_age_s: float
    length: int
    """Bytes of the journal."""
    free: int
    """Bytes free on its disk."""
    wanted: float
    """Bytes that what is still to come will take, as what came did; NaN where nobody can say."""
    residual_mm: float = math.nan
    """Of the photograph's registration; NaN where there is none yet."""
    at_mm: tuple[float, float] | None = None
    """Where the last exposure ended, x and y on the stage."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come from the process that wrote it."""
        return isinstance(self.state, Ended) or not self.is_running


class Lately:
    """How fast a count has grown over the last half minute that was looked at.

    Parameters
    ----------
    clock
        Monotonic time in s.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: deque[tuple[float, int]] = deque()

    def hz(self, done: int) -> float:
        """Per second; NaN until looks lie far enough apart."""
        self._times.append((self._clock(), done))
        while len(self._times) > 2 and self._times[-1][0] - self._times[1][0] >= _RATE_OVER_S:
            self._times.popleft()
        (since_s, before), (now_s, _) = self._times[0], self._times[-1]
        return (done - before) / (now_s - since_s) if now_s - since_s >= _SOONEST_S else math.nan


class Follower:
    """A recording looked at again and again; holds sums, indices and the plan, no spectra and no open file.

    Parameters
    ----------
    folder
        Of the recording, running or at rest.
    clock
        Monotonic time in s.
    heard
        Given each record in its turn, after it was entered here.

    Raises
    ------
    UsageError
        There is no recording.
    IntegrityError
        Something in it leads elsewhere.
    """

    def __init__(
        self,
        folder: Path,
        clock: Callable[[], float] = time.monotonic,
        heard: Callable[[ScanEvent | ExposureHead], None] = lambda record: None,
    ) -> None:
        self.paths: RecordingPaths = recording_at(folder)
        self._heard = heard
        self._books = Books()
        self._beam, self._running = BeamTime(), RunningTime()
        self._last_at = ""
        self._last: ExposureHead | None = None
        self._error: Estimate | None = None
        self._interruptions = 0
        self._config: ScanConfig | None = None
        self._residual_mm = math.nan
        self._lately = Lately(clock)

    @property
    def object_name(self) -> str:
        """What is scanned, as the configuration calls it; empty while that is not known."""
        config = self._known_config()
        return "" if config is None else config.object.title or config.object.identifier

    def look(self) -> Progress:
        """What is recorded now.

        Raises
        ------
        UsageError
            The journal cannot be opened by this user.
        IntegrityError
            The journal is foreign, newer or damaged.
        """
        with looked_at(self.paths) as look, JournalReader(look.path, mode=look.mode) as reader:
            for seq, record in reader.outline(self._books.last_seq):
                self._take(seq, record)
        return self._progress(look.is_running)

    def _take(self, seq: int, record: ScanEvent | ExposureHead) -> None:
        self._books.add(seq, record)
        if isinstance(record, ExposureHead):
            self._last = record
        else:
            # what they make of a spectrum is its time
            self._beam = replace(self._beam, last_at=self._last_at).after(record)
            self._running = replace(self._running, last_at=self._last_at).after(record)
            self._interruptions += isinstance(record, Paused | Faulted)
            match record:
                case Judged():
                    self._judge(record.figure_json)
                case Registered(registration_json=text) | Corrected(registration_json=text):
                    self._residual_mm = residual_mm(text)
                case _:
                    pass
        self._last_at = record.at
        self._heard(record)

    def _judge(self, text: str) -> None:
        with suppress(ValueError):
            self._error = figure_from_json(text).overall

    def _progress(self, is_running: bool) -> Progress:
        books, silent_s = self._books, self._silent_s()
        done, expected = books.measured + len(books.left_out), self._expected()
        rate_hz = self._rate_hz(done, isinstance(books.state, Scanning) and is_running)
        with suppress(OSError, ValueError):
            # nearer than what the scan wrote down last
            self._judge(read_note(self.paths.figure))
        length = sum(length_of(path) for path in (self.paths.journal, wal_path(self.paths.journal)))
        last, age_s = self._last, _age_s(self.paths.live / "maps.png")
        return Progress(
            state=books.state,
            concluded=books.concluded,
            is_running=is_running,
            done=done,
            expected=expected,
            rate_hz=rate_hz,
            left_s=self._left_s(done, expected, rate_hz, silent_s),
            live_s=books.live_s,
            beam_s=self._beam.until_s(self._last_at),
            dead_share=math.nan if last is None or last.real_s <= 0 else 1 - last.live_s / last.real_s,
            error=self._error,
            interruptions=self._interruptions,
            silent_s=silent_s,
            preview=None if math.isnan(age_s) else self.paths.live / "maps.png",
            preview_age_s=age_s,
            length=length,
            free=shutil.disk_usage(self.paths.folder).free,
            wanted=max(0, expected - done) * length / done if done else math.nan,
            residual_mm=self._residual_mm,
            at_mm=None if last is None or math.isnan(last.end_x_mm) else (last.end_x_mm, last.end_y_mm),
        )

    def _expected(self) -> int:
        """Exposures in the end, as the scan itself counts them for its operator."""
        plan, config = self._books.plan, self._known_config()
        if plan is None:
            return 0
        planned = len(plan.table)
        if isinstance(self._books.state, Ended):
            return planned
        if plan.way is not None:
            return round(planned * max(1.0, plan.way.budget_s / max(plan.predicted_s, 1e-9)))
        if config is not None and config.listens:
            return planned + max(0, budget_of(config, plan.grid) - int(plan.mask.cells.sum()))
        return planned

    def _silent_s(self) -> float:
        """By the files' times: a scan's own go on as they began, whatever the computer's clock was set to since."""
        ages_s = [_age_s(path) for path in (self.paths.journal, wal_path(self.paths.journal))]
        return min((age_s for age_s in ages_s if not math.isnan(age_s)), default=math.nan)

    def _known_config(self) -> ScanConfig | None:
        if self._config is None and self._books.opened is not None:
            with suppress(EdgeError):
                self._config = parse_scan_config(self._books.opened.config_yaml, self.paths.config)
        return self._config

    def _rate_hz(self, done: int, is_measuring: bool) -> float:
        """Over the last half minute that was looked at; over the whole run at a first look."""
        rate_hz = self._lately.hz(done)
        if not math.isnan(rate_hz):
            return rate_hz
        running_s = self._running.until_s(self._last_at) if self._last_at else 0.0
        return done / running_s if is_measuring and running_s > 0 else 0.0

    def _left_s(self, done: int, expected: int, rate_hz: float, silent_s: float) -> float:
        plan, way = self._books.plan, None if self._books.plan is None else self._books.plan.way
        if plan is None or isinstance(self._books.state, Ended):
            return math.nan if plan is None else 0.0
        if way is not None:
            running_s = self._running.until_s(self._last_at) if self._last_at else 0.0
            is_on = self._running.since and not math.isnan(silent_s)
            return max(0.0, way.budget_s - running_s - (silent_s if is_on else 0.0))
        return (expected - done) / rate_hz if rate_hz > 0 else math.nan


def residual_mm(registration_json: str) -> float:
    """Root mean square of a registration's residuals; NaN where the text is none, or has none."""
    with suppress(ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        registration = registration_from_dict(json.loads(registration_json))
        return registration.rms_mm if len(registration.residuals_mm) else math.nan
    return math.nan


def _age_s(path: Path) -> float:
    with suppress(OSError):
        return max(0.0, time.time() - path.stat().st_mtime)
    return math.nan
