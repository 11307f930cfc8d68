"""The thread that listens for orders while a scan runs: few at a time, short ones, from this user alone."""

from __future__ import annotations

import os
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from edge.control.messages import LONGEST_LINE, Order, Reply, line_of, order_from
from edge.control.place import clear, hold, leave_note, new_place, note_of

_MOST_AT_ONCE = 8
"""Connections; what comes beyond them is closed."""
_MOST_WAITING = 64
_LONGEST_S = 2.0
"""A connection that has sent no line by then is closed."""
_MOST_A_SECOND = 50
"""Connections; what comes faster waits, so that nobody keeps the scan's process busy with listening."""
_CREDENTIALS = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class Peer:
    """Who sent an order, as the system says."""

    pid: int
    uid: int

    @property
    def has_terminal(self) -> bool:
        """Whether the process has a controlling terminal; no service and no child of one has."""
        with suppress(OSError, ValueError, IndexError):
            # after the name, which may hold anything: state, ppid, pgrp, session, tty_nr
            return int(Path(f"/proc/{self.pid}/stat").read_text("latin-1").rpartition(")")[2].split()[4]) != 0
        return False


Take = Callable[[Order, Peer], Reply]
"""Takes an order, at once; called in the listener's thread."""


class Listener:
    """A socket beside a recording, and the thread that serves it; a context manager.

    Parameters
    ----------
    folder
        Of the recording that this process writes.
    """

    def __init__(self, folder: Path, take: Take) -> None:
        self._folder = folder
        self._take = take
        self._place: Path | None = None
        self._held: int | None = None
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name="scan control", daemon=True)
        self._open: dict[socket.socket, _Heard] = {}
        self._budget = float(_MOST_AT_ONCE)
        self._counted_s = time.monotonic()

    def __enter__(self) -> Self:
        """Begin.

        Raises
        ------
        OSError
            No socket can be had.
        """
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._place = new_place()
            with suppress(OSError):
                # a disk without locks: then it is known to be in use by who answers there
                self._held = hold(self._place)
            self._server.bind(str(self._place))
            # the folder is this user's alone already; nobody can connect before listen
            self._place.chmod(0o600)
            self._server.listen(_MOST_WAITING)
            self._server.setblocking(False)
            leave_note(self._folder, self._place)
        except OSError:
            self._let_go()
            raise
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wake.send(b".")
        self._thread.join()
        with suppress(OSError):
            note_of(self._folder).unlink()
        self._let_go()

    def _let_go(self) -> None:
        for each in (self._server, self._wake, self._woken, *self._open):
            each.close()
        if self._place is not None:
            clear(self._place)
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            self._selector = selector
            selector.register(self._server, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in selector.select(0.5 if self._open else None)]
                if self._woken in ready:
                    return
                # those who have left first: they make room for who comes
                for each in ready:
                    if each is not self._server:
                        self._hear(each)  # type: ignore[arg-type]
                if self._server in ready:
                    self._accept()
                self._close_late()

    def _accept(self) -> None:
        now_s = time.monotonic()
        self._budget = min(float(_MOST_AT_ONCE), self._budget + (now_s - self._counted_s) * _MOST_A_SECOND)
        self._counted_s = now_s
        if self._budget < 1:
            time.sleep(1 / _MOST_A_SECOND)
            return
        self._budget -= 1
        try:
            connection, _ = self._server.accept()
        except OSError:
            # gone again, or no descriptor left: whoever waits is served later
            time.sleep(1 / _MOST_A_SECOND)
            return
        peer = _peer_of(connection)
        if peer is None or len(self._open) >= _MOST_AT_ONCE:
            connection.close()
            return
        connection.setblocking(False)
        self._open[connection] = _Heard(peer, now_s + _LONGEST_S)
        self._selector.register(connection, selectors.EVENT_READ)

    def _hear(self, connection: socket.socket) -> None:
        heard = self._open[connection]
        part = b""
        with suppress(OSError):
            part = connection.recv(LONGEST_LINE + 1)
        heard.line += part
        if part and b"\n" not in heard.line and len(heard.line) <= LONGEST_LINE:
            return
        line, end, _ = heard.line.partition(b"\n")
        if end and len(line) < LONGEST_LINE:
            with suppress(OSError):
                connection.send(self._answer(line, heard.peer))
        self._close(connection)

    def _answer(self, line: bytes, peer: Peer) -> bytes:
        try:
            order = order_from(line)
        except ValueError as error:
            return line_of(Reply(False, str(error), self._take(Order("status", "listener"), peer).state))
        return line_of(self._take(order, peer))

    def _close_late(self) -> None:
        now_s = time.monotonic()
        for connection in [each for each, heard in self._open.items() if heard.deadline_s < now_s]:
            self._close(connection)

    def _close(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        del self._open[connection]
        connection.close()


@dataclass(slots=True)
class _Heard:
    peer: Peer
    deadline_s: float
    line: bytes = field(default=b"")


def _peer_of(connection: socket.socket) -> Peer | None:
    """Who connected; None where that is neither this user nor root, or cannot be told."""
    with suppress(OSError, AttributeError):
        pid, uid, _ = _CREDENTIALS.unpack(
            connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        )
        if uid in (os.getuid(), 0):
            return Peer(pid, uid)
    return None
