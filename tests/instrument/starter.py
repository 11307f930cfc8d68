"""Commands started without waiting for their imports: each is forked from a process that has loaded the application.

What a test starts is a process of its own, with its own signals, exit code and memory, as from a shell; only what it
would have imported is there already. Some tests start commands in full, by `Bench.command`.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

_CHECKOUT = Path(__file__).resolve().parents[2]
_REQUEST_BYTES = 1 << 20
_ROOMS = ("firmware_bridge", "calibration", "models", "edge")


class Started:
    """One command, handled as a `subprocess.Popen` is; its parent is its watcher, which tells how it ended."""

    def __init__(self, arguments: list[str], told: socket.socket) -> None:
        self.args = arguments
        self.returncode: int | None = None
        self._told = told
        self.pid = int(self._line())

    def __del__(self) -> None:
        # whoever drops one without waiting for its end leaves nothing to be warned of in another test
        self._told.close()

    def poll(self) -> int | None:
        return self._ended_within(0.0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._ended_within(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _ended_within(self, timeout_s: float | None) -> int | None:
        if self.returncode is None and select.select([self._told], [], [], timeout_s)[0]:
            self.returncode = int(self._line())
            self._told.close()
        return self.returncode

    def _line(self) -> bytes:
        """A few bytes that were written at once."""
        words = self._told.recv(64)
        assert words, f"the watcher of {self.args} died"
        return words


class Starter:
    """The process that has loaded the application; ends with whoever started it."""

    def __init__(self) -> None:
        self._asking, asked = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "tests.instrument.starter", str(asked.fileno())]
        self._process = subprocess.Popen(command, cwd=_CHECKOUT, pass_fds=[asked.fileno()], stdin=subprocess.DEVNULL)
        asked.close()

    def start(
        self, arguments: list[str], *, folder: Path, files: tuple[Any, Any, Any], beforehand: Sequence[str] = ()
    ) -> Started:
        """Start `pointillist` with these arguments in a folder, with these three for input, output and faults.

        Parameters
        ----------
        beforehand
            Functions of `tests.instrument.beforehand` that its process calls first.
        """
        told, telling = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with telling:
            asked = {"arguments": arguments, "folder": str(folder), "variables": dict(os.environ)}
            request = json.dumps({**asked, "beforehand": list(beforehand)})
            descriptors = [file.fileno() for file in (*files, telling)]
            socket.send_fds(self._asking, [request.encode()], descriptors)
        return Started(["pointillist", *arguments], told)

    def close(self) -> None:
        self._asking.close()
        self._process.wait(timeout=120)


def _load() -> None:
    """Import the rooms, and what they import only where they use it; load the machine code of a plan and of maps."""
    for name in _ROOMS:
        room = importlib.import_module(name)
        for module in pkgutil.walk_packages(room.__path__, f"{name}."):
            if not module.name.startswith("models.training"):
                importlib.import_module(module.name)
    import h5py  # noqa: F401
    import scipy.ndimage  # noqa: F401

    from edge.readiness.doctor import examine_installation

    # read once here, and in no command
    list(examine_installation())
    with Path(__file__).open() as alone:
        # what one process compiles, the next one finds on the disk
        fcntl.flock(alone, fcntl.LOCK_EX)
        _compile()
    threads = list(Path("/proc/self/task").iterdir())
    assert len(threads) == 1, "a fork would leave the other threads behind"


def _compile() -> None:
    import numpy as np

    from edge.maps import Samples
    from edge.motion.kinematics import StageModel
    from edge.reconstruct import reconstruct
    from edge.travel.ordering import order_points

    order_points(np.arange(40.0).reshape(20, 2), StageModel(50.0, 500.0))
    rows, columns = np.divmod(np.arange(0, 400, 7), 20)
    values = np.random.default_rng(0).random((len(rows), 2), np.float32)
    rgb = np.random.default_rng(1).random((20, 20, 3), np.float32)
    samples = Samples(rows, columns, values, np.full_like(values, 0.01))
    reconstruct(samples, (20, 20), elements=("Fe", "Pb"), rgb=rgb, method="kriging")


def _serve(asked: socket.socket) -> dict[str, Any] | None:
    """Answer until nobody asks any more; in a command's process, what it is to be."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        words, descriptors, _, _ = socket.recv_fds(asked, _REQUEST_BYTES, 4)
        if not words:
            return None
        if os.fork() == 0:
            asked.close()
            _watch(descriptors)
            return json.loads(words)
        for descriptor in descriptors:
            os.close(descriptor)


def _watch(descriptors: list[int]) -> None:
    """Fork the command and tell its number, then how it ended; returns in the command's process alone."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *files, telling = descriptors
    child = os.fork()
    if child:
        for file in files:
            os.close(file)
        os.write(telling, str(child).encode())
        _, status = os.waitpid(child, 0)
        os.write(telling, str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    for number, file in enumerate(files):
        os.dup2(file, number)
    for descriptor in descriptors:
        os.close(descriptor)


def _end(ended: SystemExit) -> NoReturn:
    """What an interpreter does at its end but to take itself down, which is half a second where all is loaded."""
    if isinstance(ended.code, str):
        print(ended.code, file=sys.stderr)
    # as at the end of any program: whoever is no daemon is waited for
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(ended.code if isinstance(ended.code, int) else int(ended.code is not None))


def _main() -> None:
    _load()
    # what is loaded is nobody's garbage: a fork that looked through it would copy it
    gc.freeze()
    request = _serve(socket.socket(fileno=int(sys.argv[1])))
    if request is None:
        return
    os.environ.clear()
    os.environ.update(request["variables"])
    os.chdir(request["folder"])
    sys.argv = ["pointillist", *request["arguments"]]
    time.tzset()
    from edge import cli
    from tests.instrument import beforehand

    for name in request["beforehand"]:
        getattr(beforehand, name)()
    try:
        cli.main()
    except SystemExit as ended:
        _end(ended)


if __name__ == "__main__":
    _main()
