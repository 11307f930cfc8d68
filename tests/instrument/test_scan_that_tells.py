"""A scan that tells somebody how it ended, and that it is gone."""

from __future__ import annotations

import json
import sys

import pytest

from tests.instrument.conftest import Bench, await_that

CODE = "import os, sys; open(sys.argv[1], 'a').write(os.environ['POINTILLIST_ALERT'] + '\\n')"


@pytest.fixture
def told(bench: Bench):
    """What somebody was told, line by line."""
    path = bench.folder / "told.txt"
    bench.scan["alerts"] = {"command": [sys.executable, "-c", CODE, str(path)]}
    return lambda: path.read_text().split() if path.exists() else []


def test_the_end_of_a_scan_is_told_before_the_command_returns(bare: Bench, told) -> None:
    with bare.running():
        outcome = bare.run("scan", str(bare.config), "--out", str(bare.recording))
    assert outcome.returncode == 0, outcome.stderr
    assert told()[-1] == "finished"
    noted = [json.loads(line) for line in (bare.recording / "alerts.log").read_text().splitlines()]
    assert [line["kind"] for line in noted] == told()


@pytest.mark.campaign
def test_a_scan_that_was_killed_is_told_by_who_is_left(bench: Bench, told) -> None:
    with bench.running(), bench.scanning() as process:
        bench.scan_until(5, process)
        process.kill()
        process.wait(timeout=60)
        await_that(lambda: "interrupted" in told(), "the news of a scan that is gone")
