"""Files that are whole or absent: written beside their place, synced, renamed, and the folder synced."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

from edge.faults import UsageError

_NOT_KNOWN = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


def write_durably(path: Path, content: bytes, *, sync_entries: Callable[[Path], None] | None = None) -> None:
    """Put bytes at a path so that a crash leaves the old file or the new one, never a part.

    Parameters
    ----------
    sync_entries
        Flushes the folder's entries; None: `sync_folder`.

    Raises
    ------
    UsageError
        The folder is missing, full or not writable.
    """

    def write(part: Path) -> None:
        part.write_bytes(content)

    replace_durably(path, write, sync_entries=sync_entries)


def replace_durably(
    path: Path, write: Callable[[Path], None], *, sync_entries: Callable[[Path], None] | None = None
) -> None:
    """Let ``write`` make a file at a temporary path, then put it in place; see `write_durably`."""
    part = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        write(part)
        sync_file(part)
        part.replace(path)
        (sync_entries or sync_folder)(path.parent)
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be written ({error.strerror or error}): free space, or give a writable folder"
        ) from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def sync_file(path: Path) -> None:
    """Flush a file's content to the medium."""
    _sync(path, os.O_RDONLY)


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to the medium."""
    _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def sync_folder_if_known_how(folder: Path) -> None:
    """The same where a copy may lie: not every share knows how to flush a folder's entries."""
    try:
        sync_folder(folder)
    except OSError as error:
        if not cannot_be_synced(error):
            raise


def cannot_be_synced(error: OSError) -> bool:
    """Whether a file system does not know how to flush what it was asked to; any other failure is one."""
    return error.errno in _NOT_KNOWN


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
