"""The thread that does nothing but the link to a GRBL board."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from firmware_bridge.faults import BridgeError, LinkLost
from firmware_bridge.grbl.session import GrblSession
from firmware_bridge.ports import BytePort

_LOG = logging.getLogger("firmware_bridge")
_LONGEST_WAIT_S = 0.25


class GrblCarrier(Protocol):
    """What carries a session's bytes.

    The session may be touched only while `changed` is held.
    """

    @property
    def session(self) -> GrblSession: ...

    @property
    def changed(self) -> AbstractContextManager[Any]: ...

    def now_s(self) -> float:
        """This computer's monotonic clock, or a test's."""
        ...

    def kick(self) -> None:
        """Let what the session has been given be sent at once."""
        ...

    def wait_for(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait, with `changed` held, until the condition holds or the session has failed; False on time-out."""
        ...

    def close(self) -> None:
        """Stop, and release the port. Safe to call twice."""
        ...


class GrblLink:
    """Carries a `GrblSession` over a `BytePort`; `changed` is notified whenever something has arrived."""

    def __init__(self, session: GrblSession, port: BytePort) -> None:
        self.session = session
        self.changed = threading.Condition()
        self._port = port
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="grbl-link", daemon=True)
        self._thread.start()

    @staticmethod
    def now_s() -> float:
        """This computer's monotonic clock."""
        return time.monotonic()

    def kick(self) -> None:
        """Let what the session has been given be sent at once."""
        self._port.wake()

    def wait_for(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait, with `changed` held, until the condition holds or the session has failed; False on time-out."""
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            if self.session.failure is not None:
                return condition()
            remaining_s = deadline_s - time.monotonic()
            if remaining_s <= 0:
                return False
            self.changed.wait(min(remaining_s, 1.0))
        return True

    def close(self) -> None:
        """Stop the thread and release the port. Safe to call twice."""
        with self.changed:
            self._is_closing = True
        self.kick()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=2.0)

    def _run(self) -> None:
        try:
            while not self._is_closing and self.session.failure is None:
                self._turn()
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
        chunk = self._port.read_available(max(0.0, min(_LONGEST_WAIT_S, deadline_s - time.monotonic())))
        if chunk:
            with self.changed:
                self.session.receive(chunk, time.monotonic())
                self.changed.notify_all()

    def _fail(self, failure: BridgeError) -> None:
        with self.changed:
            self.session.fail(failure)
            self.changed.notify_all()
