"""What the operator sees in the terminal, and the log beside it."""

from __future__ import annotations

import logging
import logging.handlers
import math
import os
import select
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

if TYPE_CHECKING:
    from rich.progress import Progress

    from edge.recordings.progress import Progress as Figures

_FORMAT = "%(asctime)s.%(msecs)03d %(levelname)s %(name)s: %(message)s"
_PLAIN_INTERVAL_S = 5.0
_TABLE_INTERVAL_S = 0.5
_HELD_RECORDS = 10_000
_LOOK_EVERY_S = 0.5


class _Patient:
    """A stream that outlives its terminal: what nobody can read any more is dropped, never an error of the scan."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()

    def isatty(self) -> bool:
        with suppress(OSError, ValueError):
            return self._stream.isatty()
        return False

    def fileno(self) -> int:
        return self._stream.fileno()

    @property
    def encoding(self) -> str:
        return self._stream.encoding


class Console:
    """Lines, questions and progress on the terminal; everything also to the log once there is a folder for it."""

    def __init__(self, *, quiet: bool, log_level: str) -> None:
        self.quiet = quiet
        self._out = _Patient(sys.stdout)
        self._err = _Patient(sys.stderr)
        self._bars: Progress | _Table | None = None
        self._is_counting_down = False
        self._posted: deque[str] = deque()
        self.note = ""
        """Shown beside the progress; empty: nothing."""
        self._log = logging.getLogger("edge")
        self._log.setLevel(log_level.upper())
        self._log.propagate = False
        self._held = logging.handlers.MemoryHandler(_HELD_RECORDS, flushLevel=logging.CRITICAL + 1)
        self._log.addHandler(self._held)
        self._bridge_log = logging.getLogger("firmware_bridge")

    def log_to(self, path: Path) -> None:
        """From now on, and with what was said before, log to this file."""
        logging.raiseExceptions = False  # A log that cannot be written must not write into the terminal instead.
        handler = logging.FileHandler(path, encoding="utf-8")
        formatter = logging.Formatter(_FORMAT, datefmt="%Y-%m-%dT%H:%M:%S")
        formatter.converter = time.gmtime
        handler.setFormatter(formatter)
        self._held.setTarget(handler)
        self._held.flush()
        self._log.removeHandler(self._held)
        self._log.addHandler(handler)
        self._bridge_log.addHandler(handler)

    def say(self, text: str) -> None:
        """A line for the operator."""
        self._write_posted()
        self._log.info(text)
        if not self.quiet:
            self._write_line(self._out, text)

    def confide(self, text: str) -> None:
        """A line for whoever is at the terminal, even when quiet: a secret, which no log may keep."""
        self._write_line(self._out, text)

    def warn(self, text: str) -> None:
        """A line that the operator sees even when quiet."""
        self._write_posted()
        self._log.warning(text)
        self._write_line(self._err, f"pointillist: {text}")

    def post(self, text: str) -> None:
        """A warning from another thread: into the log at once, to the operator when this console writes next."""
        self._log.warning(text)
        self._posted.append(text)

    def _write_posted(self) -> None:
        with suppress(IndexError):
            while True:
                self._write_line(self._err, f"pointillist: {self._posted.popleft()}")

    def _write_line(self, stream: _Patient, text: str) -> None:
        """A line of its own, beside whatever stands in the terminal without an end."""
        with self._without_bars():
            if self._is_counting_down:
                self._in_place("")
            stream.write(f"{text}\n")
            stream.flush()

    @property
    def can_ask(self) -> bool:
        """Whether somebody is there to answer."""
        return sys.stdin is not None and sys.stdin.isatty()

    def ask(self, question: str, answers: tuple[str, ...], *, look: Callable[[], object] | None = None) -> str:
        """Ask until one of the answers (or its first letter) comes; the last one when input ends.

        Parameters
        ----------
        look
            Called twice a second until somebody answers; what it raises ends the question.
        """
        with self._without_bars():
            return self._answer(question, answers, look)

    @contextmanager
    def _without_bars(self) -> Iterator[None]:
        """A bar that is drawn again and again would be drawn over what is written, or asked, meanwhile."""
        bars, self._bars = self._bars, None
        if bars is None:
            yield
            return
        bars.stop()
        try:
            yield
        finally:
            bars.start()
            self._bars = bars

    def _answer(self, question: str, answers: tuple[str, ...], look: Callable[[], object] | None) -> str:
        while True:
            self._err.write(f"\n{question} [{'/'.join(answers)}] ")
            self._err.flush()
            if look is not None:
                _until_typed(look)
            try:
                line = sys.stdin.readline()
            except OSError:
                line = ""
            if not line:
                return answers[-1]
            word = line.strip().lower()
            for answer in answers:
                if word and answer.startswith(word):
                    self._log.info("%s -> %s", question, answer)
                    return answer

    @contextmanager
    def countdown(self, what: str) -> Iterator[Callable[[float], None]]:
        """Seconds that are left, counted down in place on a terminal, in plain lines elsewhere."""
        if self.quiet:
            yield lambda _left_s: None
        elif self._out.isatty():
            with self._without_bars():
                self._is_counting_down = True
                try:
                    yield lambda left_s: self._in_place(f"{what}: {left_s:.0f} s left")
                finally:
                    self._is_counting_down = False
                    self._in_place("")
        else:
            yield _plain_countdown(self.say, what)

    def _in_place(self, text: str) -> None:
        self._out.write(f"\r{text}\x1b[K")
        self._out.flush()

    @contextmanager
    def progress(
        self, what: str, total: int, done: int = 0, *, look: Callable[[], Figures] | None = None
    ) -> Iterator[Callable[[int], None]]:
        """How far something is, on a terminal in place and in plain lines elsewhere; yields what takes the count.

        Parameters
        ----------
        look
            Figures to be shown as a watcher sees them, asked for a few times a second; None: a bar, with rate and
            time left.
        """
        with self._shown(what, total, done, look) as show:

            def showing(count: int) -> None:
                self._write_posted()
                show(count)

            yield showing

    @contextmanager
    def _shown(
        self, what: str, total: int, done: int, look: Callable[[], Figures] | None
    ) -> Iterator[Callable[[int], None]]:
        if self.quiet:
            yield lambda _count: None
        elif not (self._out.isatty() and can_replace_lines()):
            yield _plain_lines(self.say, what, total, done, lambda: self.note)
        elif look is not None:
            table = self._bars = _Table(self._out, lambda: self._with_note(what), look)
            table.start()
            try:
                yield table.show
            finally:
                self._bars = None
                table.end()
        else:
            with _bars(self._out) as bars:
                self._bars = bars
                task = bars.add_task(what, total=total, completed=done)
                try:
                    yield lambda count: bars.update(task, completed=count, description=self._with_note(what))
                finally:
                    self._bars = None

    def _with_note(self, what: str) -> str:
        return f"{what}, {self.note}" if self.note else what


class _Table:
    """The figures of a watcher, replaced in place; taken away while something else is written."""

    def __init__(self, out: _Patient, title: Callable[[], str], look: Callable[[], Figures]) -> None:
        from rich.console import Console as RichConsole
        from rich.live import Live

        self._title, self._look = title, look
        self._shown_s = -math.inf
        self._live = Live(console=RichConsole(file=cast(TextIO, out)), auto_refresh=False, transient=True)

    def start(self) -> None:
        """Show it."""
        self._live.start()

    def stop(self) -> None:
        """Take it away, to be started again."""
        self._live.stop()
        self._shown_s = -math.inf

    def end(self) -> None:
        """Show it for the last time, and leave it there."""
        self._draw()
        self._live.transient = False
        self._live.stop()

    def show(self, _count: int) -> None:
        """Replace it, where it is time for that."""
        now_s = time.monotonic()
        if now_s - self._shown_s >= _TABLE_INTERVAL_S:
            self._shown_s = now_s
            self._draw()

    def _draw(self) -> None:
        from edge.recordings.screen import table_of

        self._live.update(table_of(self._title(), self._look()), refresh=True)


def can_replace_lines() -> bool:
    """Whether a terminal, if there is one, can go back over what it shows."""
    return os.environ.get("TERM", "") not in ("", "dumb", "unknown")


def _bars(out: _Patient) -> Progress:
    from rich.console import Console as RichConsole
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class RateColumn(ProgressColumn):
        """Exposures per second."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.0f}/s" if task.speed else "  -/s", style="progress.data.speed")

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=RichConsole(file=cast(TextIO, out)),
        redirect_stdout=False,
        redirect_stderr=False,
    )


