"""A browser's stream: what is new goes out as it can take it, and what it asks for is looked at before it is done."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress

from starlette.websockets import WebSocket, WebSocketDisconnect

from edge.monitor.allowance import Allowance
from edge.monitor.viewer import Viewer

MOST_WAITING = 8
"""Messages that a browser may owe an answer to."""
LONGEST_REQUEST = 4_096
_SLOW_S = 30.0
"""A browser that takes nothing for so long is let go; it comes back by itself once it is awake."""
_REQUESTS_PER_S = 100.0
"""Answers to what was sent are not counted: there are no more of them than messages."""
_MALFORMED, _TOO_SLOW = 1008, 1013
_ANOTHER = 1012, "another recording is shown"
_LOGGED_OUT = 4401, "this session has ended: log in again"


class Stream:
    """One accepted socket, and what its browser sees.

    Parameters
    ----------
    slow_s
        Let go of a browser that takes nothing for so long.
    """

    def __init__(self, socket: WebSocket, viewer: Viewer, *, slow_s: float = _SLOW_S) -> None:
        self._socket, self._viewer, self._slow_s = socket, viewer, slow_s
        self._news = asyncio.Event()
        self._parting: tuple[int, str] | None = None
        self._answered, self._answered_s = 0, time.monotonic()
        self._requests = Allowance(_REQUESTS_PER_S, _REQUESTS_PER_S)

    def wake(self) -> None:
        """There may be something new."""
        self._news.set()

    def leave(self) -> None:
        """Let go of the browser: another recording is shown, for which it has to come back."""
        self._parting = self._parting or _ANOTHER
        self.wake()

    def end_session(self) -> None:
        """Let go of the browser: whoever it was is logged in no longer."""
        self._parting = _LOGGED_OUT
        self.wake()

    async def serve(self) -> None:
        """Send and listen until the browser leaves, or takes nothing any more."""
        tasks = {asyncio.ensure_future(self._listen()), asyncio.ensure_future(self._send())}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(outcome, Exception) and not _is_end(outcome):
                    raise outcome

    async def _listen(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] != "websocket.receive":
                return
            text, answered = message.get("text"), self._answered
            is_meant = text is not None and len(text) <= LONGEST_REQUEST and self._obey(text)
            if not is_meant or (self._answered == answered and not self._requests.take(1)):
                await self._leave(_MALFORMED, "this is no message of the page")
                return

    def _obey(self, text: str) -> bool:
        """Do what a message asks; False where it means nothing."""
        try:
            match json.loads(text):
                case {"type": "ack", "n": int(n)} if 0 <= n <= self._viewer.n:
                    if self._is_full():
                        self.wake()
                    if n > self._answered:
                        self._answered, self._answered_s = n, time.monotonic()
                case {"type": "view", "elements": list(elements), "layers": list(layers)}:
                    self._viewer.look_at(elements, layers)
                    self.wake()
                case _:
                    return False
        except (ValueError, RecursionError):
            return False
        return True

    async def _send(self) -> None:
        while True:
            if self._parting is not None:
                await self._leave(*self._parting)
                return
            if self._is_full():
                left_s = self._slow_s - (time.monotonic() - self._answered_s)
                if left_s <= 0:
                    await self._leave(_TOO_SLOW, "nothing was taken for too long")
                    return
                await self._rest(left_s)
                continue
            for message in self._viewer.messages():
                # who has taken all before has had no reason to answer until now
                if self._viewer.n == self._answered + 1:
                    self._answered_s = time.monotonic()
                async with asyncio.timeout(self._slow_s):
                    await self._hand_over(message)
                if self._is_full() or self._parting is not None:
                    break
            else:
                await self._rest(self._viewer.rest_s())

    def _is_full(self) -> bool:
        return self._viewer.n - self._answered >= MOST_WAITING

    async def _rest(self, seconds: float) -> None:
        """Until there may be something to do."""
        # asyncio.wait_for of Python 3.11 may swallow the end of this task
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        self._news.clear()

    async def _hand_over(self, message: str | bytes) -> None:
        if isinstance(message, str):
            await self._socket.send_text(message)
        else:
            await self._socket.send_bytes(message)

    async def _leave(self, code: int, reason: str) -> None:
        with suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
            async with asyncio.timeout(1.0):
                await self._socket.close(code, reason)


def _is_end(outcome: BaseException) -> bool:
    """Whether it is the browser that left, or took nothing."""
    return isinstance(outcome, WebSocketDisconnect | RuntimeError | TimeoutError | OSError)
