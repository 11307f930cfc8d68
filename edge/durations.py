"""Durations as people write them."""

from __future__ import annotations

import re

from edge.faults import UsageError

_SECONDS = {"": 1.0, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_PART = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(d|h|min|m|s|)(?![a-z])", re.IGNORECASE)


def seconds_of(text: str) -> float:
    """Seconds of ``2h``, ``1 h 30 min``, ``90min``, ``45 s`` or ``3600``.

    Raises
    ------
    UsageError
        It is no duration above 0.
    """
    total, place = 0.0, 0
    while part := _PART.match(text, place):
        total += float(part[1]) * _SECONDS[part[2].lower()]
        place = part.end()
    if text[place:].strip() or not 0 < total < float("inf"):
        raise UsageError(f"{text!r} is no duration: give one as 2h, 90min, 1h 30min or 45s")
    return total
