"""How a twin is served: its port, its line, and the hosts that come and go; with a device that answers in capitals."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from firmware_bridge.faults import PortUnavailable
from firmware_bridge.twins import serving
from firmware_bridge.twins.fault_script import FaultScript, fault_of
from firmware_bridge.twins.loopback_socket import listening
from firmware_bridge.twins.serving import serve_behind_socket, serve_behind_terminal
from firmware_bridge.twins.wire import TimedWire
from tests.instrument.conftest import await_that
from tests.protocol.grbl_rehearsal import Witness

_PATIENCE_S = 60.0


class Shouter:
    """Says in capitals what it hears, and a word after every boot."""

    def __init__(self) -> None:
        self.unsaid = bytearray(b"boot ")
        self.boots = 1
        self.latest_s = 0.0

    def receive(self, octets: bytes, now_s: float) -> None:
        self.unsaid += octets.upper()

    def advance(self, now_s: float) -> None:
        self.latest_s = now_s

    def outgoing(self, now_s: float, room: int) -> bytes:
        said = bytes(self.unsaid[:room])
        del self.unsaid[:room]
        return said

    def deadline_s(self, now_s: float) -> float:
        return now_s if self.unsaid else float("inf")

    def device_s(self, now_s: float) -> float:
        return now_s

    def reboot(self, now_s: float) -> None:
        self.boots += 1
        self.unsaid[:] = b"boot "


class Stop:
    """Stands in for the signal, which only a process's first thread can get."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.reading, self.writing = os.pipe()
        self.log = Witness()
        patch.setattr(serving, "stop_signal", self._given)

    @contextmanager
    def _given(self) -> Iterator[int]:
        yield self.reading

    @contextmanager
    def running(self, serve: Callable[..., None], device: Shouter, faults: list[dict[str, Any]], **more: Any) -> Any:
        """Serve in a thread; gives what `ready` was told."""
        told: list[str] = []
        is_ready = threading.Event()
        wire: TimedWire | None = FaultScript([fault_of(fault) for fault in faults]) if faults else None

        def ready(address: str) -> None:
            told.append(address)
            is_ready.set()

        with self.log as log:
            options = {"ready": ready, "wire": wire, "log": log, **more}
            thread = threading.Thread(target=serve, args=(device,), kwargs=options)
            thread.start()
            try:
                assert is_ready.wait(_PATIENCE_S)
                yield told[0]
            finally:
                os.write(self.writing, b"s")
                thread.join(_PATIENCE_S)
                assert not thread.is_alive(), "it did not stop"


@pytest.fixture
def stop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stop]:
    stop = Stop(monkeypatch)
    yield stop
    os.close(stop.reading)
    os.close(stop.writing)


@contextmanager
def opened(path: str) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def hear(descriptor: int, wanted: bytes) -> bytes:
    """Read until it ends as wanted, or until time is up."""
    heard, ends_s = b"", time.monotonic() + _PATIENCE_S
    while not heard.endswith(wanted) and time.monotonic() < ends_s:
        if select.select([descriptor], [], [], 0.1)[0]:
            heard += os.read(descriptor, 4096)
    return heard


def test_hosts_come_and_go_unnoticed_where_the_device_does_not_reset(stop: Stop) -> None:
    device = Shouter()
    with stop.running(serve_behind_terminal, device, [], link=None) as path:
        for word in (b"one", b"two"):
            with opened(path) as port:
                os.write(port, word)
                assert hear(port, word.upper()).endswith(word.upper())
    assert device.boots == 1


def test_every_host_resets_a_device_that_resets_on_open(stop: Stop) -> None:
    device = Shouter()
    with stop.running(serve_behind_terminal, device, [], link=None, resets_on_open=True) as path:
        for count in (2, 3):
            with opened(path) as port:
                assert hear(port, b"boot ") == b"boot "
                assert device.boots == count
            await_that(lambda: stop.log.of("host_came", "host_left")[-1]["event"] == "host_left", "the host's leaving")


def test_a_reset_on_the_line_boots_the_device_and_loses_what_it_had_to_say(stop: Stop) -> None:
    device = Shouter()
    reset = {"kind": "reset", "towards": "controller", "at_byte": 3}
    with stop.running(serve_behind_terminal, device, [reset], link=None) as path, opened(path) as port:
        assert hear(port, b"boot ") == b"boot "
        os.write(port, b"abcdef")
        assert hear(port, b"boot ").endswith(b"boot ")
    assert device.boots == 2


