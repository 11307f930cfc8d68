"""The thread that does nothing but the link: reads, repeats, renews, and keeps the controller's queue full."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from firmware_bridge.link_thread import LinkThread
from firmware_bridge.native.session import HostSession
from firmware_bridge.ports import BytePort

LOOK_S = 1.0
"""Whoever waits attends so often, whatever comes."""
_FAREWELL_S = 0.05


class NativeLink(LinkThread[HostSession]):
    """Carries a `HostSession` over a `BytePort`; whoever waits attends to the shutter, and it says goodbye."""

    def __init__(self, session: HostSession, port: BytePort) -> None:
        super().__init__(session, port, "native-link")

    def wait_for(self, condition: Callable[[], bool], timeout_s: float, silence_s: float = math.inf) -> bool:
        """Wait, with `changed` held, until the condition holds or the session has failed; False on time-out.

        Whoever waits here attends to the shutter.

        Parameters
        ----------
        silence_s
            Give up, too, when no sequenced frame has come for this long.
        """
        began_s = time.monotonic()
        self._attend(began_s)
        while not condition():
            if self.session.failure is not None:
                return condition()
            patient_until_s = max(began_s, self.session.progressed_s) + silence_s
            now_s = time.monotonic()
            self._attend(now_s)
            remaining_s = min(began_s + timeout_s, patient_until_s) - now_s
            if remaining_s <= 0:
                return False
            self.changed.wait(min(remaining_s, LOOK_S))
        return True

    def _attend(self, now_s: float) -> None:
        if self.session.is_running:
            self.session.heartbeat.attend(now_s)

    def _leave(self) -> None:
        with self.changed:
            if self.session.failure is None and self.session.is_running:
                self.session.say_bye()
            out = self.session.outgoing(time.monotonic())
        self._port.write(out)
        self._port.read_available(_FAREWELL_S)
