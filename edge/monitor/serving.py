"""The server below the application: how many connections, how long a request may take, and where it listens."""

from __future__ import annotations

import asyncio
import logging
import resource
from collections import Counter
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 256
MOST_FROM_ONE = 64
"""Connections from one address: ten pages, or a school class behind one router."""
_ARRIVES_WITHIN_S = 10.0
"""From a connection's beginning to its first whole request."""
_LONGEST_HEAD = 16 * 1024
_LONGEST_MESSAGE = 16 * 1024
"""From a browser, by WebSocket."""


class Connections:
    """Those that are open, counted by address."""

    def __init__(self) -> None:
        self._open: dict[asyncio.BaseTransport, str] = {}
        self._from: Counter[str] = Counter()

    def admits(self, transport: asyncio.BaseTransport, address: str) -> bool:
        """Count another one in, where there is room."""
        if len(self._open) >= MOST_CONNECTIONS or self._from[address] >= MOST_FROM_ONE:
            self._sweep()
        if len(self._open) >= MOST_CONNECTIONS or self._from[address] >= MOST_FROM_ONE:
            return False
        self._open[transport] = address
        self._from[address] += 1
        return True

    def forget(self, transport: asyncio.BaseTransport) -> None:
        """Count one out."""
        address = self._open.pop(transport, None)
        if address is not None:
            self._from[address] -= 1
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
        self._deadline = self.loop.call_later(_ARRIVES_WITHIN_S, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._is_admitted:
            self._deadline.cancel()
        self.connections_open.forget(self.transport)
        super().connection_lost(exc)

    def _give_up(self) -> None:
        """Nothing whole came."""
        request: object = self.scope
        if request is None and self.transport.get_protocol() is self:
            self.transport.abort()


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
