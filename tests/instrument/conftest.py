"""Simulated instruments in processes of their own, and the command line run against them as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pytest
import yaml

from tests.instrument.starter import Started, Starter

START_TIMEOUT_S = 150.0
END_TIMEOUT_S = 120.0
Process = subprocess.Popen[bytes] | Started


@dataclass
class Bench:
    """One simulated instrument and the configuration of a scan on it, in a folder of their own."""

    folder: Path
    instrument: dict
    scan: dict
    starter: Starter | None = None
    """Starts its commands; without one, each is started in full."""
    ready: str = "port"
    """What appears in the folder when the instrument is ready."""
    beforehand: tuple[str, ...] = ()
    """What its commands do first, of `tests.instrument.beforehand`."""
    names: ExitStack = field(default_factory=ExitStack)
    """Names of ports whose instrument was killed, kept from other tests' terminals until this one's has ended."""

    @property
    def twin_log(self) -> Path:
        return self.folder / "twin.jsonl"

    @property
    def recording(self) -> Path:
        return self.folder / "scan"

    @property
    def config(self) -> Path:
        return self.folder / "scan.yaml"

    def write(self) -> None:
        """Put both configurations where the commands find them."""
        (self.folder / "instrument.yaml").write_text(yaml.safe_dump(self.instrument, sort_keys=False))
        self.config.write_text(yaml.safe_dump(self.scan, sort_keys=False))

    @contextmanager
    def running(self) -> Iterator[Process]:
        """The instrument, from ready to ended."""
        self.write()
        with (self.folder / "instrument.log").open("wb") as words:
            arguments = ("simulate", str(self.folder / "instrument.yaml"), "--log", str(self.twin_log))
            process = self.start_unattended(*arguments, words=words, faults=words)
        try:
            await_that(
                lambda: (self.folder / self.ready).exists() or process.poll() is not None, "the instrument's port"
            )
            assert process.poll() is None, (self.folder / "instrument.log").read_text()
            yield process
        finally:
            process.terminate()
            process.wait(timeout=END_TIMEOUT_S)
            self.names.close()

    def kill(self, instrument: Process) -> None:
        """End the instrument without warning, as when its supply fails.

        A scan that looks for it finds no port. Without this it might find, under a name that was given anew, the
        terminal of another test.
        """
        port = self.folder / "port"
        self.names.callback(os.close, os.open(port.resolve(), os.O_RDWR | os.O_NOCTTY))
        instrument.kill()
        instrument.wait(timeout=END_TIMEOUT_S)
        port.unlink()

    def command(self, *arguments: str) -> list[str]:
        """One command as from a shell, imports and all."""
        return [sys.executable, "-m", "edge.cli", *arguments]

    def start(self, *arguments: str, files: tuple[IO[bytes], IO[bytes], IO[bytes]]) -> Process:
        """One command in the bench's folder, with these for what it reads and says."""
        if self.starter is not None:
            return self.starter.start(list(arguments), folder=self.folder, files=files, beforehand=self.beforehand)
        read, words, faults = files
        return subprocess.Popen(self.command(*arguments), stdin=read, stdout=words, stderr=faults, cwd=self.folder)

    def start_unattended(self, *arguments: str, words: IO[bytes], faults: IO[bytes]) -> Process:
        """One command with nobody to ask."""
        with Path(os.devnull).open("rb") as nobody:
            return self.start(*arguments, files=(nobody, words, faults))

    def run(self, *arguments: str, timeout_s: float = 480.0) -> subprocess.CompletedProcess[str]:
        """One command to its end."""
        with tempfile.TemporaryFile() as words, tempfile.TemporaryFile() as faults:
            process = self.start_unattended(*arguments, words=words, faults=faults)
            try:
                code = process.wait(timeout=timeout_s)
            finally:
                process.kill()
                process.wait(timeout=END_TIMEOUT_S)
            said = [file.seek(0) or file.read().decode("utf-8") for file in (words, faults)]
        return subprocess.CompletedProcess(self.command(*arguments), code, *said)

    @contextmanager
    def scanning(self) -> Iterator[Process]:
        """A scan in the background, to be disturbed; what it says is in `said` once it has ended."""
        with self._words.open("wb") as words:
            arguments = ("scan", str(self.config), "--out", str(self.recording))
            process = self.start_unattended(*arguments, words=words, faults=words)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(timeout=END_TIMEOUT_S)

    @property
    def _words(self) -> Path:
        return self.folder / "scan.words"

    @property
    def said(self) -> str:
        return self._words.read_text("utf-8")

    def scan_until(self, exposures: int, process: Process) -> None:
        """Wait until the journal holds so many."""
        await_that(lambda: self.measured() >= exposures or process.poll() is not None, f"{exposures} exposures")
        assert process.poll() is None, self.said

    def measured(self) -> int:
        """Exposures that the journal holds at this moment."""
        from edge.faults import EdgeError
        from edge.record.reader import JournalReader

        if not (self.recording / "journal.sqlite").exists():
            return 0
        try:
            with JournalReader(self.recording / "journal.sqlite") as reader:
                return len(reader.done_indices())
        except EdgeError:
            return 0

    def twin_events(self) -> list[dict]:
        """What the twin itself wrote down."""
        text = self.twin_log.read_text()
        # the last line may be half written
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def await_that(condition, what: str, timeout_s: float = START_TIMEOUT_S) -> None:
    """Wait for a condition, however long a busy machine takes; fail by name."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come within {timeout_s:.0f} s"
        time.sleep(0.02)


MARKERS = [(0, 38, 38), (1, 70, 36), (2, 102, 38), (3, 104, 59), (4, 102, 82), (5, 70, 84), (6, 38, 82), (7, 36, 59)]


def fiducials() -> dict:
    return {
        "side_mm": 8.0,
        "markers": [{"id": i, "x_mm": float(x), "y_mm": float(y)} for i, x, y in MARKERS],
    }


@pytest.fixture(scope="session")
def starter() -> Iterator[Starter]:
    """One for all tests of a pytest process."""
    made = Starter()
    yield made
    made.close()


@pytest.fixture
def bare(bench: Bench) -> Bench:
    """A bench whose scans end with their beam, without maps and report."""
    bench.beforehand = ("leave_out_maps",)
    return bench


@pytest.fixture
def bench(tmp_path: Path, starter: Starter) -> Bench:
    """A bench of this test's own, whose scans draw no maps before their end."""
    made = bench_in(tmp_path, starter)
    made.beforehand = ("leave_out_preview",)
    return made


