"""Which software makes the results: the source and the libraries that decide a figure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

_FOLDERS = (
    "calibration",
    "edge/cameras",
    "edge/dose",
    "edge/reconstruct",
    "edge/record",
    "edge/report",
    "edge/reprocess",
    "edge/spectra",
    "edge/stopping",
)
_LIBRARIES = ("numpy", "scipy", "numba", "opencv-python", "h5py")


@cache
def software_digest() -> str:
    """SHA-256 over the source that maps and reports are made with and the versions of its libraries, hexadecimal.

    A version number alone would call two states of a checkout the same. Commands and what drives instruments decide
    nothing: a change there makes no archive out of date.
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
    for folder in _FOLDERS:
        yield from (root / folder).rglob("*.py")
        yield from (root / folder).rglob("*.csv")
    yield from (path for path in (root / "edge").glob("*.py") if not path.name.startswith("cli"))
