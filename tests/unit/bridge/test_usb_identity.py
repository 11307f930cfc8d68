"""A port by its USB identity: found where it is, and named where it isn't or is twice."""

from __future__ import annotations

import os
import re
import tty
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from firmware_bridge.faults import PortUnavailable
from firmware_bridge.ports import open_port
from firmware_bridge.usb_identity import UsbIdentity, UsbPort, device_of, identity_of

STAGE = UsbPort("/dev/ttyACM0", 0x2E8A, 0x000A, "E6614103E7452D2F")
TWIN_OF_STAGE = UsbPort("/dev/ttyACM2", 0x2E8A, 0x000A, "E66141040396A62C")
ESP = UsbPort("/dev/ttyACM1", 0x303A, 0x1001, "34:85:18:8D:F4:E8")
CHEAP = UsbPort("/dev/ttyUSB0", 0x1A86, 0x7523, None)
BOARD = UsbPort("/dev/ttyS0", None, None, None)
ALL = [BOARD, CHEAP, TWIN_OF_STAGE, ESP, STAGE]


@pytest.mark.parametrize(
    ("port", "identity"),
    [
        ("usb:E6614103E7452D2F", UsbIdentity(None, None, "E6614103E7452D2F")),
        ("usb:2e8a:000A", UsbIdentity(0x2E8A, 0x000A, None)),
        ("usb:303a:1001:34:85:18:8D:F4:E8", UsbIdentity(0x303A, 0x1001, "34:85:18:8D:F4:E8")),
        ("usb:34:85:18:8D:F4:E8", UsbIdentity(None, None, "34:85:18:8D:F4:E8")),
        ("usb:1234", UsbIdentity(None, None, "1234")),
    ],
)
def test_an_identity_is_read(port: str, identity: UsbIdentity) -> None:
    assert identity_of(port) == identity


@pytest.mark.parametrize("port", ["usb:", "usb:1a86:", "usb:1a86:7523:"])
def test_half_an_identity_is_refused(port: str) -> None:
    with pytest.raises(PortUnavailable, match=f"^{port}: not a USB identity: write usb:SERIAL"):
        identity_of(port)


@pytest.mark.parametrize(
    ("port", "device"),
    [
        ("usb:E6614103E7452D2F", STAGE.device),
        ("usb:e6614103e7452d2f", STAGE.device),
        ("usb:1a86:7523", CHEAP.device),
        ("usb:2e8a:000a:E66141040396A62C", TWIN_OF_STAGE.device),
        ("usb:34:85:18:8D:F4:E8", ESP.device),
    ],
)
def test_the_device_is_found_wherever_it_was_plugged_in(port: str, device: str) -> None:
    assert device_of(port, ALL) == device
    assert device_of(port, ALL[::-1]) == device


def test_two_devices_of_a_kind_are_both_named() -> None:
    with pytest.raises(PortUnavailable) as caught:
        device_of("usb:2e8a:000a", ALL)
    assert str(caught.value) == (
        "usb:2e8a:000a: 2 ports fit: /dev/ttyACM0 (2e8a:000a, serial number E6614103E7452D2F), "
        "/dev/ttyACM2 (2e8a:000a, serial number E66141040396A62C): name one by its serial number, or by its path"
    )


def test_a_device_that_is_not_there_is_named_with_those_that_are() -> None:
    sentence = "usb:0483:5740: no such device: plug it in, or correct the identity (there are /dev/ttyUSB0 (1a86:7523))"
    with pytest.raises(PortUnavailable, match=f"^{re.escape(sentence)}$"):
        device_of("usb:0483:5740", [CHEAP, BOARD])
    with pytest.raises(PortUnavailable, match=r"\(no USB serial port is there\)$"):
        device_of("usb:0483:5740", [BOARD])


@pytest.fixture
def terminal() -> Iterator[str]:
    master, slave = os.openpty()
    tty.setraw(slave)
    yield os.ttyname(slave)
    os.close(slave)
    os.close(master)


def test_a_port_is_opened_by_the_identity_that_the_system_lists(monkeypatch: pytest.MonkeyPatch, terminal: str) -> None:
    listed = SimpleNamespace(device=terminal, vid=0x2E8A, pid=0x000A, serial_number="E6614103E7452D2F")
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: [listed])
    open_port("usb:E6614103E7452D2F", 115_200).close()
    with pytest.raises(PortUnavailable, match="usb:1a86:7523: no such device"):
        open_port("usb:1a86:7523", 115_200)


def test_the_identity_is_looked_up_again_when_the_device_comes_back_under_another_name(
    monkeypatch: pytest.MonkeyPatch, terminal: str
) -> None:
    names = iter(["/dev/ttyACM999", terminal])
    monkeypatch.setattr(
        "serial.tools.list_ports.comports",
        lambda: [SimpleNamespace(device=next(names), vid=0x2E8A, pid=0x000A, serial_number="E6614103E7452D2F")],
    )
    with pytest.raises(PortUnavailable, match=r"/dev/ttyACM999: no such port"):
        open_port("usb:E6614103E7452D2F", 115_200)
    open_port("usb:E6614103E7452D2F", 115_200).close()
