"""The server below the application: how many connections, how long a request may take, and where it listens."""

from __future__ import annotations

import asyncio
import logging
import resource
from collections import Counter
from typing import Any

import h11
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from edge.monitor.access import place_of
from edge.monitor.settings import is_loopback

MOST_CONNECTIONS = 256
MOST_FROM_ONE = 64
"""Connections from one address: ten pages, or a school class behind one router."""
_LOOK_EVERY_S = 5.0
"""What is still arriving at the second look at it is given up: a request takes no longer than two of them."""
_LONGEST_HEAD = 16 * 1024
_LONGEST_MESSAGE = 16 * 1024
"""From a browser, by WebSocket."""


class Connections:
    """Those that are open, counted by address."""

    def __init__(self) -> None:
        self._open: dict[asyncio.BaseTransport, str] = {}
        self._from: Counter[str] = Counter()

    def admits(self, transport: asyncio.BaseTransport, address: str) -> bool:
        """Count another one in, where there is room; on this computer there is, whoever else has come."""
        place, most = place_of(address), MOST_CONNECTIONS + MOST_FROM_ONE * is_loopback(address)
        if len(self._open) >= most or self._from[place] >= MOST_FROM_ONE:
            self._sweep()
        if len(self._open) >= most or self._from[place] >= MOST_FROM_ONE:
            return False
        self._open[transport] = place
        self._from[place] += 1
        return True

    def forget(self, transport: asyncio.BaseTransport) -> None:
        """Count one out."""
        place = self._open.pop(transport, None)
        if place is not None:
            self._from[place] -= 1
            self._from += Counter()

    def _sweep(self) -> None:
        """Those that became streams end without a word to the protocol that they began with."""
        for transport in [transport for transport in self._open if transport.is_closing()]:
            self.forget(transport)


class Bounded(H11Protocol):
    """HTTP that drops who is one too many, and who sends nothing."""

    connections_open: Connections

    def connection_made(self, transport: Any) -> None:
        peer = transport.get_extra_info("peername")
        self._is_admitted = self.connections_open.admits(transport, str(peer[0]) if peer else "")
        super().connection_made(transport)
        if not self._is_admitted:
            transport.abort()
            return
        self._arriving: tuple[object, object] | None = None
        self._next_look = self.loop.call_later(_LOOK_EVERY_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._is_admitted:
            self._next_look.cancel()
        self.connections_open.forget(self.transport)
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


def server_of(app: Starlette, *, certificate: str = "", key: str = "") -> uvicorn.Server:
    """A server for an application, bounded in every respect."""
    _allow_files()
    bounded = type("BoundedHere", (Bounded,), {"connections_open": Connections()})
    config = uvicorn.Config(
        app,
        http=bounded,
        ws="websockets-sansio",
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
    return uvicorn.Server(config)


def _allow_files() -> None:
    """As many open files as connections need, and some more."""
    wanted = 4 * MOST_CONNECTIONS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
