"""The page is never in the link's way, with four browsers on it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge.events import Measured
from edge.monitor.child import Child
from edge.monitor.settings import Settings, listening
from edge.monitor.tokens import Tokens
from edge.record.journal import Journal
from tests.faults.page_clients import clients
from tests.unit.recordings.made import at, make_files, preparation
from tools.bench.link_native import collect, controller, gaps_of, joined_strokes

pytestmark = pytest.mark.campaign


def test_strokes_join_without_a_gap_while_four_browsers_look_on(tmp_path: Path) -> None:
    paths = make_files(tmp_path / "scan")
    log = tmp_path / "twin.jsonl"
    listener = listening("127.0.0.1", 0)
    port = listener.getsockname()[1]
    with Journal.create(paths.journal) as journal:
        journal.append(preparation())
        with listener:
            settings = Settings("127.0.0.1", port, (), Tokens())
            arguments = [str(paths.folder), str(listener.fileno())]
            child = Child("edge.monitor.run", arguments, settings.json(), [listener.fileno()])
        try:
            with (
                clients(port, "watch", 4) as looking,
                controller(str(tmp_path), baud=None, live_s=0.01, clock_factor=1.0, log=log) as (native, _),
            ):
                for done in collect(native, joined_strokes(500, 0.01)):
                    journal.append([Measured(at(done.index * 0.01), done)])
                assert looking.stdin is not None
                assert looking.stdout is not None
                looking.stdin.close()
                taken = json.loads(looking.stdout.readline())
        finally:
            child.end(10.0)
    # they were sent something all the while
    assert min(taken) > 5
    assert sum(gaps_of(log)) == 0.0
