"""What every twin in a process of its own needs: a pseudo-terminal, a signal to end, and the line's faults."""

from __future__ import annotations

import contextlib
import os
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
