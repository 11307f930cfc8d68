"""What every twin in a process of its own needs: a pseudo-terminal, a signal to end, and the line's faults."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
import tty
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Protocol


class Wire(Protocol):
    """What happens to bytes between controller and host: the place for faults."""

    def to_controller(self, octets: bytes, now_s: float) -> bytes:
        """What arrives of what the host sent."""
        ...

    def to_host(self, octets: bytes, now_s: float) -> bytes:
        """What arrives of what the controller sent."""
        ...


class PerfectWire:
    """Every byte arrives, once, in order, at once."""

    def to_controller(self, octets: bytes, now_s: float) -> bytes:
        return octets

    def to_host(self, octets: bytes, now_s: float) -> bytes:
        return octets


@contextlib.contextmanager
def pseudo_terminal(link: Path | None, *, survives_hosts: bool = True) -> Iterator[tuple[int, str]]:
    """A raw pseudo-terminal: the descriptor of its master and the path of its slave, or of the link to it.

    Parameters
    ----------
    link
        Symbolic link to the slave, replaced if it exists and removed at the end; None for none.
    survives_hosts
        Keep the slave open here, so that hosts come and go unnoticed. Without, the master hangs up while no host has
        it open: how a twin knows that one has opened it, as a board knows by DTR.
    """
    master, slave = os.openpty()
    try:
        tty.setraw(slave)
        os.set_blocking(master, False)
        path = os.ttyname(slave)
        if link is not None:
            _point(link, path)
        if not survives_hosts:
            os.close(slave)
        try:
            yield master, path if link is None else str(link)
        finally:
            if link is not None and link.is_symlink() and str(link.readlink()) == path:
                link.unlink()
    finally:
        if survives_hosts:
            os.close(slave)
        os.close(master)


class TerminalPort:
    """A pseudo-terminal as the device sees it.

    Parameters
    ----------
    notices_hosts
        Whether it was made not to survive hosts.
    """

    def __init__(self, master: int, *, notices_hosts: bool) -> None:
        self._master = master
        self._notices_hosts = notices_hosts
        self._watch = select.poll()
        self._watch.register(master, 0)

    def has_host(self) -> bool:
        """Whether somebody has it open; always, where hosts come and go unnoticed."""
        return not (self._notices_hosts and any(event & select.POLLHUP for _, event in self._watch.poll(0)))

    @property
    def descriptor(self) -> int:
        """What becomes readable when the host has written; -1 when there is none, who cannot be waited for."""
        return self._master if self.has_host() else -1

    def read(self, most: int) -> bytes:
        """What the host has written; empty when there is nothing, or when it has left."""
        with contextlib.suppress(OSError):
            return os.read(self._master, most)
        return b""

    def write(self, unwritten: bytearray) -> None:
        """Write as much as the terminal takes now, and keep the rest."""
        with contextlib.suppress(OSError):
            write_what_fits(self._master, unwritten)

    def close(self) -> None:
        """Nothing: whoever opened it closes it."""


@contextlib.contextmanager
def stop_signal() -> Iterator[int]:
    """A descriptor that becomes readable at SIGTERM or SIGINT; outside the main thread it never does."""
    receiving, sending = os.pipe()

    def tell(_number: int, _frame: FrameType | None) -> None:
        os.write(sending, b"s")

    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, tell) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield receiving
    finally:
        for number, action in before.items():
            signal.signal(number, action)
        os.close(receiving)
        os.close(sending)


def write_what_fits(master: int, unwritten: bytearray) -> None:
    """Write as much as the line takes now, and keep the rest."""
    with contextlib.suppress(BlockingIOError):
        while unwritten:
            written = os.write(master, unwritten)
            del unwritten[:written]


def _point(link: Path, path: str) -> None:
    """Create or replace a symbolic link in one step."""
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    fresh.symlink_to(path)
    fresh.replace(link)
