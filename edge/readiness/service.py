"""What the service manager of the system is told: that the page stands, what it does, and that it is alive.

The protocol is sd_notify(3): lines of text in a datagram to the socket that the manager names.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress


class Service:
    """The manager that started this process; without one nothing is told.

    Parameters
    ----------
    environment
        Where the manager has left its socket's name and the time within which it wants to hear.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._patience_s = _patience_s(environment)

    @property
    def tell_every_s(self) -> float | None:
        """How often `alive` has to be called, half of the manager's patience; None: nobody waits for it."""
        return None if self._patience_s is None else self._patience_s / 2

    def ready(self, words: str) -> None:
        """It stands, and does this."""
        self._tell(f"READY=1\nSTATUS={_line(words)}")

    def doing(self, words: str) -> None:
        """It does this, for whoever asks the manager."""
        self._tell(f"STATUS={_line(words)}")

    def alive(self) -> None:
        """It is alive: told by what would not run if it were not."""
        self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """It has begun to end."""
        self._tell("STOPPING=1")

    def _tell(self, text: str) -> None:
        if not self._address:
            return
        # a name that begins with @ is of no file
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            line.setblocking(False)
            line.sendto(text.encode("utf-8"), address)


def _patience_s(environment: Mapping[str, str]) -> float | None:
    """Of the watchdog; None where there is none, or where it watches another process."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    microseconds = environment.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1e6 if microseconds.isdecimal() and int(microseconds) > 0 else None


def _line(words: str) -> str:
    return " ".join(words.split())