def target(link: Path) -> Path | None:
    """Where a link points that may go at any moment; None where it is gone."""
    try:
        return link.readlink()
    except FileNotFoundError:
        return None


def test_a_hang_up_moves_the_link_to_another_terminal_and_the_device_stays_awake(stop: Stop, tmp_path: Path) -> None:
    device, link = Shouter(), tmp_path / "port"
    hang_up = {"kind": "hang_up", "towards": "controller", "at_byte": 2, "for_s": 0.2}
    with stop.running(serve_behind_terminal, device, [hang_up], link=link) as path:
        before = link.readlink()
        with opened(path) as port:
            os.write(port, b"ab!")
            ends_s = time.monotonic() + _PATIENCE_S
            while target(link) == before and time.monotonic() < ends_s:
                time.sleep(0.01)
            gone_s = device.latest_s
        while (after := target(link)) is None:
            assert time.monotonic() < ends_s, "it did not come back"
            time.sleep(0.01)
        assert after != before
        with opened(path) as port:
            os.write(port, b"again")
            assert hear(port, b"AGAIN").endswith(b"AGAIN")
        assert device.boots == 1
        assert device.latest_s > gone_s


def test_the_line_holds_bytes_back_for_as_long_as_it_stalls(stop: Stop) -> None:
    stall = {"kind": "stall", "at_byte": 5, "for_s": 0.3}
    with stop.running(serve_behind_terminal, Shouter(), [stall], link=None) as path, opened(path) as port:
        assert hear(port, b"boot ") == b"boot "
        sent_s = time.monotonic()
        os.write(port, b"late")
        assert hear(port, b"LATE") == b"LATE"
        assert time.monotonic() - sent_s >= 0.3


class Ticker:
    """Counts its turns, and wants one whenever a pipe can be read."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        self.log = Witness()
        self.heard = b""

    def fileno(self) -> int:
        return self.reading

    def turn(self, now_s: float) -> None:
        if select.select([self.reading], [], [], 0)[0]:
            self.heard += os.read(self.reading, 100)

    def deadline_s(self, now_s: float) -> float:
        return float("inf")


def test_a_companion_gets_a_turn_when_its_descriptor_can_be_read(stop: Stop) -> None:
    ticker = Ticker()
    with stop.running(serve_behind_terminal, Shouter(), [], link=None, companions=[ticker]):
        os.write(ticker.writing, b"x")
        ends_s = time.monotonic() + _PATIENCE_S
        while not ticker.heard and time.monotonic() < ends_s:
            time.sleep(0.005)
    assert ticker.heard == b"x"
    os.close(ticker.reading)
    os.close(ticker.writing)


def connected(address: str) -> socket.socket:
    host, _, port = address.partition(":")
    return socket.create_connection((host, int(port)), timeout=_PATIENCE_S)


def test_a_socket_serves_one_host_after_the_other_and_greets_each(stop: Stop) -> None:
    device, greeted = Shouter(), []
    options = {"port": 0, "greet": lambda: greeted.append(1)}
    with stop.running(serve_behind_socket, device, [], **options) as address:
        for word in (b"one", b"two"):
            with connected(address) as host:
                host.sendall(word)
                assert hear(host.fileno(), word.upper()).endswith(word.upper())
    assert len(greeted) == 2


def test_a_hang_up_closes_the_connection_and_the_port_keeps_its_number(stop: Stop) -> None:
    hang_up = {"kind": "hang_up", "towards": "controller", "at_byte": 2, "for_s": 0.1}
    with stop.running(serve_behind_socket, Shouter(), [hang_up], port=0) as address:
        with connected(address) as host:
            host.sendall(b"ab!")
            # closing with bytes unread resets the connection
            with contextlib.suppress(ConnectionResetError):
                while host.recv(100):
                    pass
        ends_s = time.monotonic() + _PATIENCE_S
        while True:
            try:
                again = connected(address)
                break
            except ConnectionRefusedError:
                assert time.monotonic() < ends_s, "it did not come back"
        with again:
            again.sendall(b"again")
            assert hear(again.fileno(), b"AGAIN").endswith(b"AGAIN")


def test_a_port_that_is_taken_is_named() -> None:
    with (
        listening(0) as taken,
        pytest.raises(PortUnavailable, match=r"TCP port \d+ cannot be served .* choose another"),
        listening(taken.getsockname()[1]),
    ):
        pass
