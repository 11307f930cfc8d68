"""Which software makes the results: its own source and whatever else decides a figure."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

_ROOMS = ("calibration", "edge", "firmware_bridge", "models")
_DECIDES = ("numpy", "scipy", "numba", "opencv-python", "h5py")


@cache
def software_digest() -> str:
    """SHA-256 over the package's source and the versions of what it computes with, hexadecimal.

    A version number alone would call two states of a checkout the same.
    """
    digest = hashlib.sha256()
    root = Path(__file__).resolve().parents[2]
    for room in _ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(path.read_bytes())
    for name in _DECIDES:
        digest.update(f"{name} {version(name)}\n".encode())
    return digest.hexdigest()
