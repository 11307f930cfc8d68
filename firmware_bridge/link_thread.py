"""A thread that does nothing but a link: it carries a session's bytes over a port.

A session is a state machine without threads, ports or clocks; whoever uses it takes `changed`, touches it, and waits.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final, Generic, Protocol, TypeVar

from firmware_bridge.faults import BridgeError, LinkLost
from firmware_bridge.ports import BytePort

_LOG = logging.getLogger("firmware_bridge")
_LONGEST_WAIT_S: Final = 0.25


class CarriedSession(Protocol):
    """One host's side of one link."""

    @property
    def failure(self) -> BridgeError | None:
        """Why the link is over, None while it isn't."""
        ...

    def outgoing(self, now_s: float) -> bytes:
        """Bytes to send now."""
        ...

    def receive(self, octets: bytes, now_s: float, /) -> None:
        """Take bytes from the line."""
        ...

    def deadline_s(self) -> float:
        """When there is something to do even if nothing comes."""
        ...

    def fail(self, failure: BridgeError) -> None:
        """End the session for good."""
        ...


Session = TypeVar("Session", bound=CarriedSession)
Session_co = TypeVar("Session_co", bound=CarriedSession, covariant=True)


class Carrier(Protocol[Session_co]):
    """What carries a session's bytes: a thread, or a test that turns the clock.

    The session may be touched only while `changed` is held.
    """

    @property
    def session(self) -> Session_co: ...

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


class LinkThread(Generic[Session]):
    """A `Carrier` over a `BytePort`; `changed` is notified whenever something has arrived.

    Parameters
    ----------
    name
        Of the thread.
    """

    def __init__(self, session: Session, port: BytePort, name: str) -> None:
        self.session = session
        self.changed = threading.Condition()
        self._port = port
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
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

    def _leave(self) -> None:
        """What is still to be said when the link is closed."""

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
        chunk = self._port.read_available(max(0.0, min(_LONGEST_WAIT_S, deadline_s - time.monotonic())))
        if chunk:
            with self.changed:
                self.session.receive(chunk, time.monotonic())
                self.changed.notify_all()

    def _fail(self, failure: BridgeError) -> None:
        with self.changed:
            self.session.fail(failure)
            self.changed.notify_all()
