"""The scan's socket: who may speak there, how much, and what is left when it ends."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from edge.control.client import ask
from edge.control.listener import Listener, Peer
from edge.control.messages import Order, Reply
from edge.control.place import clear_abandoned, hold, note_of, place_in
from edge.faults import UsageError
from edge.record.own_files import refuse_links


class Heard:
    """Takes every order."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.peers: list[Peer] = []
        self.thread = ""

    def take(self, order: Order, peer: Peer) -> Reply:
        self.thread = threading.current_thread().name
        self.orders.append(order)
        self.peers.append(peer)
        return Reply(order.do != "stop", f"{order.do} by {order.by}", "measuring")


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def folder(tmp_path: Path, heard: Heard) -> Iterator[Path]:
    with Listener(tmp_path, heard.take):
        yield tmp_path


def connected(folder: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(30)
    connection.connect(str(place_in(folder)))
    return connection


def test_an_order_is_taken_and_answered(folder: Path, heard: Heard) -> None:
    assert ask(folder, "pause", "ana", 30) == Reply(True, "pause by ana", "measuring")
    assert not ask(folder, "stop", "ben", 30).ok
    assert heard.orders == [Order("pause", "ana"), Order("stop", "ben")]
    assert heard.peers[0] == Peer(os.getpid(), os.getuid())
    assert heard.thread == "scan control"


def test_nobody_else_may_look_into_the_sockets_folder(folder: Path) -> None:
    place = place_in(folder)
    assert place is not None
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700


def test_a_recording_holds_no_socket_and_its_path_may_be_long(tmp_path: Path, heard: Heard) -> None:
    folder = tmp_path / ("a" * 120) / ("b" * 120)
    folder.mkdir(parents=True)
    with Listener(folder, heard.take):
        refuse_links(folder)
        assert ask(folder, "status", "ana", 30).ok


def test_nothing_is_left_when_it_ends(tmp_path: Path, heard: Heard) -> None:
    with Listener(tmp_path, heard.take):
        place = place_in(tmp_path)
    assert place is not None
    assert not place.parent.exists()
    assert not note_of(tmp_path).exists()
    with pytest.raises(UsageError, match="no scan listens there"):
        ask(tmp_path, "status", "ana")


def test_a_scan_that_was_killed_is_known_not_to_listen_and_the_next_one_does(tmp_path: Path, heard: Heard) -> None:
    place = tmp_path / "pointillist-killed" / "control"
    place.parent.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as gone:
        gone.bind(str(place))
    note_of(tmp_path).parent.mkdir()
    note_of(tmp_path).write_text(str(place))
    with pytest.raises(UsageError, match="no scan listens there"):
        ask(tmp_path, "status", "ana")
    with Listener(tmp_path, heard.take):
        assert ask(tmp_path, "status", "ana", 30).ok
        assert not place.parent.exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from edge.control.listener import Listener
with Listener(Path(sys.argv[1]), lambda order, peer: None):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for sockets, of a path that is short enough for them."""
    with tempfile.TemporaryDirectory(prefix="run-", dir="/tmp") as folder:
        monkeypatch.setenv("RUNTIME_DIRECTORY", folder)
        yield Path(folder)


def test_what_a_killed_scan_left_is_taken_away_by_the_next_one_of_another_recording(
    tmp_path: Path, runtime: Path, heard: Heard
) -> None:
    killed, running, other = (tmp_path / name for name in ("killed", "running", "other"))
    for folder in (killed, running, other):
        folder.mkdir()
    assert subprocess.run([sys.executable, "-c", KILLED, str(killed)], check=False).returncode == -signal.SIGKILL
    (left,) = runtime.iterdir()
    with Listener(running, heard.take):
        assert not left.exists()
        with Listener(other, heard.take):
            # the scan that runs keeps its own
            assert ask(running, "status", "ana", 30).ok
            assert len(list(runtime.iterdir())) == 2


def test_folders_of_other_programs_and_sockets_that_are_held_stay(runtime: Path) -> None:
    kept = []
    for name, socket_name in (("pointillist-a", "other"), ("pointillist-b", "control"), ("elsewhere", "control")):
        (runtime / name).mkdir()
        kept.append(runtime / name)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as gone:
            gone.bind(str(runtime / name / socket_name))
    (runtime / "pointillist-c").mkdir()
    (runtime / "pointillist-d").symlink_to(runtime / "elsewhere")
    descriptor = hold(runtime / "pointillist-b" / "control")
    clear_abandoned(runtime)
    assert len(list(runtime.glob("*/*"))) == 4
    assert (runtime / "pointillist-c").exists()
    os.close(descriptor)
    clear_abandoned(runtime)
    assert not (runtime / "pointillist-b").exists()


def test_a_note_that_names_something_else_is_not_followed(tmp_path: Path) -> None:
    note_of(tmp_path).parent.mkdir()
    for words in ("/etc/passwd", "", "/nowhere", "x" * 9_000, "\0"):
        note_of(tmp_path).write_text(words)
        with pytest.raises(UsageError, match="no scan listens there"):
            ask(tmp_path, "stop", "ana")


@pytest.mark.parametrize("sent", [b"nonsense\n", b"{}\n", b"\xff\xfe\n", b'{"do": "open", "by": "ana"}\n'])
def test_a_malformed_line_gets_a_sentence_and_moves_nothing(folder: Path, heard: Heard, sent: bytes) -> None:
    with connected(folder) as connection:
        connection.sendall(sent)
        answer = connection.recv(4_096)
    assert b'"ok": false' in answer
    assert {order.do for order in heard.orders} <= {"status"}


def test_a_line_without_end_is_cut_off(folder: Path, heard: Heard) -> None:
    with connected(folder) as connection:
        received = b"?"
        try:
            connection.sendall(b"a" * 4_096)
            received = connection.recv(4_096)
        except OSError:
            received = b""
        assert received == b""
    assert heard.orders == []
    assert ask(folder, "pause", "ana", 30).ok


def test_whoever_says_nothing_keeps_nobody_from_stopping_the_scan(folder: Path, heard: Heard) -> None:
    with ExitStack() as held:
        silent = [held.enter_context(connected(folder)) for _ in range(4)]
        assert ask(folder, "pause", "ana", 30).ok
        assert heard.orders == [Order("pause", "ana")]
        assert silent[0].recv(16) == b"", "a silent connection is closed in the end"


def test_connections_beyond_a_few_are_closed_and_the_socket_lives_on(folder: Path) -> None:
    with ExitStack() as held:
        many = [held.enter_context(connected(folder)) for _ in range(30)]
        closed = 0
        for each in many[8:]:
            closed += each.recv(16) == b""
        assert closed == len(many) - 8
    assert ask(folder, "status", "ana", 30).ok


def test_a_name_that_could_forge_a_journal_is_refused_before_it_is_sent(folder: Path, heard: Heard) -> None:
    with pytest.raises(UsageError, match="printable"):
        ask(folder, "pause", "ana\nBen")
    assert heard.orders == []
