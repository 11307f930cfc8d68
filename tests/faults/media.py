"""Writers of journals on media that fail, each forked from one process that has loaded everything already."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]


def compiled(source: str, folder: Path) -> Path:
    """A shim to be preloaded; skips where there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler: install gcc to model media that fail")
    shim = folder / f"{source}.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", shim, HERE / f"{source}.c", "-ldl"], check=True)
    return shim


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong below a folder, at which operation; see ``bad_medium.c``."""

    what: str
    which: str
    at: int
    lasting: int = 0
    number: int = 0

    def plan(self, folder: Path) -> str:
        """As the shim reads it."""
        return f"{folder}|{self.what}|{self.which}|{self.at}|{self.lasting}|{self.number}"


@dataclass
class Told:
    """What a writer said, and how it ended."""

    indices: list[int] = field(default_factory=list)
    """Exposures that it reported durable."""
    sentences: list[str] = field(default_factory=list)
    """Of the exceptions that it met."""
    operations: int = 0
    """Operations of the fault's kind that were asked for; 0 where the writer was killed."""
    was_killed: bool = False
    jumped_s: int = 0
    """By how much its wall clock was set meanwhile."""


class Writers:
    """Starts writers; one at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def write(self, journal: Path, *, first: int, seed: int, batches: int, fault: Fault | None) -> Told:
        """Let a writer go on with a journal, or begin it, until it is through, refused or killed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        plan = "" if fault is None else fault.plan(journal.parent)
        wanted = {"path": str(journal), "first": first, "seed": seed, "batches": batches, "plan": plan}
        self._process.stdin.write(json.dumps(wanted) + "\n")
        self._process.stdin.flush()
        told = Told()
        for line in self._process.stdout:
            kind, _, rest = line.rstrip("\n").partition(" ")
            if kind == "ended":
                told.was_killed = rest == "killed"
                return told
            if kind == "refused":
                told.sentences.append(rest)
            elif kind == "jumped":
                told.jumped_s = int(rest)
            elif kind == "seen":
                told.operations = int(rest)
            elif kind:
                told.indices.append(int(kind))
        raise RuntimeError("the writers' process has ended")


@contextmanager
def writers(shim: Path) -> Iterator[Writers]:
    """A process that forks writers, under a shim that waits to be armed."""
    environment = {**os.environ, "LD_PRELOAD": str(shim), "PYTHONPATH": f"{CHECKOUT}{os.pathsep}{HERE}"}
    process = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    with process:
        yield Writers(process)


def _serve() -> None:
    """Fork a writer for each line that comes."""
    import journal_writer

    shim = ctypes.CDLL(None)
    for line in sys.stdin:
        wanted = json.loads(line)
        child = os.fork()
        if child == 0:
            shim.bad_medium_arm(wanted["plan"].encode() or None)
            ahead_s = time.time() - time.monotonic()
            try:
                journal_writer.main(Path(wanted["path"]), wanted["first"], wanted["seed"], wanted["batches"])
            except Exception as error:
                os.write(1, f"refused {type(error).__name__} {error}\n".encode())
            os.write(1, f"jumped {round(time.time() - time.monotonic() - ahead_s)}\n".encode())
            os.write(1, f"seen {shim.bad_medium_seen()}\n".encode())
            os._exit(0)
        _, status = os.waitpid(child, 0)
        # a writer that was killed within a line leaves it open
        os.write(1, f"\nended {'killed' if os.WIFSIGNALED(status) else 'by itself'}\n".encode())


if __name__ == "__main__":
    _serve()
