"""A TCP port on this computer alone, behind which a twin serves one host at a time."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

from firmware_bridge.faults import PortUnavailable
from firmware_bridge.twins.pseudo_terminal import write_what_fits


@contextlib.contextmanager
def listening(port: int) -> Iterator[socket.socket]:
    """A listening socket; 0 for any port that is free.

    Raises
    ------
    PortUnavailable
        The port is taken.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen(1)
        except OSError as error:
            raise PortUnavailable(f"TCP port {port} cannot be served ({error}): choose another") from error
        listener.setblocking(False)
        yield listener


class SocketPort:
    """A listening socket, and the one connection that it has accepted; others wait until that one ends."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._connection: socket.socket | None = None
        self._has_left = False

    def has_host(self) -> bool:
        """Whether somebody is connected; whoever waits is let in, once it has been told that the last one left."""
        if self._has_left:
            self._has_left = False
            return False
        if self._connection is None:
            with contextlib.suppress(OSError):
                self._connection = self._listener.accept()[0]
                self._connection.setblocking(False)
                self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._connection is not None

    @property
    def descriptor(self) -> int:
        """What becomes readable when the host has written, or when one comes."""
        return (self._connection or self._listener).fileno()

    def read(self, most: int) -> bytes:
        """What the host has written; empty when there is nothing, or when it has left."""
        if self._connection is None:
            return b""
        octets = b""
        with contextlib.suppress(BlockingIOError):
            with contextlib.suppress(ConnectionError):
                octets = self._connection.recv(most)
            if not octets:
                self._leave()
        return octets

    def write(self, unwritten: bytearray) -> None:
        """Write as much as the connection takes now, and keep the rest."""
        if self._connection is not None:
            with contextlib.suppress(ConnectionError):
                write_what_fits(self._connection.fileno(), unwritten)

    def close(self) -> None:
        """Listen no more, then end the connection: a host that comes back at once is refused, and not cut off."""
        self._listener.close()
        self._leave()

    def _leave(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._has_left = True
