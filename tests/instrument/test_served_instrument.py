"""The instrument's page from plan to beam: what it starts waits, outlives it, is found again, and taken up unarmed."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edge.record.folder import open_recording
from edge.state import Ended, Halted
from tests.instrument.conftest import Bench, Process, await_that
from tests.instrument.test_armed_scan import armed_at_a_terminal, is_at, openings

pytestmark = pytest.mark.campaign

_LONG_S = 60.0


class Page:
    """What a browser would ask."""

    def __init__(self, process: Process, address: str) -> None:
        self.process, self.address = process, address

    def ask(self, path: str, content: Any = None) -> Any:
        host = self.address.removeprefix("http://").rstrip("/")
        connection = http.client.HTTPConnection(host, timeout=_LONG_S)
        headers = {"Origin": f"http://{host}", "Content-Type": "application/json"}
        try:
            if content is None:
                connection.request("GET", path)
            else:
                connection.request("POST", path, json.dumps(content), headers)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def until(self, path: str, key: str, value: Any) -> Any:
        told: Any = None

        def is_so() -> bool:
            nonlocal told
            told = self.ask(path)
            time.sleep(0.1)
            return bool(told.get(key) == value if value is not None else told.get(key))

        await_that(is_so, f"{key} of {path}")
        return told

    def await_state(self, name: str) -> None:
        await_that(lambda: self.ask("/api/scan")["state"]["name"] == name, name)


@contextmanager
def served(bench: Bench, turn: str) -> Iterator[Page]:
    words = bench.folder / f"serve-{turn}.words"
    with words.open("wb") as file:
        process = bench.start_unattended("serve", str(bench.config), words=file, faults=file)
    try:
        await_that(lambda: "page: http" in words.read_text() or process.poll() is not None, "the page")
        found = re.search(r"page: (http\S+)", words.read_text())
        assert found is not None, words.read_text()
        yield Page(process, found[1])
    finally:
        process.kill()
        process.wait(timeout=20)


def test_from_a_plan_on_the_page_to_a_scan_that_was_stopped_with_it_and_is_armed_again(bench: Bench) -> None:
    bench.scan["monitor"] = {"port": 0}
    bench.instrument["twin"]["clock_factor"] = 10.0
    with bench.running():
        with served(bench, "first") as page:
            # it gives way to what it starts
            assert os.getpriority(os.PRIO_PROCESS, page.process.pid) > os.getpriority(os.PRIO_PROCESS, 0)
            page.until("/api/planning", "photo", None)
            asked = {"area": None, "keep_outs": [], "budget": {"rate": 0.9}}
            job = page.ask("/api/planning/price", asked)["job"]
            told = page.until(f"/api/planning/job/{job}", "state", "done")
            assert len(told["alternatives"]) >= 3
            recording = Path(page.ask("/api/planning/start", {"job": job})["recording"])
            bench_recording(bench, recording)
            page.await_state("waiting")
            assert openings(bench) == 0
            code, said = armed_at_a_terminal(bench, "yes")
            assert code == 0, said
            page.await_state("scanning")
        # that page was killed
        assert is_at(bench, "measuring")
        with served(bench, "second") as page:
            page.await_state("scanning")
            page.process.send_signal(signal.SIGTERM)
            assert page.process.wait(timeout=120) in (0, -signal.SIGTERM, 143)
        await_that(lambda: not is_at(bench, "measuring") and not is_at(bench, "ending"), "the end of the scan")
        with open_recording(recording) as found:
            assert isinstance(found.history.state, Halted)
            assert "service manager" in found.history.state.reason
        opened = openings(bench)
        with served(bench, "third") as page:
            page.await_state("interrupted")
            assert page.ask("/api/planning/resume", {"scan_id": page.ask("/api/scan")["scan_id"]})["ok"]
            await_that(lambda: is_at(bench, "waiting to be armed"), "the wait")
            assert openings(bench) == opened
            # somebody is content with what there is
            assert page.ask("/api/control", {"do": "finish"})["ok"]
            page.await_state("aborted")
        assert openings(bench) == opened
        with open_recording(recording) as found:
            assert found.history.state == Ended("aborted", is_planned=True)


def bench_recording(bench: Bench, recording: Path) -> None:
    """From now on the bench's recording is the one that the page began."""
    bench.recording.symlink_to(recording)
