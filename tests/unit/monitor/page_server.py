"""A page's server in a thread of the test, on a port of its own, and browsers that are no browsers."""

from __future__ import annotations

import http.client
import json
import struct
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from edge.monitor.access import Access
from edge.monitor.application import application
from edge.monitor.audit import Audit
from edge.monitor.page import Page
from edge.monitor.serving import server_of
from edge.monitor.settings import listening
from edge.monitor.shown import Shown
from edge.monitor.tokens import Tokens

NOBODYS = Tokens()
TOKENS = Tokens("operators-may-do-all", "visitors-may-look-on")


@dataclass(frozen=True)
class Answer:
    """What a request got."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Served:
    """A page that is served."""

    port: int
    page: Page
    warnings: list[str] = field(default_factory=list)

    @property
    def here(self) -> str:
        """Host and port, as browsers write them."""
        return f"127.0.0.1:{self.port}"

    def get(self, path: str, **headers: str) -> Answer:
        """Ask for something."""
        return self.ask("GET", path, None, headers)

    def post(self, path: str, content: Any, **headers: str) -> Answer:
        """Send something as the page does, unless headers say otherwise."""
        usual = {"Origin": f"http://{self.here}", "Content-Type": "application/json"}
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return self.ask("POST", path, body, usual | headers)

    def ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """Send a request; a header that is empty is left out."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            given = {name.replace("_", "-"): value for name, value in headers.items() if value}
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def login(self, token: str, name: str = "") -> str:
        """The cookie that a token gives."""
        answer = self.post("/api/login", {"token": token, "name": name})
        assert answer.status == 200, answer.body
        return answer.headers["set-cookie"].split(";")[0]

    def stream(self, *, origin: str | None = None, cookie: str = "") -> ClientConnection:
        """A browser's stream."""
        headers = {"Cookie": cookie} if cookie else {}
        return connect(
            f"ws://{self.here}/api/stream",
            origin=Origin(f"http://{self.here}" if origin is None else origin),
            additional_headers=headers,
            compression=None,
            max_size=None,
            open_timeout=30,
            legacy=True,
        )


@contextmanager
def served(
    folder: Path,
    tokens: Tokens = NOBODYS,
    names: tuple[str, ...] = (),
    *,
    port: int = 0,
    certificate: Path | None = None,
    key: Path | None = None,
) -> Iterator[Served]:
    """The page of a recording, everything that it holds taken in."""
    shown, warnings = Shown(folder), list[str]()
    # figures are looked at first, and what they tell is what exposures are placed by
    shown.refresh()
    shown.refresh()
    page = Page(shown, Access(tokens), Audit(folder, warnings.append), is_secure=certificate is not None)
    listener = listening("127.0.0.1", port)
    # the server takes the socket over
    port = int(listener.getsockname()[1])
    server = server_of(application(page, names=names), certificate=str(certificate or ""), key=str(key or ""))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield Served(port, page, warnings)
    finally:
        server.should_exit = True
        thread.join()
        shown.close()


def drained(socket: ClientConnection) -> None:
    """Take what comes, for ever."""
    while True:
        socket.recv(timeout=30)


def repeated(socket: ClientConnection, message: str) -> None:
    """Say the same, for ever."""
    while True:
        socket.send(message)


def until(socket: ClientConnection, kind: str | int) -> Any:
    """The next message of a kind, those before it answered; a text as what it says."""
    while True:
        message = socket.recv(timeout=30)
        content = json.loads(message) if isinstance(message, str) else message
        number = content["n"] if isinstance(message, str) else int.from_bytes(message[4:8], "little")
        socket.send(json.dumps({"type": "ack", "n": number}))
        if (content["type"] if isinstance(message, str) else message[0]) == kind:
            return content


def unpacked_part(part: bytes) -> tuple[int, int, np.ndarray]:
    """Element, layer and cells of one part of a map, as the protocol's page says; NaN is unknown."""
    element, layer, _, length, _, _, rows, columns, low, high = struct.unpack_from("<BBHIHHHHff", part)
    planes = zlib.decompress(part[24 : 24 + length])
    low_bytes, high_bytes = np.frombuffer(planes, np.uint8).reshape(2, -1).astype(np.int64)
    numbered = low_bytes + 256 * high_bytes
    codes = np.cumsum(np.where(numbered % 2, -(numbered + 1) // 2, numbered // 2)).reshape(rows, columns)
    return element, layer, np.where(codes == 0, np.nan, low + (codes - 1) / 4_094 * (np.float64(high) - low))
