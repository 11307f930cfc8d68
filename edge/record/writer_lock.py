"""A recording's folder as its one writer holds it: locked, and its entries synced."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from edge.faults import UsageError


@contextlib.contextmanager
def locked_folder_of(path: Path) -> Iterator[int]:
    """Descriptor of the journal's folder, locked for one writer; given back only when the block fails."""
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        raise UsageError(f"{path}: there is no such folder: give the folder of a recording") from None
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(f"{path}: another process is writing: wait for its end, or give another folder") from None
        yield folder
    except BaseException:
        os.close(folder)
        raise


def sync_entries(folder: int, path: Path) -> None:
    """Make sure that the log will be found: SQLite passes over a folder that cannot be synced."""
    try:
        os.fsync(folder)
    except OSError as error:
        raise UsageError(f"{path}: its folder cannot be synced ({error.strerror}): change the disk") from None
