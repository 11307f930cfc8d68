"""A newcomer's first scan: a simulated instrument in its own process, and the scan command that hardware gets."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from importlib.resources import files
from pathlib import Path

from edge.app import run_scan
from edge.console import Console
from edge.faults import DeviceError, UsageError

_START_TIMEOUT_S = 120.0
_CAMERA_PORT = "8642"
"""Of the camera, in the files of the panel."""


def run_demo(out: Path, *, replace: bool, quiet: bool) -> None:
    """Start the simulated instrument, scan the painted panel, and say where everything lies."""
    if out.exists():
        if not replace:
            raise UsageError(f"{out}: exists already: give another --out, or --replace to delete it")
        if not (out / "instrument.yaml").is_file():
            raise UsageError(f"{out}: is not an earlier demonstration, so it is not deleted: give another --out")
        shutil.rmtree(out)
    out.mkdir(parents=True)
    port = _free_port()
    for name in ("instrument.yaml", "scan.yaml", "camera.yaml"):
        text = (files("edge.simulate") / "panel" / name).read_text("utf-8")
        (out / name).write_text(text.replace(_CAMERA_PORT, port), encoding="utf-8")
    console = Console(quiet=quiet, log_level="info")
    console.say("Starting the simulated instrument (its own process, on a pseudo-terminal)")
    with (out / "instrument.log").open("w") as log:
        command = [sys.executable, "-m", "edge.cli", "simulate", str(out / "instrument.yaml"), "--follow-input"]
        # Its own session, so that a Ctrl-C in the terminal is the scan's to answer; it ends with this end of its input.
        instrument = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.PIPE, start_new_session=True
        )
        try:
            _await_port(out / "port", instrument, out / "instrument.log")
            run_scan(out / "scan.yaml", out=out / "scan", console=console, review=False)
        finally:
            instrument.terminate()
            instrument.communicate(timeout=60)


def _free_port() -> str:
    """A TCP port of this computer that nobody uses: another instrument, or anything else, may have the usual one."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


def _await_port(port: Path, instrument: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not port.exists():
        if instrument.poll() is not None or time.monotonic() > deadline:
            words = log.read_text("utf-8", errors="replace").strip().splitlines()
            raise DeviceError(
                f"the simulated instrument did not start ({words[-1] if words else 'no word'}): see {log}"
            )
        time.sleep(0.05)
