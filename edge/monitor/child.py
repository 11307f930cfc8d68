"""A process beside the scan that ends with it: settings on its standard input, whose end is the scan's."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, Any

_LONGEST_SETTINGS = 64 * 1024


class Child:
    """A module of this program in a process of its own; it is never waited for while the scan runs.

    Parameters
    ----------
    module
        Run with the arguments.
    settings
        What does not belong on a command line, which everybody on this computer can read.
    descriptors
        Files that it inherits, under the same numbers.
    """

    def __init__(
        self, module: str, arguments: Sequence[str], settings: Mapping[str, Any], descriptors: Sequence[int] = ()
    ) -> None:
        # Its own session: a Ctrl-C in the terminal is the scan's to answer.
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=tuple(descriptors),
        )
        self._is_told = False
        # less than a pipe holds: this cannot wait
        with suppress(OSError):
            os.write(self._input.fileno(), json.dumps(settings).encode() + b"\n")

    @property
    def _input(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def is_gone(self) -> bool:
        """Whether it ended before its time; True once."""
        if self._is_told or self._process.poll() is None:
            return False
        self._is_told = True
        return True

    def end(self, patience_s: float) -> None:
        """Let it end by itself, or end it."""
        with suppress(OSError):
            self._input.close()
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def settings_from(stream: IO[bytes]) -> dict[str, Any]:
    """What the scan says; to be read before anything else of the stream is."""
    line = b""
    while not line.endswith(b"\n") and len(line) < _LONGEST_SETTINGS:
        part = os.read(stream.fileno(), 1)
        if not part:
            break
        line += part
    settings: dict[str, Any] = json.loads(line)
    return settings


def has_ended(stream: IO[bytes], within_s: float) -> bool:
    """Whether the scan is over; waits so long for that."""
    readable, _, _ = select.select([stream], [], [], within_s)
    return bool(readable) and not os.read(stream.fileno(), 1)
