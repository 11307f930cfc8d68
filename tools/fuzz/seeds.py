"""Inputs to begin with: the transcripts of the tests and the worked examples of the protocol's page."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import firmware_bridge

_TRANSCRIPTS = Path(__file__).resolve().parents[2] / "tests" / "protocol"
_PAGE = Path(firmware_bridge.__file__).with_name("PROTOCOL.md")


@cache
def said_by(who: str, name: str) -> tuple[bytes, ...]:
    """What one side says in a transcript, a message each; none where there is no such transcript."""
    path = _TRANSCRIPTS / f"{name}.txt"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return tuple(_octets(line.split(" ", 1)[1]) for line in lines if line.startswith(f"{who} "))


@cache
def worked_examples() -> tuple[bytes, ...]:
    """Every ``hex = ...`` of the native protocol's page, frames and spectra."""
    found = re.findall(r"^hex = ((?:[0-9a-f]{2}\s*)+)$", _PAGE.read_text("utf-8"), flags=re.MULTILINE)
    return tuple(bytes.fromhex(text) for text in found)


def _octets(text: str) -> bytes:
    """A message as the transcripts write it: as Python does, as hexadecimal digits behind its name, or as text."""
    if text.startswith(("b'", 'b"')):
        octets = ast.literal_eval(text)
        assert isinstance(octets, bytes)
        return octets
    digits = text.rsplit(" ", maxsplit=1)[-1]
    if re.fullmatch(r"([0-9a-f]{2})+", digits) and len(digits) > 2:
        return bytes.fromhex(digits)
    return text.encode() + b"\n"
