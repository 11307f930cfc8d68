"""However a scan is interrupted and resumed, no finished cell is exposed again, and none beyond its limit."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.beam.reconnect import Connection
from edge.beam.scan import Run, RunOutcome
from edge.beam.session import Session, utc_now
from edge.beam.shutter import Bounds
from edge.console import Console
from edge.dose.limits import refused_repeats
from edge.dose.path import live_s_per_cell
from edge.events import LeftOut, Opened, Planned, Registered, Resumed
from edge.grid import ScanGrid
from edge.motion.stage_model import StageModel
from edge.record.fold import ScanHistory, fold
from edge.record.journal import Journal
from edge.record.reader import JournalReader
from edge.state import New, Ready
from firmware_bridge.faults import BridgeError, LeaseExpired, LinkLost
from firmware_bridge.messages import ExposureDone, ExposureFlag
from tests.unit.dose.test_dose_limits import config
from tests.unit.scripted_scan import COUNT, ScriptedController, events, exposure

GRID = ScanGrid(-0.5, 4.5, 1.0, rows=1, columns=COUNT)
TABLE = np.column_stack([np.arange(COUNT), np.full(COUNT, 5.0), np.arange(COUNT), np.full(COUNT, 5.0)]).astype(float)
TABLE = np.column_stack([TABLE, np.full(COUNT, 0.1)])


@dataclass
class Object:
    """What the beam did to the object, whatever the journal says."""

    interruptions: dict[int, list[str]]
    begun: Counter[int] = field(default_factory=Counter)
    finished: Counter[int] = field(default_factory=Counter)
    is_losing: bool = False

    def script(self, controller: ScriptedController, done: ExposureDone) -> ExposureDone:
        """Begin an exposure, and interrupt it where that is planned."""
        if self.is_losing:
            self.is_losing, controller.is_open = False, False
            raise LinkLost("the link was silent for 2 s")
        assert self.finished[done.index] == 0, "a finished cell is exposed again"
        self.begun[done.index] += 1
        waiting = self.interruptions.get(done.index)
        kind = waiting.pop() if waiting else "nothing"
        if kind == "lease":
            controller.is_open = False
            raise LeaseExpired("the lease ran out")
        if kind == "link":
            controller.is_open = False
            raise LinkLost("the link was silent for 2 s")
        if kind == "truncated":
            # the controller keeps it so, and is lost then
            self.is_losing = True
            return replace(done, live_s=0.04, flags=ExposureFlag.TRUNCATED)
        self.finished[done.index] += 1
        return done


def history_of(journal: Journal) -> ScanHistory:
    with JournalReader(journal.path) as reader:
        return fold(event for _, event in reader.events())


def carry_on(journal: Journal, scanned: Object, limit_s: float) -> RunOutcome | BridgeError:
    """One process: the scan from where its journal says that it stands, to its end or the next fault."""
    history = history_of(journal)
    session = Session(journal, history.state, history.beam, history.received)
    now = utc_now()
    session.record(Opened(now, "scan", "", (), 1))
    if isinstance(history.state, New):
        session.record(Registered(now, "{}", "0"), Planned(now, "{}", "0"))
    if not isinstance(session.state, Ready):
        session.record(Resumed(now, "again"))
    console = Console(quiet=True, log_level="error")

    def refused(lacking: object) -> Mapping[int, str]:
        return refused_repeats(
            TABLE,
            list(lacking),  # type: ignore[call-overload]
            session.received,
            grid=GRID,
            config=config({"max_live_s_per_cell": limit_s}),
            stage=StageModel(10.0, 100.0),
        )

    run = Run(
        Connection(lambda: ScriptedController(scanned.script), patience_s=0.0, console=console),
        session,
        [exposure(index) for index in range(COUNT) if index not in history.settled],
        bounds=Bounds((0.0, 40.0), (0.0, 10.0), tolerance_mm=0.25, patience_s=5.0),
        planned=COUNT,
        live_s=history.live_s,
        rejoin=lambda recorded: 0,
        confirm_place=lambda: None,
        console=console,
        refused=refused,
    )
    try:
        return run.expose()
    except BridgeError as fault:
        return fault


def scan(interruptions: dict[int, list[str]], limit_s: float, check: Callable[[Journal, Object], None]) -> None:
    scanned = Object({index: list(kinds) for index, kinds in interruptions.items()})
    with tempfile.TemporaryDirectory() as folder, Journal.create(Path(folder) / "journal.sqlite") as journal:
        for _ in range(1 + sum(map(len, interruptions.values()))):
            if carry_on(journal, scanned, limit_s) is RunOutcome.FINISHED:
                break
        check(journal, scanned)


KINDS = st.lists(st.sampled_from(["lease", "link", "truncated"]), min_size=1, max_size=2)
INTERRUPTIONS = st.dictionaries(st.integers(0, COUNT - 1), KINDS, max_size=5)


@given(INTERRUPTIONS)
@settings(max_examples=12, deadline=None)
def test_no_finished_cell_is_exposed_again_wherever_a_scan_is_interrupted(kinds: dict[int, list[str]]) -> None:
    def check(journal: Journal, scanned: Object) -> None:
        assert scanned.finished == Counter(range(COUNT))
        assert history_of(journal).done == frozenset(range(COUNT))
        assert scanned.begun == Counter(range(COUNT)) + Counter({index: len(each) for index, each in kinds.items()})

    scan(kinds, 60.0, check)


@given(INTERRUPTIONS)
@settings(max_examples=15, deadline=None)
def test_a_limit_of_one_exposure_has_whatever_was_begun_not_made_again(kinds: dict[int, list[str]]) -> None:
    def check(journal: Journal, scanned: Object) -> None:
        begun = history_of(journal)
        assert begun.done | begun.left_out == frozenset(range(COUNT))
        # what a closing cut short counts with the time that passed, which a scripted lease leaves hardly any of
        truncated = {index for index, each in kinds.items() if each[-1] == "truncated"}
        assert truncated <= begun.left_out <= kinds.keys()
        assert {event.index for event in events(journal, LeftOut)} == begun.left_out
        given_s = live_s_per_cell(TABLE * [1, 1, 1, 1, 0] + np.outer(live_of(begun), [0, 0, 0, 0, 1]), GRID)
        assert given_s.max() <= 0.1 * (1 + 1e-6)

    scan(kinds, 0.1, check)


def live_of(history: ScanHistory) -> np.ndarray:
    return np.array([history.received.live_s.get(index, 0.0) for index in range(COUNT)])
