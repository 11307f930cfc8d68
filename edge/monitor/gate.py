"""Who gets in at all: connections counted at the socket, before TLS or HTTP have seen anything of them."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Self

from edge.monitor.access import is_this_computer, place_of

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

MOST_CONNECTIONS = 256
MOST_FROM_ONE = 64
"""Connections from one address: ten pages, or a school class behind one router."""
_AT_ONCE = 64
"""Turned away before whatever else is to be done gets its turn."""
_GRACE_S = 1.0
"""Nobody makes room for others sooner: a handshake and a first request take that long on a slow network."""
_HANDSHAKE_S = 10.0
_LOOK_EVERY_S = 5.0
_LEAST_TAKEN = 16 * 1024
"""Bytes between two looks, of whoever has more to take."""
_MOST_IDLE_LOOKS = 6
"""In a row at which less was taken, before a connection is given up: 30 s, as with streams."""


class Standing(IntEnum):
    """Who is at the other end, as far as a request has told; the lower makes room first."""

    STRANGER = 0
    VISITOR = 1
    OPERATOR = 2


class Held(socket.socket):
    """An accepted connection; counts itself out when it is closed, by whomever."""

    connections: Connections
    key: tuple[str, int]
    place: str
    began_s: float
    standing = Standing.STRANGER
    abort: Callable[[], None] | None = None
    """Ends it at once; None until the protocol above TLS has begun."""
    _is_full = False
    _taken = _taken_before = _idle_looks = 0

    def send(self, data: ReadableBuffer, flags: int = 0, /) -> int:
        """Send, and note whether the other end takes it."""
        return self._noted(lambda: super(Held, self).send(data, flags), memoryview(data).nbytes)

    def sendmsg(self, buffers: Iterable[ReadableBuffer], /, *others: Any) -> int:
        """The same of several; later versions of asyncio send so."""
        parts = list(buffers)
        wanted = sum(memoryview(part).nbytes for part in parts)
        return self._noted(lambda: super(Held, self).sendmsg(parts, *others), wanted)

    def _noted(self, send: Callable[[], int], wanted: int) -> int:
        try:
            sent = send()
        except BlockingIOError:
            self._is_full = True
            raise
        self._taken += sent
        self._is_full = sent < wanted
        return sent

    def close(self) -> None:
        """Close, and make room."""
        self.connections.forget(self)
        self.abort = None
        super().close()

    def give_up(self) -> None:
        """End it, whatever it is at."""
        self.connections.forget(self)
        if self.abort is not None:
            self.abort()
            return
        try:
            self.shutdown(socket.SHUT_RDWR)
        except OSError:
            # whoever was there has left already, and the loop is about to see it
            return

    def is_left(self) -> bool:
        """Whether the other end has closed it, which the loop may not have come to see yet."""
        try:
            return not self.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def is_overdue(self, now_s: float) -> bool:
        """Look again: whether its handshake does not end, or nobody takes what was asked for."""
        if self.abort is None:
            return now_s - self.began_s > _HANDSHAKE_S
        is_idle = self._is_full and self._taken - self._taken_before < _LEAST_TAKEN
        self._idle_looks = self._idle_looks + 1 if is_idle else 0
        self._taken_before = self._taken
        return self._idle_looks >= _MOST_IDLE_LOOKS


class Connections:
    """Those that are open, by address; all of the thread that serves.

    Parameters
    ----------
    clock
        Monotonic time in s.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[tuple[str, int], Held] = {}
        self._from: Counter[str] = Counter()
        self._looking: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._open)

    def admits(self, address: str) -> bool:
        """Whether there is room for another one from there, or somebody makes it.

        On this computer there is always some, whoever else has come.
        """
        place, most = place_of(address), MOST_CONNECTIONS + MOST_FROM_ONE * is_this_computer(address)
        if self._from[place] >= MOST_FROM_ONE:
            return self._make_room(place)
        return len(self._open) < most or self._make_room(None)

    def add(self, held: Held, peer: tuple[Any, ...]) -> None:
        """Count one in."""
        held.connections, held.key = self, (str(peer[0]), int(peer[1]))
        held.place, held.began_s = place_of(held.key[0]), self._clock()
        # one that was reset frees its port before the loop has come to close it here
        if (former := self._open.get(held.key)) is not None:
            self.forget(former)
        self._open[held.key] = held
        self._from[held.place] += 1

    def forget(self, held: Held) -> None:
        """Count one out, once."""
        if self._open.get(held.key) is held:
            del self._open[held.key]
            self._from[held.place] -= 1
            self._from += Counter()

    def spoken(self, peer: tuple[Any, ...] | None, abort: Callable[[], None]) -> None:
        """Its handshake is over; what ends it from now on."""
        held = None if peer is None else self._open.get((str(peer[0]), int(peer[1])))
        if held is not None:
            held.abort = abort

    def known(self, peer: tuple[Any, ...] | None, standing: Standing) -> None:
        """Somebody whose session is known has asked something on it."""
        held = None if peer is None else self._open.get((str(peer[0]), int(peer[1])))
        if held is not None:
            held.standing = standing

    def look_after(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give up what does not get on, now and then, as long as there is any."""
        if self._looking is None:
            self._looking = loop.call_later(_LOOK_EVERY_S, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._looking = None
        now_s = self._clock()
        for held in [held for held in self._open.values() if held.is_overdue(now_s)]:
            held.give_up()
        if self._open:
            self.look_after(loop)

    def _make_room(self, place: str | None) -> bool:
        """Let go of somebody who may be let go of, of one place or of all; whether there was one.

        Strangers first, of them those of the place from which most have come, of these the oldest. Operators never.
        """
        there = [held for held in self._open.values() if place in (None, held.place)]
        if left := [held for held in there if held.is_left()]:
            for held in left:
                self.forget(held)
            return True
        until_s = self._clock() - _GRACE_S
        free = [held for held in there if held.standing < Standing.OPERATOR and held.began_s < until_s]
        if not free:
            return False
        min(free, key=lambda held: (held.standing, -self._from[held.place], held.began_s)).give_up()
        return True


class Gate(socket.socket):
    """A listening socket that lets in no more than there is room for."""

    connections: Connections

    @classmethod
    def before(cls, listener: socket.socket, connections: Connections) -> Self:
        """In the place of a socket that listens, which is taken over."""
        family, kind, protocol = listener.family, listener.type, listener.proto
        made = cls(family, kind, protocol, fileno=listener.detach())
        made.connections = connections
        return made

    def accept(self) -> tuple[socket.socket, Any]:
        """The next one for which there is room; of the running event loop.

        Raises
        ------
        BlockingIOError
            Nobody waits, or the loop has something else to do than to turn away those who do.
        """
        for _ in range(_AT_ONCE):
            made, peer = super().accept()
            if self.connections.admits(str(peer[0])):
                held = Held(made.family, made.type, made.proto, fileno=made.detach())
                self.connections.add(held, peer)
                self.connections.look_after(asyncio.get_running_loop())
                return held, peer
            made.close()
        raise BlockingIOError
