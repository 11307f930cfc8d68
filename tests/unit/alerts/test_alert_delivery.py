"""How somebody is told: by an address, by a program, and what becomes of a message that does not arrive."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge.alerts import deliver as delivering
from edge.alerts.deliver import Addressees, deliver
from edge.alerts.fold import Alert
from edge.alerts.process import of_resumed, webhook_of
from edge.alerts.run import Teller
from edge.configuration.monitor import AlertsConfig
from edge.events import Paused
from edge.faults import UsageError
from edge.record.journal import Journal
from tests.unit.desk.panel import configuration
from tests.unit.recordings.made import at, make_files, measured, preparation

ALERT = Alert(3, "finished", "the scan is finished", at(5))
SCAN = {"object": "A panel", "folder": "/runs/panel", "computer": "scanner"}


@contextmanager
def listener(*answers: int) -> Iterator[tuple[str, list[Any]]]:
    """An address that answers so, one after the other, the last one for ever; and what it was told."""
    told: list[Any] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(answers[min(len(told), len(answers)) - 1])
            self.send_header("Location", "http://127.0.0.1:1/")
            self.end_headers()

        def do_GET(self) -> None:
            told.append("GET")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/hook", told
        finally:
            server.shutdown()
            thread.join()


def test_an_address_is_told_what_and_where() -> None:
    with listener(200) as (address, told):
        assert deliver(ALERT, SCAN, Addressees(webhook=address)) == []
    (message,) = told
    assert message["text"] == "A panel: the scan is finished"
    assert message["alert"]["kind"] == "finished"
    assert message["scan"] == SCAN


def test_an_address_that_answers_with_an_error_is_told_again_at_most_three_times() -> None:
    waits: list[float] = []
    with listener(503, 200) as (address, told):
        assert deliver(ALERT, SCAN, Addressees(webhook=address), waits.append) == []
        assert len(told) == 2
    with listener(503) as (address, told):
        (failure,) = deliver(ALERT, SCAN, Addressees(webhook=address), waits.append)
        assert "503" in failure
        assert len(told) == 3


def test_a_redirection_is_not_followed() -> None:
    with listener(302) as (address, told):
        (failure,) = deliver(ALERT, SCAN, Addressees(webhook=address), lambda seconds: None)
    assert "302" in failure
    assert "GET" not in told


def test_an_address_where_nobody_listens_is_a_sentence() -> None:
    (failure,) = deliver(ALERT, SCAN, Addressees(webhook="http://127.0.0.1:1/"), lambda seconds: None)
    assert failure.startswith("the webhook was not told (")


def test_a_program_gets_the_message_and_no_shell_reads_its_arguments(tmp_path: Path) -> None:
    out = tmp_path / "told"
    code = (
        "import os, sys; open(sys.argv[1], 'w').write("
        "sys.stdin.read() + os.environ['POINTILLIST_SENTENCE'] + sys.argv[2])"
    )
    command = (sys.executable, "-c", code, str(out), "$(touch /tmp/x); `id`")
    assert deliver(ALERT, SCAN, Addressees(command=command)) == []
    assert out.read_text().endswith("the scan is finished$(touch /tmp/x); `id`")
    assert '"kind": "finished"' in out.read_text()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ((sys.executable, "-c", "raise SystemExit(3)"), "ended with 3"),
        (("/nowhere/program",), "could not be started"),
        ((sys.executable, "-c", "import time; time.sleep(60)"), "did not end within"),
    ],
)
def test_a_program_that_fails_or_hangs_is_a_sentence(
    command: tuple[str, ...], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if words.startswith("did not"):
        monkeypatch.setattr(delivering, "_COMMAND_S", 0.1)
    (failure,) = deliver(ALERT, SCAN, Addressees(command=command))
    assert words in failure


def test_only_what_happens_from_now_on_and_is_asked_for_is_told_and_all_of_it_noted(tmp_path: Path) -> None:
    paths = make_files(tmp_path / "scan")
    with listener(200) as (address, told), Journal.create(paths.journal) as journal:
        journal.append([*preparation(), *measured(range(2)), Paused(at(10), "before")])
        teller = Teller(paths.folder, Addressees(webhook=address), frozenset({"paused"}), at(11))
        teller.look()
        journal.append([Paused(at(12), "by Ada")])
        teller.look()
        teller.look()
    assert [message["alert"]["sentence"] for message in told] == ["the scan is paused: by Ada"]
    assert told[0]["scan"]["object"] == "A panel"
    (line,) = (paths.folder / "alerts.log").read_text().splitlines()
    assert json.loads(line)["failures"] == []


def test_a_recording_that_is_still_to_come_is_waited_for(tmp_path: Path) -> None:
    teller = Teller(tmp_path / "scan", Addressees(), frozenset(), at(0))
    teller.look()
    paths = make_files(tmp_path / "scan")
    with Journal.create(paths.journal) as journal:
        journal.append([*preparation(), Paused(at(10), "by Ada")])
        teller.look()
    assert (paths.folder / "alerts.log").is_file()


@pytest.mark.parametrize("content", ["", "no address", "ftp://a.example/", "https://a.example/ b"])
def test_a_file_that_holds_no_address_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "hook"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"alerts\.webhook_file"):
        webhook_of(AlertsConfig(webhook_file=str(path)))


def test_a_secret_address_comes_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "hook"
    path.write_text("https://chat.example/secret\n")
    assert webhook_of(AlertsConfig(webhook_file=str(path))) == "https://chat.example/secret"
    with pytest.raises(UsageError, match="cannot be read"):
        webhook_of(AlertsConfig(webhook_file=str(tmp_path / "none")))


def test_a_recordings_own_program_is_not_started_when_it_is_taken_up() -> None:
    warned: list[str] = []
    program = AlertsConfig.model_validate({"command": ["/tmp/anything"]})
    both = AlertsConfig.model_validate({"command": ["/tmp/anything"], "webhook": "https://chat.example.org/x"})
    assert of_resumed(program, None, warned.append) is None
    rest = of_resumed(both, None, warned.append)
    assert rest is not None
    assert (rest.webhook, rest.command) == ("https://chat.example.org/x", [])
    assert len(warned) == 2
    assert "--alerts" in warned[0]
    assert of_resumed(None, None, warned.append) is None
    assert len(warned) == 2


def test_this_instruments_configuration_says_who_is_told_of_a_scan_that_is_taken_up(tmp_path: Path) -> None:
    own = tmp_path / "scan.yaml"
    own.write_text(yaml.safe_dump(configuration() | {"alerts": {"command": ["/usr/bin/true"]}}))
    foreign = AlertsConfig.model_validate({"command": ["/tmp/anything"], "webhook": "https://elsewhere.example/x"})
    found = of_resumed(foreign, own, lambda text: None)
    assert found is not None
    assert (found.webhook, found.command) == (None, ["/usr/bin/true"])
