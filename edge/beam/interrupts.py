"""Ctrl-C, a lost terminal, a polite kill and orders from elsewhere, as requests that the scan answers in between."""

from __future__ import annotations

import logging
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from enum import Enum
from types import FrameType

from edge.beam.standing import answer_to
from edge.control.listener import Listener, Peer
from edge.control.messages import Order, Reply, Standing
from edge.record.folder import RecordingPaths

_log = logging.getLogger("edge")


class Request(Enum):
    """What the operator or the system asks of a running scan."""

    PAUSE = "pause"
    """Ctrl-C once: finish the exposure in progress, close the shutter, ask."""
    FINISH = "finish"
    """The operator is content with what there is: the same, and end."""
    STOP = "stop"
    """Lost terminal or SIGTERM: the same, without anybody to ask."""
    ABORT = "abort"
    """Ctrl-C twice: close the shutter now."""


class AnsweredElsewhere(Exception):
    """Out of a wait at rest: somebody sent an order, which is met by that."""

    def __init__(self, order: Order) -> None:
        super().__init__(order.do)
        self.order = order


class Interrupts:
    """What is asked of this process while a scan runs: by signals, within `listening`, and by orders, within `hearing`.

    Orders come in by a thread of their own and are obeyed in the main thread, out of a signal's handler: so they reach
    it whatever it waits for, and nothing here needs a lock.

    Parameters
    ----------
    awaits_arming
        Whether the scan was not started by somebody at a terminal: the shutter opens only once it was armed there, and
        a pause waits for an answer from elsewhere.
    """

    def __init__(self, *, awaits_arming: bool = False) -> None:
        self.awaits_arming = awaits_arming
        self.standing: Standing = "preparing"
        self.plan_digest = ""
        """Of the plan that there is to arm."""
        self.measured = 0
        """Exposures that a scan which waits to be armed has from before; with none it cannot be finished."""
        self.order: Order | None = None
        """What was answered from elsewhere, and is not met yet."""
        self._is_by_instrument = False
        self._request: Request | None = None
        self._by = ""
        self._orders: deque[Order] = deque()
        self._is_asking = False
        self._is_finishing = False
        self._is_resting = False

    @property
    def request(self) -> Request | None:
        """What has been asked and not yet answered."""
        return self._request

    @property
    def by(self) -> str:
        """Who asked from elsewhere; empty for a signal."""
        return self._by

    @property
    def is_search_unwanted(self) -> bool:
        """Whether a lost controller need not be looked for: what came from elsewhere can wait until it is found."""
        return self._request is not None and not (self._by and self._request in (Request.PAUSE, Request.FINISH))

    def finish(self, by: str) -> None:
        """Ask the run to end before it begins: somebody is content with what was measured before."""
        if self._request in (None, Request.PAUSE):
            self._request, self._by = Request.FINISH, by

    def answered(self) -> None:
        """A request to pause or to finish has been met; the next Ctrl-C is a first one again."""
        self.order = None
        if self._request in (Request.PAUSE, Request.FINISH):
            self._request, self._by = None, ""

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
    def resting(self, standing: Standing, *, is_by_instrument: bool = False) -> Iterator[None]:
        """While somebody is asked what to do next: a signal raises KeyboardInterrupt, an order `AnsweredElsewhere`.

        One that came before, and not yet met, does too.

        Parameters
        ----------
        is_by_instrument
            Whether this was brought about at the instrument: then only somebody there lets it go on.
        """
        before = self.standing
        self._is_by_instrument, self.standing, self._is_resting = is_by_instrument, standing, True
        try:
            with self.asking():
                if self._request in (Request.STOP, Request.ABORT):
                    raise KeyboardInterrupt
                if (order := self._taken()) is not None:
                    raise AnsweredElsewhere(order)
                yield
        finally:
            self._is_resting, self.standing = False, before

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
        with _handled({signal.SIGINT, signal.SIGTERM, signal.SIGHUP}, self._receive):
            yield

    @contextmanager
    def hearing(self, paths: RecordingPaths, warn: Callable[[str], None]) -> Iterator[None]:
        """Take orders at the recording's socket; without one, where none can be had, which is said.

        Whoever stops a scan that is being prepared has KeyboardInterrupt raised there.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        # the handler outlasts the listener: without one this signal would end the process
        with _handled({signal.SIGUSR1}, self._obey_all), ExitStack() as held:
            try:
                held.enter_context(Listener(paths.folder, self.take))
            except OSError as error:
                warn(f"the scan cannot be commanded from elsewhere ({error.strerror or error}): it goes on without")
            try:
                yield
            finally:
                self.standing = "ending"

    def take(self, order: Order, peer: Peer) -> Reply:
        """Take an order, in whatever thread, and say at once what comes of it."""
        reply = answer_to(
            order,
            standing=self._shown(),
            is_by_instrument=self._is_by_instrument,
            plan_digest=self.plan_digest,
            has_terminal=peer.has_terminal if order.do == "arm" else False,
            measured=self.measured,
        )
        if order.do != "status":
            _log.info("%s, by %s: %s", order.do, order.by, reply.sentence)
        if reply.ok and order.do != "status":
            self._orders.append(order)
            if threading.current_thread() is threading.main_thread():
                self._obey_all()
            else:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
        return reply

    def _shown(self) -> Standing:
        if self._request in (Request.STOP, Request.ABORT, Request.FINISH):
            return "ending"
        if self.standing == "measuring" and self._request is Request.PAUSE:
            return "pausing"
        return self.standing

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            again = self._is_asking or (self._request is not None and not self._by)
            self._request, self._by = Request.ABORT if again else Request.PAUSE, ""
        elif self._request is not Request.ABORT:
            self._request, self._by = Request.STOP, ""
        if self._is_asking or (self._is_finishing and self._request is Request.ABORT):
            self._is_asking = False
            raise KeyboardInterrupt

    def _obey_all(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        with suppress(IndexError):
            while True:
                self._obey(self._orders.popleft())
        if self._request is Request.STOP and self._by and (self._is_asking or self.standing == "preparing"):
            self._is_asking = False
            raise KeyboardInterrupt
        if self._is_resting and self._is_asking and (order := self._taken()) is not None:
            self._is_asking = False
            raise AnsweredElsewhere(order)

    def _taken(self) -> Order | None:
        """The order that ends this rest, met by that; one that was sent before the rest came about may not."""
        order = self.order
        self.order = None
        if order is None or (self.standing == "waiting to be armed" and order.do not in ("arm", "finish")):
            return None
        if self._is_by_instrument and order.do == "resume":
            return None
        self.answered()
        return order

    def _obey(self, order: Order) -> None:
        match order.do:
            case "pause":
                self.order = None
                if self._request is None and not self._is_resting:
                    self._request, self._by = Request.PAUSE, order.by
            case "finish" if self._is_resting:
                self.order = order
            case "finish":
                self.finish(order.by)
            case "stop":
                if self._request is not Request.ABORT:
                    self._request, self._by = Request.STOP, order.by
            case "resume" | "arm" if self.standing == "preparing":
                self.answered()
            case "resume" | "arm":
                if self._is_resting or self._request is Request.PAUSE:
                    self.order = order


@contextmanager
def _handled(numbers: set[signal.Signals], handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Signals handled so, in the main thread; elsewhere they stay as they are."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in sorted(numbers)}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
