"""Until when a GRBL board's gate is to be held, and whether the board has heard of it."""

from __future__ import annotations

import math
from typing import Final

from firmware_bridge.grbl.queue import Order

_ANSWER_S: Final = 0.45
"""In which a board must have answered the opening of its gate."""
_LOOK_S: Final = 0.005


class GateHold:
    """The gate's time, and the lines that opened it."""

    def __init__(self) -> None:
        self.is_held = False
        self.off = b""
        """The line that closes it."""
        self.until_s = math.inf
        """When it has to be looked at next; endless while it isn't held."""
        self._orders: tuple[Order, ...] = ()
        self._since_s = -math.inf

    def hold(self, on: bytes, off: bytes, now_s: float, seconds: float) -> tuple[Order, ...]:
        """The lines that pulse the output, to be sent now; its time begins anew."""
        self._orders = (Order(off), Order(on))
        self.off = off
        self._since_s, self.until_s = now_s, now_s + seconds
        self.is_held = True
        return self._orders

    def release(self) -> None:
        """Hold it no more."""
        self.is_held = False
        self.until_s = math.inf

    @property
    def is_answered(self) -> bool:
        """Whether the board has answered the lines that opened it, or they were dropped."""
        return all(order.is_settled for order in self._orders)

    def is_overdue(self, now_s: float) -> bool:
        """Whether the board should have answered long since."""
        return now_s >= self._since_s + _ANSWER_S

    def look_again(self, now_s: float) -> None:
        """Give the board a moment more to answer."""
        self.until_s = now_s + _LOOK_S
