"""The page's process from the scan's side: begun with it, again where it dies, ended with it, and never waited for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.configuration.monitor import MonitorConfig
from edge.console import Console
from edge.faults import UsageError
from edge.monitor.child import Child
from edge.monitor.kept import Kept
from edge.monitor.settings import Settings, listening, url_of

_PATIENCE_S = 5.0


@contextmanager
def page_of(config: MonitorConfig | None, folder: Path, console: Console) -> Iterator[None]:
    """The page of a recording, which need not be there yet; a scan goes on without it where the port is taken.

    Raises
    ------
    UsageError
        Token, certificate or key cannot be read.
    """
    if config is None:
        yield
        return
    settings = Settings.of(config)
    try:
        listener = listening(settings.host, settings.port)
    except UsageError as reason:
        console.warn(f"{reason}; the scan goes on without its page")
        yield
        return
    console.say(f"Watch it: {url_of(listener, is_secure=settings.is_secure)}")
    for remark in settings.remarks():
        console.confide(remark)
    arguments = [str(folder.absolute()), str(listener.fileno())]
    # the socket stays open here: a page that is begun again has the same address
    with listener:
        remedy = f"look on with: pointillist monitor {folder}"
        try:
            page = Kept(
                lambda: Child("edge.monitor.run", arguments, settings.json(), [listener.fileno()]),
                what="the page",
                remedy=remedy,
                post=console.post,
                # nobody waits at a socket behind which nobody is
                give_up=listener.close,
            )
        except OSError as error:
            listener.close()
            console.warn(f"the page cannot be begun ({error.strerror or error}); the scan goes on without: {remedy}")
            yield
            return
        try:
            yield
        finally:
            page.end(_PATIENCE_S)
