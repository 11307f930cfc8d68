"""Scans whose every write is noted, and that may be killed behind any of them; each forked from one process."""

from __future__ import annotations

import ctypes
import importlib
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal, Self

from tests.instrument import starter
from tests.instrument.starter import Started, Starter

ROOT, LOG, BEHIND, BESIDE = "WATCHED_ROOT", "WATCHED_LOG", "WATCHED_BEHIND", "WATCHED_BESIDE"
Beside = Literal["preview", "nothing"]
CHECKOUT = Path(__file__).resolve().parents[2]


class WatchedStarter(Starter):
    """As its parent, under a shim that waits to be armed."""

    def __init__(self, shim: Path) -> None:
        self._asking, asked = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.watched_scans", str(asked.fileno())],
            cwd=CHECKOUT,
            pass_fds=[asked.fileno()],
            stdin=subprocess.DEVNULL,
            env=os.environ | {"LD_PRELOAD": str(shim)},
        )
        asked.close()


class Watch:
    """Starts commands like the starter it is of, each with its writes below a folder noted in a log.

    Parameters
    ----------
    behind
        The operation behind which it is killed, from 1; 0: none.
    beside
        Whether a scan's preview runs beside it, which takes several times as long to start as the scan.
    """

    def __init__(self, of: Starter, root: Path, log: Path, behind: int = 0, *, beside: Beside = "preview") -> None:
        self._of = of
        self._variables = {ROOT: str(root), LOG: str(log), BEHIND: str(behind), BESIDE: beside}

    def start(self, arguments: list[str], **how: Any) -> Started:
        os.environ |= self._variables
        try:
            return self._of.start(arguments, **how)
        finally:
            for name in self._variables:
                del os.environ[name]


class _NoMaps:
    """Stands for `edge.preview.process.LiveMaps` where nothing runs beside a scan."""

    def __init__(self, folder: Path) -> None:
        del folder

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def trouble(self) -> str:
        """Nothing can go wrong with it."""
        return ""


def _main() -> None:
    shim = ctypes.CDLL(None)
    serve = starter._serve

    def serve_armed(asked: socket.socket) -> dict[str, Any] | None:
        request = serve(asked)
        if request is not None and ROOT in (variables := request["variables"]):
            root, log, behind, beside = (variables.pop(name) for name in (ROOT, LOG, BEHIND, BESIDE))
            if beside == "nothing":
                importlib.import_module("edge.steps").LiveMaps = _NoMaps
            shim.power_loss_arm(root.encode(), log.encode(), ctypes.c_long(int(behind)))
        return request

    starter._serve = serve_armed
    starter._main()


if __name__ == "__main__":
    _main()
