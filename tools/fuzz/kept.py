"""Inputs that earlier fuzzing found to go new ways, few and short: one a line, hexadecimal, in ``corpus/``."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).with_name("corpus")


def kept(name: str) -> list[bytes]:
    """Of a target; none where nothing was kept."""
    path = _FOLDER / f"{name}.txt"
    lines = path.read_text("ascii").splitlines() if path.is_file() else []
    return [bytes.fromhex(line) for line in lines if line and not line.startswith("#")]
