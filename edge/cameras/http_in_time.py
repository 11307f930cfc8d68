"""HTTP whose every wait, for the header too, ends when the time for the whole answer is over."""

from __future__ import annotations

import http.client
import io
import socket
import urllib.request
from collections.abc import Callable
from typing import Any

TimeLeft = Callable[[], float]
"""Seconds until whoever waits gives up."""


class HttpInTime(urllib.request.HTTPHandler):
    """Opens ``http:`` addresses; raises TimeoutError when the time is over."""

    def __init__(self, time_left_s: TimeLeft) -> None:
        super().__init__()
        self._time_left_s = time_left_s

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_in_time(http.client.HTTPConnection, self._time_left_s), request)


class HttpsInTime(urllib.request.HTTPSHandler):
    """Opens ``https:`` addresses; raises TimeoutError when the time is over."""

    def __init__(self, time_left_s: TimeLeft) -> None:
        super().__init__()
        self._time_left_s = time_left_s

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_in_time(http.client.HTTPSConnection, self._time_left_s), request)


def _in_time(kind: type[http.client.HTTPConnection], time_left_s: TimeLeft) -> Any:
    """Makes connections whose answers are read in time."""

    def connect(host: str, **options: Any) -> http.client.HTTPConnection:
        connection = kind(host, **{**options, "timeout": _left(time_left_s)})
        connection.response_class = _answer_in_time(time_left_s)
        return connection

    return connect


def _answer_in_time(time_left_s: TimeLeft) -> type[http.client.HTTPResponse]:
    class AnswerInTime(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
            super().__init__(sock, *args, **options)
            self.fp = io.BufferedReader(_Received(self.fp.detach(), sock, time_left_s))

    return AnswerInTime


class _Received(io.RawIOBase):
    """What a socket receives, each time waited for no longer than is left."""

    def __init__(self, received: io.RawIOBase, sock: socket.socket, time_left_s: TimeLeft) -> None:
        super().__init__()
        self._received = received
        self._socket = sock
        self._time_left_s = time_left_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(_left(self._time_left_s))
        return self._received.readinto(buffer)

    def close(self) -> None:
        self._received.close()
        super().close()


def _left(time_left_s: TimeLeft) -> float:
    left_s = time_left_s()
    if left_s <= 0:
        raise TimeoutError
    return left_s
