"""A page that is told to end, and the scan that it has started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from edge.serving.scans import Scans, _Begun


def test_a_scan_that_does_not_listen_yet_is_stopped_with_its_page(tmp_path: Path) -> None:
    scans, said = Scans(tmp_path), list[str]()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        scans._begun = _Begun(process, tmp_path / "words", tmp_path / "scan")
        scans.stop("the service manager", 60.0, said.append)
        ended = process.poll()
        process.kill()
    assert ended is not None
    assert "by a signal" in said[0]


def test_without_a_scan_nothing_is_stopped(tmp_path: Path) -> None:
    said = list[str]()
    Scans(tmp_path).stop("the service manager", 60.0, said.append)
    assert said == []
