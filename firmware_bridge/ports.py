"""Ways to bytes: serial devices, pseudo-terminals and addresses. The one module that knows `serial`.

Nothing here knows what the bytes mean.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import threading
import time
from pathlib import Path
from typing import Any, Protocol

import serial

from firmware_bridge.faults import LinkLost, PortUnavailable
from firmware_bridge.usb_identity import PREFIX, UsbPort, device_of

_CHUNK = 65_536
_MOST_UNWRITTEN = 65_536
_URL_TICK_S = 0.005
"""How often a port without a file descriptor looks whether it was woken."""


class BytePort(Protocol):
    """Both directions of a byte stream.

    One thread reads and writes; `wake` may be called from any.
    """

    def read_available(self, timeout_s: float) -> bytes:
        """Bytes that have come, waiting for the first at most this long; empty when none came or `wake` was called.

        Raises
        ------
        LinkLost
            The port has gone.
        """
        ...

    def write(self, octets: bytes) -> None:
        """Send, or queue what the line doesn't take at once. Raises `LinkLost` when it takes nothing for long."""
        ...

    def wake(self) -> None:
        """Let a waiting `read_available` return."""
        ...

    def close(self) -> None:
        """Release the port. Safe to call twice."""
        ...


class DescriptorPort:
    """A stream on a file descriptor: a serial device, a pseudo-terminal, a socket.

    Parameters
    ----------
    descriptor
        Read and written, set non-blocking.
    name
        What the operator calls it.
    owner
        Object whose ``close()`` releases the descriptor; None: the descriptor is closed itself.
    """

    def __init__(self, descriptor: int, name: str, owner: Any = None) -> None:
        self._descriptor = descriptor
        self._name = name
        self._owner = owner
        self._unwritten = bytearray()
        self._is_open = True
        self._closing = threading.Lock()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        os.set_blocking(descriptor, False)

    def read_available(self, timeout_s: float) -> bytes:
        writing = [self._descriptor] if self._unwritten else []
        try:
            readable, writable, _ = select.select([self._descriptor, self._wake_read], writing, [], max(0.0, timeout_s))
            if writable:
                self._flush()
            if self._wake_read in readable:
                os.read(self._wake_read, _CHUNK)
            if self._descriptor not in readable:
                return b""
            octets = os.read(self._descriptor, _CHUNK)
        except BlockingIOError:
            return b""
        except (OSError, ValueError) as error:
            raise self._lost() from error
        if not octets:
            raise self._lost()
        return octets

    def write(self, octets: bytes) -> None:
        self._unwritten += octets
        try:
            self._flush()
        except BlockingIOError:
            pass
        except (OSError, ValueError) as error:
            raise self._lost() from error
        if len(self._unwritten) > _MOST_UNWRITTEN:
            raise LinkLost(f"{self._name} takes no more bytes: check the controller's power and cable")

    def wake(self) -> None:
        with self._closing, contextlib.suppress(BlockingIOError):
            if self._is_open:
                os.write(self._wake_write, b"w")

    def close(self) -> None:
        with self._closing:
            if not self._is_open:
                return
            self._is_open = False
            with contextlib.suppress(OSError, serial.SerialException):
                if self._owner is None:
                    os.close(self._descriptor)
                else:
                    self._owner.close()
            os.close(self._wake_read)
            os.close(self._wake_write)

    def _flush(self) -> None:
        while self._unwritten:
            written = os.write(self._descriptor, self._unwritten)
            del self._unwritten[:written]

    def _lost(self) -> LinkLost:
        return LinkLost(f"{self._name} has gone: check the cable and the controller's power, then connect again")


