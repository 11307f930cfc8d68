"""Places for those who look on: bounded for each, and some that visitors cannot take from operators."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge.monitor.access import Role, place_of
from edge.monitor.stream import Stream

MOST_STREAMS = 32
MOST_OF_VISITORS = 24
"""The others are operators' alone."""
MOST_OF_SESSION = 8
"""Streams of one login: so many pages side by side."""
MOST_VISITORS_FROM_ONE = 16
"""Visitors' streams from one address: a school class behind one router, and yet not all places."""


@dataclass(frozen=True, slots=True)
class Seat:
    """Whose a stream is."""

    role: Role
    session: str
    """Secret of the session; empty where nobody is asked for a token."""
    address: str


class Seats:
    """The streams that are open; of the thread that serves."""

    def __init__(self) -> None:
        self._taken: dict[Stream, Seat] = {}

    def __len__(self) -> int:
        return len(self._taken)

    def __iter__(self) -> Iterator[Stream]:
        return iter(tuple(self._taken))

    def refusal(self, seat: Seat) -> str:
        """Why there is no place for another one; empty where there is."""
        if len(self._taken) >= MOST_STREAMS:
            return "too many look on: close another page"
        if seat.session and self._count(lambda each: each.session == seat.session) >= MOST_OF_SESSION:
            return f"this login has {MOST_OF_SESSION} pages open: close one"
        if seat.role == "operator":
            return ""
        place = place_of(seat.address)
        if self._count(lambda each: each.role == "visitor") >= MOST_OF_VISITORS:
            return "too many visitors look on: come back later"
        if self._count(lambda each: each.role == "visitor" and place_of(each.address) == place) >= (
            MOST_VISITORS_FROM_ONE
        ):
            return "too many visitors look on from this network: close another page"
        return ""

    def take(self, stream: Stream, seat: Seat) -> None:
        """A stream has begun."""
        self._taken[stream] = seat

    def leave(self, stream: Stream) -> None:
        """It has ended."""
        self._taken.pop(stream, None)

    def end_unless(self, lasts: Callable[[str], bool]) -> None:
        """End the streams whose session does not last."""
        for stream, seat in tuple(self._taken.items()):
            if not lasts(seat.session):
                stream.end_session()

    def _count(self, belongs: Callable[[Seat], bool]) -> int:
        return sum(belongs(seat) for seat in self._taken.values())
