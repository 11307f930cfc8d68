from __future__ import annotations

import threading
import time

import pytest

from firmware_bridge.datagrams import ServedDatagrams, open_datagrams
from firmware_bridge.faults import LinkLost, PortUnavailable


def test_datagrams_go_both_ways() -> None:
    served = ServedDatagrams(0)
    port = open_datagrams(served.address)
    port.write(b"there")
    deadline_s = time.monotonic() + 5
    while not (octets := served.receive()):
        assert time.monotonic() < deadline_s
    assert octets == b"there"
    served.send(b"back")
    assert port.read_available(5.0) == b"back"
    port.close()
    served.close()


def test_nothing_is_sent_before_anybody_spoke() -> None:
    served = ServedDatagrams(0)
    served.send(b"nobody")
    assert served.receive() == b""
    served.close()


def test_reading_gives_up_after_its_time() -> None:
    served = ServedDatagrams(0)
    port = open_datagrams(served.address)
    began_s = time.monotonic()
    assert port.read_available(0.05) == b""
    assert time.monotonic() - began_s >= 0.05
    port.close()
    served.close()


def test_a_far_end_where_nobody_listens_is_silence() -> None:
    served = ServedDatagrams(0)
    port = open_datagrams(served.address)
    served.close()
    for _ in range(3):
        port.write(b"anybody?")
        assert port.read_available(0.01) == b""
    port.close()


def test_a_waiting_reader_can_be_woken() -> None:
    served = ServedDatagrams(0)
    port = open_datagrams(served.address)
    timer = threading.Timer(0.02, port.wake)
    timer.start()
    began_s = time.monotonic()
    assert port.read_available(30.0) == b""
    assert time.monotonic() - began_s < 10.0
    timer.join()
    port.close()
    served.close()


def test_closing_twice_and_waking_afterwards_are_harmless() -> None:
    served = ServedDatagrams(0)
    port = open_datagrams(served.address)
    port.close()
    port.close()
    port.wake()
    with pytest.raises(LinkLost):
        port.read_available(0.0)
    served.close()


def test_a_port_that_is_taken_is_named() -> None:
    served = ServedDatagrams(0)
    taken = int(served.address.rpartition(":")[2])
    with pytest.raises(PortUnavailable, match=f"UDP port {taken} cannot be served"):
        ServedDatagrams(taken)
    served.close()


def test_a_host_without_an_address_is_named() -> None:
    with pytest.raises(PortUnavailable, match="the host is unknown"):
        open_datagrams("udp://no-such-host.invalid:10001")
