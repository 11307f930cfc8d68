"""A port that counts what passes."""

from __future__ import annotations

from firmware_bridge.ports import BytePort


class CountingPort:
    """A `BytePort` around another one."""

    def __init__(self, port: BytePort) -> None:
        self.heard = 0
        """Bytes from the device."""
        self.said = 0
        self._port = port

    def read_available(self, timeout_s: float) -> bytes:
        octets = self._port.read_available(timeout_s)
        self.heard += len(octets)
        return octets

    def write(self, octets: bytes) -> None:
        self.said += len(octets)
        self._port.write(octets)

    def wake(self) -> None:
        self._port.wake()

    def close(self) -> None:
        self._port.close()
