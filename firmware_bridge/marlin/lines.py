"""Numbered lines on their way to a Marlin board, counted against its command buffer, and sent again when asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from firmware_bridge.marlin.codec import numbered

_BEGIN: Final = b"M110 N0"
"""Sets the number when it is read, and again when it is done: lines that were read between would be asked for anew."""


class NumberedLines:
    """Commands that wait, and those that were sent and may be asked for again. The board counts with them, from 0."""

    def __init__(self) -> None:
        self._waiting: deque[bytes] = deque()
        self._sent: dict[int, bytes] = {0: _BEGIN}
        self._answered = self._next = 0

    @property
    def end(self) -> int:
        """Number of the first line that was never sent."""
        return max(self._sent) + 1

    def append(self, commands: Iterable[bytes]) -> int:
        """Queue commands, in order; returns the number that the last one will have."""
        self._waiting.extend(commands)
        return self.end + len(self._waiting) - 1

    def take(self, most_unanswered: int) -> bytes:
        """Lines to send now."""
        if self._answered == 0:
            most_unanswered = 1
        out = bytearray()
        while (self._next < self.end or self._waiting) and self._next - self._answered < most_unanswered:
            if self._next == self.end:
                self._sent[self._next] = self._waiting.popleft()
            out += numbered(self._next, self._sent[self._next])
            self._next += 1
        return bytes(out)

    def answer(self) -> None:
        """One was acknowledged, or something else was: more come after a request to send again."""
        self._answered = min(self._answered + 1, self._next)

    def presume_answered(self) -> None:
        """Acknowledgements were lost."""
        self._answered = self._next

    def rewind(self, number: int) -> bool:
        """Send again from here; False when these lines are none that may be asked for."""
        if number not in self._sent and number != self.end:
            return False
        self._answered = self._next = number
        return True

    def confirm(self, number: int) -> bool:
        """Everything up to this line has been done, and can't be asked for any more; False when it was never sent."""
        if number not in self._sent:
            return False
        self._sent = {each: command for each, command in self._sent.items() if each >= number}
        self._next = max(self._next, number + 1)
        self._answered = max(self._answered, number)
        return True

    def drop(self, instead: bytes) -> None:
        """Drop what waits; should the board ask again for what was sent, it gets something else."""
        self._waiting.clear()
        self._sent = {each: instead if each else _BEGIN for each in self._sent}
