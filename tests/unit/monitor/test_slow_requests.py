"""Requests that do not end: they keep nobody else out."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.unit.monitor.page_server import TOKENS, drained, served
from tests.unit.recordings.made import make_recording

BODY = "POST /api/login HTTP/1.1\r\nHost: {here}\r\nOrigin: http://{here}\r\nContent-Length: 60000\r\n\r\n "
WHOLE = "GET /icon.svg HTTP/1.1\r\nHost: {here}\r\n\r\n"


@pytest.mark.parametrize("sent", ["", "GET / HT", BODY, WHOLE + "GET / HT", WHOLE + BODY])
def test_what_does_not_arrive_is_given_up_without_a_token_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: str
) -> None:
    monkeypatch.setattr("edge.monitor.serving._LOOK_EVERY_S", 0.1)
    folder = make_recording(tmp_path / "scan").folder
    with served(folder, TOKENS) as page, socket.create_connection(("127.0.0.1", page.port), timeout=15) as raw:
        raw.sendall(sent.format(here=page.here).encode())
        try:
            while raw.recv(65_536):
                pass
        except ConnectionResetError:
            pass


@pytest.mark.parametrize("begun", ["GET / HTTP/1.1\r\nX-Slow: ", BODY])
def test_what_arrives_byte_by_byte_is_given_up_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: str) -> None:
    monkeypatch.setattr("edge.monitor.serving._LOOK_EVERY_S", 0.1)
    folder = make_recording(tmp_path / "scan").folder
    with served(folder, TOKENS) as page, socket.create_connection(("127.0.0.1", page.port), timeout=15) as raw:
        raw.sendall(begun.format(here=page.here).encode())
        # no part is waited for longer than this
        raw.settimeout(0.02)
        deadline_s = time.monotonic() + 60
        with suppress(ConnectionError):
            while time.monotonic() < deadline_s:
                raw.sendall(b"a")
                with suppress(TimeoutError):
                    if raw.recv(65_536) == b"":
                        break
        assert time.monotonic() < deadline_s


def pinged(stream: ClientConnection) -> None:
    for number in range(10_000):
        stream.ping(str(number))
    drained(stream)


def in_parts(stream: ClientConnection) -> None:
    stream.send("" for _ in range(10_000))
    drained(stream)


@pytest.mark.parametrize("flood", [pinged, in_parts])
def test_a_stream_that_makes_the_page_keep_things_for_it_is_cut_off(
    tmp_path: Path, flood: Callable[[ClientConnection], None]
) -> None:
    with served(make_recording(tmp_path / "scan").folder) as page, page.stream() as stream:
        with pytest.raises(ConnectionClosed) as cut:
            flood(stream)
        assert cut.value.rcvd is None, "it was answered, and not cut off"
        assert page.get("/api/scan").status == 200
