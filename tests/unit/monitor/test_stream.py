"""A browser's stream without a socket: what it may say, and how often."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

from starlette.websockets import WebSocket

from edge.monitor.stream import MOST_WAITING, Stream
from edge.monitor.viewer import Viewer

MESSAGES = 1_000


class Socket:
    """A browser that answers at once, and leaves when it has had everything."""

    def __init__(self) -> None:
        self.answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.taken = 0
        self.most_waiting = 0
        self.closed: list[int] = []

    async def send_text(self, text: str) -> None:
        self.taken += 1
        self.most_waiting = max(self.most_waiting, self.answers.qsize() + 1)
        answer = {"type": "websocket.receive", "text": json.dumps({"type": "ack", "n": self.taken})}
        await self.answers.put(answer)
        if self.taken == MESSAGES:
            await self.answers.put({"type": "websocket.disconnect"})

    async def receive(self) -> dict[str, Any]:
        return await self.answers.get()

    async def close(self, code: int, reason: str) -> None:
        self.closed.append(code)


def test_a_quick_browser_takes_a_thousand_messages_at_once_and_never_owes_more_than_eight_answers() -> None:
    socket, viewer = Socket(), SimpleNamespace(n=0, rest_s=lambda: 0.01)

    def messages() -> Iterator[str]:
        while viewer.n < MESSAGES:
            viewer.n += 1
            yield "news"

    viewer.messages = messages
    asyncio.run(Stream(cast(WebSocket, socket), cast(Viewer, viewer)).serve())
    assert socket.taken == MESSAGES
    assert socket.closed == []
    assert socket.most_waiting <= MOST_WAITING
