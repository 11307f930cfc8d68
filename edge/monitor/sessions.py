"""Coming in, looking on and leaving: login, the stream of whoever is logged in, and its end with the session."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket

from edge.monitor.access import Granted
from edge.monitor.guard import COOKIE
from edge.monitor.page import address_of, json_of, page_of, person_of, refusal, session_of
from edge.monitor.seats import Seat
from edge.monitor.stream import Stream
from edge.monitor.viewer import Viewer

_LONGEST_NAME = 40


async def login(request: Request) -> Response:
    """Try a token; its session is the cookie's."""
    page, address = page_of(request.app), address_of(request)
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
    # a login may have taken the place of an older one
    page.streams.end_unless(page.access.lasts)
    return answer


async def logout(request: Request) -> Response:
    """Forget a session, and end what it looks at."""
    page = page_of(request.app)
    page.access.logout(session_of(request))
    page.streams.end_unless(page.access.lasts)
    page.audit.note("logout", address=address_of(request), name=person_of(request).name)
    answer = JSONResponse({"ok": True})
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict", secure=page.is_secure)
    return answer


async def look_on(socket: WebSocket) -> None:
    """Send whoever looks on what is new, as long as their session lasts."""
    page = page_of(socket.app)
    seat = Seat(person_of(socket).role, session_of(socket) if not page.access.is_open else "", address_of(socket))
    if refused := page.streams.refusal(seat):
        await socket.close(1013, refused)
        return
    stream = Stream(socket, Viewer(page.shown))
    page.streams.take(stream, seat)
    try:
        await socket.accept()
        await stream.serve()
    finally:
        page.streams.leave(stream)


def _named(name: object) -> str:
    """What somebody calls themselves, fit for a line of a log."""
    if not isinstance(name, str):
        return ""
    return "".join(letter for letter in name[:_LONGEST_NAME] if letter.isprintable()).strip()
