"""What stands before every request: whose page it is asked for, from which page, by whom; and what no answer lacks."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.monitor.access import Access
from edge.monitor.gate import Connections, Standing

COOKIE = "pointillist"
LONGEST_BODY = 64 * 1024
_OPEN = {"/api/login"}
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "manifest-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), usb=(), serial=()",
}


class Guard:
    """Middleware around the whole application.

    Parameters
    ----------
    names
        Host names that the page answers to, beside ``localhost``. Addresses in figures it answers to always: another
        site can have a name of its own point to them, but no figure.
    access
        Who may do what.
    connections
        Those that are open; an operator's makes no room for others.
    """

    def __init__(self, app: ASGIApp, *, names: Collection[str], access: Access, connections: Connections) -> None:
        self._app = app
        self._names = {name.lower() for name in names} | {"localhost"}
        self._access, self._connections = access, connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        client = scope.get("client")
        address = client[0] if client else ""
        session = session_of(headers)
        person = self._access.person(session, address)
        if person is not None:
            self._connections.known(client, Standing.OPERATOR if person.role == "operator" else Standing.VISITOR)
        scope.setdefault("state", {}).update(person=person, address=address, session=session)
        refusal = self._refusal(scope, headers, is_known=person is not None)
        if refusal is None:
            await self._app(scope, receive, _with_headers(scope, send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            status, sentence = refusal
            answer = JSONResponse({"ok": False, "sentence": sentence}, status_code=status)
            await answer(scope, receive, _with_headers(scope, send))

    def _refusal(self, scope: Scope, headers: Headers, *, is_known: bool) -> tuple[int, str] | None:
        host = headers.get("host", "")
        path = scope["path"]
        is_command = scope["type"] == "websocket" or scope["method"] not in {"GET", "HEAD"}
        if headers.getlist("host") != [host] or not self._answers_to(host):
            return 421, f"the page does not answer to {host[:100]!r}: give monitor.names in the configuration"
        is_foreign = is_command and not _is_own(scope, headers, host)
        if is_foreign or (path.startswith("/api/") and _is_from_elsewhere(headers)):
            return 403, "this request comes from another page: open the instrument's own"
        if _length(headers) > LONGEST_BODY:
            return 413, f"more than {LONGEST_BODY} bytes: no request of the page is so long"
        if path.startswith("/api/") and path not in _OPEN and not is_known:
            return 401, "log in with the token that the terminal shows"
        return None

    def _answers_to(self, host: str) -> bool:
        name = _name_of(host)
        if name is None:
            return False
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def session_of(headers: Headers) -> str:
    """The session's secret that a browser sent; empty where it sent none."""
    try:
        cookies: SimpleCookie = SimpleCookie(headers.get("cookie", "")[:4_096])
    except CookieError:
        return ""
    found = cookies.get(COOKIE)
    return "" if found is None else found.value


def _name_of(host: str) -> str | None:
    """Host name or address of a Host header, without its port; None where it is malformed."""
    if host.startswith("["):
        name, bracket, port = host[1:].partition("]")
        port = port.removeprefix(":") if port else ""
        if not bracket:
            return None
    else:
        name, _, port = host.partition(":")
    if port and not (port.isascii() and port.isdigit() and len(port) <= 5):
        return None
    return name.lower().removesuffix(".") or None


def _is_own(scope: Scope, headers: Headers, host: str) -> bool:
    """Whether a request comes from a page of this very server, as browsers say for every command."""
    scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
    return headers.getlist("origin") == [f"{scheme}://{host}"]


def _is_from_elsewhere(headers: Headers) -> bool:
    """Whether a browser says that another site's page asks; a question may take a photograph, too."""
    return any(site not in {"same-origin", "none"} for site in headers.getlist("sec-fetch-site"))


def _length(headers: Headers) -> int:
    stated = headers.get("content-length", "0")
    return int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 12 else LONGEST_BODY + 1


def _with_headers(scope: Scope, send: Send) -> Send:
    caching = "no-store" if scope["path"].startswith("/api/") else "no-cache"

    async def sending(message: Message) -> None:
        if message["type"] in {"http.response.start", "websocket.http.response.start"}:
            _add(message, caching)
        await send(message)

    return sending


def _add(message: MutableMapping[str, Any], caching: str) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in _HEADERS.items():
        headers[name] = value
    headers["cache-control"] = caching