@pytest.fixture
def drawing(bench: Bench) -> Bench:
    """A bench whose scans draw maps while they run."""
    bench.beforehand = ()
    return bench


def bench_in(folder: Path, starter: Starter | None = None) -> Bench:
    """A small painted panel, 48 x 32 mm, seen by a small camera; 384 exposures at high speed."""
    instrument = {
        "link": "port",
        "frames": "frames",
        "specimen": {"kind": "panel", "seed": 3, "width_mm": 48.0, "height_mm": 32.0},
        "placement": {"x_mm": 46.0, "y_mm": 43.0},
        "fiducials": fiducials(),
        "camera": {"width_px": 1200, "height_px": 880, "focal_px": 2600.0, "distance_mm": 200.0, "seed": 5},
        "twin": {"seed": 1, "clock_factor": 200.0, "x_limits_mm": [0.0, 150.0], "y_limits_mm": [0.0, 150.0]},
    }
    scan = {
        "object": {"identifier": "bench", "title": "Bench panel"},
        "instrument": {
            "controller": {"kind": "native", "port": "port"},
            "camera": {"kind": "folder", "path": "frames"},
            "fiducials": fiducials(),
            "detector": {"channels": 2048, "gain_kev": 0.01},
        },
        "area": {"x_mm": 46.0, "y_mm": 43.0, "width_mm": 48.0, "height_mm": 32.0, "pitch_mm": 0.5},
        "sampling": {"rate": 0.0625, "mask": "netm", "dwell_s": 0.1, "seed": 1},
        "elements": ["Ca", "Fe", "Cu", "Hg-L", "Pb-L"],
    }
    return Bench(folder, instrument, scan, starter)
