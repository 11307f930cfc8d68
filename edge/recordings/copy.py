"""`pointillist copy`: a recording off the box, finished or running, each byte compared after it was read back."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from edge.cameras.picture import recorded_picture
from edge.events import Registered
from edge.faults import EdgeError, IntegrityError, UsageError
from edge.prepare import frame_digest
from edge.record.check import check_journal
from edge.record.folder import RecordingPaths, recording_at
from edge.record.own_files import length_of, refuse_links
from edge.record.reader import JournalReader
from edge.recordings.copy_file import copy_file, part_of
from edge.recordings.copy_journal import beginning_of, copy_bytes, copy_records, forget_parts, refuse_another
from edge.recordings.presence import Look, is_finished, looked_at
from edge.recordings.receipt import NAME, Receipt, read_receipt, write_receipt

_ROOM = 16 * 1024 * 1024
"""Room that is asked for beyond what is copied, in bytes."""
_GROWN = 1.5
"""Room for a journal whose records are copied, in times of the source's."""
_TRIES = 3


class Bar(Protocol):
    """Shows how far it is."""

    def begin(self, what: str, total: int, unit: str) -> None:
        """Something of this size comes next."""
        ...

    def advance(self, by: int) -> None:
        """So much more of it is done."""
        ...


@dataclass(frozen=True, slots=True)
class Copied:
    """What lies in the copy now."""

    files: int
    """Files beside the journal."""
    length: int
    """Bytes of all files."""
    records: int
    is_running: bool
    """Whether the scan went on when it was copied."""


def copy_recording(source: Path, target: Path, *, bar: Bar) -> Copied:
    """Copy a recording, or bring an earlier copy of it up to date; the source is only read.

    Raises
    ------
    UsageError
        There is no recording, no room, the target holds something else, or cannot be written.
    IntegrityError
        Something leads out of the folder, reads back as something else, or the journal is damaged: then the copy is as
        exact all the same.
    """
    paths = recording_at(source)
    _refuse_itself(source, target)
    for _ in range(_TRIES):
        with looked_at(paths) as look:
            earlier = _admit(look, target)
            receipt = _begin(paths, target, look, earlier)
            records, journal = _journal(paths, look, target / paths.journal.name, bar)
            if look.has_moved(paths):
                continue
            files = _files(paths, target, look, bar)
            is_final = not look.is_running and is_finished(look)
            found = replace(receipt, is_complete=True, is_final=is_final, records=records, files=files | journal)
            write_receipt(target, found)
            _warn_of_damage(source, look)
        length = sum((target / name).stat().st_size for name in (*files, paths.journal.name))
        return Copied(len(files), length, records, look.is_running)
    raise UsageError(f"{source}: scans begin and end here while it is copied: copy again when that is over")


def _refuse_itself(source: Path, target: Path) -> None:
    one, other = source.resolve(), target.resolve()
    if one == other or one in other.parents or other in one.parents:
        raise UsageError(f"{target}: source and copy would lie in each other: give a folder elsewhere")


def _admit(look: Look, target: Path) -> Receipt:
    """Refuse a folder that holds anything but an earlier copy of this recording; what its receipt shall begin with."""
    beginning = beginning_of(look)
    new = Receipt(beginning, is_complete=False, is_final=False, records=0)
    if target.exists() and not target.is_dir():
        raise UsageError(f"{target}: a file is in the way: give a folder for the copy")
    if not target.is_dir() or next(target.iterdir(), None) is None:
        return new
    refuse_links(target)
    receipt = read_receipt(target)
    if receipt is None:
        raise UsageError(f"{target}: holds something that is no copy ({NAME} is not there): give a new folder")
    if receipt.beginning != beginning:
        raise UsageError(f"{target}: holds another recording's copy: give a new folder")
    refuse_another(look, RecordingPaths(target), beginning)
    return replace(receipt, is_complete=False, is_final=False)


def _begin(paths: RecordingPaths, target: Path, look: Look, receipt: Receipt) -> Receipt:
    """Make the folder, once there is room for all."""
    _refuse_narrow(paths, target, look)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{target}: cannot be made ({error.strerror}): give a folder that can be written") from None
    write_receipt(target, receipt)
    return receipt


