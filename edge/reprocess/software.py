"""Which software makes the results: the source and the libraries that decide a figure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

_SOURCE = (
    "calibration",
    "edge/dose",
    "edge/reconstruct",
    "edge/reprocess",
    "edge/spectra",
    *(
        f"edge/{name}.py"
        for name in (
            "area",
            "balance",
            "colour",
            "correction",
            "finish",
            "grid",
            "icc",
            "ledger",
            "maps",
            "photograph",
            "prepare",
            "resample",
            "results",
            "standard_course",
        )
    ),
)
"""Reading a journal or a picture gives what was written or a fault, and decides no figure."""
_LIBRARIES = ("numpy", "scipy", "numba", "opencv-python", "h5py")


@cache
def software_digest() -> str:
    """SHA-256 over the source that maps are made with and the versions of its libraries, hexadecimal.

    A version number alone would call two states of a checkout the same. Commands, the report's words and what drives
    instruments decide nothing: a change there makes no archive out of date.
    """
    digest = hashlib.sha256()
    root = Path(__file__).resolve().parents[2]
    for path in sorted(_source(root)):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    for name in _LIBRARIES:
        digest.update(f"{name} {version(name)}\n".encode())
    return digest.hexdigest()


def _source(root: Path) -> Iterator[Path]:
    for name in _SOURCE:
        path = root / name
        yield from [path] if path.is_file() else (each for each in path.rglob("*") if each.suffix in (".py", ".csv"))
