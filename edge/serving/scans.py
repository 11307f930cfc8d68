"""The scans of an instrument's page: found, started and resumed, each a process that outlives the page."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge.control.client import ask, is_heard
from edge.faults import EdgeError, UsageError
from edge.record.folder import RecordingPaths, new_folder

_MOST_LOOKED_AT = 5_000
_ANSWER_S = 20.0
"""Longest time that a scan may take to answer a page that ends: on a busy computer the page has the last turn."""
_WORDS = "scan.words"
_LONGEST_WORDS = 64 * 1024


@dataclass(frozen=True, slots=True)
class _Begun:
    """A scan that was started here."""

    process: subprocess.Popen[bytes]
    words: Path
    """File with what it says."""
    recording: Path

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None


class Scans:
    """What lies in a folder of recordings, and the process of the scan that was started here, if any.

    Scans have the priority that the thread had which made this: one that lowers its own afterwards, as the page does,
    leaves theirs alone, which nobody without rights could raise again.

    Parameters
    ----------
    folder
        Of the recordings.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._turn = threading.Lock()
        # Linux keeps a priority for each thread, and a process begins with that of the thread that starts it
        self._starter = ThreadPoolExecutor(1, "scan starter")
        self._starter.submit(int).result()
        self._begun: _Begun | None = None

    def running(self) -> Path | None:
        """The recording that a scan writes, whoever started it; None where none does."""
        return next((each for each in self._recordings() if is_heard(each)), None)

    def latest(self) -> Path | None:
        """The recording that runs, or else the newest; None where there is none."""
        return self.running() or next(self._recordings(), None)

    def start(self, plan: Path, identifier: str) -> Path:
        """Start the scan of a plan in a process of its own; it prepares, and waits to be armed. Gives its recording.

        Raises
        ------
        UsageError
            Another scan runs, or the process cannot be started.
        """
        recording = self._folder / new_folder(identifier).name
        arguments = [str(plan / "scan.yaml"), "--plan", str(plan), "--out", str(recording)]
        return self._begin(recording, plan / _WORDS, arguments)

    def resume(self, recording: Path, config: Path) -> Path:
        """Take up a scan that was interrupted; it connects, and waits to be armed.

        Parameters
        ----------
        config
            This instrument's configuration, which says who is told: what a recording's own says of that, and of a page,
            may have come with a copy from elsewhere.

        Raises
        ------
        UsageError
            Another scan runs, or the process cannot be started.
        """
        arguments = ["--resume", str(recording), "--alerts", str(config), "--no-page"]
        return self._begin(recording, self._folder / f".{recording.name}.words", arguments)

    def trouble(self) -> str:
        """Why the scan that was started here ended before it had a recording to tell it; empty where it did not."""
        # without the lock, which a start holds for as long as other scans take to answer
        begun = self._begun
        if begun is None or begun.process.poll() in (None, 0):
            return ""
        code = begun.process.returncode
        if RecordingPaths(begun.recording).log.exists() and code == 6:
            return ""
        with suppress(OSError), begun.words.open("rb") as file:
            lines = file.read(_LONGEST_WORDS).decode("utf-8", "replace").strip().splitlines()
            return lines[-1].removeprefix("pointillist: ") if lines else f"the scan ended with {code}"
        return ""

    def stop(self, by: str, wait_s: float, say: Callable[[str], None]) -> None:
        """Have the scan close its shutter and end resumably, and wait for that."""
        recording = self.running()
        process = None if self._begun is None else self._begun.process
        try:
            if recording is None:
                raise UsageError("no scan listens here")
            say(f"{recording}: {ask(recording, 'stop', by, _ANSWER_S).sentence}")
        except EdgeError as reason:
            if process is None or process.poll() is not None:
                return
            # it does not listen yet, or does not answer: SIGTERM asks for the same
            say(f"{reason}; the scan that was started here is told by a signal")
            process.terminate()
        if process is not None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(wait_s)

    def close(self) -> None:
        """Begin no more; the scan that runs goes on."""
        self._starter.shutdown()

    def _begin(self, recording: Path, words: Path, arguments: list[str]) -> Path:
        with self._turn:
            other, begun = self.running(), self._begun
            if other is not None or (begun is not None and begun.is_running):
                at = other or (None if begun is None else begun.recording)
                raise UsageError(f"a scan is running already ({at}): stop it, or let it end")
            command = [sys.executable, "-m", "edge.cli", "scan", *arguments, "--await-arm"]
            try:
                process = self._starter.submit(_started, command, words).result()
            except OSError as error:
                raise UsageError(
                    f"the scan cannot be started ({error.strerror or error}): see disk and memory"
                ) from None
            self._begun = _Begun(process, words, recording)
            return recording

    def _recordings(self) -> Iterator[Path]:
        """Newest first, by when their journals were written to last."""
        found = []
        with suppress(OSError):
            for number, folder in enumerate(self._folder.iterdir()):
                if number >= _MOST_LOOKED_AT:
                    break
                with suppress(OSError):
                    found.append(((folder / "journal.sqlite").stat().st_mtime, folder))
        return (folder for _, folder in sorted(found, reverse=True))


def _started(command: list[str], words: Path) -> subprocess.Popen[bytes]:
    with words.open("wb") as file:
        # Its own session: it outlives the page, and has no terminal from which it could be armed.
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True)
