"""One file copied so that it can be believed: gone on with where it was broken off, read back, and compared."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from edge.faults import IntegrityError, UsageError
from edge.record.durable import sync_folder_if_known_how
from edge.record.own_files import open_plain

Show = Callable[[int], None]
"""Takes the number of bytes that have just been dealt with."""
_BLOCK = 1024 * 1024


def part_of(target: Path) -> Path:
    """Where a file lies until it is whole."""
    return target.with_name(f".{target.name}.part")


def copy_file(
    source: Path, target: Path, *, show: Show = lambda count: None, admit: Callable[[], None] = lambda: None
) -> str:
    """Make the target equal to the source, as long as that is now; gives the SHA-256 of both, hexadecimal.

    What lies there already, whole or in part, is compared with the source and kept as far as it is the same. The target
    is replaced when the new one has been read back from the medium and found equal; until then it stays as it was.

    Parameters
    ----------
    admit
        Called where the target is there and another one, before anything is written; raises to have it stay.

    Raises
    ------
    OSError
        The source cannot be read.
    UsageError
        The target cannot be written; what was written so far is gone on with the next time.
    IntegrityError
        What was read back is not what was written, or the source was cut short meanwhile.
    """
    part = part_of(target)
    with open_plain(source) as file:
        state = os.fstat(file.fileno())
        if (digest := _digest_if_equal(file, target, state.st_size, show)) is not None:
            return digest
        if target.exists():
            admit()
        try:
            digest = _write(file, part, state.st_size, show)
            _settle(part, state)
        except OSError as error:
            why = error.strerror or str(error)
            raise UsageError(f"{target}: cannot be written ({why}): mend that, and copy again to go on") from None
    if digest != _read_back(part):
        part.unlink()
        raise IntegrityError(f"{target}: reads back as something else than was written: copy to another medium")
    try:
        part.replace(target)
        sync_folder_if_known_how(target.parent)
    except OSError as error:
        raise UsageError(f"{target}: cannot be written ({error.strerror}): mend that, and copy again") from None
    return digest


def _digest_if_equal(file: BinaryIO, target: Path, size: int, show: Show) -> str | None:
    """The digest of source and target, None where they are not the same; the source is at its beginning again."""
    try:
        with open_plain(target) as there:
            if os.fstat(there.fileno()).st_size != size:
                return None
            forget_cached(there)
            digest, length = _while_equal(file, there, size)
    except OSError:
        return None
    if length == size:
        show(size)
        return digest
    file.seek(0)
    return None


def _while_equal(one: BinaryIO, other: BinaryIO, size: int) -> tuple[str, int]:
    """The digest of what two files begin with alike, in whole blocks, and how long that is."""
    digest, length = hashlib.sha256(), 0
    while length < size:
        block = one.read(min(_BLOCK, size - length))
        if not block or block != other.read(len(block)):
            break
        digest.update(block)
        length += len(block)
    return digest.hexdigest(), length


def _write(file: BinaryIO, part: Path, size: int, show: Show) -> str:
    """Put the source into the part file, behind what is there of it already; the digest of all."""
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    digest = hashlib.sha256()
    with os.fdopen(descriptor, "r+b") as out:
        forget_cached(out)
        _, kept = _while_equal(file, out, size)
        file.seek(0)
        length = 0
        while length < size:
            block = file.read(min(_BLOCK, size - length))
            if not block:
                raise IntegrityError(f"{file.name}: was cut short while it was copied: copy again")
            digest.update(block)
            length += len(block)
            if length > kept:
                out.seek(length - len(block))
                out.write(block)
            show(len(block))
        out.truncate(size)
        out.flush()
        os.fsync(out.fileno())
    return digest.hexdigest()


def _settle(part: Path, state: os.stat_result) -> None:
    """The source's time on the part, and its bytes on the medium."""
    os.utime(part, ns=(state.st_atime_ns, state.st_mtime_ns))


def _read_back(part: Path) -> str:
    """The digest of what lies on the medium."""
    digest = hashlib.sha256()
    with open_plain(part) as file:
        forget_cached(file)
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def forget_cached(file: BinaryIO) -> None:
    """Have the system drop what it still holds of a file in memory, so that what is read next comes from the medium."""
    with contextlib.suppress(OSError):
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
