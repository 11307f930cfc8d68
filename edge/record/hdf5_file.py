"""HDF5 files on media that may refuse them: a full disk is an error of the file, not the end of the program.

HDF5 keeps what it cannot write, tries again when the file is closed, and may take the process with it then. So it
writes into a stream that takes everything, remembers the first refusal, and raises it once HDF5 has let go.
"""

from __future__ import annotations

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
