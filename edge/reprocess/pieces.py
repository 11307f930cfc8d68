"""What is finished of a scan that is under way: arrays in files that are whole or absent, found again by their names.

They hold arrays alone, never objects: reading one runs no code.
"""

from __future__ import annotations

import json
import math
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.faults import IntegrityError
from edge.record.durable import replace_durably, write_durably

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Pieces:
    """The pieces of one scan, under one set of inputs, software and settings, which name the folder."""

    folder: Path

    def has(self, name: str) -> bool:
        return (self.folder / name).is_file()

    def keep(self, name: str, arrays: Arrays) -> None:
        """Write arrays, by name, as one piece."""

        def write(part: Path) -> None:
            with part.open("wb") as file:
                np.savez(file, allow_pickle=False, **dict(arrays))

        self.folder.mkdir(parents=True, exist_ok=True)
        replace_durably(self.folder / name, write)

    def load(self, name: str) -> dict[str, NDArray[Any]]:
        """Read a piece.

        Raises
        ------
        IntegrityError
            It is damaged, or was taken away.
        """
        path = self.folder / name
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                return {key: stored[key] for key in stored.files}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise _unreadable(path, error) from None

    def keep_array(self, name: str, array: NDArray[Any]) -> None:
        """Write one array by itself, from which parts can be read."""

        def write(part: Path) -> None:
            with part.open("wb") as file:
                np.save(file, np.ascontiguousarray(array), allow_pickle=False)

        self.folder.mkdir(parents=True, exist_ok=True)
        replace_durably(self.folder / name, write)

    def array(self, name: str) -> NDArray[Any]:
        """An array of which only what is looked at is read; what is changed of it stays in this process."""
        path = self.folder / name
        try:
            return np.asarray(np.load(path, mmap_mode="c", allow_pickle=False)).view(np.ndarray)
        except (OSError, ValueError, EOFError) as error:
            raise _unreadable(path, error) from None

    def rows(self, name: str, first: int, last: int) -> NDArray[Any]:
        """Rows of an array, from the first to before the last one, and no byte of the others."""
        path = self.folder / name
        try:
            with path.open("rb") as file:
                version = np.lib.format.read_magic(file)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, dtype = read(file)
                each = dtype.itemsize * math.prod(shape[1:])
                file.seek(first * each, os.SEEK_CUR)
                content = file.read((last - first) * each)
            return np.frombuffer(content, dtype).reshape((last - first, *shape[1:]))
        except (OSError, ValueError, EOFError) as error:
            raise _unreadable(path, error) from None

    def note(self, name: str, content: Mapping[str, Any]) -> None:
        """Write plain words and numbers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_durably(self.folder / name, json.dumps(dict(content), indent=1).encode())

    def noted(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        try:
            read = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise _unreadable(path, error) from None
        if not isinstance(read, dict):
            raise _unreadable(path, "it is no table")
        return read


def _unreadable(path: Path, why: object) -> IntegrityError:
    first_line = (str(why).splitlines() or [""])[0]
    return IntegrityError(f"{path}: this piece cannot be read ({first_line}): delete its folder, and run again")
