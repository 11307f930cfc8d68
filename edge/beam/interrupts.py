"""Ctrl-C, a lost terminal and a polite kill, as requests that the scan answers between exposures."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from types import FrameType


class Request(Enum):
    """What the operator or the system asks of a running scan."""

    PAUSE = "pause"
    """Ctrl-C once: finish the exposure in progress, close the shutter, ask."""
    STOP = "stop"
    """Lost terminal or SIGTERM: the same, without anybody to ask."""
    ABORT = "abort"
    """Ctrl-C twice: close the shutter now."""


class Interrupts:
    """Signals of this process while a scan runs; installed by `listening`."""

    def __init__(self) -> None:
        self._request: Request | None = None
        self._is_asking = False
        self._is_finishing = False

    @property
    def request(self) -> Request | None:
        """What has been asked and not yet answered."""
        return self._request

    def answered(self) -> None:
        """The request has been met; the next Ctrl-C is a first one again."""
        self._request = None

    @contextmanager
    def asking(self) -> Iterator[None]:
        """While something is waited for, a signal raises KeyboardInterrupt out of it; one that came before does too."""
        self._is_asking = True
        try:
            if self._request is Request.ABORT:
                raise KeyboardInterrupt
            yield
        finally:
            self._is_asking = False

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """While something is brought to its end, only a second Ctrl-C, which aborts, raises KeyboardInterrupt."""
        self._is_finishing = True
        try:
            if self._request is Request.ABORT:
                raise KeyboardInterrupt
            yield
        finally:
            self._is_finishing = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take over SIGINT, SIGTERM and SIGHUP; only in the main thread, elsewhere they stay as they are."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        watched = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self._receive) for number in watched}
        try:
            yield
        finally:
            for number, previous in before.items():
                signal.signal(number, previous)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            again = self._is_asking or self._request is not None
            self._request = Request.ABORT if again else Request.PAUSE
        elif self._request is not Request.ABORT:
            self._request = Request.STOP
        if self._is_asking or (self._is_finishing and self._request is Request.ABORT):
            raise KeyboardInterrupt
