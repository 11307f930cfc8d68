"""A twin's own record of what it did: the witness that tests and acceptance ask."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class TwinLog:
    """JSON objects, one a line, written at once.

    Each has ``event``, ``device_s`` (the twin's clock) and ``monotonic_s`` (this computer's, comparable between
    processes). Without a path nothing is written.
    """

    def __init__(self, path: Path | None) -> None:
        self._file = path.open("a", encoding="utf-8", buffering=1) if path is not None else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, event: str, device_s: float, **details: Any) -> None:
        """Append one line."""
        if self._file is not None:
            line = {"event": event, "device_s": round(device_s, 6), "monotonic_s": time.monotonic(), **details}
            self._file.write(json.dumps(line) + "\n")
