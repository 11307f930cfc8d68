"""Who may do what: tokens, sessions in memory, and how often somebody may guess."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from edge.monitor.tokens import Tokens

Role = Literal["operator", "visitor"]

_LONGEST_TOKEN = 512
_WINDOW_S = 60.0
_GUESSES = 5
"""Wrong tokens from one address in that time."""
_GUESSES_IN_ALL = 60
_MOST_ADDRESSES = 2_000
_MOST_SESSIONS = 256
_SESSION_S = 12 * 3_600.0
"""Since it was last used."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at the page."""

    role: Role
    name: str
    """What they call themselves, or their address."""


@dataclass(frozen=True, slots=True)
class Granted:
    """A token was right; the session's secret is the cookie's."""

    session: str
    person: Person


@dataclass(frozen=True, slots=True)
class Refused:
    """It was not, or was not looked at; falsy."""

    reason: str
    is_too_often: bool

    def __bool__(self) -> bool:
        return False


class Access:
    """Tokens in, sessions out; all of one thread.

    Parameters
    ----------
    tokens
        Both empty: whoever reaches the page is its operator, which is for this computer alone.
    clock
        Monotonic time in s.
    """

    def __init__(self, tokens: Tokens, clock: Callable[[], float] = time.monotonic) -> None:
        self._tokens, self._clock = tokens, clock
        self._sessions: OrderedDict[str, tuple[Person, float]] = OrderedDict()
        self._guesses: OrderedDict[str, deque[float]] = OrderedDict()
        self._all_guesses: deque[float] = deque()

    @property
    def is_open(self) -> bool:
        """Whether nobody is asked for a token."""
        return not (self._tokens.operator or self._tokens.visitor)

    def person(self, session: str, address: str) -> Person | None:
        """Who holds a session; None where nobody does."""
        if self.is_open:
            return Person("operator", address)
        key = _digest(session)
        found = self._sessions.get(key)
        if found is None:
            return None
        person, used_s = found
        now = self._clock()
        if now - used_s > _SESSION_S:
            del self._sessions[key]
            return None
        self._sessions[key] = person, now
        self._sessions.move_to_end(key)
        return person

    def lasts(self, session: str) -> bool:
        """Whether somebody holds a session still; to ask this is no use of it."""
        if self.is_open:
            return True
        found = self._sessions.get(_digest(session))
        return found is not None and self._clock() - found[1] <= _SESSION_S

    def login(self, token: str, name: str, address: str) -> Granted | Refused:
        """Try a token.

        Parameters
        ----------
        address
            Where it comes from: guesses are counted by it. This computer is not locked out by what others guess.
        """
        place = place_of(address)
        own, now = self._guesses.get(place, deque()), self._clock()
        _forget(own, now)
        _forget(self._all_guesses, now)
        is_near = is_this_computer(address)
        if len(own) >= _GUESSES or (len(self._all_guesses) >= _GUESSES_IN_ALL and not is_near):
            return Refused("too many wrong tokens: wait a minute", is_too_often=True)
        role = self._role(token)
        if role is None:
            own.append(now)
            self._all_guesses.append(now)
            self._guesses[place] = own
            self._guesses.move_to_end(place)
            while len(self._guesses) > _MOST_ADDRESSES:
                self._guesses.popitem(last=False)
            return Refused(
                "this token is not the right one: see the terminal that started the page", is_too_often=False
            )
        session = secrets.token_urlsafe(32)
        person = Person(role, name or address)
        self._sessions[_digest(session)] = person, now
        while len(self._sessions) > _MOST_SESSIONS:
            # visitors who log in again and again log no operator out
            visitors = (key for key, (holder, _) in self._sessions.items() if holder.role == "visitor")
            del self._sessions[next(visitors, next(iter(self._sessions)))]
        return Granted(session, person)

    def logout(self, session: str) -> None:
        """Forget a session."""
        self._sessions.pop(_digest(session), None)

    def _role(self, token: str) -> Role | None:
        # both are compared, whatever the first comparison gave
        is_operator, is_visitor = (
            bool(right) and hmac.compare_digest(_digest(token[:_LONGEST_TOKEN]), _digest(right))
            for right in (self._tokens.operator, self._tokens.visitor)
        )
        return "operator" if is_operator else "visitor" if is_visitor else None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _forget(guesses: deque[float], now: float) -> None:
    while guesses and now - guesses[0] > _WINDOW_S:
        guesses.popleft()


def place_of(address: str) -> str:
    """What guesses and connections are counted by: an address of version 4, or a network of version 6, a host's own."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return address


def is_this_computer(address: str) -> bool:
    """Whether an address is this computer's own, in either version."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback
