"""Which recordings lie below a folder, and where what becomes of them goes."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from edge.faults import UsageError
from edge.record.folder import RecordingPaths

PIECES = "pieces"
"""Folder of what is under way, in the folder of the results."""
MARK = "reprocess.json"
"""What makes a folder one of results: another run may go on in it."""


def recordings_below(archive: Path) -> tuple[str, ...]:
    """Names of all recordings below a folder, ``.`` for the folder itself, in their order.

    Raises
    ------
    UsageError
        There is no such folder, or no recording in it.
    """
    if not archive.is_dir():
        raise UsageError(f"{archive}: no such folder: give the folder that holds the recordings")
    journal = RecordingPaths(archive).journal.name
    found = [Path(folder).relative_to(archive) for folder, _, files in os.walk(archive) if journal in files]
    if not found:
        raise UsageError(f"{archive}: holds no recording, no {journal} is below it: give the folder of an archive")
    return tuple(sorted(path.as_posix() for path in found))


def results_folder(archive: Path, out: Path | None) -> Path:
    """Where the results go: a new folder under ``runs/`` when none is given, or one in which another run goes on.

    Raises
    ------
    UsageError
        It lies among the originals, or holds something else.
    """
    if out is None:
        name = archive.resolve().name or "archive"
        return Path("runs") / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{name}-reprocessed"
    if out.resolve().is_relative_to(archive.resolve()):
        raise UsageError(f"{out}: lies among the recordings: give a folder outside of {archive}")
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out}: a file is in the way: give a folder for the results")
    if out.is_dir() and next(out.iterdir(), None) is not None and not (out / MARK).is_file():
        raise UsageError(f"{out}: the folder holds something else: give a new one, or that of an earlier run")
    return out
