"""The preview's process, from the scan's side: begun with the beam, ended with it, and never waited for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

_DIED = (
    "the preview of the maps ended by itself: they grow no more while the scan runs, and no error of them is told, nor "
    "stopped at; the scan goes on, and the maps are made at its end"
)


class LiveMaps:
    """The preview process, from the first exposure to the last; a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._is_told = False

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "edge.preview.live", str(self._folder), str(os.getpid())]
        # Its own session: a Ctrl-C in the terminal is the scan's to answer, not the preview's.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return self

    def trouble(self) -> str:
        """A sentence once the process has ended before its time; empty otherwise, and when it was said."""
        if self._is_told or self._process is None or self._process.poll() is None:
            return ""
        self._is_told = True
        return _DIED

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
