"""Who did what on the page: lines of JSON beside the recording, never in the scan's way."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from edge.events import utc_text

NAME = "monitor-audit.log"
_LONGEST = 4 * 1024 * 1024
"""Bytes, after which only commands are written down: whoever guesses tokens must not fill the disk."""
_LONGEST_FIELD = 200
_MOST_HELD = 100
"""Lines that wait for a recording; the latest."""


class Audit:
    """A log that is appended to; where it cannot be written, that is said once and the page goes on.

    Parameters
    ----------
    folder
        The recording's; None: nothing is written.
    warn
        Told once that it cannot be written.
    """

    def __init__(self, folder: Path | None, warn: Callable[[str], None] = lambda text: None) -> None:
        self._path = None if folder is None else folder / NAME
        self._held: list[str] = []
        self._warn = warn

    def note(self, what: str, *, address: str, name: str = "", detail: str = "", is_command: bool = False) -> None:
        """Write down what somebody did, or tried."""
        if self._path is None:
            return
        at = utc_text(datetime.now(UTC))
        fields = {"at": at, "what": what, "address": address, "name": name, "detail": detail}
        line = json.dumps({key: text[:_LONGEST_FIELD] for key, text in fields.items() if text}) + "\n"
        if is_command or self._length() <= _LONGEST:
            self._held = [*self._held, line][-_MOST_HELD:]
        self.write_held()

    def write_held(self) -> None:
        """Write down what waits: a folder that a scan is about to begin in must be empty until it has."""
        if self._path is None or not self._held or not (self._path.parent / "journal.sqlite").exists():
            return
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self._path, flags, 0o640)
            try:
                os.write(descriptor, "".join(self._held).encode())
                self._held = []
            finally:
                os.close(descriptor)
        except OSError as error:
            path, self._path = self._path, None
            self._warn(f"{path}: cannot be written ({error.strerror}): nobody notes who does what on the page")

    def _length(self) -> int:
        assert self._path is not None
        with suppress(FileNotFoundError):
            return self._path.stat().st_size
        return 0
