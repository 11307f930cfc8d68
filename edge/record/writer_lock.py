"""A recording's folder as its one writer holds it, locked, and whether somebody does; its entries, synced."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from edge.faults import UsageError
from edge.record.durable import cannot_be_synced

Place = Literal["disk", "share"]
"""Where a journal lies: on a disk of this computer, or where copies may, on a share that knows neither locks nor
folders that can be synced."""
_BUSY = {errno.EWOULDBLOCK, errno.EACCES, errno.EAGAIN}
_TRIES, _TRY_S = 10, 0.02
"""How often, and how long each time, a lock is waited for that may be held by somebody who only looks."""


def is_locked(folder: Path) -> bool:
    """Whether a process holds a folder's lock for writing; on a share that knows no locks nobody is seen."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in _BUSY
    finally:
        os.close(descriptor)
    return False


@contextlib.contextmanager
def locked_folder_of(path: Path, place: Place = "disk") -> Iterator[int]:
    """Descriptor of the journal's folder, locked for one writer; given back only when the block fails."""
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        raise UsageError(f"{path}: there is no such folder: give the folder of a recording") from None
    try:
        _lock(folder, path, place)
        yield folder
    except BaseException:
        os.close(folder)
        raise


def _lock(folder: int, path: Path, place: Place) -> None:
    for turn in range(_TRIES):
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if error.errno not in _BUSY:
                if place == "share":
                    return
                raise UsageError(
                    f"{path}: its folder cannot be locked ({error.strerror}): record on a disk of this computer, and "
                    "copy the recording from there"
                ) from None
            if turn < _TRIES - 1:
                time.sleep(_TRY_S)
    raise UsageError(f"{path}: another process is writing: wait for its end, or give another folder")


def sync_entries(folder: int, path: Path, place: Place = "disk") -> None:
    """Make sure that the log will be found: SQLite passes over a folder that cannot be synced."""
    try:
        os.fsync(folder)
    except OSError as error:
        if place == "disk" or not cannot_be_synced(error):
            raise UsageError(f"{path}: its folder cannot be synced ({error.strerror}): change the disk") from None
