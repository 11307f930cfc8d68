"""``live/samples.bin``: what each exposure says of the elements, in the order of recording, added to as they come.

One file is of one model of the spectra. Another model begins another file, which takes the first one's place once it
has caught up: whoever reads sees either.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.preview import headed_file
from edge.preview.headed_file import HEAD_BYTES, Unfit

NAME = "samples.bin"
_KIND = "samples"
_BYTES = 4
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SamplesHead:
    """What a file's values are of."""

    generation: int
    """Another one for another model of the spectra."""
    elements: tuple[str, ...]
    offset_kev: float
    """Energy of channel 0, as the spectra themselves say it."""
    gain_kev: float


class SamplesWriter:
    """A new file, written beside and put in place by `publish`; one record for each exposure, in float32.

    A record holds the value of each element in counts per second, then the standard error of each.
    """

    def __init__(self, live: Path, head: SamplesHead) -> None:
        live.mkdir(exist_ok=True)
        self.head = head
        self.count = 0
        """Exposures in it."""
        self._path = live / NAME
        self._part = self._path.with_suffix(f".{head.generation}.part")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        self._descriptor = os.open(self._part, flags, 0o644)
        fields: dict[str, Any] = {
            "kind": _KIND,
            "generation": head.generation,
            "elements": list(head.elements),
            "offset_kev": head.offset_kev,
            "gain_kev": head.gain_kev,
        }
        os.write(self._descriptor, headed_file.head_of(fields))

    def add(self, values: Floats, variance: Floats) -> None:
        """Append exposures, arrays of shape (n, elements).

        Raises
        ------
        OSError
            The disk has no room: the file is as before.
        """
        records = np.concatenate([values, np.sqrt(variance)], axis=1).astype("<f4").tobytes()
        at = HEAD_BYTES + self.count * _record_bytes(self.head)
        written = 0
        while written < len(records):
            written += os.pwrite(self._descriptor, records[written:], at + written)
        self.count += len(values)

    def publish(self) -> None:
        """Let it be the file that is read."""
        self._part.replace(self._path)

    def close(self) -> None:
        """Let go of it."""
        headed_file.close(self._descriptor)
        with suppress(OSError):
            self._part.unlink(missing_ok=True)


class SamplesReader:
    """The file as it is now, followed as it grows and when another takes its place.

    Parameters
    ----------
    live
        Folder of a recording's live files; need not be there yet.
    """

    def __init__(self, live: Path) -> None:
        self._path = live / NAME
        self._descriptor: int | None = None
        self._before: int | None = None
        self._identity = (0, 0)
        self.head: SamplesHead | None = None
        """None while there is no file."""
        self.count = 0
        """Exposures whose values are known: the first so many."""

    def refresh(self) -> bool:
        """Take in what was fitted meanwhile; whether anything was."""
        try:
            found = self._path.lstat()
            identity = found.st_dev, found.st_ino
        except OSError:
            return False
        if identity != self._identity:
            self._identity = identity
            with suppress(Unfit):
                self._take(headed_file.opened(self._path))
        return self._grown()

    def values(self, first: int, last: int, elements: Sequence[int]) -> Floats:
        """Values of some exposures, shape (last - first, elements); NaN where nothing is known."""
        found = np.full((last - first, len(elements)), np.nan, np.float32)
        known = min(last, self.count) - first
        if self.head is None or self._descriptor is None or known <= 0 or not elements:
            return found
        length = _record_bytes(self.head)
        with suppress(OSError, ValueError):
            content = os.pread(self._descriptor, known * length, HEAD_BYTES + first * length)
            records = np.frombuffer(content, "<f4").reshape(known, -1)
            found[:known] = records[:, list(elements)]
        return found

    def close(self) -> None:
        """Let go of the file."""
        headed_file.close(self._before)
        headed_file.close(self._descriptor)
        self._before = self._descriptor = None

    def _grown(self) -> bool:
        if self._descriptor is None or self.head is None:
            return False
        before = self.count
        self.count = max(0, os.fstat(self._descriptor).st_size - HEAD_BYTES) // _record_bytes(self.head)
        return self.count != before

    def _take(self, descriptor: int) -> None:
        try:
            fields = headed_file.read_head(descriptor, _KIND)
            head = SamplesHead(
                int(headed_file.number_of(fields, "generation", at_most=2**31)),
                headed_file.elements_of(fields),
                headed_file.number_of(fields, "offset_kev", at_most=100),
                headed_file.number_of(fields, "gain_kev", at_most=10),
            )
        except Unfit:
            headed_file.close(descriptor)
            raise
        # another thread may be reading what was the file until now
        headed_file.close(self._before)
        self._before, self._descriptor = self._descriptor, descriptor
        self.head, self.count = head, 0


def _record_bytes(head: SamplesHead) -> int:
    return 2 * _BYTES * len(head.elements)