class AddressPort:
    """A stream without a file descriptor, for instance RFC 2217.

    Parameters
    ----------
    stream
        Opened with a time-out of `_URL_TICK_S`, which is left alone: pyserial sets the far port up anew, over the
        network, whenever it is changed.
    """

    def __init__(self, stream: Any, name: str) -> None:
        self._stream = stream
        self._name = name
        self._is_woken = False

    def read_available(self, timeout_s: float) -> bytes:
        until_s = time.monotonic() + timeout_s
        try:
            while not self._stream.in_waiting:
                if self._is_woken or time.monotonic() >= until_s:
                    self._is_woken = False
                    return b""
                if first := bytes(self._stream.read(1)):
                    return first + bytes(self._stream.read(self._stream.in_waiting))
            return bytes(self._stream.read(self._stream.in_waiting))
        except (OSError, serial.SerialException) as error:
            raise LinkLost(f"{self._name} has gone: check the network and the far end, then connect again") from error

    def write(self, octets: bytes) -> None:
        try:
            self._stream.write(octets)
        except (OSError, serial.SerialException) as error:
            raise LinkLost(f"{self._name} takes no more bytes: check the network and the far end") from error

    def wake(self) -> None:
        self._is_woken = True

    def close(self) -> None:
        with contextlib.suppress(OSError, serial.SerialException):
            self._stream.close()


def open_port(port: str, baud: int) -> BytePort:
    """Open a serial device, a pseudo-terminal or an address, for this program alone.

    Parameters
    ----------
    port
        A path; an address such as ``socket://host:port`` or ``rfc2217://host:port``; or a USB identity, looked up at
        every call: ``usb:SERIAL``, ``usb:VID:PID`` or ``usb:VID:PID:SERIAL``.
    baud
        Bits per second; of no consequence on a pseudo-terminal or an address.

    Raises
    ------
    PortUnavailable
        It is missing, busy or refused; the text says what to do.
    """
    name = port
    if port.startswith(PREFIX):
        port = device_of(port, listed_ports())
        name = f"{name} ({port})"
    stream = _open_stream(port, baud)
    if "://" not in port:
        _keep_running_after_close(stream)
    with contextlib.suppress(OSError, serial.SerialException):
        stream.dtr = True
    try:
        descriptor = stream.fileno()
    except (OSError, AttributeError):
        return AddressPort(stream, name)
    return DescriptorPort(descriptor, name, stream)


def listed_ports() -> list[UsbPort]:
    """Serial ports that the operating system knows now, those that aren't USB's included."""
    from serial.tools import list_ports

    return [UsbPort(each.device, each.vid, each.pid, each.serial_number) for each in list_ports.comports()]


def _open_stream(port: str, baud: int) -> Any:
    is_address = "://" in port
    if not is_address and not Path(port).exists():
        raise PortUnavailable(f"{port}: no such port: plug the controller in, or correct the port's name")
    try:
        if is_address:
            return serial.serial_for_url(port, baudrate=baud, timeout=_URL_TICK_S)
        return serial.Serial(port, baudrate=baud, timeout=0, exclusive=True)
    except (OSError, ValueError) as error:
        raise PortUnavailable(f"{port}: {_remedy(error)}") from error


def _remedy(error: OSError | ValueError) -> str:
    number = getattr(error, "errno", None)
    text = str(error).lower()
    if number == errno.EACCES:
        return "permission denied: add this user to the port's group (dialout on Debian), then log in again"
    if number in (errno.EBUSY, errno.EAGAIN) or "exclusively lock" in text:
        return "in use by another program: close that one"
    if number == errno.ENOTTY or "could not configure" in text:
        return "not a serial port: give the path of the controller's port"
    if number == errno.ECONNREFUSED or "connection refused" in text:
        return "connection refused: start the far end, or correct the address"
    if isinstance(error, ValueError) and "baud" in text:
        return "the port doesn't know this baud rate: choose another"
    return f"cannot be opened ({error}): check the name, the cable and the permissions"


def _keep_running_after_close(stream: Any) -> None:
    """Keep DTR as it is when the port is closed: a falling edge resets Arduino-class boards."""
    import termios

    with contextlib.suppress(OSError, termios.error):
        attributes = termios.tcgetattr(stream.fileno())
        attributes[2] &= ~termios.HUPCL
        termios.tcsetattr(stream.fileno(), termios.TCSANOW, attributes)