def _plain_lines(
    say: Callable[[str], None], what: str, total: int, done: int, note: Callable[[], str]
) -> Callable[[int], None]:
    started = last = time.monotonic()

    def report(count: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < _PLAIN_INTERVAL_S and count < total:
            return
        last = now
        rate = (count - done) / max(now - started, 1e-9)
        left_s = (total - count) / rate if rate > 0 else float("inf")
        say(f"{what}: {count} of {total}, {rate:.0f}/s, {duration_text(left_s)} left{f'; {note()}' if note() else ''}")

    return report


def _until_typed(look: Callable[[], object]) -> None:
    """Return once a line, or the end, can be read from the terminal."""
    while not select.select([sys.stdin], [], [], _LOOK_EVERY_S)[0]:
        look()


def _plain_countdown(say: Callable[[str], None], what: str) -> Callable[[float], None]:
    last = -_PLAIN_INTERVAL_S

    def report(left_s: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _PLAIN_INTERVAL_S:
            last = now
            say(f"{what}: {left_s:.0f} s left")

    return report


def duration_text(seconds: float) -> str:
    """A duration for people: ``4.2 s``, ``3 min 20 s``, ``2 h 05 min``."""
    if not seconds < float("inf"):
        return "unknown time"
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3_600:
        return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"
    return f"{int(seconds // 3_600)} h {int(seconds % 3_600 // 60):02d} min"
