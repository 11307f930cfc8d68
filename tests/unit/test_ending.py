"""A program's end beside threads that nobody waits for."""

from __future__ import annotations

import subprocess
import sys

HELD = """
import atexit, sys, threading
from edge.ending import end

held = threading.Event()

def keep():
    held.set()
    while True:
        sys.stderr.buffer.write(b"." * 4096)
        sys.stderr.buffer.flush()

threading.Thread(target=keep, daemon=True).start()
held.wait()
atexit.register(print, "at exit")
print("last words")
end(6)
"""
GONE = """
import threading
from edge.ending import end

told = threading.Event()
threading.Thread(target=told.wait, daemon=True).start()
told.set()
end(3)
"""


def ended(program: str) -> tuple[int, str]:
    outcome = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60, check=False
    )
    return outcome.returncode, outcome.stdout.decode()


def test_a_thread_that_writes_for_ever_neither_aborts_nor_delays_the_end() -> None:
    assert ended(HELD) == (6, "last words\nat exit\n")


def test_without_such_a_thread_the_exit_code_is_the_same() -> None:
    assert ended(GONE) == (3, "")
