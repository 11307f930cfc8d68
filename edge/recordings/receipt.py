"""``copy.json``: what `pointillist copy` leaves in a copy, so that it can be told again what was copied, and whence."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from edge.faults import IntegrityError
from edge.readiness.doctor import Finding
from edge.record.durable import sync_folder_if_known_how, write_durably
from edge.record.folder import RecordingPaths
from edge.record.own_files import read_note

NAME: Final = "copy.json"
FORMAT: Final = "pointillist-copy"
VERSION: Final = 1
_LONGEST = 16 * 1024 * 1024
_BLOCK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a copy holds, and what it is a copy of."""

    beginning: str
    """SHA-256, hexadecimal, of the journal's first record: the same in every copy of a recording."""
    is_complete: bool
    """Whether the copy came to its end; what lies there is sound either way, as far as it goes."""
    is_final: bool
    """Whether the scan was finished: nothing more will come."""
    records: int
    """Of the journal."""
    files: dict[str, str] = field(default_factory=dict)
    """SHA-256 of each other file as copied, by its path in the folder."""


def write_receipt(folder: Path, receipt: Receipt) -> None:
    """Put it into a copy's folder, whole or not at all.

    Raises
    ------
    UsageError
        The folder cannot be written.
    """
    text = json.dumps({"format": FORMAT, "version": VERSION, **asdict(receipt)}, indent=1)
    write_durably(folder / NAME, f"{text}\n".encode(), sync_entries=sync_folder_if_known_how)


def read_receipt(folder: Path) -> Receipt | None:
    """The receipt in a folder; None where there is none.

    Raises
    ------
    IntegrityError
        It is damaged, or of a later version.
    """
    path = folder / NAME
    try:
        read = json.loads(read_note(path, at_most=_LONGEST))
        if read["format"] != FORMAT:
            raise ValueError("format")
        if read["version"] != VERSION:
            raise IntegrityError(f"{path}: was written by a later version of the program: upgrade Pointillist")
        return _checked(read)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise IntegrityError(f"{path}: is damaged, or no copy's receipt: delete it, and copy again") from None


def _checked(read: dict[str, Any]) -> Receipt:
    files = {str(name): str(digest) for name, digest in read["files"].items()}
    records = read["records"]
    if not isinstance(records, int) or isinstance(records, bool) or records < 0:
        raise ValueError("records")
    return Receipt(str(read["beginning"]), bool(read["is_complete"]), bool(read["is_final"]), records, files)


def digest_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal, in little memory.

    Raises
    ------
    OSError
        It cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def examine_receipt(paths: RecordingPaths) -> Iterator[Finding]:
    """Of a copy: whether it came to its end, and whether its files are still what was copied."""
    try:
        receipt = read_receipt(paths.folder)
    except IntegrityError as error:
        yield Finding("copy", False, str(error), IntegrityError)
        return
    if receipt is None:
        return
    again = "call pointillist copy again"
    if not receipt.is_complete:
        yield Finding("copy", True, f"was broken off before its end: {again}", is_good=False)
        return
    changed = [name for name, digest in receipt.files.items() if not _is_still(paths.folder, name, digest)]
    if changed:
        text = f"{', '.join(changed[:5])} differ from what was copied, or are gone: made again here, or {again}"
        yield Finding("copy", True, text, is_good=False)
    elif receipt.is_final:
        yield Finding("copy", True, f"all of {receipt.records} records and {len(receipt.files)} files, as copied")
    else:
        text = f"{receipt.records} records of a scan that was not finished: if it has gone on, {again}"
        yield Finding("copy", True, text, is_good=False)


def _is_still(folder: Path, name: str, digest: str) -> bool:
    path = folder / name
    if ".." in Path(name).parts or Path(name).is_absolute():
        return False
    try:
        return digest_of(path) == digest
    except OSError:
        return False
