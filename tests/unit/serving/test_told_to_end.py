"""The service manager's word, whenever it comes."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest
import yaml

from edge.serving import run
from tests.unit.desk.panel import configuration


def test_a_page_that_is_told_to_end_before_it_serves_does_not_serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Early:
        """A server to which the word comes while it has no handler of its own yet."""

        should_exit = False

        def run(self, sockets: list[socket.socket]) -> None:
            for each in sockets:
                each.close()
            signal.raise_signal(signal.SIGTERM)
            assert self.should_exit, "it would serve on"

    monkeypatch.setattr(run, "server_of", lambda *_, **__: Early())
    monkeypatch.setattr(run.os, "nice", lambda _by: 0)
    config = tmp_path / "scan.yaml"
    config.write_text(yaml.safe_dump(configuration() | {"monitor": {"port": 0}}))
    run.serve(config, tmp_path / "runs", say=lambda text: None)
