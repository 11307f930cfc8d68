"""The page's process: of a command, or beside a scan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge.monitor.access import Access, Tokens
from edge.monitor.application import Page, application
from edge.monitor.audit import Audit
from edge.monitor.serving import listening, server_of, url_of
from edge.monitor.shown import Shown


def show_recording(folder: Path, *, host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve the page of a recording until interrupted.

    Raises
    ------
    UsageError
        There is no recording, or the address cannot be had.
    """
    shown = Shown(folder)
    listener = listening(host, port)
    page = Page(shown, Access(Tokens()), Audit(folder, say))
    say(f"Watch it: {url_of(listener, is_secure=False)}")
    server_of(application(page)).run(sockets=[listener])
