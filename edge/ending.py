"""The end of a program: threads that still run are waited for, and never torn down in the middle of something."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from contextlib import suppress
from typing import NoReturn

_PATIENCE_S = 0.5
"""For threads that nobody else waits for; those that have been told to end need a few milliseconds."""


def end(code: int) -> NoReturn:
    """End this process with an exit code, as `sys.exit` does where no thread is left.

    The interpreter ends threads that nobody waits for (daemons) where they happen to be. One that holds a stream, or
    runs native code, makes it abort by that. With such a thread left the process ends without taking the interpreter
    down, once what was to be done at exit is done and streams are written out.
    """
    deadline_s = time.monotonic() + _PATIENCE_S
    for thread in _unawaited():
        thread.join(max(0.0, deadline_s - time.monotonic()))
    if not _unawaited():
        sys.exit(code)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        # whoever read it may be gone, and there may be none
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


def _unawaited() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.daemon and thread is not threading.current_thread()]
