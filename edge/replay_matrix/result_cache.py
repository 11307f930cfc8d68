"""Results that outlive an interruption: rows appended to CSV files, found again by what they depend on.

A mask is found by subject and by the version of what made it; a score by subject, by the digest of the cells that were
sampled, and by the version of the reconstruction. What changed is not found, and is measured again.
"""

from __future__ import annotations

import base64
import csv
import fcntl
import hashlib
import io
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError


@dataclass(frozen=True, slots=True)
class MaskRow:
    """One mask of one subject."""

    subject: str
    """Digest of all that is sampled, looked at and seeded."""
    mask: str
    rate: float
    version: str
    """Of code, network and settings."""
    seconds: float
    processor: str
    cells: str
    """As `packed` writes them."""

    @property
    def key(self) -> tuple[object, ...]:
        """What the mask depends on."""
        return self.subject, self.mask, self.rate, self.version


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One reconstruction from one mask; which mask and rate is for readers, the cells are what counts."""

    subject: str
    mask: str
    rate: float
    cells_digest: str
    method: str
    version: str
    db: float
    rmse: float
    sam_deg: float
    seconds: float
    processor: str

    @property
    def key(self) -> tuple[object, ...]:
        """What the score depends on."""
        return self.subject, self.cells_digest, self.method, self.version


Row = TypeVar("Row", MaskRow, ScoreRow)


class RowFile(Generic[Row]):
    """A CSV file that only grows; several processes may append to it."""

    def __init__(self, path: Path, kind: type[Row]) -> None:
        """Read what is there; a line that was cut short, or damaged, counts as not there.

        Raises
        ------
        UsageError
            The file is of another kind, or cannot be written.
        """
        self._path: Path = path
        self._kind: type[Row] = kind
        self._columns: list[str] = [field.name for field in fields(kind)]
        self.rows: dict[tuple[object, ...], Row] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            text = path.read_text("utf-8", errors="replace") if path.exists() else ""
            if not text:
                self._write(_line(self._columns))
        except OSError as error:
            raise UsageError(f"{path}: cannot be used ({error.strerror}): give another folder") from None
        header, *lines = text.split("\n")[:-1] or [",".join(self._columns)]
        if header != ",".join(self._columns):
            raise UsageError(f"{path}: holds other columns than this version writes: move it, or delete it")
        for line in lines:
            row = self._parsed(line)
            if row is not None:
                self.rows[row.key] = row

    def append(self, rows: Sequence[Row]) -> None:
        """Keep rows, on disk first.

        Raises
        ------
        UsageError
            The file cannot be written.
        """
        if rows:
            text = "".join(_line([getattr(row, name) for name in self._columns]) for row in rows)
            try:
                self._write(text)
            except OSError as error:
                raise UsageError(
                    f"{self._path}: cannot be written ({error.strerror}): mend that and give the same command again, "
                    "which goes on after what is kept, or give another folder"
                ) from None
        self.rows.update({row.key: row for row in rows})

    def _write(self, text: str) -> None:
        with self._path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if file.seek(0, io.SEEK_END) and not _ends_a_line(file):
                text = "\n" + text
            file.write(text.encode())

    def _parsed(self, line: str) -> Row | None:
        values = next(csv.reader([line]), [])
        if len(values) != len(self._columns):
            return None
        stated: dict[str, Any] = dict(zip(self._columns, values, strict=True))
        try:
            for field in fields(self._kind):
                if field.type == "float":
                    stated[field.name] = float(stated[field.name])
                    if not math.isfinite(stated[field.name]):
                        return None
        except ValueError:
            return None
        row: Row = self._kind(**stated)
        return row


class ResultCache:
    """Masks and scores in a folder."""

    def __init__(self, folder: Path) -> None:
        """Read the folder's files, or begin them; see `RowFile`."""
        self.masks = RowFile(folder / "masks.csv", MaskRow)
        self.scores = RowFile(folder / "scores.csv", ScoreRow)


def digest_of(*arrays: NDArray[np.generic], **stated: object) -> str:
    """SHA-256 over arrays with their shapes and types, and over what else is stated; 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(repr(sorted(stated.items())).encode())
    return digest.hexdigest()[:16]


def packed(cells: NDArray[np.bool_]) -> str:
    """A mask as text."""
    return base64.b64encode(zlib.compress(np.packbits(cells).tobytes(), 9)).decode()


def unpacked(text: str, shape: tuple[int, int]) -> NDArray[np.bool_] | None:
    """The mask of a text of `packed`; None where it is none of that shape."""
    try:
        octets = np.frombuffer(zlib.decompress(base64.b64decode(text, validate=True)), np.uint8)
    except (ValueError, zlib.error):
        return None
    count = shape[0] * shape[1]
    if octets.size != -(-count // 8):
        return None
    return np.unpackbits(octets, count=count).astype(np.bool_).reshape(shape)


def _line(values: Sequence[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()


def _ends_a_line(file: io.BufferedRandom) -> bool:
    file.seek(-1, io.SEEK_END)
    return file.read(1) == b"\n"
