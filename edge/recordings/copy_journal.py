"""A journal's copy: of one at rest its very bytes, of one being written its records, one after the other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import chain, islice
from pathlib import Path

from edge.events import Measured, Opened, ScanEvent, StandardMeasured
from edge.faults import EdgeError, IntegrityError, UsageError
from edge.record.check import check_journal
from edge.record.exposure_codec import is_same_measurement
from edge.record.folder import RecordingPaths
from edge.record.journal import Journal
from edge.record.reader import JournalReader
from edge.recordings.copy_file import Show, copy_file, forget_cached, part_of
from edge.recordings.presence import Look, looked_at

_AT_ONCE = 512
"""Records that are read in one look, and written as one."""
_BESIDE = ("-wal", "-journal", "-shm")
"""What SQLite leaves beside a journal of a killed scan; belongs to it."""
_INDEX = "-shm"
"""Made anew by whoever opens the journal; without one, a log cannot be read where it lies."""


def beginning_of(look: Look) -> str:
    """What tells a recording from every other one: the SHA-256 of its first record.

    Raises
    ------
    UsageError
        The scan never began.
    IntegrityError
        The journal is foreign, newer, or damaged at its beginning.
    """
    with JournalReader(look.path, mode=look.mode, upto_seq=1) as reader:
        first = next((event for _, event in reader.events()), None)
    if not isinstance(first, Opened):
        raise UsageError(f"{look.path}: this scan never began: there is nothing to copy")
    return _digest(first)


def _digest(first: Opened) -> str:
    return hashlib.sha256(json.dumps(asdict(first), sort_keys=True).encode()).hexdigest()


def refuse_another(look: Look, target: RecordingPaths, beginning: str) -> None:
    """Refuse a target whose journal is not the source's, or an earlier state of it.

    Raises
    ------
    UsageError
        It is another recording's, or was gone on with.
    """
    if not target.journal.exists():
        return
    try:
        with looked_at(target) as there, JournalReader(there.path, mode=there.mode) as copy:
            upto = copy.last_seq()
            first = next((event for _, event in copy.events()), None)
    except EdgeError:
        # damaged on its way or since: it is made anew, beside the receipt that says whose it is
        return
    if isinstance(first, Opened) and _digest(first) != beginning:
        raise UsageError(f"{target.folder}: holds another recording: give a new folder")
    with JournalReader(look.path, mode=look.mode) as source:
        if upto > source.last_seq():
            raise UsageError(
                f"{target.folder}: the scan was gone on with in this copy, it holds {upto} records and the source "
                f"{source.last_seq()}: give a new folder"
            )


def copy_bytes(paths: RecordingPaths, look: Look, target: Path, *, show: Show) -> dict[str, str]:
    """Copy a journal at rest, and what a killed scan left beside it; digests by name.

    Raises
    ------
    UsageError
        The target holds records that are not the source's, or cannot be written.
    IntegrityError
        A sound copy would be replaced by a damaged journal; or as `edge.recordings.copy_file.copy_file`.
    """
    source = paths.journal
    beside = [source.with_name(source.name + ending) for ending in _BESIDE]

    def admit() -> None:
        """Once the copy is known to be an earlier state, its log, which would be taken for the new journal's, goes."""
        _refuse_diverged(look, RecordingPaths(target.parent))
        for path in beside:
            target.with_name(path.name).unlink(missing_ok=True)

    digests = {source.name: copy_file(source, target, show=show, admit=admit)}
    for path in beside:
        there = target.with_name(path.name)
        if path.exists():
            digests[path.name] = copy_file(path, there, show=show)
        else:
            there.unlink(missing_ok=True)
    digests.pop(f"{source.name}{_INDEX}", None)
    return digests


