"""What a command's process does before it begins, where a test needs that: named in `Bench.beforehand`.

Each is called in the process that was forked for the command, and changes nothing outside it.
"""

from __future__ import annotations

import fcntl
import os
import signal
import termios
from pathlib import Path
from typing import Any


class _NoPreview:
    """Stands in for the preview's process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> _NoPreview:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def trouble(self) -> str:
        return ""


def leave_out_preview() -> None:
    """A scan draws no maps while it runs: their process costs more than the scan."""
    from edge import steps

    steps.LiveMaps = _NoPreview


def leave_out_report() -> None:
    """A scan ends with its beam."""
    from edge import app

    app.report_scan = lambda folder, *, console, pdf=False: None


def leave_out_maps() -> None:
    """A scan draws no maps while it runs and ends with its beam: they cost more than it, and are not always claimed."""
    leave_out_preview()
    leave_out_report()


def attend_briefly() -> None:
    """A program that does nothing counts as one that attends for a second, in place of five."""
    from edge.readiness import shutter_test
    from firmware_bridge.native import heartbeat

    shutter_test.ATTENTION_S = heartbeat.ATTENTION_S = 1.0


def interrupt_the_report() -> None:
    """Ctrl-C comes while the report is made, however fast that is."""
    from edge import finish

    def results_of(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    finish.results_of = results_of


def show_a_panel_of_the_tests() -> None:
    """The demonstration shows the panel that lies in the command's folder."""
    from edge import demo

    demo.files = lambda package: Path.cwd()


def own_the_terminal() -> None:
    """The command leads a session of its own on its terminal, as a shell's does: keys that are signals reach it."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
