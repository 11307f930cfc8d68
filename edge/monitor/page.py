"""What all requests to the page share, and what each begins with: who asks, and what is said to whom may not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import JSONResponse

from edge.monitor.access import Access, Person
from edge.monitor.audit import Audit
from edge.monitor.gate import Connections
from edge.monitor.guard import LONGEST_BODY
from edge.monitor.seats import Seats
from edge.monitor.shown import Shown


@dataclass(slots=True)
class Page:
    """What all requests share."""

    shown: Shown
    access: Access
    audit: Audit
    is_secure: bool = False
    """Whether it is served over TLS."""
    streams: Seats = field(default_factory=Seats)
    connections: Connections = field(default_factory=Connections)
    reading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    """How many spectra are looked for, and long answers made, at a time: orders must not wait for threads."""
    more: Callable[[], dict[str, Any]] = dict
    """What /api/scan says besides; may wait for a disk, and is asked in a thread."""

    _before: Shown | None = None

    def show(self, shown: Shown, audit: Audit) -> None:
        """Show another recording from now on; browsers come back and find it. Of the thread that serves."""
        if self._before is not None:
            self._before.close()
        # looks and answers may be at what was shown until now, but at nothing that was shown before that
        self._before, self.shown, self.audit = self.shown, shown, audit
        for stream in self.streams:
            stream.leave()


def page_of(app: Any) -> Page:
    """The page that an application serves."""
    page: Page = app.state.page
    return page


def person_of(request: HTTPConnection) -> Person:
    """Who asks; the guard has looked."""
    person: Person = request.scope["state"]["person"]
    return person


def address_of(request: HTTPConnection) -> str:
    """Where it is asked from."""
    return str(request.scope["state"]["address"])


def session_of(request: HTTPConnection) -> str:
    """The secret of the session that is asked in; empty where there is none."""
    return str(request.scope["state"]["session"])


def refusal(status: int, sentence: str) -> JSONResponse:
    """What is said to whoever asks for what cannot be."""
    return JSONResponse({"ok": False, "sentence": sentence}, status_code=status)


def noted(request: Request, what: str) -> JSONResponse | None:
    """Write down what somebody has done on the page, if that is anything; the refusal, where they may only look."""
    person = person_of(request)
    if person.role != "operator":
        return refusal(403, "visitors may look, and nothing else")
    if what:
        page_of(request.app).audit.note(what, address=address_of(request), name=person.name, is_command=True)
    return None


async def json_of(request: Request) -> dict[str, Any] | None:
    """The body, where it is JSON of a bounded length and an object."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return None
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > LONGEST_BODY:
                return None
        content = json.loads(body)
    except (ValueError, RecursionError, ClientDisconnect):
        return None
    return content if isinstance(content, dict) else None
