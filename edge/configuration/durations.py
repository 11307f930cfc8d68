"""Durations as people write them."""

from __future__ import annotations

import re

from edge.faults import UsageError

LONGEST_S = 1e7
"""About 115 days: no scan is given more."""
_SECONDS = {"": 1.0, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_PART = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(d|h|min|m|s|)(?![a-z])", re.IGNORECASE)


def seconds_of(text: str) -> float:
    """Seconds of ``2h``, ``1 h 30 min``, ``90min``, ``45 s`` or ``3600``.

    Units go from long to short, each once; a number without one is seconds, and stands alone: ``2h30`` would be
    thirty minutes to one reader and thirty seconds to another.

    Raises
    ------
    UsageError
        It is no duration above 0, or longer than `LONGEST_S`.
    """
    parts: list[tuple[float, float]] = []
    place = 0
    while part := _PART.match(text, place):
        parts.append((float(part[1]), _SECONDS[part[2].lower()]))
        has_unit = bool(part[2])
        place = part.end()
        if not has_unit and (len(parts) > 1 or text[place:].strip()):
            raise _no_duration(text)
    units = [unit_s for _, unit_s in parts]
    total_s = sum(number * unit_s for number, unit_s in parts)
    if text[place:].strip() or units != sorted(set(units), reverse=True) or not 0 < total_s < float("inf"):
        raise _no_duration(text)
    if total_s > LONGEST_S:
        raise UsageError(f"{text!r} is longer than {LONGEST_S:,.0f} s, about 115 days: give less")
    return total_s


def _no_duration(text: str) -> UsageError:
    return UsageError(f"{text!r} is no duration: give one as 2h, 90min, 1h 30min or 45s")
