"""A run on a bench, and threads that tell it something from elsewhere."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from edge.beam.interrupts import Interrupts
from edge.beam.reconnect import Connection
from edge.beam.scan import Run, RunOutcome
from edge.beam.session import Session, utc_now
from edge.beam.shutter import Bounds
from edge.console import Console
from edge.control.client import ask
from edge.control.listener import Peer
from edge.control.messages import Order
from edge.events import Opened, Paused, Planned, Registered, Resumed
from edge.record.folder import RecordingPaths
from edge.record.journal import Journal
from edge.state import New
from firmware_bridge.messages import ExposureDone
from tests.unit.scripted_scan import COUNT, ScriptedController, events, exposure

LONG_S = 30.0


class Bench:
    """One run, and threads that tell it something."""

    def __init__(self, folder: Path, journal: Journal, interrupts: Interrupts) -> None:
        self.folder = folder
        self.journal = journal
        self.interrupts = interrupts
        self.session = Session(journal, New())
        now = utc_now()
        self.session.record(Opened(now, "scan", "", (), 1), Registered(now, "{}", "0"), Planned(now, "{}", "0f"))
        self.said: list[str] = []
        self._threads: list[threading.Thread] = []
        self._faults: list[BaseException] = []

    def meanwhile(self, tell: Callable[[], object]) -> None:
        """Do something in a thread of its own."""

        def told() -> None:
            try:
                tell()
            except BaseException as fault:
                self._faults.append(fault)

        self._threads.append(threading.Thread(target=told))
        self._threads[-1].start()

    def await_standing(self, standing: str) -> None:
        deadline_s = time.monotonic() + LONG_S
        while self.interrupts.standing != standing:
            assert time.monotonic() < deadline_s, f"never {standing}"
            time.sleep(0.005)

    def await_pauses(self, number: int) -> None:
        """Until the run rests for the second time, say."""
        deadline_s = time.monotonic() + LONG_S
        while self.interrupts.standing != "paused" or len(events(self.journal, Paused)) < number:
            assert time.monotonic() < deadline_s, f"never paused {number} times"
            time.sleep(0.005)

    def ask_once(self, standing: str, *words: str) -> Callable[[], None]:
        def tell() -> None:
            self.await_standing(standing)
            for word in words:
                self.said.append(ask(self.folder, word, "ana", LONG_S).sentence)

        return tell

    def run(
        self,
        controller: ScriptedController,
        *,
        connect: Callable[[], ScriptedController] | None = None,
        confirm_place: Callable[[], None] = lambda: None,
    ) -> RunOutcome:
        console = Console(quiet=True, log_level="error")

        def rejoin(_recorded: frozenset[int]) -> int:
            self.session.record(Opened(utc_now(), "scan", "", (), 2), Resumed(utc_now(), "connected again"))
            return 0

        with self.interrupts.hearing(RecordingPaths(self.folder), console.warn):
            try:
                return Run(
                    Connection(
                        connect or (lambda: controller),
                        patience_s=0.0 if connect is None else LONG_S,
                        console=console,
                    ),
                    self.session,
                    [exposure(index) for index in range(COUNT)],
                    bounds=Bounds((0.0, 40.0), (0.0, 10.0), tolerance_mm=0.25, patience_s=LONG_S),
                    planned=COUNT,
                    live_s=0.0,
                    rejoin=rejoin,
                    confirm_place=confirm_place,
                    console=console,
                    interrupts=self.interrupts,
                ).expose()
            finally:
                self.join()

    def join(self) -> None:
        """Until everybody has told what they had to tell."""
        for thread in self._threads:
            thread.join(LONG_S)
        self.require_no_fault()

    def require_no_fault(self) -> None:
        assert not self._faults, self._faults

    def arm(self) -> None:
        """As from a terminal."""
        self.interrupts.take(Order("arm", "ana", "0f"), AtTerminal(os.getpid(), os.getuid()))


class AtTerminal(Peer):
    """Somebody at a terminal."""

    __slots__ = ()
    has_terminal = True


def telling(bench: Bench, index: int, *words: str) -> Callable[[ScriptedController, ExposureDone], ExposureDone]:
    """A script in which something is asked while an exposure is made, and answered before it is handed over."""
    pending = [words]

    def script(_controller: ScriptedController, done: ExposureDone) -> ExposureDone:
        if done.index == index and pending:
            for word in pending.pop():
                thread = threading.Thread(
                    target=lambda word=word: bench.said.append(ask(bench.folder, word, "ana", LONG_S).sentence)
                )
                thread.start()
                thread.join(LONG_S)
        return done

    return script
