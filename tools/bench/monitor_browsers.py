"""Browsers of the page, as far as a server can tell: they look at maps, take what comes, and answer now and then."""

from __future__ import annotations

import asyncio
import json
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

_ANSWERS_AFTER_S = 0.04
"""As `edge/monitor/static/stream.js`: one answer for all that came meanwhile."""


@dataclass(slots=True)
class Browser:
    """What one client saw."""

    seen_s: dict[int, float] = field(default_factory=dict)
    """Moment at which an exposure's values had come, by its place in the recording."""
    received: int = 0
    """Bytes."""
    messages: int = 0
    parts: int = 0
    number: int = 0
    """Of the last message."""


@contextmanager
def looking(port: int, browsers: list[Browser], elements: int) -> Iterator[None]:
    """Browsers in a thread, each at so many maps."""
    loop, ended = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(_look_all(port, browsers, elements, ended)))
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


async def _look_all(port: int, browsers: list[Browser], elements: int, ended: asyncio.Event) -> None:
    tasks = [asyncio.ensure_future(_look(port, browser, elements)) for browser in browsers]
    await ended.wait()
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome


async def _look(port: int, browser: Browser, elements: int) -> None:
    here = f"127.0.0.1:{port}"
    origin = Origin(f"http://{here}")
    address, patience_s = f"ws://{here}/api/stream", 120.0
    async with connect(address, origin=origin, max_size=None, compression=None, open_timeout=patience_s) as socket:
        view = {"type": "view", "elements": list(range(elements)), "layers": ["estimate"]}
        await socket.send(json.dumps(view))
        answering = asyncio.ensure_future(_answer(socket, browser))
        try:
            async for message in socket:
                _take(browser, message)
        finally:
            answering.cancel()


async def _answer(socket: ClientConnection, browser: Browser) -> None:
    answered = 0
    while True:
        await asyncio.sleep(_ANSWERS_AFTER_S)
        if browser.number > answered:
            answered = browser.number
            await socket.send(json.dumps({"type": "ack", "n": answered}))


def _take(browser: Browser, message: str | bytes) -> None:
    browser.received += len(message)
    browser.messages += 1
    if isinstance(message, str):
        browser.number = json.loads(message)["n"]
        return
    kind, _, parts, browser.number = struct.unpack_from("<BBHI", message)
    if kind == 1:
        _see(browser, message)
    else:
        browser.parts += parts


def _see(browser: Browser, message: bytes) -> None:
    first, count = struct.unpack_from("<II", message, 8)
    viewed = message[16]
    at = 17 + viewed
    at += -at % 4 + 12 * count
    values = np.frombuffer(message, "<f4", count * viewed, at).reshape(count, viewed)
    now = time.monotonic()
    for exposure in np.flatnonzero(~np.isnan(values).any(axis=1)):
        browser.seen_s.setdefault(first + int(exposure), now)
