"""A scan that has a page: browsers that are too many, and a page that dies, are nothing to it."""

from __future__ import annotations

import http.client
import json
import re
import subprocess

import pytest

from tests.faults.page_clients import clients
from tests.instrument.conftest import Bench, await_that

pytestmark = pytest.mark.campaign


def scan_json(port: int) -> dict:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", "/api/scan")
        answer = connection.getresponse()
        assert answer.status == 200
        return json.loads(answer.read())
    finally:
        connection.close()


def page_of(bench: Bench) -> int:
    """The port that a scan's page has."""
    await_that(lambda: "Watch it" in bench.said, "the page's address")
    found = re.search(r"Watch it: http://127\.0\.0\.1:(\d+)/", bench.said)
    assert found is not None
    return int(found[1])


def test_ten_thousand_connections_leave_the_scan_alone_and_the_page_comes_back(bench: Bench) -> None:
    bench.scan["monitor"] = {"port": 0}
    # a scan of a minute and a half, so that it is not over before they have come
    bench.instrument["twin"]["clock_factor"] = 3.0
    with bench.running(), bench.scanning() as process:
        port = page_of(bench)
        with clients(port, "flood", 10_000):
            bench.scan_until(bench.measured() + 20, process)
        await_that(lambda: scan_json(port)["scan_id"] != "", "the page")
        assert process.wait(timeout=300) == 0


def test_a_scan_goes_on_when_its_page_is_killed_and_the_page_comes_back_where_it_was(bench: Bench) -> None:
    bench.scan["monitor"] = {"port": 0}
    bench.instrument["twin"]["clock_factor"] = 3.0
    with bench.running(), bench.scanning() as process:
        port = page_of(bench)
        bench.scan_until(5, process)
        found = subprocess.run(
            ["pgrep", "-f", f"edge.monitor.run {bench.recording}"], capture_output=True, text=True, check=True
        )
        for pid in found.stdout.split():
            subprocess.run(["kill", "-9", pid], check=True)
        await_that(lambda: scan_json(port)["scan_id"] != "", "the page")
        assert process.wait(timeout=300) == 0
    assert bench.said.count("the page ended by itself") == 1
