"""Controllers by the name that a configuration gives them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from firmware_bridge.controller import Controller


def _connect_native(port: str, baud: int) -> Controller:
    from firmware_bridge.native_client import connect

    return connect(port, baud)


CONNECT: Final[dict[str, Callable[[str, int], Controller]]] = {
    "native": _connect_native,
}
"""Functions that take a port and a baud rate, and return a connected controller or raise a `BridgeError`."""
