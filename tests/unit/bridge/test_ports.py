from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
import tty

import pytest
import serial
import serial.rfc2217

from firmware_bridge.faults import LinkLost, PortUnavailable
from firmware_bridge.ports import AddressPort, BytePort, DescriptorPort, open_port


def pair() -> tuple[DescriptorPort, socket.socket]:
    near, far = socket.socketpair()
    return DescriptorPort(near.detach(), "the port"), far


def test_bytes_go_both_ways() -> None:
    port, far = pair()
    far.sendall(b"there")
    assert port.read_available(60.0) == b"there"
    port.write(b"back")
    assert far.recv(10) == b"back"
    port.close()
    far.close()


def test_reading_gives_up_after_its_time() -> None:
    port, far = pair()
    began_s = time.monotonic()
    assert port.read_available(0.05) == b""
    assert time.monotonic() - began_s >= 0.05
    port.close()
    far.close()


def test_a_waiting_reader_can_be_woken() -> None:
    port, far = pair()
    threading.Timer(0.05, port.wake).start()
    began_s = time.monotonic()
    assert port.read_available(30.0) == b""
    assert time.monotonic() - began_s < 10.0
    port.close()
    far.close()


def test_what_the_line_does_not_take_at_once_is_sent_while_reading() -> None:
    port, far = pair()
    far.setblocking(False)
    sent = bytes(range(256)) * 200
    for _ in range(10):
        port.write(sent[: len(sent) // 10])
    received = bytearray()
    while len(received) < len(sent) // 10 * 10:
        port.read_available(0.0)
        try:
            received += far.recv(65_536)
        except BlockingIOError:
            continue
    assert bytes(received) == sent[: len(sent) // 10] * 10
    port.close()
    far.close()


def test_a_line_that_takes_nothing_more_is_lost() -> None:
    port, far = pair()
    with pytest.raises(LinkLost, match="takes no more bytes"):
        port.write(b"x" * 10_000_000)
    port.close()
    far.close()


def test_a_far_end_that_closes_is_lost() -> None:
    port, far = pair()
    far.close()
    with pytest.raises(LinkLost, match="the port has gone"):
        port.read_available(60.0)
    port.close()


def test_closing_twice_and_waking_afterwards_do_no_harm() -> None:
    port, far = pair()
    port.close()
    port.close()
    port.wake()
    with pytest.raises(LinkLost):
        port.read_available(0.0)
    far.close()


def test_a_pseudo_terminal_opens_though_it_has_no_dtr() -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    port = open_port(os.ttyname(slave), 2_000_000)
    os.write(master, b"hello")
    assert port.read_available(60.0) == b"hello"
    port.close()
    os.close(slave)
    os.close(master)


def test_a_port_is_opened_for_one_program_alone() -> None:
    master, slave = os.openpty()
    port = open_port(os.ttyname(slave), 115_200)
    with pytest.raises(PortUnavailable, match="in use by another program: close that one"):
        open_port(os.ttyname(slave), 115_200)
    port.close()
    open_port(os.ttyname(slave), 115_200).close()
    os.close(slave)
    os.close(master)


def test_an_impossible_baud_rate_is_named() -> None:
    master, slave = os.openpty()
    with pytest.raises(PortUnavailable, match="baud rate: choose another"):
        open_port(os.ttyname(slave), -5)
    os.close(slave)
    os.close(master)


def test_a_socket_address_opens_as_a_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = open_port(f"socket://127.0.0.1:{server.getsockname()[1]}", 115_200)
        far, _ = server.accept()
        port.write(b"there")
        assert far.recv(10) == b"there"
        far.sendall(b"back")
        assert port.read_available(60.0) == b"back"
        far.close()
        with pytest.raises(LinkLost):
            port.read_available(60.0)
        port.close()


class Loop:
    """A stream without a descriptor that returns what is written."""

    def __init__(self) -> None:
        self.held = b""

    @property
    def timeout(self) -> float:
        """Read-only: changing it would set the far port up anew, over the network."""
        return 0.005

    @property
    def in_waiting(self) -> int:
        return len(self.held)

    def read(self, size: int) -> bytes:
        taken, self.held = self.held[:size], self.held[size:]
        if not taken:
            time.sleep(self.timeout)
        return taken

    def write(self, octets: bytes) -> None:
        self.held += octets

    def close(self) -> None:
        self.held = b""


def test_a_stream_without_a_descriptor_is_read_and_woken_alike() -> None:
    port = AddressPort(Loop(), "the address")
    port.write(b"round")
    assert port.read_available(60.0) == b"round"
    assert port.read_available(0.01) == b""
    threading.Timer(0.03, port.wake).start()
    began_s = time.monotonic()
    assert port.read_available(30.0) == b""
    assert time.monotonic() - began_s < 10.0
    port.close()


class PortServer(threading.Thread):
    """A serial port served by RFC 2217 to one host; what is sent to the port comes back out of it."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"rfc2217://127.0.0.1:{self._listening.getsockname()[1]}"
        self.baud = 0
        self._far: socket.socket | None = None
        self.start()

    def run(self) -> None:
        self._far, _ = self._listening.accept()
        echo = serial.serial_for_url("loop://", timeout=0)
        manager = serial.rfc2217.PortManager(echo, self)
        with self._listening, self._far:
            while octets := self._far.recv(1024):
                echo.write(b"".join(manager.filter(octets)))
                self.write(b"".join(manager.escape(echo.read(1024))))
                self.baud = echo.baudrate

    def write(self, octets: bytes) -> None:
        """What the port's manager has to say to the host, and what comes out of the port."""
        assert self._far is not None
        with contextlib.suppress(BrokenPipeError):
            self._far.sendall(octets)

    def hang_up(self) -> None:
        """Say nothing more."""
        assert self._far is not None
        self._far.shutdown(socket.SHUT_WR)


def read_whole(port: BytePort, wanted: bytes) -> bytes:
    """What comes until as much has come as is wanted, or nothing more does."""
    heard = b""
    while len(heard) < len(wanted) and (octets := port.read_available(60.0)):
        heard += octets
    return heard


@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")
def test_an_rfc2217_address_opens_as_a_port_at_its_baud_rate_and_is_lost_when_the_far_end_hangs_up() -> None:
    server = PortServer()
    port = open_port(server.address, 57_600)
    every_byte = bytes(range(256))
    port.write(every_byte)
    assert read_whole(port, every_byte) == every_byte
    assert server.baud == 57_600
    server.hang_up()
    with pytest.raises(LinkLost, match="check the network and the far end"):
        read_whole(port, b"more")
    port.close()
    server.join(60.0)
