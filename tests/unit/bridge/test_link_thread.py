"""The thread that carries a session: what it hears is told, what goes wrong ends the session with a reason."""

from __future__ import annotations

import math
import socket

import pytest

from firmware_bridge.faults import BridgeError, LinkLost
from firmware_bridge.link_thread import LinkThread
from firmware_bridge.ports import DescriptorPort

PATIENCE_S = 60.0


class Echo:
    """A session that keeps what it hears, and says what it is told to."""

    def __init__(self) -> None:
        self.failure: BridgeError | None = None
        self.heard = b""
        self.says = b""
        self.breaks = False

    def outgoing(self, now_s: float) -> bytes:
        if self.breaks:
            raise ZeroDivisionError("a mistake of ours")
        said, self.says = self.says, b""
        return said

    def receive(self, octets: bytes, now_s: float) -> None:
        self.heard += octets

    def deadline_s(self) -> float:
        return math.inf

    def fail(self, failure: BridgeError) -> None:
        self.failure = self.failure or failure


@pytest.fixture
def line():
    near, far = socket.socketpair()
    far.settimeout(PATIENCE_S)
    link = LinkThread(Echo(), DescriptorPort(near.detach(), "the port"), "a link")
    yield link, far
    link.close()
    far.close()


def test_bytes_go_both_ways(line) -> None:
    link, far = line
    with link.changed:
        link.session.says = b"there"
        link.kick()
    assert far.recv(10) == b"there"
    far.sendall(b"back")
    with link.changed:
        assert link.wait_for(lambda: link.session.heard == b"back", PATIENCE_S)


def test_waiting_gives_up_after_its_time(line) -> None:
    link, _ = line
    with link.changed:
        assert not link.wait_for(lambda: False, 0.02)


def test_a_line_that_ends_fails_the_session_and_whoever_waits_comes_back(line) -> None:
    link, far = line
    far.close()
    with link.changed:
        assert not link.wait_for(lambda: False, PATIENCE_S)
        assert isinstance(link.session.failure, LinkLost)


def test_a_mistake_of_the_session_is_told_as_a_lost_link(line) -> None:
    link, _ = line
    with link.changed:
        link.session.breaks = True
        link.kick()
        link.wait_for(lambda: False, PATIENCE_S)
    assert "a mistake of ours" in str(link.session.failure)


def test_closing_twice_is_harmless_and_releases_the_port(line) -> None:
    link, far = line
    link.close()
    link.close()
    assert far.recv(1) == b""
