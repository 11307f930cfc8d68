"""The first look at a recording: is it whole, what is it, and how is its work shared out."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from edge.configuration.config import ScanConfig
from edge.events import ScanEvent
from edge.faults import UsageError
from edge.grid import ScanGrid
from edge.record.fold import ScanHistory, StandardVisit, fold
from edge.record.folder import Recording, RecordingPaths
from edge.record.head import ExposureHead
from edge.record.reader import JournalReader
from edge.reprocess.job import Job, inputs_digest
from edge.results import Planned, read_planned

EXPOSURES_EACH = 32_768
"""In one range, some seconds of work: little is lost when a process dies, and little time goes into handing out."""
RESULT = "result.json"


@dataclass(frozen=True, slots=True)
class Range:
    """Exposures of a recording that one task reads."""

    after_seq: int
    last_seq: int
    first: int
    """Exposures before it."""
    exposures: int


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What the tasks of a scan need to know of it."""

    job: Job
    exposures: int
    """Spectra, truncated ones among them."""
    measured: int
    """Exposures of the plan that were measured in full."""
    ranges: tuple[Range, ...]
    config: ScanConfig
    """With the changes."""
    grid: ScanGrid
    visits: tuple[StandardVisit, ...]
    """To the reference standard."""

    @property
    def is_whole(self) -> bool:
        """Whether the maps are made at once, as after a scan."""
        return self.grid.rows * self.grid.columns <= 4 * self.job.settings.piece_cells**2


def look(job: Job) -> Look | Job:
    """Look at a recording; the job alone where its results are there already.

    Raises
    ------
    UsageError
        It was never planned, holds no exposure, or is being written.
    IntegrityError
        It is damaged.
    """
    job.enter()
    paths = job.recording
    refuse_written(paths.folder)
    job = job.keyed(inputs_digest(paths))
    if is_finished(job):
        return job
    with opened_outline(job) as (outline, planned):
        history = planned.history
        return Look(
            job,
            history.exposures,
            outline.measured,
            outline.ranges,
            planned.config,
            planned.plan.grid,
            history.visits,
        )


def is_finished(job: Job) -> bool:
    """Whether the results of these inputs, this software and these settings are there."""
    from edge.reprocess.pieces import Pieces

    kept = Pieces(job.results.folder)
    return kept.has(RESULT) and job.results.maps.is_file() and kept.noted(RESULT).get("key") == job.key


@contextlib.contextmanager
def opened(paths: RecordingPaths) -> Iterator[JournalReader]:
    """A recording's journal, read without leaving a trace beside it."""
    if not paths.journal.is_file():
        raise UsageError(f"{paths.folder}: the recording is gone: it was there when the run began")
    with JournalReader(paths.journal, mode="untouched") as reader:
        yield reader


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """A journal gone over without unpacking a spectrum."""

    history: ScanHistory
    """What happened; sums over the exposures, and which they were, are left out."""
    ranges: tuple[Range, ...]
    measured: int


@contextlib.contextmanager
def opened_outline(job: Job) -> Iterator[tuple[Outline, Planned]]:
    """A recording's outline, and with the changes in its configuration what was planned."""
    paths = job.recording
    with opened(paths) as reader:
        outline = _outline(reader)
        if not outline.ranges:
            raise UsageError(f"{paths.folder}: holds no exposure: there is nothing to map")
        planned = read_planned(Recording(paths, reader, outline.history, reader.last_seq()))
        yield outline, replace(planned, config=job.settings.applied_to(planned.config, paths.folder))


@contextlib.contextmanager
def opened_whole(job: Job) -> Iterator[tuple[Recording, Planned]]:
    """A recording with its whole history, and with the changes in its configuration."""
    with opened(job.recording) as reader:
        last_seq = reader.last_seq()
        history = fold(event for _, event in reader.events())
        recording = Recording(job.recording, reader, history, last_seq)
        planned = read_planned(recording)
        config = job.settings.applied_to(planned.config, job.recording.folder)
        yield recording, replace(planned, config=config)


def refuse_written(folder: Path) -> None:
    """Refuse a recording that a process of this machine is writing."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(f"{folder}: a scan is being recorded here: reprocess it when it has ended") from None
    except OSError:
        # a file system without locks, on which no recording is written either
        return
    finally:
        os.close(descriptor)


def _outline(reader: JournalReader) -> Outline:
    history, waiting = ScanHistory(), list[ScanEvent]()
    ranges: list[Range] = []
    count, measured, after, first, seq = 0, 0, 0, 0, 0
    for seq, event in reader.outline():
        if isinstance(event, ExposureHead):
            count += 1
            measured += event.is_whole
            if count - first == EXPOSURES_EACH:
                ranges.append(Range(after, seq, first, count - first))
                after, first = seq, count
        else:
            if count != history.exposures:
                history, waiting = replace(fold(waiting, history), exposures=count), []
            waiting.append(event)
    if count > first:
        ranges.append(Range(after, seq, first, count - first))
    return Outline(replace(fold(waiting, history), exposures=count), tuple(ranges), measured)
