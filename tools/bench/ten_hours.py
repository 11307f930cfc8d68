"""A scan of ten hours at a fast clock, with its page and browsers at it: what every process holds, hour by hour."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from edge.monitor.settings import listening
from edge.recordings.progress import Follower
from tools.bench.monitor_browsers import Browser, looking
from tools.bench.processor import children, resident_mb
from tools.bench.table import Row

FAILS = True
CLOCK_FACTOR = 60.0
BROWSERS = 4
HOURS = 10
_PITCH_MM, _RATE, _DWELL_S = 0.2, 0.15, 0.8
_EVERY_S = 2.0
_PATIENCE_S, _MAPS_S = 300.0, 1_800.0
_SCAN, _PAGE, _PREVIEW, _INSTRUMENT = "scan", "page", "preview", "instrument"
_MODULES = {"edge.monitor.run": _PAGE, "edge.preview.live": _PREVIEW}
KEPT_BYTES = {_SCAN: 400, _PAGE: 32, _PREVIEW: 2_000, _INSTRUMENT: 200}
"""Of an exposure, for good. The scan has its index, state and place in the plan; the page where it was, 12 bytes in a
list that doubles, and marks; the preview value and variance of each of ten elements, twice, and what kriging knows of
its neighbours; the instrument a line of its log."""
SLACK_MB = {_SCAN: 12.0, _PAGE: 12.0, _PREVIEW: 64.0, _INSTRUMENT: 12.0}
"""What allocators and SQLite's cache take as they please, and do not give back. The preview makes its model anew, with
twice the exposures each time, and draws all maps with it beside those that it has, of which the allocator keeps a part
that depends on what else was asked for meanwhile."""
NOTES = (
    f"The panel of the demonstration at {_PITCH_MM:g} mm, {_RATE:.0%} of its cells for {_DWELL_S:g} s each, on a clock "
    f"{CLOCK_FACTOR:g} times as fast; {BROWSERS} browsers look at all maps. Processes are those that `pointillist "
    "simulate` and `pointillist scan` start.",
    "*Grown* is the median of the tenth hour less that of the second: what comes before warms up. The target is what "
    f"an exposure leaves for good ({', '.join(f'{name} {kept} bytes' for name, kept in KEPT_BYTES.items())}), and what "
    f"allocators keep ({', '.join(f'{name} {mb:g} MB' for name, mb in SLACK_MB.items())}).",
)
Samples = dict[str, list[tuple[float, float]]]
"""For each process the part of the scan that is done, and its memory in MB."""


def measure(repeats: int) -> list[Row]:
    """One scan; it is long enough not to be repeated."""
    del repeats
    with tempfile.TemporaryDirectory(prefix="pointillist-bench-") as folder:
        return rows_of(*_scanned(Path(folder)))


def rows_of(samples: Samples, exposures: int, taken_mb: float) -> list[Row]:
    """A table of memory over time, and by how much each process has grown."""
    size = f"{exposures} exposures"
    rows = [
        Row(f"memory of the {name}, hour {hour + 1}", size, at_hour(found, hour), "MB")
        for name, found in samples.items()
        for hour in range(HOURS)
    ]
    for name, found in samples.items():
        grown = at_hour(found, HOURS - 1) - at_hour(found, 1)
        allowed = KEPT_BYTES[name] * exposures * (HOURS - 2) / HOURS / 1e6 + SLACK_MB[name]
        rows.append(Row(f"the {name} has grown", size, grown, "MB", target=allowed))
    return [*rows, Row("taken by a browser", size, taken_mb, "MB")]


def at_hour(found: list[tuple[float, float]], hour: int) -> float:
    """Median of what a process held in an hour, the first being 0; NaN where nobody looked."""
    held = [mb for done, mb in found if hour <= done * HOURS < hour + 1]
    return float(np.median(held)) if held else float("nan")


def _scanned(folder: Path) -> tuple[Samples, int, float]:
    port = _free_port()
    _configure(folder, port)
    browsers = [Browser() for _ in range(BROWSERS)]
    with _running("simulate", str(folder / "instrument.yaml"), words=folder / "instrument.log") as instrument:
        _await(folder / "port", instrument, folder / "instrument.log")
        arguments = "scan", str(folder / "scan.yaml"), "--out", str(folder / "scan")
        with _running(*arguments, words=folder / "scan.log") as scan:
            _await(folder / "scan" / "live" / "shown.bin", scan, folder / "scan.log")
            elements = len(_panel("scan.yaml")["elements"])
            with looking(port, browsers, elements):
                samples, exposures = _watched(folder / "scan", {_SCAN: scan.pid, _INSTRUMENT: instrument.pid})
            scan.wait(_MAPS_S)
            if scan.returncode:
                raise RuntimeError(f"the scan failed: {_last_words(folder / 'scan.log')}")
    return samples, exposures, float(np.mean([browser.received for browser in browsers])) / 1e6


def _watched(recording: Path, processes: Mapping[str, int]) -> tuple[Samples, int]:
    """What the processes hold until the last exposure is recorded."""
    follower = Follower(recording)
    samples: Samples = {}
    exposures, seen_s = 0, time.monotonic()
    while True:
        progress = follower.look()
        if progress.done > exposures:
            exposures, seen_s = progress.done, time.monotonic()
        if time.monotonic() - seen_s > _PATIENCE_S:
            raise RuntimeError(f"nothing was recorded in {_PATIENCE_S:g} s, {exposures} exposures after the beginning")
        if progress.expected and progress.done >= progress.expected:
            return samples, exposures
        named = {
            _MODULES[words[2]]: pid for pid, words in children(processes[_SCAN]) if words[2:3] and words[2] in _MODULES
        }
        for name, pid in (dict(processes) | named).items():
            with suppress(OSError, IndexError):
                samples.setdefault(name, []).append((progress.done / max(progress.expected, 1), resident_mb(pid)))
        time.sleep(_EVERY_S)


def _configure(folder: Path, port: int) -> None:
    camera = str(_free_port())
    (folder / "camera.yaml").write_text((files("edge.simulate") / "panel" / "camera.yaml").read_text("utf-8"))
    instrument, scan = _panel("instrument.yaml"), _panel("scan.yaml")
    instrument["camera_port"] = int(camera)
    instrument["twin"]["clock_factor"] = CLOCK_FACTOR
    scan["instrument"]["camera"]["url"] = f"http://127.0.0.1:{camera}/snapshot.png"
    scan["area"]["pitch_mm"] = _PITCH_MM
    scan["sampling"] = {"rate": _RATE, "mask": "blue-noise", "dwell_s": _DWELL_S}
    scan["monitor"] = {"port": port}
    for name, content in (("instrument.yaml", instrument), ("scan.yaml", scan)):
        (folder / name).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def _panel(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((files("edge.simulate") / "panel" / name).read_text("utf-8"))
    return content


def _free_port() -> int:
    with listening("127.0.0.1", 0) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def _running(*arguments: str, words: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A command as from a shell, ended at the end."""
    with words.open("wb") as log:
        command = [sys.executable, "-m", "edge.cli", *arguments]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(_PATIENCE_S)


def _await(path: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not path.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{path.name} did not come: {_last_words(log)}")
        time.sleep(0.1)


def _last_words(log: Path) -> str:
    words = log.read_text("utf-8", errors="replace").strip().splitlines()
    return words[-1] if words else "it said nothing"
