"""Reading other people's ``.npz`` archives: plain arrays only, and nothing bigger than its bytes allow."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError

_MOST_BYTES = 8_000_000_000
"""Largest size of all arrays that is loaded; more is refused before memory is touched."""
_HARMLESS, _MOST_TIMES = 500_000_000, 200
"""Size that is loaded whatever the archive's, and times of that which measurements are not packed into."""
_HEADER_READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_UNREADABLE = (ValueError, OSError, EOFError, KeyError, TypeError, SyntaxError, RuntimeError)
"""What `zipfile` and numpy raise on files that are damaged, foreign, encrypted, or packed in another way."""


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an archive.

    Raises
    ------
    UsageError
        The file is missing, no archive of plain arrays, damaged, or larger than 8 GB when unpacked.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            declared = sum(entry.file_size for entry in entries)
            if declared > _MOST_BYTES:
                raise UsageError(f"{path}: unpacks to {declared / 1e9:.1f} GB: crop it, or bin it, beforehand")
            if declared > _HARMLESS and declared > _MOST_TIMES * path.stat().st_size:
                raise UsageError(
                    f"{path}: unpacks to {declared / 1e9:.1f} GB, far more than measurements do: save it unpacked with "
                    "numpy.savez"
                )
            return {entry.filename.removesuffix(".npy"): _array(archive, entry) for entry in entries}
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file: check its path") from None
    except (*_UNREADABLE, zipfile.BadZipFile, zlib.error, tokenize.TokenError) as error:
        what = (str(error).splitlines() or [type(error).__name__])[0]
        raise UsageError(f"{path}: not an .npz of plain arrays ({what}): save it with numpy.savez") from None


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> NDArray[Any]:
    """One array, its declared shape held against the bytes that the entry has."""
    with archive.open(entry) as stream:
        version = np.lib.format.read_magic(stream)
        if version not in _HEADER_READERS:
            raise ValueError(f"array format {version}")
        shape, in_fortran_order, kind = _HEADER_READERS[version](stream)
        if kind.hasobject:
            raise ValueError(f"{entry.filename} holds Python objects")
        size = kind.itemsize
        for length in shape:
            size *= length
        if min(shape, default=0) < 0 or not size <= entry.file_size:
            raise ValueError(f"{entry.filename} declares more than it holds")
        octets = stream.read(size)
        if len(octets) != size:
            raise ValueError(f"{entry.filename} is cut short")
    array: NDArray[Any] = np.frombuffer(octets, kind)
    return array.reshape(shape, order="F" if in_fortran_order else "C")
