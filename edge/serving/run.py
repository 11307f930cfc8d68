"""The instrument's page as a service: up before any scan, and still there when one has ended."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool

from edge.configuration.config import load_scan_config
from edge.configuration.monitor import MonitorConfig
from edge.faults import UsageError
from edge.monitor.access import Access
from edge.monitor.application import application
from edge.monitor.audit import Audit
from edge.monitor.page import Page
from edge.monitor.serving import server_of
from edge.monitor.settings import Settings, listening, url_of
from edge.monitor.shown import Shown
from edge.prepare import require_known_names
from edge.readiness.service import Service
from edge.serving.desk import Desk
from edge.serving.routes import Planning
from edge.serving.scans import Scans

_FIND_S = 5.0
"""Between two looks for a scan that somebody started at a terminal."""
_NICE = 5
"""The page gives way to the scan, its maps and whatever else runs; of what it starts only scans do not."""
_END_S = 60.0
"""Longest wait for a scan to close its shutter and end, when the page is told to end."""


class Instrument:
    """The page, what it shows, and what it may begin."""

    def __init__(self, config: Path, recordings: Path, settings: Settings, say: Callable[[str], None]) -> None:
        self._say = say
        self.scans = Scans(recordings)
        self.desk = Desk(config, recordings / ".planning")
        self._nothing = recordings / ".nothing-yet"
        found = self.scans.latest()
        self.page = Page(
            Shown(found or self._nothing),
            Access(settings.tokens),
            Audit(found, say),
            is_secure=settings.is_secure,
            more=self._more,
        )
        self.planning = Planning(self.desk, self.scans, recordings, self.show)
        if found is not None:
            say(f"Showing {found}")

    def show(self, recording: Path) -> None:
        """Have the page show another recording."""
        if recording != self.page.shown.folder:
            self.page.show(Shown(recording), Audit(recording, self._say))

    async def follow(self) -> None:
        """Show whatever scan begins to run, whoever started it."""
        while True:
            await asyncio.sleep(_FIND_S)
            running = await run_in_threadpool(self.scans.running)
            if running is not None:
                self.show(running)
            self.page.audit.write_held()

    def _more(self) -> dict[str, Any]:
        said: dict[str, Any] = {"planning": True}
        trouble = self.scans.trouble()
        if self.page.shown.feed.about is None:
            waiting = "no scan is running: plan one, or look at an earlier one with pointillist monitor"
            is_new = self.page.shown.folder == self._nothing
            sentence = trouble or (waiting if is_new else "a scan is being started")
            said |= {"trouble": "", "state": {"name": "new", "sentence": sentence}}
        return said


def serve(config: Path, recordings: Path, *, say: Callable[[str], None]) -> None:
    """Serve the instrument's page until told to end.

    SIGTERM, which a service manager sends, ends a scan that runs too, resumably; Ctrl-C ends the page alone.

    Raises
    ------
    UsageError
        The configuration cannot be used, or the address cannot be had.
    """
    loaded = load_scan_config(config)
    require_known_names(loaded)
    settings = Settings.of(loaded.monitor or MonitorConfig())
    try:
        recordings.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{recordings}: cannot be made ({error.strerror}): give another folder") from None
    listener = listening(settings.host, settings.port)
    instrument = Instrument(config, recordings.absolute(), settings, say)
    address = url_of(listener, is_secure=settings.is_secure)
    say(f"The instrument's page: {address}")
    for remark in settings.remarks():
        say(remark)
    app = application(instrument.page, names=[socket.gethostname(), *settings.names], routes=instrument.planning.routes)
    _also(app, instrument, Service(), address)
    server = server_of(app, certificate=settings.certificate, key=settings.key)
    is_told = False

    def told(_number: int, _frame: object) -> None:
        nonlocal is_told
        is_told = True
        # the server has handlers of its own while it runs; this is before that
        server.should_exit = True

    # after `Scans` was made, whose scans keep the priority that this process was started with
    os.nice(_NICE)
    before = signal.signal(signal.SIGTERM, told)
    try:
        server.run(sockets=[listener])
    finally:
        instrument.desk.close()
        if is_told:
            instrument.scans.stop("the service manager", _END_S, say)
        instrument.scans.close()
        instrument.page.shown.close()
        signal.signal(signal.SIGTERM, before)


def _also(app: Starlette, instrument: Instrument, service: Service, address: str) -> None:
    """Beside the application's own tasks: look for scans, and tell the service manager that all is well."""
    own = app.router.lifespan_context

    @asynccontextmanager
    async def both(app: Starlette) -> AsyncIterator[None]:
        async with own(app):
            tasks = [asyncio.create_task(instrument.follow()), asyncio.create_task(_alive(service))]
            service.ready(f"the page is at {address}")
            try:
                yield
            finally:
                service.stopping()
                for task in tasks:
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task

    app.router.lifespan_context = both


async def _alive(service: Service) -> None:
    """Tell the manager that this loop goes round."""
    every_s = service.tell_every_s
    while every_s is not None:
        service.alive()
        await asyncio.sleep(every_s)
