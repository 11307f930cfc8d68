"""UDP, for instruments that speak it. The one module that knows UDP sockets.

Datagrams may be lost, doubled or overtaken; nothing here mends that.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from urllib.parse import urlsplit

from firmware_bridge.faults import LinkLost, PortUnavailable

_LONGEST = 65_535
SCHEME = "udp://"


class DatagramPort:
    """A `firmware_bridge.ports.BytePort` to one far end: a write is a datagram.

    Parameters
    ----------
    name
        What the operator calls it.
    """

    def __init__(self, far_end: socket.socket, name: str) -> None:
        self._socket = far_end
        self._name = name
        self._is_open = True
        self._closing = threading.Lock()
        self._wake_read, self._wake_write = socket.socketpair()
        for one in (far_end, self._wake_read, self._wake_write):
            one.setblocking(False)

    def read_available(self, timeout_s: float) -> bytes:
        """The next datagram; empty when none came in time, `wake` was called, or nobody listens at the far end."""
        try:
            readable, _, _ = select.select([self._socket, self._wake_read], [], [], max(0.0, timeout_s))
            if self._wake_read in readable:
                self._wake_read.recv(_LONGEST)
            return self._socket.recv(_LONGEST) if self._socket in readable else b""
        except (BlockingIOError, ConnectionRefusedError):
            return b""
        except (OSError, ValueError) as error:
            raise self._lost() from error

    def write(self, octets: bytes) -> None:
        """Send one datagram; what the network doesn't take at once is lost, as any datagram may be."""
        try:
            self._socket.send(octets)
        except (BlockingIOError, ConnectionRefusedError):
            pass
        except OSError as error:
            raise self._lost() from error

    def wake(self) -> None:
        """Let a waiting `read_available` return."""
        with self._closing, contextlib.suppress(BlockingIOError):
            if self._is_open:
                self._wake_write.send(b"w")

    def close(self) -> None:
        """Release the socket. Safe to call twice."""
        with self._closing:
            if self._is_open:
                self._is_open = False
                for one in (self._socket, self._wake_read, self._wake_write):
                    one.close()

    def _lost(self) -> LinkLost:
        return LinkLost(f"{self._name} cannot be reached: check the network cable and this computer's address")


class ServedDatagrams:
    """The far end of `DatagramPort`, on this computer alone: answers go to whoever spoke last.

    Parameters
    ----------
    port
        0 for any that is free.

    Raises
    ------
    PortUnavailable
        The port is taken.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.bind(("127.0.0.1", port))
        except OSError as error:
            self._socket.close()
            raise PortUnavailable(f"UDP port {port} cannot be served ({error}): choose another") from error
        self._socket.setblocking(False)
        self._host: tuple[str, int] | None = None

    @property
    def address(self) -> str:
        """What a host opens."""
        return f"{SCHEME}127.0.0.1:{self._socket.getsockname()[1]}"

    def fileno(self) -> int:
        """For ``select``."""
        return self._socket.fileno()

    def receive(self) -> bytes:
        """One datagram that has come, empty when there is none."""
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            octets, self._host = self._socket.recvfrom(_LONGEST)
            return octets
        return b""

    def send(self, octets: bytes) -> None:
        """One datagram to whoever spoke last."""
        if self._host is not None:
            with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
                self._socket.sendto(octets, self._host)

    def close(self) -> None:
        """Release the port. Safe to call twice."""
        self._socket.close()


def open_datagrams(address: str) -> DatagramPort:
    """Open the way to ``udp://host:port``.

    Raises
    ------
    PortUnavailable
        The address cannot be read, or the host's name is unknown. That nobody answers is found out by asking.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not address.startswith(SCHEME) or not host or not port:
        raise PortUnavailable(f"{address}: not an address: write udp://host:port, as udp://192.168.1.10:10001")
    try:
        family, kind, protocol, _, far_end = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        link = socket.socket(family, kind, protocol)
    except OSError as error:
        raise PortUnavailable(f"{address}: the host is unknown ({error}): correct its name or address") from error
    try:
        link.connect(far_end)
    except OSError as error:
        link.close()
        raise PortUnavailable(f"{address}: no way there ({error}): check the network and the address") from error
    return DatagramPort(link, address)
