"""Marlin's receiving side: bytes into the command buffer, numbers and checksums looked at, urgent words heard."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from functools import reduce
from operator import xor
from typing import Final

from firmware_bridge.twins.marlin.settings import MarlinTwinSettings

_LONGEST_LINE: Final = 96
_URGENT: Final = re.compile(rb" *(?:N[-0-9 ]*)?(M112|M410)(?![0-9])")


class SerialLine:
    """What has arrived, and the commands that wait to be done; the first one is being done.

    Parameters
    ----------
    say
        Sends a line.
    urgent
        Called with ``M112`` or ``M410`` as soon as one is seen.
    """

    def __init__(self, settings: MarlinTwinSettings, say: Callable[[str], None], urgent: Callable[[str], None]) -> None:
        self.commands: deque[str] = deque()
        self.dropped_bytes = 0
        """Bytes lost to a full receive buffer."""
        self._settings = settings
        self._say = say
        self._urgent = urgent
        self._received = bytearray()
        self._listening = bytearray()
        self._last = 0

    def receive(self, octets: bytes) -> None:
        """Take bytes; what the receive buffer doesn't hold is lost without a word."""
        for octet in octets:
            if self._settings.emergency_parser:
                self._overhear(octet)
            if len(self._received) >= self._settings.receive_bytes:
                self.dropped_bytes += 1
                continue
            self._received.append(octet)
            self.read()

    def read(self) -> None:
        """Move whole lines to the command buffer while it has room."""
        while len(self.commands) < self._settings.buffer_lines:
            end = min((at for at in map(self._received.find, (b"\n", b"\r")) if at >= 0), default=-1)
            if end < 0:
                return
            line = bytes(self._received[:end])
            del self._received[: end + 1]
            if line.strip():
                self._take(line[:_LONGEST_LINE].decode("latin-1").lstrip(" "))

    def renumber(self, done: str) -> None:
        """What a command that has been done means for the next number: ``M110`` sets it once more."""
        found = re.fullmatch(r"M110 *N(-?\d+)", done)
        if found is not None:
            self._last = int(found[1])

    def _take(self, line: str) -> None:
        if line.startswith("N"):
            mistake = self._mistake(line)
            if mistake is not None:
                self._received.clear()
                self._say(f"Error:{mistake}, Last Line: {self._last}")
                self._say(f"Resend: {self._last + 1}")
                if self._settings.ok_after_resend:
                    self._say("ok")
                return
        elif not self._settings.emergency_parser and line[:4] in ("M112", "M410"):
            self._urgent(line[:4])
        self.commands.append(re.sub(r"^N-?\d* *", "", line).partition("*")[0].strip(" "))

    def _mistake(self, line: str) -> str | None:
        """What is wrong with a numbered line."""
        renumbers = "M110" in line
        second = line.find("N", 4) if renumbers else -1
        number = _leading_integer(line[second + 1 :] if second >= 0 else line[1:])
        if number != self._last + 1 and not renumbers:
            return "Line Number is not Last Line Number+1"
        body, asterisk, checksum = line.rpartition("*")
        if not asterisk:
            return "No Checksum with line number"
        if _leading_integer(checksum) != reduce(xor, body.encode("latin-1"), 0):
            return "checksum mismatch"
        self._last = number
        return None

    def _overhear(self, octet: int) -> None:
        """The emergency parser looks at bytes as they arrive."""
        if octet not in b"\r\n":
            self._listening.append(octet)
            del self._listening[_LONGEST_LINE:]
            return
        found = _URGENT.match(bytes(self._listening))
        self._listening.clear()
        if found is not None:
            self._urgent(found[1].decode("ascii"))


def _leading_integer(text: str) -> int:
    """As C reads it: 0 where there is none."""
    found = re.match(r" *[-+]?\d+", text)
    return int(found[0]) if found else 0
