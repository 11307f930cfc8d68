"""Whether a scan is writing a recording, asked without being in its way; and its journal, opened as that allows."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.events import Closed
from edge.faults import IntegrityError, UsageError
from edge.record.folder import RecordingPaths
from edge.record.reader import JournalReader
from edge.record.schema import ReadMode, wal_path
from edge.record.wal import LONGEST_LOG
from edge.record.writer_lock import is_locked


@dataclass(frozen=True, slots=True)
class Look:
    """How a journal is read, and where."""

    folder: Path
    """Of the recording."""
    path: Path
    mode: ReadMode
    is_running: bool
    """Whether a scan was writing it when the look began."""
    has_log: bool
    """Whether a write-ahead log lay beside it: of a running scan, or of one that was killed."""
    stamp: tuple[tuple[int, int], ...]

    def has_moved(self, paths: RecordingPaths) -> bool:
        """Whether somebody began to write a journal that was at rest: what was read of it means nothing."""
        return not self.is_running and (is_locked(paths.folder) or _stamp(paths) != self.stamp)


@contextlib.contextmanager
def looked_at(paths: RecordingPaths) -> Iterator[Look]:
    """The journal as it can be read without leaving anything in its folder: beside a writer as SQLite provides for it.

    A journal whose closing was cut off cannot be read without mending it, nor a log that lost its index; that is done
    to a copy, in a temporary folder.

    Raises
    ------
    UsageError
        There is no room for such a copy.
    IntegrityError
        The log is longer than any.
    """
    is_running = is_locked(paths.folder)
    stamp, has_log = _stamp(paths), wal_path(paths.journal).exists()
    mode: ReadMode = "ro" if is_running else "untouched"
    half_closed, index = (paths.journal.with_name(paths.journal.name + ending) for ending in ("-journal", "-shm"))
    is_readable = not half_closed.exists() and (index.exists() or not has_log)
    if is_running or is_readable:
        yield Look(paths.folder, paths.journal, mode, is_running, has_log, stamp)
        return
    if has_log and wal_path(paths.journal).stat().st_size > LONGEST_LOG:
        raise IntegrityError(f"{wal_path(paths.journal)}: is longer than any scan leaves it: restore a copy")
    with tempfile.TemporaryDirectory(prefix="pointillist-") as folder:
        try:
            for path in (paths.journal, half_closed, wal_path(paths.journal)):
                if path.exists():
                    shutil.copyfile(path, Path(folder) / path.name, follow_symlinks=False)
        except OSError as error:
            raise UsageError(
                f"{paths.journal}: was not closed, and {folder} takes no copy to mend ({error.strerror}): point TMPDIR "
                "to a folder with room"
            ) from None
        yield Look(paths.folder, Path(folder) / paths.journal.name, "ro", is_running, has_log, stamp)


def is_finished(look: Look) -> bool:
    """Whether a scan came to its end: nothing more will come, where nobody writes."""
    try:
        with JournalReader(look.path, mode=look.mode) as reader:
            last = next(reader.happened(newest_first=True), None)
    except IntegrityError:
        return False
    return isinstance(last, Closed) and last.outcome == "finished"


def _stamp(paths: RecordingPaths) -> tuple[tuple[int, int], ...]:
    found = []
    for path in (paths.journal, wal_path(paths.journal)):
        with contextlib.suppress(OSError):
            state = path.stat()
            found.append((state.st_size, state.st_mtime_ns))
    return tuple(found)
