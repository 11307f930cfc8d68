"""HDF5 files on media that may refuse them: a full disk is an error of the file, not the end of the program.

HDF5 keeps what it cannot write, tries again when the file is closed, and may take the process with it then. So it
writes into a stream that takes everything, remembers the first refusal, and raises it once HDF5 has let go.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO


@dataclass(frozen=True, slots=True)
class NewHdf5:
    """An HDF5 file being written."""

    file: Any
    """h5py's."""
    _stream: _Stream

    def checked(self, progress: Callable[[int], None]) -> Callable[[int], None]:
        """The same progress, which ends with `OSError` where the medium has refused something already."""

        def report(count: int) -> None:
            self._stream.raise_refusal()
            progress(count)

        return report


@contextmanager
def new_hdf5(path: Path) -> Iterator[NewHdf5]:
    """Write a new HDF5 file.

    Raises
    ------
    OSError
        The file exists, or the medium refused part of it; what is there is not whole then.
    """
    import h5py

    with path.open("x+b", buffering=0) as raw:
        stream = _Stream(raw)
        try:
            with h5py.File(stream, "w") as file:
                yield NewHdf5(file, stream)
        except Exception:
            # what was not written cannot be read back, and breaks in its own way
            stream.raise_refusal()
            raise
        stream.raise_refusal()


_HEAP = b"GCOL\x01"
_HEAP_HEADER, _OBJECT_HEADER = 16, 16


def is_endless(path: Path) -> bool:
    """Whether reading a text of this HDF5 file might never end.

    Texts lie in heaps of objects, each with its size before it (HDF5 file format 3.0, III.E). HDF5 goes from one to the
    next by it and does not see that a size as large as the address space leads back: one flipped bit is enough.
    """
    if path.stat().st_size == 0:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at = content.find(_HEAP)
        while at >= 0:
            if not _is_walkable(content, at):
                return True
            at = content.find(_HEAP, at + 1)
    return False


def _is_walkable(content: mmap.mmap, heap: int) -> bool:
    if heap + _HEAP_HEADER > len(content):
        return True
    end = heap + struct.unpack_from("<Q", content, heap + 8)[0]
    if end > len(content):
        return True  # HDF5 refuses that itself
    at = heap + _HEAP_HEADER
    while at + _OBJECT_HEADER <= end:
        index, size = struct.unpack_from("<H6xQ", content, at)
        # what is free counts its own header in, and may be all that is left
        step = size if index == 0 else _OBJECT_HEADER + size + -size % 8
        if step < _OBJECT_HEADER or at + step > end:
            return False
        at += step
    return True


class _Stream:
    """A file as h5py wants it, which never refuses a byte."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._refusal: OSError | None = None

    def raise_refusal(self) -> None:
        if self._refusal is not None:
            raise self._refusal

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        return self._raw.tell()

    def read(self, size: int) -> bytes:
        content = bytearray(size)
        self.readinto(memoryview(content))
        return bytes(content)

    def readinto(self, buffer: memoryview) -> int:
        got = self._raw.readinto(buffer)  # type: ignore[attr-defined]
        buffer[got:] = bytes(len(buffer) - got)
        return len(buffer)

    def write(self, content: memoryview) -> int:
        size = len(content)
        while len(content) and self._refusal is None:
            try:
                content = content[self._raw.write(content) :]
            except OSError as error:
                self._refusal = error
        return size

    def truncate(self, size: int) -> int:
        try:
            return self._raw.truncate(size)
        except OSError as error:
            self._refusal = self._refusal or error
            return size

    def flush(self) -> None:
        """Nothing is held back."""
