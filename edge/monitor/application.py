"""The page's server as an application: routes, what each needs, and the thread that looks at the recording."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from edge.control.messages import Command
from edge.faults import EdgeError
from edge.monitor import wire
from edge.monitor.access import Access, Granted, Person
from edge.monitor.audit import Audit
from edge.monitor.guard import COOKIE, LONGEST_BODY, Guard
from edge.monitor.maps import LAYERS
from edge.monitor.shown import Shown
from edge.monitor.stream import Stream
from edge.monitor.viewer import Viewer

PERIOD_S = 0.05
"""Between two looks at the recording."""
MOST_STREAMS = 32
_COMMANDS: dict[str, Command] = {
    "pause": "pause",
    "resume": "resume",
    "finish": "finish",
    "stop": "stop",
    "status": "status",
}
"""Arming is none of them: the beam is let out by somebody at the machine."""
_LONGEST_NAME = 40


@dataclass(slots=True)
class Page:
    """What all requests share."""

    shown: Shown
    access: Access
    audit: Audit
    is_secure: bool = False
    """Whether it is served over TLS."""
    streams: set[Stream] = field(default_factory=set)
    reading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    """How many spectra are looked for at a time."""
    more: Callable[[], dict[str, Any]] = dict
    """What /api/scan says besides."""

    def show(self, shown: Shown, audit: Audit) -> None:
        """Show another recording from now on; browsers come back and find it. Of the thread that serves."""
        self.shown, self.audit = shown, audit
        for stream in self.streams:
            stream.leave()


def application(page: Page, *, names: Sequence[str] = (), routes: Sequence[BaseRoute] = ()) -> Starlette:
    """The application of a page.

    Parameters
    ----------
    names
        Host names that it answers to.
    routes
        More of them, as of planning.
    """
    static = Path(str(files("edge.monitor").joinpath("static")))
    app = Starlette(
        routes=[
            Route("/api/scan", _scan),
            Route("/api/photo", _photo),
            Route("/api/cells", _cells),
            Route("/api/map/{element:int}/{layer}", _map),
            Route("/api/spectrum", _spectrum),
            Route("/api/spectrum/sum", _sum_spectrum),
            Route("/api/history", _history),
            Route("/api/control", _control, methods=["POST"]),
            Route("/api/login", _login, methods=["POST"]),
            Route("/api/logout", _logout, methods=["POST"]),
            WebSocketRoute("/api/stream", _stream),
            *routes,
            Mount("/", StaticFiles(directory=static, html=True, check_dir=False)),
        ],
        middleware=[Middleware(Guard, names=names, access=page.access)],
        lifespan=_watching,
    )
    app.state.page = page
    return app


@asynccontextmanager
async def _watching(app: Starlette) -> AsyncIterator[None]:
    """Look at the recording in a thread of its own, and wake the streams when something is new."""
    page, loop, ended = _page_of(app), asyncio.get_running_loop(), threading.Event()

    def wake() -> None:
        for stream in page.streams:
            stream.wake()

    def watch() -> None:
        while not ended.is_set():
            if page.shown.refresh() and not loop.is_closed():
                loop.call_soon_threadsafe(wake)
            ended.wait(PERIOD_S)

    watcher = threading.Thread(target=watch, name="watcher", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        await run_in_threadpool(watcher.join, 5.0)


def _page_of(app: Any) -> Page:
    page: Page = app.state.page
    return page


def _person(request: Request | WebSocket) -> Person:
    person: Person = request.scope["state"]["person"]
    return person


def _address(request: Request | WebSocket) -> str:
    return str(request.scope["state"]["address"])


def refusal(status: int, sentence: str) -> JSONResponse:
    """What is said to whoever asks for what cannot be."""
    return JSONResponse({"ok": False, "sentence": sentence}, status_code=status)


def noted(request: Request, what: str) -> JSONResponse | None:
    """Write down what somebody has done on the page, if that is anything; the refusal, where they may only look."""
    person = _person(request)
    if person.role != "operator":
        return refusal(403, "visitors may look, and nothing else")
    if what:
        _page_of(request.app).audit.note(what, address=_address(request), name=person.name, is_command=True)
    return None


async def _scan(request: Request) -> Response:
    page, role = _page_of(request.app), _person(request).role
    return JSONResponse(page.shown.scan(role) | {"login": not page.access.is_open} | page.more())


async def _photo(request: Request) -> Response:
    picture = _page_of(request.app).shown.picture
    if picture is None:
        return refusal(404, "there is no photograph yet")
    return Response(picture.jpeg, media_type="image/jpeg")


async def _cells(request: Request) -> Response:
    content = wire.cells_bytes(_page_of(request.app).shown.cells)
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return _binary(content)
    # what a page begins with is mostly these, and packs to a fifth
    packed = await run_in_threadpool(gzip.compress, content, 1, mtime=0)
    return _binary(packed, {"content-encoding": "gzip", "vary": "accept-encoding"})


async def _map(request: Request) -> Response:
    maps = _page_of(request.app).shown.maps
    element, layer = request.path_params["element"], request.path_params["layer"]
    if layer not in LAYERS or element >= len(maps.elements):
        return refusal(404, "there is no such map yet")
    content = await run_in_threadpool(
        lambda: wire.map_bytes(maps.values(element, LAYERS.index(layer)), maps.generation)
    )
    return _binary(content)


async def _spectrum(request: Request) -> Response:
    page = _page_of(request.app)
    about = page.shown.feed.about
    try:
        row, column = (int(request.query_params[name][:9]) for name in ("row", "column"))
    except (KeyError, ValueError):
        return refusal(400, "give row and column as whole numbers")
    if about is None or not (0 <= row < about.grid.rows and 0 <= column < about.grid.columns):
        return refusal(404, "there is no such cell")
    try:
        async with page.reading:
            found = await run_in_threadpool(page.shown.feed.spectrum, row, column)
    except EdgeError as error:
        return refusal(503, str(error))
    if found is None:
        return refusal(404, "nothing was measured yet")
    exposure, counts, live_s = found
    cell = page.shown.cells[exposure]
    down, across = (
        max(int(cell[first]) - at, at - int(cell[last]), 0)
        for first, last, at in (("row0", "row1", row), ("column0", "column1", column))
    )
    return JSONResponse(
        {
            "row": row,
            "column": column,
            "measured": down == across == 0,
            "nearest_mm": round((down**2 + across**2) ** 0.5 * about.grid.pitch_mm, 4),
            "live_s": round(live_s, 6),
            "counts": counts.tolist(),
        }
    )


async def _sum_spectrum(request: Request) -> Response:
    taken = _page_of(request.app).shown.feed.taken
    if taken is None:
        return refusal(404, "nothing was measured yet")
    counts, live_s, exposures = taken.sum_counts, taken.live_s, len(taken)
    return JSONResponse({"exposures": exposures, "live_s": round(live_s, 6), "counts": counts.tolist()})


async def _history(request: Request) -> Response:
    history = _page_of(request.app).shown.feed.history
    return JSONResponse({"error": history.errors, "rate": history.rates, "dose": history.dose})


async def _control(request: Request) -> Response:
    page, person = _page_of(request.app), _person(request)
    if person.role != "operator":
        return refusal(403, "visitors may look, and nothing else")
    content = await json_of(request)
    command = content.get("do") if content is not None else None
    if not isinstance(command, str) or command not in _COMMANDS:
        return refusal(400, f"there is no such command: {', '.join(sorted(_COMMANDS))}")
    by = person.name
    page.audit.note(command, address=_address(request), name=by, is_command=command != "status")
    from edge.control.client import ask

    try:
        reply = await run_in_threadpool(ask, page.shown.folder, _COMMANDS[command], by)
    except EdgeError as error:
        return refusal(409, str(error))
    return JSONResponse({"ok": reply.ok, "sentence": reply.sentence, "state": reply.state})


async def _login(request: Request) -> Response:
    page, address = _page_of(request.app), _address(request)
    content = await json_of(request)
    token = content.get("token") if content is not None else None
    if not isinstance(token, str) or content is None:
        return refusal(400, "give the token")
    outcome = page.access.login(token, _named(content.get("name")), address)
    if not isinstance(outcome, Granted):
        page.audit.note("login refused", address=address, detail=outcome.reason)
        return refusal(429 if outcome.is_too_often else 401, outcome.reason)
    page.audit.note("login", address=address, name=outcome.person.name, detail=outcome.person.role)
    answer = JSONResponse({"ok": True, "role": outcome.person.role})
    answer.set_cookie(COOKIE, outcome.session, httponly=True, samesite="strict", secure=page.is_secure, path="/")
    return answer


async def _logout(request: Request) -> Response:
    page = _page_of(request.app)
    page.access.logout(request.scope["state"]["session"])
    page.audit.note("logout", address=_address(request), name=_person(request).name)
    answer = JSONResponse({"ok": True})
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict", secure=page.is_secure)
    return answer


async def _stream(socket: WebSocket) -> None:
    page = _page_of(socket.app)
    if len(page.streams) >= MOST_STREAMS:
        await socket.close(1013, "too many look on: close another page")
        return
    stream = Stream(socket, Viewer(page.shown))
    page.streams.add(stream)
    try:
        await socket.accept()
        await stream.serve()
    finally:
        page.streams.discard(stream)


def _binary(content: bytes, headers: Mapping[str, str] | None = None) -> Response:
    return Response(content, media_type="application/octet-stream", headers=headers)


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


def _named(name: object) -> str:
    """What somebody calls themselves, fit for a line of a log."""
    if not isinstance(name, str):
        return ""
    return "".join(letter for letter in name[:_LONGEST_NAME] if letter.isprintable()).strip()
