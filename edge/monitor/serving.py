"""The server below the application: how long a request may take, and how much of it there may be."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
from typing import Any

import h11
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from edge.monitor.allowance import Allowance
from edge.monitor.gate import MOST_CONNECTIONS, Connections, Gate

_LOOK_EVERY_S = 5.0
"""What is still arriving at the second look at it is given up: a request takes no longer than two of them."""
_LONGEST_HEAD = 16 * 1024
_LONGEST_MESSAGE = 16 * 1024
"""From a browser, by WebSocket."""
_MOST_PARTS = 16
"""Of such a message."""
_PINGS_PER_S, _PINGS_SAVED = 1.0, 20.0


class Bounded(H11Protocol):
    """HTTP that drops who sends nothing."""

    connections_open: Connections

    def connection_made(self, transport: Any) -> None:
        """Begin, after the handshake where there is one."""
        super().connection_made(transport)
        self.connections_open.spoken(transport.get_extra_info("peername"), transport.abort)
        self._arriving: tuple[object, object] | None = None
        self._next_look = self.loop.call_later(_LOOK_EVERY_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._next_look.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        """Give up a request that is as far as it was at the last look, or a connection on which none has begun."""
        if self.transport.get_protocol() is not self:
            # a stream by now, which is watched elsewhere
            return
        before, self._arriving = self._arriving, self._in_arrival()
        if before is not None and before == self._arriving:
            self.transport.abort()
            return
        self._next_look = self.loop.call_later(_LOOK_EVERY_S, self._look)

    def _in_arrival(self) -> tuple[object, object] | None:
        """Which request has not come to its end, and where it stands; None between two of them."""
        theirs = self.conn.their_state
        request: object = self.cycle
        is_begun = request is None or bool(self.conn.trailing_data[0])
        return (request, theirs) if theirs is h11.SEND_BODY or (theirs is h11.IDLE and is_begun) else None


class BoundedStream(WebSocketsSansIOProtocol):
    """A stream whose browser cannot have more kept for it than it takes.

    Browsers send no pings, and a page's messages come in one piece.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._pings = Allowance(_PINGS_PER_S, _PINGS_SAVED)
        self._parts = 0
        super().connection_made(transport)

    def handle_ping(self) -> None:
        """Answer, a few times: an answer that nobody takes is kept until somebody does."""
        if self._pings.take(1):
            super().handle_ping()
        else:
            self.transport.abort()

    def handle_cont(self, event: Frame) -> None:
        """Put a message together, of a few parts: empty ones count for nothing in its length."""
        self._parts = 0 if event.fin else self._parts + 1
        if self._parts < _MOST_PARTS:
            super().handle_cont(event)
        else:
            self.transport.abort()


class Server(uvicorn.Server):
    """One whose sockets let in no more than there is room for."""

    connections_open: Connections

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve on sockets that listen, which are taken over, until told to end."""
        super().run([Gate.before(each, self.connections_open) for each in sockets or []])


def server_of(app: Starlette, *, certificate: str = "", key: str = "") -> Server:
    """A server for an application, bounded in every respect; `application` has left its connections' count there."""
    _allow_files()
    connections: Connections = app.state.page.connections
    bounded = type("BoundedHere", (Bounded,), {"connections_open": connections})
    config = uvicorn.Config(
        app,
        http=bounded,
        ws=BoundedStream,
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=20,
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=_LONGEST_HEAD,
        ws_max_size=_LONGEST_MESSAGE,
        ws_per_message_deflate=False,
        ws_ping_interval=20.0,
        ws_ping_timeout=20.0,
        ssl_certfile=certificate or None,
        ssl_keyfile=key or None,
    )
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    server = Server(config)
    server.connections_open = connections
    return server


def _allow_files() -> None:
    """As many open files as connections need, and some more."""
    wanted = 4 * MOST_CONNECTIONS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