def _refuse_narrow(paths: RecordingPaths, target: Path, look: Look) -> None:
    wanted = _ROOM
    for path in (*own_files(paths.folder), *_journal_files(paths)):
        there = target / path.relative_to(paths.folder)
        if not look.is_running or path.parent != paths.folder or not path.name.startswith(paths.journal.name):
            # a file is written beside the one that it replaces
            wanted += 0 if _is_same_file(path, there) else max(0, length_of(path) - length_of(part_of(there)))
        elif path == paths.journal:
            wanted += max(0, int(_GROWN * length_of(path)) - length_of(there))
    place = next(folder for folder in (target, *target.resolve().parents) if folder.is_dir())
    free = shutil.disk_usage(place).free
    if wanted > free:
        raise UsageError(
            f"{target}: {wanted / 1e6:.0f} MB are to be copied and {free / 1e6:.0f} MB are free: free some space, or "
            "give another disk"
        )


def _is_same_file(path: Path, there: Path) -> bool:
    """Whether a file was copied as it is now, told by length and time: enough to foresee room by."""
    with suppress(OSError):
        one, other = path.stat(), there.stat()
        return (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)
    return False


def own_files(folder: Path) -> Iterator[Path]:
    """A recording's files but for the journal: no previews, nothing unfinished, no receipt of an earlier copy."""
    for above, folders, files in os.walk(folder):
        is_top = Path(above) == folder
        folders[:] = sorted(name for name in folders if not (name.startswith(".") or (is_top and name == "live")))
        for name in sorted(files):
            if name.startswith(".") or (is_top and (name == NAME or name.startswith("journal.sqlite"))):
                continue
            yield Path(above) / name


def _journal_files(paths: RecordingPaths) -> Iterator[Path]:
    for ending in ("", "-wal", "-journal", "-shm"):
        yield paths.journal.with_name(paths.journal.name + ending)


def _journal(paths: RecordingPaths, look: Look, target: Path, bar: Bar) -> tuple[int, dict[str, str]]:
    """The journal copied; how many records it has, and digests of files that are the source's own bytes."""
    if look.is_running:
        forget_parts(target)
        bar.begin("records", _records_of(look), "records")
        return copy_records(look, target, show=bar.advance), {}
    bar.begin("journal", sum(length_of(path) for path in _journal_files(paths)), "bytes")
    digests = copy_bytes(paths, look, target, show=bar.advance)
    return _records_of(look), digests


def _records_of(look: Look) -> int:
    try:
        with JournalReader(look.path, mode=look.mode) as reader:
            return reader.last_seq()
    except IntegrityError:
        return 0


def _files(paths: RecordingPaths, target: Path, look: Look, bar: Bar) -> dict[str, str]:
    wanted = list(own_files(paths.folder))
    bar.begin("files", sum(length_of(path) for path in wanted), "bytes")
    digests = {}
    for path in wanted:
        name = path.relative_to(paths.folder)
        try:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            admit = partial(_admit_change, look, path, target / name)
            digests[str(name)] = copy_file(path, target / name, show=bar.advance, admit=admit)
        except FileNotFoundError:
            if not look.is_running:
                raise
    return digests


def _is_written_once(name: Path) -> bool:
    """Whether a scan never changes a file again, so that another one of the name is damaged, here or there."""
    return str(name) == "scan.yaml" or name.parts[0] == "reviewed" or name.stem == "flat_field"


def _admit_change(look: Look, path: Path, there: Path) -> None:
    """Refuse to replace what a scan never changes again; maps, report and log may be newer."""
    name = path.relative_to(look.folder)
    if _is_registered(look, path) if str(name) == "frame.png" else not _is_written_once(name):
        return
    raise IntegrityError(
        f"{path}: is not what was copied to {there}, and no scan changes it: ask pointillist verify which one is whole"
    )


def _is_registered(look: Look, path: Path) -> bool:
    """Whether a photograph is the one that the journal names: a scan that was not planned yet takes another one."""
    with JournalReader(look.path, mode=look.mode) as reader:
        latest = next((event for event in reader.happened(newest_first=True) if isinstance(event, Registered)), None)
    try:
        return latest is None or frame_digest(recorded_picture(path).image) == latest.frame_sha256
    except EdgeError:
        return False


def _warn_of_damage(source: Path, look: Look) -> None:
    """Of a journal at rest, whose copy is the same byte for byte; of a running one every record was read back."""
    if not (look.is_running or check_journal(look.path, mode=look.mode).is_sound):
        raise IntegrityError(
            f"{source}: was copied exactly, and its journal is damaged: pointillist verify {source} says what is intact"
        )
