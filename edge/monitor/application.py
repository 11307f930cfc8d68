"""The page's server as an application: routes, what each needs, and the thread that looks at the recording."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from edge.control.messages import Command
from edge.faults import EdgeError
from edge.monitor import wire
from edge.monitor.guard import Guard
from edge.monitor.maps import LAYERS
from edge.monitor.page import Page, address_of, json_of, page_of, person_of, refusal
from edge.monitor.sessions import login, logout, look_on
from edge.monitor.shown import Shown

PERIOD_S = 0.05
"""Between two looks at the recording."""
_LAST_LOOK_S = 30.0
"""Wait for the look that is under way: a thread that is in the middle of one when the program ends may abort it."""
_SESSIONS_S = 5.0
"""Between two looks for sessions that have run out while their streams are open."""
_COMMANDS: dict[str, Command] = {
    "pause": "pause",
    "resume": "resume",
    "finish": "finish",
    "stop": "stop",
    "status": "status",
}
"""Arming is none of them: the beam is let out by somebody at the machine."""
_MOST_ORDERS = 8
"""That wait for a scan's answer at a time, in threads of their own: no other question is in their way."""


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
            Route("/api/states", _states),
            Route("/api/map/{element:int}/{layer}", _map),
            Route("/api/spectrum", _spectrum),
            Route("/api/spectrum/sum", _sum_spectrum),
            Route("/api/history", _history),
            Route("/api/control", _control, methods=["POST"]),
            Route("/api/login", login, methods=["POST"]),
            Route("/api/logout", logout, methods=["POST"]),
            WebSocketRoute("/api/stream", look_on),
            *routes,
            Mount("/", StaticFiles(directory=static, html=True, check_dir=False)),
        ],
        middleware=[Middleware(Guard, names=names, access=page.access, connections=page.connections)],
        lifespan=_watching,
    )
    app.state.page = page
    app.state.orders = ThreadPoolExecutor(_MOST_ORDERS, "orders")
    return app


@asynccontextmanager
async def _watching(app: Starlette) -> AsyncIterator[None]:
    """Look at the recording in a thread of its own, and wake the streams; end them with their sessions."""
    page, loop, ended = page_of(app), asyncio.get_running_loop(), threading.Event()

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
    ending = asyncio.create_task(_end_with_their_sessions(page))
    try:
        yield
    finally:
        ended.set()
        ending.cancel()
        with suppress(asyncio.CancelledError):
            await ending
        await run_in_threadpool(watcher.join, _LAST_LOOK_S)
        app.state.orders.shutdown(wait=False)


async def _end_with_their_sessions(page: Page) -> None:
    while True:
        await asyncio.sleep(_SESSIONS_S)
        page.streams.end_unless(page.access.lasts)


async def _scan(request: Request) -> Response:
    page, role = page_of(request.app), person_of(request).role
    more = await run_in_threadpool(page.more)
    return JSONResponse(page.shown.scan(role) | {"login": not page.access.is_open} | more)


async def _photo(request: Request) -> Response:
    picture = page_of(request.app).shown.picture
    if picture is None:
        return refusal(404, "there is no photograph yet")
    return Response(picture.jpeg, media_type="image/jpeg")


async def _cells(request: Request) -> Response:
    return await _packed(request, lambda page: wire.cells_bytes(page.shown.cells))


async def _states(request: Request) -> Response:
    taken = page_of(request.app).shown.feed.taken
    if taken is None:
        return refusal(404, "nothing is measured yet")
    return await _packed(request, lambda _page: wire.states_bytes(len(taken), taken.states))


async def _packed(request: Request, content: Callable[[Page], bytes]) -> Response:
    """As gzip for who accepts that: what a page begins with is mostly these, and they pack well."""
    page = page_of(request.app)
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return _binary(content(page))
    async with page.reading:
        packed = await run_in_threadpool(lambda: gzip.compress(content(page), 1, mtime=0))
    return _binary(packed, {"content-encoding": "gzip", "vary": "accept-encoding"})


async def _map(request: Request) -> Response:
    page = page_of(request.app)
    maps = page.shown.maps
    element, layer = request.path_params["element"], request.path_params["layer"]
    if layer not in LAYERS or element >= len(maps.elements):
        return refusal(404, "there is no such map yet")
    async with page.reading:
        content = await run_in_threadpool(
            lambda: wire.map_bytes(maps.values(element, LAYERS.index(layer)), maps.generation)
        )
    return _binary(content)


async def _spectrum(request: Request) -> Response:
    page = page_of(request.app)
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
            "held": bool(cell["held"]),
            "averaged": bool(cell["averaged"]),
            "nearest_mm": round((down**2 + across**2) ** 0.5 * about.grid.pitch_mm, 4),
            "live_s": round(live_s, 6),
            "counts": counts.tolist(),
        }
    )


async def _sum_spectrum(request: Request) -> Response:
    taken = page_of(request.app).shown.feed.taken
    if taken is None:
        return refusal(404, "nothing was measured yet")
    counts, live_s, exposures = taken.sum_counts, taken.live_s, taken.telling
    return JSONResponse({"exposures": exposures, "live_s": round(live_s, 6), "counts": counts.tolist()})


async def _history(request: Request) -> Response:
    history = page_of(request.app).shown.feed.history
    return JSONResponse({"error": history.errors, "rate": history.rates, "dose": history.dose})


async def _control(request: Request) -> Response:
    page, person = page_of(request.app), person_of(request)
    if person.role != "operator":
        return refusal(403, "visitors may look, and nothing else")
    content = await json_of(request)
    command = content.get("do") if content is not None else None
    if not isinstance(command, str) or command not in _COMMANDS:
        return refusal(400, f"there is no such command: {', '.join(sorted(_COMMANDS))}")
    if command == "resume" and _is_of_another_pause(page.shown, content):
        return refusal(409, "the scan was paused again since this page was told: see why, then resume")
    by = person.name
    page.audit.note(command, address=address_of(request), name=by, is_command=command != "status")
    from edge.control.client import ask

    try:
        loop, orders = asyncio.get_running_loop(), request.app.state.orders
        reply = await loop.run_in_executor(orders, ask, page.shown.folder, _COMMANDS[command], by)
    except EdgeError as error:
        return refusal(409, str(error))
    return JSONResponse({"ok": reply.ok, "sentence": reply.sentence, "state": reply.state})


def _is_of_another_pause(shown: Shown, content: Mapping[str, Any] | None) -> bool:
    """Whether who wants the scan to go on has seen an earlier pause than the one that it is in."""
    progress, seen = shown.feed.progress, None if content is None else content.get("pauses")
    return progress is not None and type(seen) is int and seen != progress.interruptions


def _binary(content: bytes, headers: Mapping[str, str] | None = None) -> Response:
    return Response(content, media_type="application/octet-stream", headers=headers)
