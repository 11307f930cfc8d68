"""Requests that do not end: they keep nobody else out."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.unit.monitor.page_server import TOKENS, served
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
