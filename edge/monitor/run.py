"""The page's process: of a command, or beside a scan."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from edge.configuration.monitor import MonitorConfig
from edge.monitor.access import Access
from edge.monitor.application import application
from edge.monitor.audit import Audit
from edge.monitor.child import has_ended, settings_from
from edge.monitor.page import Page
from edge.monitor.serving import server_of
from edge.monitor.settings import Settings, listening, url_of
from edge.monitor.shown import Shown
from edge.monitor.tokens import Tokens
from edge.record.folder import recording_at

_NICE = 5


def show_recording(folder: Path, config: MonitorConfig, *, say: Callable[[str], None]) -> None:
    """Serve the page of a recording until interrupted.

    Raises
    ------
    UsageError
        There is no recording, or the address cannot be had.
    """
    recording_at(folder)
    settings = Settings.of(config)
    listener = listening(settings.host, settings.port)
    say(f"Watch it: {url_of(listener, is_secure=settings.is_secure)}")
    for remark in settings.remarks():
        say(remark)
    _serve(folder, settings.json(), listener, warn=say)


def _serve(folder: Path, settings: dict[str, object], listener: socket.socket, warn: Callable[[str], None]) -> None:
    certificate, key = str(settings["certificate"]), str(settings["key"])
    tokens = Tokens(str(settings["operator"]), str(settings["visitor"]))
    page = Page(Shown(folder), Access(tokens), Audit(folder, warn), is_secure=bool(certificate))
    names = settings["names"]
    assert isinstance(names, list)
    server = server_of(application(page, names=[socket.gethostname(), *names]), certificate=certificate, key=key)
    server.run(sockets=[listener])


def main(folder: Path, descriptor: int) -> None:
    """Serve on a socket that was inherited, until standard input ends; its first line has the settings."""
    os.nice(_NICE)
    settings = settings_from(sys.stdin.buffer)

    def follow() -> None:
        while not has_ended(sys.stdin.buffer, 60.0):
            pass
        os.kill(os.getpid(), 15)

    threading.Thread(target=follow, daemon=True).start()
    _serve(folder, settings, socket.socket(fileno=descriptor), warn=lambda text: None)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
