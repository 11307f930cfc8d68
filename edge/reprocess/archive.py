"""Which recordings lie below a folder, and where what becomes of them goes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
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

    Links to folders are followed; what several ways lead to is named once.

    Raises
    ------
    UsageError
        There is no such folder, no recording in it, or a folder below it that cannot be read.
    """
    if not archive.is_dir():
        raise UsageError(f"{archive}: no such folder: give the folder that holds the recordings")
    journal = RecordingPaths(archive).journal.name
    found = [folder.relative_to(archive) for folder, files in _walked(archive) if journal in files]
    if not found:
        raise UsageError(f"{archive}: holds no recording, no {journal} is below it: give the folder of an archive")
    return tuple(sorted(path.as_posix() for path in found))


def _walked(archive: Path) -> Iterator[tuple[Path, list[str]]]:
    """Every folder once, by its own way rather than by a link, with the names of its files."""
    seen, waiting = set[tuple[int, int]](), [archive]
    while waiting:
        top = waiting.pop(0)
        for folder, below, files in os.walk(top, onerror=_refuse):
            here = Path(folder).stat()
            if (here.st_dev, here.st_ino) in seen:
                below.clear()
                continue
            seen.add((here.st_dev, here.st_ino))
            below.sort()
            waiting += [path for name in below if (path := Path(folder) / name).is_symlink()]
            yield Path(folder), files


def _refuse(error: OSError) -> None:
    raise UsageError(f"{error.filename}: cannot be read ({error.strerror}): change its permissions, or take it out")


def results_folder(archive: Path, out: Path | None) -> Path:
    """Where the results go: a new folder under ``runs/`` when none is given, or one in which another run goes on.

    Raises
    ------
    UsageError
        It lies among the originals, or holds something else, such as another archive's results.
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
    noted = _archive_of(out)
    if noted is not None and noted.resolve() != archive.resolve():
        raise UsageError(
            f"{out}: holds results of {noted}: give another folder; if that archive lies at {archive} now, "
            f"correct its place in {out / MARK}"
        )
    return out


def mark(out: Path, archive: Path) -> None:
    """Make a folder one of an archive's results."""
    out.joinpath(MARK).write_text(json.dumps({"archive": str(archive.absolute())}), encoding="utf-8")


def _archive_of(out: Path) -> Path | None:
    """Whose results lie in a folder; None where it does not say."""
    try:
        noted = json.loads(out.joinpath(MARK).read_text(encoding="utf-8"))
        return Path(noted["archive"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
