"""What the targets have in common: the complaint, and how a stream comes in pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from firmware_bridge.messages import StagePose
from firmware_bridge.twins.source import RecordedCounts

_PIECES: Final = (1, 7, 64, 2, 300, 3, 1_024)
_DELAYS_S: Final = (0.0, 0.001, 0.02, 0.25, 0.003)


class PropertyBroken(Exception):
    """Nothing was raised, and yet something is wrong: memory, or what comes back."""


@dataclass(frozen=True, slots=True)
class Target:
    """Something to be fuzzed."""

    run: Callable[[bytes], None]
    """Whatever it raises is a find."""
    seeds: Callable[[], Sequence[bytes]]
    """Inputs to begin with."""


class StillSource:
    """An object that emits one count in every channel, everywhere."""

    def __init__(self, channels: int) -> None:
        self._counts = RecordedCounts(np.ones(channels, np.uint32), 0.01)

    def at(self, start: StagePose, end: StagePose) -> RecordedCounts:
        return self._counts


def require(condition: bool, what: str) -> None:
    """Raise `PropertyBroken` unless it holds."""
    if not condition:
        raise PropertyBroken(what)


def pieces(octets: bytes) -> Iterator[bytes]:
    """The bytes as a port might hand them over: in pieces of several sizes, which the length decides."""
    at, turn = 0, len(octets)
    while at < len(octets):
        size = _PIECES[turn % len(_PIECES)]
        yield octets[at : at + size]
        at, turn = at + size, turn + 1


def timed_pieces(octets: bytes, start_s: float) -> Iterator[tuple[bytes, float]]:
    """The same, each with the time at which it comes."""
    now_s = start_s
    for turn, piece in enumerate(pieces(octets)):
        now_s += _DELAYS_S[turn % len(_DELAYS_S)]
        yield piece, now_s
