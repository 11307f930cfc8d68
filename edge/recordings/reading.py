"""Recordings as other people's programs read them: a small face that stays, documented in docs/how-to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.configuration.config import ScanConfig, parse_scan_config
from edge.events import Opened
from edge.faults import IntegrityError, UsageError
from edge.planning.plan import ScanPlan
from edge.record.fold import ScanHistory, fold
from edge.record.folder import RecordingPaths, recording_at
from edge.record.maps_file import MapsFile, read_maps
from edge.record.reader import JournalReader, MeasuredArrays
from edge.record.writer_lock import is_locked
from edge.recordings.books import Books
from edge.recordings.presence import looked_at
from edge.recordings.progress import Follower, Progress

_PORTION = 4_096


@dataclass(frozen=True, slots=True)
class ReadOnlyRecording:
    """A recording, running or at rest. No file stays open between two calls, and nothing is ever written."""

    folder: Path
    """Where it lies."""
    _followers: list[Follower] = field(default_factory=list, init=False, repr=False, compare=False)
    """Once there is one, it reads what is new."""

    @property
    def paths(self) -> RecordingPaths:
        """Its files, of which not all need be there."""
        return RecordingPaths(self.folder)

    def progress(self) -> Progress:
        """How far the scan is, as `pointillist watch --once` shows it."""
        if not self._followers:
            self._followers.append(Follower(self.folder))
        return self._followers[0].look()

    def history(self) -> ScanHistory:
        """What happened: openings and closings, pauses, faults, plans, visits to the standard; no spectra."""
        with looked_at(self.paths) as look, JournalReader(look.path, mode=look.mode) as reader:
            return fold(event for _, event in reader.events())

    def config(self) -> ScanConfig:
        """The configuration as run.

        Raises
        ------
        UsageError
            The scan never began.
        """
        with looked_at(self.paths) as look, JournalReader(look.path, mode=look.mode) as reader:
            opened = next(reader.happened(), None)
        if not isinstance(opened, Opened):
            raise UsageError(f"{self.folder}: this scan never began: give another recording")
        return parse_scan_config(opened.config_yaml, self.paths.config)

    def plan(self) -> ScanPlan:
        """The plan as it is now: grid, mask, and a table of exposures in order.

        Raises
        ------
        UsageError
            The scan was not planned yet.
        IntegrityError
            The plan was edited.
        """
        books = self._books()
        if books.wrong:
            raise IntegrityError(f"{self.paths.journal}: {books.wrong[0]}")
        if books.plan is None:
            raise UsageError(f"{self.folder}: the scan was not planned yet: wait, or see its history")
        return books.plan

    def blocks(self, after_seq: int = 0) -> Iterator[MeasuredArrays]:
        """Exposures as arrays, some thousand at a time, in the order of recording; ends with what is recorded now.

        Parameters
        ----------
        after_seq
            Go on behind the ``last_seq`` of a block that was read before: of a running scan, what came since.
        """
        while True:
            with looked_at(self.paths) as look, JournalReader(look.path, mode=look.mode) as reader:
                block = reader.measured_arrays(after_seq, at_most=_PORTION)
            if not len(block):
                return
            yield block
            after_seq = block.last_seq

    def sum_spectrum(self) -> NDArray[np.int64]:
        """Counts of all exposures added up, shape (channels,).

        Raises
        ------
        UsageError
            Nothing was measured yet.
        """
        total: NDArray[np.int64] | None = None
        for block in self.blocks():
            summed = block.counts.sum(axis=0, dtype=np.int64)
            total = summed if total is None else total + summed
        if total is None:
            raise UsageError(f"{self.folder}: nothing was measured yet: wait, or give another recording")
        return total

    def maps(self) -> MapsFile:
        """Element maps with standard errors; while the scan runs, those of the preview.

        Raises
        ------
        UsageError
            There are none yet.
        IntegrityError
            The file is damaged.
        """
        final, live = self.paths.maps, self.paths.live / self.paths.maps.name
        drawn_ns, made_ns = _written_ns(live), _written_ns(final)
        is_preview = drawn_ns >= made_ns and (made_ns < 0 or is_locked(self.folder))
        return read_maps(live if is_preview and drawn_ns >= 0 else final)

    def _books(self) -> Books:
        """Kept of events alone."""
        books = Books()
        with looked_at(self.paths) as look, JournalReader(look.path, mode=look.mode) as reader:
            for number, event in enumerate(reader.happened()):
                books.add(number, event)
        return books


def _written_ns(path: Path) -> int:
    """When a file was written last; -1 where there is none, or none any more."""
    with suppress(OSError):
        return path.stat().st_mtime_ns
    return -1


def open_read_only(folder: str | os.PathLike[str]) -> ReadOnlyRecording:
    """A recording for reading, while a scan writes it or after.

    Raises
    ------
    UsageError
        There is no recording.
    IntegrityError
        Something in the folder leads out of it.
    """
    return ReadOnlyRecording(recording_at(Path(folder)).folder)
