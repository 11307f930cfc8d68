"""Connections before TLS and HTTP: counted, given little time, and let go of for those who have a better claim."""

from __future__ import annotations

import http.client
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from edge.monitor import gate
from edge.monitor.gate import MOST_CONNECTIONS, MOST_FROM_ONE, Connections, Held, Standing
from tests.unit.monitor.page_server import NOBODYS, TOKENS, Served, served, until
from tests.unit.recordings.made import make_recording


class Clock:
    """Time that passes when told to."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Counted:
    """Connections of sockets that lead nowhere."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.connections = Connections(self.clock)
        self.ended: list[str] = []
        self.port = 1_024
        self.sockets: list[socket.socket] = []

    def come(self, address: str) -> tuple[str, int] | None:
        """Another one; None where it is turned away."""
        if not self.connections.admits(address):
            return None
        ours, theirs = socket.socketpair()
        held = Held(ours.family, ours.type, ours.proto, fileno=ours.detach())
        self.sockets += [held, theirs]
        self.port += 1
        self.connections.add(held, (address, self.port))
        self.connections.spoken((address, self.port), lambda: self.ended.append(address))
        return address, self.port


@pytest.fixture
def counted() -> Iterator[Counted]:
    made = Counted()
    yield made
    for each in made.sockets:
        each.close()


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_recording(tmp_path_factory.mktemp("gate") / "scan").folder


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate and its key."""
    openssl, folder = shutil.which("openssl"), tmp_path_factory.mktemp("tls")
    if openssl is None:
        pytest.skip("no openssl here to make a certificate with")
    certificate, key = folder / "page.pem", folder / "page.key"
    made = f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -keyout {key}"
    subprocess.run([openssl, *made.split(), "-out", str(certificate)], check=True, capture_output=True)
    return certificate, key


@pytest.fixture
def secured(recording: Path, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(gate, "_HANDSHAKE_S", 1.0)
    monkeypatch.setattr(gate, "_LOOK_EVERY_S", 0.1)
    with served(recording, NOBODYS, certificate=pair[0], key=pair[1]) as page:
        yield page


def asked(page: Served, certificate: Path) -> int:
    """What a true client is answered."""
    trusted = ssl.create_default_context(cafile=str(certificate))
    trusted.check_hostname = False
    connection = http.client.HTTPSConnection("127.0.0.1", page.port, context=trusted, timeout=30)
    try:
        connection.request("GET", "/api/scan")
        return connection.getresponse().status
    finally:
        connection.close()


def is_closed(raw: socket.socket) -> bool:
    """Whether the other end closes it within a minute."""
    raw.settimeout(60)
    try:
        return raw.recv(1) == b""
    except ConnectionResetError:
        return True


def test_of_three_hundred_that_never_begin_a_handshake_no_more_are_held_than_there_is_room_for(
    secured: Served, pair: tuple[Path, Path]
) -> None:
    with ExitStack() as held:
        silent = [
            held.enter_context(socket.create_connection(("127.0.0.1", secured.port), timeout=30)) for _ in range(300)
        ]
        for one_too_many in silent[MOST_FROM_ONE:]:
            assert is_closed(one_too_many)
        assert len(secured.page.connections) <= MOST_FROM_ONE
        # those that were let in run out of time, and then a true client has room
        assert all(is_closed(raw) for raw in silent[:MOST_FROM_ONE])
        assert asked(secured, pair[0]) == 200


@pytest.mark.parametrize("begun", [b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n\r\n", b"\x16"])
def test_a_handshake_that_does_not_end_is_given_up(secured: Served, pair: tuple[Path, Path], begun: bytes) -> None:
    with socket.create_connection(("127.0.0.1", secured.port), timeout=30) as raw:
        raw.sendall(begun)
        raw.settimeout(60)
        try:
            while raw.recv(65_536):
                pass
        except ConnectionResetError:
            pass
    assert asked(secured, pair[0]) == 200


def test_a_true_client_is_answered_while_others_are_silent(secured: Served, pair: tuple[Path, Path]) -> None:
    with ExitStack() as held:
        for _ in range(MOST_FROM_ONE - 1):
            held.enter_context(socket.create_connection(("127.0.0.1", secured.port), timeout=30))
        assert asked(secured, pair[0]) == 200


def test_a_network_of_version_6_is_one_address(counted: Counted) -> None:
    came = [counted.come(f"2001:db8::{n:x}") for n in range(2 * MOST_FROM_ONE)]
    assert sum(each is not None for each in came) == MOST_FROM_ONE


def test_this_computer_always_gets_in_whoever_else_has_come(counted: Counted) -> None:
    for n in range(MOST_CONNECTIONS):
        assert counted.come(f"10.0.0.{n % 100}")
    assert counted.come("10.0.1.1") is None
    assert counted.come("127.0.0.1")
    assert counted.come("::1")
    assert counted.come("::ffff:127.0.0.1")


def test_what_is_closed_makes_room_once(counted: Counted) -> None:
    for _ in range(MOST_FROM_ONE):
        counted.come("10.0.0.1")
    assert counted.come("10.0.0.1") is None
    counted.sockets[0].close()
    counted.sockets[0].close()
    assert counted.come("10.0.0.1")
    assert counted.come("10.0.0.1") is None


def test_a_port_that_comes_again_before_the_loop_has_seen_it_reset_is_counted_once(counted: Counted) -> None:
    counted.come("10.0.0.1")
    counted.port -= 1
    counted.come("10.0.0.1")
    for each in counted.sockets:
        each.close()
    for _ in range(MOST_FROM_ONE):
        assert counted.come("10.0.0.1")


def test_what_the_other_end_has_closed_makes_room_before_the_loop_has_seen_it(counted: Counted) -> None:
    for _ in range(MOST_FROM_ONE):
        counted.come("10.0.0.1")
    counted.sockets[1].close()
    assert counted.come("10.0.0.1")
    assert counted.come("10.0.0.1") is None


def test_a_newcomer_takes_the_place_of_the_oldest_stranger_where_most_of_them_come_from(counted: Counted) -> None:
    for address, count in (("10.0.0.1", 63), ("10.0.0.2", 64), ("10.0.0.3", 64), ("10.0.0.4", 64), ("10.0.0.5", 1)):
        for _ in range(count):
            assert counted.come(address)
            counted.clock.now_s += 0.001
    assert counted.come("10.0.0.6") is None, "they have only just come"
    counted.clock.now_s += 2.0
    assert counted.come("10.0.0.6")
    assert counted.ended == ["10.0.0.2"]
    assert len(counted.connections) == MOST_CONNECTIONS


def test_operators_make_room_for_nobody_and_visitors_only_after_strangers(counted: Counted) -> None:
    came = [counted.come("10.0.0.1") for _ in range(MOST_FROM_ONE)]
    for peer in came[1:]:
        counted.connections.known(peer, Standing.OPERATOR)
    counted.connections.known(came[0], Standing.VISITOR)
    counted.clock.now_s += 2.0
    stranger = counted.come("10.0.0.1")
    assert stranger is not None, "the visitor has made room"
    counted.connections.known(stranger, Standing.OPERATOR)
    counted.clock.now_s += 2.0
    assert counted.come("10.0.0.1") is None


def test_who_has_logged_in_stays_connected_while_strangers_fill_the_page(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "_GRACE_S", 0.0)
    with (
        served(recording, TOKENS) as page,
        page.stream(cookie=page.login(TOKENS.operator)) as stream,
        ExitStack() as held,
    ):
        for _ in range(3 * MOST_FROM_ONE):
            held.enter_context(socket.create_connection(("127.0.0.1", page.port), timeout=30))
        assert until(stream, "status")
        assert page.get("/api/scan", Cookie=page.login(TOKENS.operator)).status == 200


def filled(held: socket.socket) -> None:
    """Send until the system takes no more."""
    with suppress(BlockingIOError):
        while True:
            held.send(b" " * 65_536)


@pytest.mark.parametrize(("taken", "is_given_up"), [(0, True), (1_000, True), (64_000, False)])
def test_who_asks_for_much_and_takes_next_to_nothing_is_given_up(
    counted: Counted, taken: int, *, is_given_up: bool
) -> None:
    counted.come("10.0.0.1")
    held, browser = counted.sockets
    assert isinstance(held, Held)
    held.setblocking(False)
    filled(held)
    looks = []
    for _ in range(8):
        looks.append(held.is_overdue(counted.clock()))
        if taken:
            browser.recv(taken)
            with suppress(BlockingIOError):
                held.send(b" " * taken)
        filled(held)
    assert looks[-1] == is_given_up
    assert not any(looks[:5]), "a network may stand still for a while"
