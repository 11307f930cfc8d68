"""Lines on their way to a GRBL board, counted character by character against its receive buffer."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import Final

from firmware_bridge.faults import BridgeError
from firmware_bridge.grbl.codec import Answer

ANY_COMPANY: Final = 1_000


@dataclass(slots=True, eq=False)
class Order:
    """One line and what became of it."""

    line: bytes
    company: int = ANY_COMPANY
    """Most other lines that may be unanswered beside it; 0: send it alone and wait."""
    answers: list[Answer] = field(default_factory=list)
    """What came before its acknowledgement."""
    is_done: bool = False
    is_refused: bool = False
    """By the board itself; else it was dropped."""
    fault: BridgeError | None = None
    """Why it was refused or dropped."""

    @property
    def is_settled(self) -> bool:
        return self.is_done or self.fault is not None


class SendQueue:
    """Lines that wait and lines that are unanswered; never more of the latter than the board holds."""

    def __init__(self) -> None:
        self.receive_bytes: int | None = None
        """What the receive buffer holds; until it is known, lines go one at a time."""
        self._waiting: deque[Order] = deque()
        self._unanswered: deque[Order] = deque()

    @property
    def is_empty(self) -> bool:
        return not self._waiting and not self._unanswered

    @property
    def unanswered(self) -> Sequence[Order]:
        """Lines that have been sent, oldest first."""
        return self._unanswered

    @property
    def used_bytes(self) -> int:
        """Bytes of the receive buffer that unanswered lines may occupy."""
        return sum(len(order.line) for order in self._unanswered)

    def holds_only(self, lines: Container[bytes]) -> bool:
        """Whether nothing but these lines waits or is unanswered."""
        return all(order.line in lines for order in (*self._unanswered, *self._waiting))

    def append(self, orders: Sequence[Order]) -> None:
        """Let lines wait, in order."""
        self._waiting.extend(orders)

    def take(self) -> bytes:
        """All that fits now; it counts as sent."""
        out = b""
        while self._waiting and self._fits(self._waiting[0]):
            order = self._waiting.popleft()
            self._unanswered.append(order)
            out += order.line
        return out

    def answer(self) -> Order | None:
        """The line that an acknowledgement is for; None when there is none."""
        return self._unanswered.popleft() if self._unanswered else None

    def drop(self, fault: BridgeError) -> None:
        """Forget all; each line not settled yet gets this fault."""
        for order in (*self._unanswered, *self._waiting):
            order.fault = order.fault or fault
        self._unanswered.clear()
        self._waiting.clear()

    def _fits(self, order: Order) -> bool:
        if not self._unanswered:
            return True
        company = min(order.company, *(other.company for other in self._unanswered), ANY_COMPANY)
        room = 0 if self.receive_bytes is None else self.receive_bytes - self.used_bytes
        return len(self._unanswered) <= company and len(order.line) <= room
