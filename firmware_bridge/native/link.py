"""The thread that does nothing but the link: reads, repeats, renews, and keeps the controller's queue full."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable

from firmware_bridge.faults import BridgeError, LinkLost
from firmware_bridge.native.session import HostSession
from firmware_bridge.ports import BytePort

_LOG = logging.getLogger("firmware_bridge")
_LONGEST_WAIT_S = 0.25
_FAREWELL_S = 0.05


class NativeLink:
    """Carries a `HostSession` over a `BytePort`.

    `session` may be touched only while `changed` is held; `changed` is notified whenever something has arrived.
    """

    def __init__(self, session: HostSession, port: BytePort) -> None:
        self.session = session
        self.changed = threading.Condition()
        self._port = port
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="native-link", daemon=True)
        self._thread.start()

    def kick(self) -> None:
        """Let the link send at once what the session has been given."""
        self._port.wake()

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
            self.changed.wait(min(remaining_s, 1.0))
        return True

    def _attend(self, now_s: float) -> None:
        if self.session.is_running:
            self.session.heartbeat.attend(now_s)

    def close(self) -> None:
        """Say goodbye, stop the thread and release the port. Safe to call twice."""
        with self.changed:
            self._is_closing = True
        self.kick()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=2.0)

    def _run(self) -> None:
        try:
            while not self._is_closing and self.session.failure is None:
                self._turn()
            self._leave()
        except BridgeError as error:
            self._fail(error)
        except Exception as error:
            _LOG.error("the link's thread failed", exc_info=error)
            failure = LinkLost(f"the link's thread failed ({error!r}): connect again, and report this")
            failure.__cause__ = error
            self._fail(failure)
        finally:
            self._port.close()

    def _turn(self) -> None:
        with self.changed:
            out = self.session.outgoing(time.monotonic())
            deadline_s = self.session.deadline_s()
            if self.session.failure is not None:
                self.changed.notify_all()
        if out:
            self._port.write(out)
        wait_s = min(_LONGEST_WAIT_S, deadline_s - time.monotonic())
        chunk = self._port.read_available(max(0.0, wait_s if math.isfinite(wait_s) else _LONGEST_WAIT_S))
        if chunk:
            with self.changed:
                self.session.receive(chunk, time.monotonic())
                self.changed.notify_all()

    def _leave(self) -> None:
        with self.changed:
            if self.session.failure is None and self.session.is_running:
                self.session.say_bye()
            out = self.session.outgoing(time.monotonic())
        self._port.write(out)
        self._port.read_available(_FAREWELL_S)

    def _fail(self, failure: BridgeError) -> None:
        with self.changed:
            self.session.fail(failure)
            self.changed.notify_all()
