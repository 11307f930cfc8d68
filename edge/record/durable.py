"""Files that are whole or absent: written beside their place, synced, renamed, and the folder synced."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from edge.faults import UsageError


def write_durably(path: Path, content: bytes) -> None:
    """Put bytes at a path so that a crash leaves the old file or the new one, never a part.

    Raises
    ------
    UsageError
        The folder is missing, full or not writable.
    """

    def write(part: Path) -> None:
        part.write_bytes(content)

    replace_durably(path, write)


def replace_durably(path: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` make a file at a temporary path, then put it in place; see `write_durably`."""
    part = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        write(part)
        sync_file(part)
        part.replace(path)
        sync_folder(path.parent)
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


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
