"""The operator's page beside a scan: how late an exposure is seen, what is sent to a browser, what the server takes."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from edge.events import Measured, ScanEvent
from edge.maps import ElementMaps
from edge.monitor.child import Child
from edge.monitor.settings import Settings, listening
from edge.monitor.tokens import Tokens
from edge.preview.process import LiveMaps
from edge.preview.samples_file import SamplesHead, SamplesWriter
from edge.preview.shown_file import ShownWriter
from edge.record.journal import Journal
from edge.record.reader import JournalReader
from edge.spectra.lines import default_group
from tools.bench.made_recording import Made, make_recording
from tools.bench.monitor_bare import bare_cores
from tools.bench.monitor_browsers import Browser, looking
from tools.bench.painted import painted_panel
from tools.bench.processor import processor_s
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
_SETTLES_S = 15.0
_SETTLED_S = 900.0
SEEN_TARGET_S, SENT_TARGET_MB, CORE_TARGET = 0.3, 2.0, 0.15
NOTES = (
    f"{CLIENTS} browsers look at {len(ELEMENTS)} elements of {ROWS} x {COLUMNS} cells while {_RATE_HZ:g} exposures a "
    "second of 2,048 channels are recorded; the server is a process of its own, on this computer.",
    "*Seen* is from the return of the journal's sync to a browser that has the exposure with its elements' values. "
    "With *the preview* this fits and draws beside, in a process of its own; *without* it, values are written with the "
    "exposure, and half of all maps change by more than a screen shows twice a second: more than any browser is sent.",
    "The limit of *seen* is the periods at which server and preview look, 50 ms each. That of *sent* is those maps "
    "whole, one layer, as 16-bit numbers. *Server* is processor time over the clock's; its limit is that of a bare "
    "server of asyncio's, which gives as many clients as many messages of the same length, made beforehand.",
)


def measure(repeats: int) -> list[Row]:
    """Rows of two runs; repeats lengthen them."""
    seconds = _SECONDS * repeats / 3
    with tempfile.TemporaryDirectory(prefix="pointillist-bench-") as folder:
        events = _events(Path(folder) / "made")
        rows = []
        for what, beside in (("without", _Painted), ("the preview", _Preview)):
            recording = Path(folder) / what
            shutil.copytree(Path(folder) / "made", recording, ignore=shutil.ignore_patterns("journal*"))
            with Journal.create(recording / "journal.sqlite") as journal:
                rows += _run(journal, recording, events, seconds, beside, what)
        return rows


def _events(folder: Path) -> list[ScanEvent]:
    share = (_BEFORE + 2_000) / (ROWS * COLUMNS)
    paths = make_recording(folder, Made(ROWS, COLUMNS, rate=share, channels=2_048, live_s=0.05, elements=ELEMENTS))
    with closing(JournalReader(paths.journal)) as reader:
        return [event for _, event in reader.events()]


class _Preview:
    """The preview that a scan has."""

    def __init__(self, folder: Path, exposures: int) -> None:
        self._live = LiveMaps(folder)
        self._folder = folder

    def __enter__(self) -> Self:
        self._live.__enter__()
        # both are there once the model is made, and what is recorded already fitted
        for name in ("shown.bin", "samples.bin"):
            _await_file(self._folder / "live" / name)
        return self

    def recorded(self) -> None:
        """It sees for itself."""

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, fault, trace)


class _Painted:
    """Files as a preview leaves them, written by hand: values at once, and maps half of which change all the time."""

    def __init__(self, folder: Path, exposures: int) -> None:
        live = folder / "live"
        names = tuple(default_group(element, 40.0).name for element in ELEMENTS)
        self._samples = SamplesWriter(live, SamplesHead(1, names, 0.0, 0.01))
        self._shown = ShownWriter(live, generation=1, elements=names, shape=(ROWS, COLUMNS), unit="counts/s")
        self._ended = threading.Event()
        self._painting = threading.Thread(target=self._paint)
        self._add(exposures)
        self._samples.publish()

    def __enter__(self) -> Self:
        self._painting.start()
        return self

    def recorded(self) -> None:
        """The values of another exposure."""
        self._add(1)

    def _add(self, count: int) -> None:
        values = np.ones((count, len(ELEMENTS)), np.float32)
        self._samples.add(values, values)

    def _paint(self) -> None:
        maps, _ = painted_panel(ROWS, COLUMNS, len(ELEMENTS))
        measured = np.ones((ROWS, COLUMNS), np.bool_)
        half = 0
        while not self._ended.wait(0.5):
            maps[half * ROWS // 2 : (half + 1) * ROWS // 2] *= 1.05 if half else 0.95
            half = 1 - half
            self._shown.show(ElementMaps(ELEMENTS, maps, np.float32(0.1) * maps, measured, "kriging"))

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._painting.join()
        self._samples.close()
        self._shown.close()


def _run(
    journal: Journal,
    folder: Path,
    events: list[ScanEvent],
    seconds: float,
    beside: type[_Preview] | type[_Painted],
    what: str,
) -> list[Row]:
    coming: Iterator[ScanEvent] = iter(events)
    journal.append(list(islice(coming, _BEFORE)))
    first = sum(isinstance(event, Measured) for event in events[:_BEFORE])
    browsers = [Browser() for _ in range(CLIENTS)]
    with beside(folder, first) as drawing, _served(folder) as (child, port), looking(port, browsers, len(ELEMENTS)):
        # what is there already is sent first
        time.sleep(_SETTLES_S)
        before = [(browser.received, browser.messages) for browser in browsers]
        cpu_before, began = processor_s(child), time.monotonic()
        recorded_s = _record(journal, coming, first, seconds, drawing.recorded)
        took_s = time.monotonic() - began
        cpu_s = processor_s(child) - cpu_before
        sent, messages = np.mean([(each.received, each.messages) for each in browsers], axis=0) - np.mean(
            before, axis=0
        )
        time.sleep(2.0)
    late_s = [
        browser.seen_s[exposure] - at_s
        for browser in browsers
        for exposure, at_s in recorded_s.items()
        if exposure in browser.seen_s
    ] or [float("nan")]
    bare = bare_cores(CLIENTS, round(sent / messages), messages / took_s, seconds / 3)
    cores = cpu_s / took_s
    lost = CLIENTS * len(recorded_s) - len(late_s)
    whole_mb = 2 * 2.0 * ROWS * COLUMNS * len(ELEMENTS) / 2 / 1e6
    size = f"{len(ELEMENTS)} x {ROWS} x {COLUMNS}"
    seen = f"seen, {what}"
    return [
        Row(f"{seen}, median", size, float(np.median(late_s)), "s", limit=0.1, target=SEEN_TARGET_S),
        Row(f"{seen}, 95 of 100", size, float(np.quantile(late_s, 0.95)), "s", limit=0.1, target=SEEN_TARGET_S),
        Row(f"{seen}, the latest", size, float(np.max(late_s)), "s", limit=0.1),
        Row(f"not {seen}", size, float(lost), "exposures"),
        Row(f"sent, {what}", size, sent / took_s / 1e6, "MB", limit=whole_mb, target=SENT_TARGET_MB),
        Row(f"messages, {what}", "to one browser", messages / took_s, "times"),
        Row(f"server, {what}", f"{size}, {CLIENTS} browsers", cores, "cores", limit=bare, target=CORE_TARGET),
        Row(f"server over bare sending, {what}", f"{size}, {CLIENTS} browsers", cores / bare, "times"),
    ]


def _record(
    journal: Journal, coming: Iterator[ScanEvent], first: int, seconds: float, recorded: Callable[[], None]
) -> dict[int, float]:
    """When each exposure was in the journal."""
    recorded_s: dict[int, float] = {}
    began = time.monotonic()
    for number in range(round(seconds * _RATE_HZ)):
        time.sleep(max(0.0, began + number / _RATE_HZ - time.monotonic()))
        journal.append([next(coming)])
        recorded_s[first + number] = time.monotonic()
        recorded()
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


def _await_file(path: Path) -> None:
    deadline = time.monotonic() + _SETTLED_S
    while not path.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{path} did not come: see the preview")
        time.sleep(0.1)
