"""The operator's page beside a scan: how late an exposure is seen, what is sent to a browser, what the server takes."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import struct
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from websockets.asyncio.client import connect
from websockets.typing import Origin

from edge.events import Measured, ScanEvent
from edge.monitor.child import Child
from edge.monitor.settings import Settings, listening
from edge.monitor.tokens import Tokens
from edge.preview.process import LiveMaps
from edge.record.journal import Journal
from edge.record.reader import JournalReader
from tools.bench.made_recording import Made, make_recording
from tools.bench.table import Row

ROWS, COLUMNS, CLIENTS = 680, 580, 4
ELEMENTS = (
    "Al", "Si", "S", "K", "Ca", "Ti", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "As-K", "Sr", "Ag", "Sn-L", "Ba-L",
    "Hg-L", "Pb-L",
)  # fmt: skip
_BEFORE = 12_000
"""Exposures recorded before anybody looks."""
_RATE_HZ = 20.0
_SECONDS = 30.0
_SETTLED_S = 900.0
SEEN_TARGET_S, SENT_TARGET_MB, CORE_TARGET = 0.3, 2.0, 0.15
NOTES = (
    f"{CLIENTS} browsers look at {len(ELEMENTS)} elements of {ROWS} x {COLUMNS} cells while {_RATE_HZ:g} exposures a "
    "second of 2,048 channels are recorded, preview and server in processes of their own, on this computer.",
    "*Seen* is from the return of the journal's sync to a browser that has the exposure with its elements' values. "
    "Its limit is the server's and the preview's periods, 50 ms each.",
    "*Sent* is to one browser, everything included. Its limit is the whole maps of one layer once a preview, as 16-bit "
    "numbers, for which this has to be less.",
)


@dataclass(slots=True)
class Browser:
    """What one client saw."""

    seen_s: dict[int, float] = field(default_factory=dict)
    """Moment at which an exposure's values had come, by its place in the recording."""
    received: int = 0
    parts: int = 0


def measure(repeats: int) -> list[Row]:
    """Rows of one run; repeats lengthen it."""
    with tempfile.TemporaryDirectory(prefix="pointillist-bench-") as folder:
        events = _events(Path(folder) / "made")
        recording = Path(folder) / "scan"
        shutil.copytree(Path(folder) / "made", recording, ignore=shutil.ignore_patterns("journal*"))
        with Journal.create(recording / "journal.sqlite") as journal:
            return _run(journal, recording, events, _SECONDS * repeats / 3)


def _events(folder: Path) -> list[ScanEvent]:
    share = (_BEFORE + 2_000) / (ROWS * COLUMNS)
    paths = make_recording(folder, Made(ROWS, COLUMNS, rate=share, channels=2_048, live_s=0.05, elements=ELEMENTS))
    with closing(JournalReader(paths.journal)) as reader:
        return [event for _, event in reader.events()]


def _run(journal: Journal, folder: Path, events: list[ScanEvent], seconds: float) -> list[Row]:
    coming: Iterator[ScanEvent] = iter(events)
    journal.append(list(islice(coming, _BEFORE)))
    first = sum(isinstance(event, Measured) for event in events[:_BEFORE])
    browsers = [Browser() for _ in range(CLIENTS)]
    with LiveMaps(folder), _served(folder) as (child, port):
        _await_file(folder / "live" / "shown.bin")
        with _looking(port, browsers):
            time.sleep(10.0)
            sent_before = [browser.received for browser in browsers]
            cpu_before, began = _cpu_s(child), time.monotonic()
            recorded_s = _record(journal, coming, first, seconds)
            took_s = time.monotonic() - began
            cpu_s = _cpu_s(child) - cpu_before
            time.sleep(1.0)
        sent = [browser.received - before for browser, before in zip(browsers, sent_before, strict=True)]
    late_s = [
        browser.seen_s[exposure] - at_s
        for browser in browsers
        for exposure, at_s in recorded_s.items()
        if exposure in browser.seen_s
    ]
    lost = CLIENTS * len(recorded_s) - len(late_s)
    whole = 2.0 * ROWS * COLUMNS * len(ELEMENTS)
    size = f"{len(ELEMENTS)} x {ROWS} x {COLUMNS}"
    return [
        Row("seen, median", size, float(np.median(late_s)), "s", limit=0.1, target=SEEN_TARGET_S),
        Row("seen, 95 of 100", size, float(np.quantile(late_s, 0.95)), "s", limit=0.1, target=SEEN_TARGET_S),
        Row("seen, the latest", size, float(np.max(late_s)), "s", limit=0.1),
        Row("not seen", size, float(lost), "exposures"),
        Row(
            "sent in a second",
            f"{size}, a browser",
            max(sent) / took_s / 1e6,
            "MB",
            limit=whole / 1e6,
            target=SENT_TARGET_MB,
        ),
        Row("server", f"{size}, {CLIENTS} browsers", cpu_s / took_s, "cores", target=CORE_TARGET),
    ]


def _record(journal: Journal, coming: Iterator[ScanEvent], first: int, seconds: float) -> dict[int, float]:
    """When each exposure was in the journal."""
    recorded_s: dict[int, float] = {}
    began = time.monotonic()
    for number in range(round(seconds * _RATE_HZ)):
        time.sleep(max(0.0, began + number / _RATE_HZ - time.monotonic()))
        journal.append([next(coming)])
        recorded_s[first + number] = time.monotonic()
    return recorded_s


@contextmanager
def _served(folder: Path) -> Iterator[tuple[int, int]]:
    """Process and port of the page."""
    listener = listening("127.0.0.1", 0)
    port = int(listener.getsockname()[1])
    settings = Settings("127.0.0.1", port, (), Tokens())
    with listener:
        child = Child("edge.monitor.run", [str(folder), str(listener.fileno())], settings.json(), [listener.fileno()])
    try:
        yield child.pid, port
    finally:
        child.end(5.0)


@contextmanager
def _looking(port: int, browsers: list[Browser]) -> Iterator[None]:
    """Browsers in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    tasks = [asyncio.run_coroutine_threadsafe(_look(port, browser), loop) for browser in browsers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _look(port: int, browser: Browser) -> None:
    here = f"127.0.0.1:{port}"
    origin = Origin(f"http://{here}")
    async with connect(f"ws://{here}/api/stream", origin=origin, max_size=None, compression=None) as socket:
        view = {"type": "view", "elements": list(range(len(ELEMENTS))), "layers": ["estimate"]}
        await socket.send(json.dumps(view))
        async for message in socket:
            browser.received += len(message)
            if isinstance(message, str):
                number = json.loads(message)["n"]
            else:
                number = struct.unpack_from("<I", message, 4)[0]
                _see(browser, message)
            await socket.send(json.dumps({"type": "ack", "n": number}))


def _see(browser: Browser, message: bytes) -> None:
    if message[0] != 1:
        browser.parts += 1
        return
    first, count = struct.unpack_from("<II", message, 8)
    viewed = message[16]
    at = 17 + viewed
    at += -at % 4 + 12 * count
    values = np.frombuffer(message, "<f4", count * viewed, at).reshape(count, viewed)
    now = time.monotonic()
    for exposure in np.flatnonzero(~np.isnan(values).any(axis=1)):
        browser.seen_s.setdefault(first + int(exposure), now)


def _await_file(path: Path) -> None:
    deadline = time.monotonic() + _SETTLED_S
    while not path.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{path} did not come: see the preview")
        time.sleep(0.1)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
