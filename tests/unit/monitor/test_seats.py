"""Who may look on at a time, and until when: operators beside visitors, and nobody whose session is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, cast

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from edge.monitor import application as application_module
from edge.monitor.access import _SESSION_S, Access, Granted
from edge.monitor.seats import (
    MOST_OF_SESSION,
    MOST_OF_VISITORS,
    MOST_STREAMS,
    MOST_VISITORS_FROM_ONE,
    Seat,
    Seats,
)
from edge.monitor.stream import Stream
from tests.unit.monitor.page_server import TOKENS, Served, drained, served, until
from tests.unit.recordings.made import make_recording


class Looking:
    """In the place of a stream."""

    is_ended = False

    def end_session(self) -> None:
        self.is_ended = True


def come(seats: Seats, seat: Seat) -> bool:
    if seats.refusal(seat):
        return False
    seats.take(cast(Stream, Looking()), seat)
    return True


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(make_recording(tmp_path_factory.mktemp("seats") / "scan").folder, TOKENS) as page:
        yield page


def test_visitors_however_many_leave_places_for_operators() -> None:
    seats = Seats()
    came = [come(seats, Seat("visitor", f"v{n}", f"10.0.{n}.1")) for n in range(100)]
    assert sum(came) == MOST_OF_VISITORS
    operators = [come(seats, Seat("operator", f"o{n}", "10.1.0.1")) for n in range(100)]
    assert sum(operators) == MOST_STREAMS - MOST_OF_VISITORS


def test_no_login_and_no_visitors_address_takes_all_places() -> None:
    seats = Seats()
    assert sum(come(seats, Seat("operator", "one", "10.0.0.1")) for _ in range(100)) == MOST_OF_SESSION
    # 16 networks of version 6 are as many addresses, and one of version 6 is one
    came = [come(seats, Seat("visitor", f"v{n}", f"2001:db8::{n:x}")) for n in range(100)]
    assert sum(came) == MOST_VISITORS_FROM_ONE
    assert come(seats, Seat("visitor", "other", "10.0.0.2"))


def test_on_a_page_without_tokens_all_places_are_one_persons() -> None:
    seats = Seats()
    assert sum(come(seats, Seat("operator", "", "127.0.0.1")) for _ in range(100)) == MOST_STREAMS


def test_a_place_that_is_left_is_free() -> None:
    seats, seat = Seats(), Seat("operator", "one", "10.0.0.1")
    while come(seats, seat):
        pass
    seats.leave(next(iter(seats)))
    assert come(seats, seat)


def test_an_operator_gets_a_stream_while_visitors_hold_all_of_theirs(page: Served) -> None:
    with ExitStack() as held:
        # from one address, which here is all that there is
        for _ in range(MOST_VISITORS_FROM_ONE // MOST_OF_SESSION):
            cookie = page.login(TOKENS.visitor)
            for _ in range(MOST_OF_SESSION):
                held.enter_context(page.stream(cookie=cookie))
        with pytest.raises(InvalidStatus), page.stream(cookie=page.login(TOKENS.visitor)):
            pass
        with page.stream(cookie=page.login(TOKENS.operator)) as stream:
            assert until(stream, "status")


def test_logging_out_ends_the_streams_of_that_login_and_no_others(page: Served) -> None:
    leaving, staying = page.login(TOKENS.operator), page.login(TOKENS.operator)
    with page.stream(cookie=leaving) as left, page.stream(cookie=staying) as stays:
        assert until(left, "status")
        assert page.post("/api/logout", {}, Cookie=leaving).status == 200
        with pytest.raises(ConnectionClosed) as closed:
            drained(left)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401
        assert until(stays, "status")


def test_a_session_that_runs_out_ends_its_streams(page: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application_module, "_SESSIONS_S", 0.05)
    with (
        served(page.page.shown.folder, TOKENS) as other,
        other.stream(cookie=other.login(TOKENS.visitor)) as stream,
    ):
        assert until(stream, "status")
        other.page.access._sessions.clear()
        with pytest.raises(ConnectionClosed) as closed:
            drained(stream)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401


def test_looking_whether_a_session_lasts_does_not_make_it_last() -> None:
    now = [0.0]
    access = Access(TOKENS, lambda: now[0])
    granted = access.login(TOKENS.visitor, "", "10.0.0.1")
    assert isinstance(granted, Granted)
    for _ in range(4):
        now[0] += _SESSION_S / 2
        lasts = access.lasts(granted.session)
    assert not lasts
    assert access.person(granted.session, "10.0.0.1") is None


def test_what_the_page_says_besides_is_not_waited_for_by_others(page: Served) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def slow() -> dict[str, Any]:
        begun.set()
        may_end.wait(60)
        return {}

    page.page.more = slow
    cookie = page.login(TOKENS.operator)
    asking = threading.Thread(target=page.get, args=("/api/scan",), kwargs={"Cookie": cookie})
    asking.start()
    try:
        assert begun.wait(60)
        began_s = time.monotonic()
        assert page.get("/api/history", Cookie=cookie).status == 200
        assert time.monotonic() - began_s < 30
    finally:
        may_end.set()
        asking.join()
        page.page.more = dict
