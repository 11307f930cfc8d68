"""What a process takes of this computer."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def processor_s(process: int) -> float:
    """Processor time so far, of all its threads."""
    fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(process: int) -> float:
    """Memory that it holds."""
    pages = int(Path(f"/proc/{process}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def children(process: int) -> list[tuple[int, list[str]]]:
    """Processes that it started and that run, with their command lines."""
    found = []
    for task in Path(f"/proc/{process}/task").iterdir():
        with suppress(OSError):
            for pid in (task / "children").read_text("ascii").split():
                found.append((int(pid), Path(f"/proc/{pid}/cmdline").read_text("utf-8").split("\0")))
    return found