def _refuse_diverged(look: Look, target: RecordingPaths) -> None:
    """Refuse to replace a sound journal by one that is damaged, or holds other records under the same numbers."""
    with looked_at(target) as there:
        try:
            if not check_journal(there.path, mode=there.mode).is_sound:
                return
        except IntegrityError:
            return
        if not check_journal(look.path, mode=look.mode).is_sound:
            raise IntegrityError(
                f"{look.path}: is damaged, and the copy in {target.folder} is not: restore it from there"
            )
        with (
            JournalReader(look.path, mode=look.mode) as source,
            JournalReader(there.path, mode=there.mode) as copy,
        ):
            _refuse_other_records(source.events(), copy.events(), target.folder)


def _refuse_other_records(
    source: Iterator[tuple[int, ScanEvent]], copy: Iterator[tuple[int, ScanEvent]], folder: Path
) -> None:
    for (seq, one), (_, other) in zip(source, copy, strict=False):
        if not _is_same(one, other):
            raise UsageError(f"{folder}: record {seq} is not the source's: give a new folder")


def copy_records(look: Look, target: Path, *, show: Callable[[int], None]) -> int:
    """Bring a copy up to what is recorded now, in the journal's own way; gives the number of the last record.

    What is there already is compared with the source, and what was added is read back and compared, record by record.

    Parameters
    ----------
    show
        Takes the number of records that have just been dealt with.

    Raises
    ------
    UsageError
        The target cannot be written.
    IntegrityError
        The source is damaged, or a record that the copy holds is not the source's.
    """
    with JournalReader(look.path, mode=look.mode) as source:
        upto = source.last_seq()
    held = _compared(look, upto, target, show) if target.exists() else 0
    with _opened(target) as journal:
        for batch in _looks(look, held, upto):
            journal.append([event for _, event in batch])
            show(len(batch))
    with target.open("rb") as file:
        forget_cached(file)
    with JournalReader(target) as copy:
        if copy.last_seq() != upto:
            raise IntegrityError(f"{target}: holds {copy.last_seq()} records where {upto} belong: copy to a new folder")
        _compare(chain.from_iterable(_looks(look, held, upto)), copy.events(held), target)
    return upto


def _looks(look: Look, after: int, upto: int) -> Iterator[list[tuple[int, ScanEvent]]]:
    """Records of a scan that may be running: a reader that stayed open would keep it from closing its journal."""
    while after < upto:
        with JournalReader(look.path, mode=look.mode, upto_seq=upto) as source:
            batch = list(islice(source.events(after), _AT_ONCE))
        if not batch:
            raise IntegrityError(f"{look.path}: ends at record {after}, where there were {upto}: copy again")
        yield batch
        after = batch[-1][0]


def _opened(target: Path) -> Journal:
    if target.exists():
        return Journal.open(target, log="rollback")
    return Journal.create(target, log="rollback")


def _compared(look: Look, upto: int, target: Path, show: Callable[[int], None]) -> int:
    """How many records the copy holds, all of them the source's; a copy that is damaged is given up, and is none."""
    if not _is_sound(target):
        for ending in ("", *_BESIDE):
            target.with_name(target.name + ending).unlink(missing_ok=True)
        return 0
    with JournalReader(target) as copy:
        held = copy.last_seq()
        _refuse_other_records(chain.from_iterable(_looks(look, 0, min(held, upto))), copy.events(), target.parent)
    show(held)
    return held


def _is_sound(target: Path) -> bool:
    try:
        return check_journal(target).is_sound
    except IntegrityError:
        return False


def _compare(source: Iterator[tuple[int, ScanEvent]], copy: Iterator[tuple[int, ScanEvent]], target: Path) -> None:
    for (seq, one), (_, other) in zip(source, copy, strict=True):
        if not _is_same(one, other):
            raise IntegrityError(f"{target}: record {seq} reads back as another one: copy to another medium")


def _is_same(one: ScanEvent, other: ScanEvent) -> bool:
    for kind in (Measured, StandardMeasured):
        if isinstance(one, kind):
            return isinstance(other, kind) and one.at == other.at and is_same_measurement(one.done, other.done)
    return one == other


def forget_parts(target: Path) -> None:
    """Delete what is left of a copy by bytes that was begun before the scan went on."""
    for ending in ("", *_BESIDE):
        part_of(target.with_name(target.name + ending)).unlink(missing_ok=True)
