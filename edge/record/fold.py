"""What a journal's events add up to: the one history that resume, report and the live page read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from edge.dose.received import Received
from edge.events import (
    Concluded,
    Corrected,
    Faulted,
    Judged,
    Measured,
    Opened,
    Paused,
    Planned,
    Registered,
    Resumed,
    ScanEvent,
    ShutterClosed,
    ShutterOpened,
    StandardMeasured,
    StandardMissed,
)
from edge.folds.beam_time import BeamTime
from edge.folds.running_time import RunningTime
from edge.state import Broken, New, Refused, Scanning, ScanState, advance
from firmware_bridge.messages import ExposureFlag


@dataclass(frozen=True, slots=True)
class StandardVisit:
    """A visit to the reference standard, and when in the scan it was."""

    position: int
    """Spectra of the object received before it."""
    event: StandardMeasured
    taken_up: int = 0
    """Spectra of the object received when the scan, paused or ended, had last been taken up before it."""


@dataclass(frozen=True, slots=True)
class ScanHistory:
    """Everything that happened so far, without the object's spectra; begins empty."""

    state: ScanState = field(default_factory=New)
    opened: tuple[Opened, ...] = ()
    """One for the beginning and one for each resumption."""
    registration: Registered | None = None
    """The latest one, as corrected since."""
    corrections: tuple[Corrected, ...] = ()
    """Of the latest one, in order."""
    plans: tuple[Planned, ...] = ()
    """In order; a scan that listens has several."""
    done: frozenset[int] = frozenset()
    """Exposures measured in full."""
    truncated: frozenset[int] = frozenset()
    """Exposures that ended early and have not been repeated yet."""
    received: Received = field(default_factory=Received)
    """What each exposure gave to the object; not to be changed."""
    exposures: int = 0
    """Spectra received, truncated ones among them."""
    taken_up: int = 0
    """Spectra received when the scan was last opened or resumed."""
    live_s: float = 0.0
    """Sum of live time over all spectra: the dose that the object received."""
    real_s: float = 0.0
    beam: BeamTime = field(default_factory=BeamTime)
    """How long the shutter was open, travel between exposures included."""
    running: RunningTime = field(default_factory=RunningTime)
    """How long the scan ran, pauses left out."""
    counts: int = 0
    """Sum of all spectra's counts."""
    shutter: tuple[ShutterOpened | ShutterClosed, ...] = ()
    received_before: tuple[int, ...] = ()
    """How many spectra of the object had been received when the shutter opened, for each opening."""
    visits: tuple[StandardVisit, ...] = ()
    """To the reference standard, with their spectra."""
    missed: tuple[StandardMissed, ...] = ()
    pauses: tuple[Paused | Resumed, ...] = ()
    faults: tuple[Faulted, ...] = ()
    judged: tuple[Judged, ...] = ()
    """The maps' error as it was found while the scan ran, in order."""
    concluded: Concluded | None = None
    """Why it ended before its plan did; None where it did not."""
    irregular: tuple[str, ...] = ()
    """Events that the state did not allow when they happened, one sentence each: they happened all the same."""
    last_at: str = ""
    """When the last event happened, UTC."""

    @property
    def scan_id(self) -> str:
        return self.opened[0].scan_id if self.opened else ""

    @property
    def config_yaml(self) -> str:
        return self.opened[0].config_yaml if self.opened else ""

    @property
    def settled(self) -> frozenset[int]:
        """Exposures that need not be measured any more: measured in full, or left out."""
        return self.done | self.left_out

    @property
    def left_out(self) -> frozenset[int]:
        """Exposures that are not made, because the object would receive too much."""
        return frozenset(self.received.left_out)

    @property
    def plan_json(self) -> str:
        """The latest plan, empty when there is none."""
        return self.plans[-1].plan_json if self.plans else ""

    @property
    def is_shutter_open(self) -> bool:
        """Whether the journal ends with the beam on: true after a crash while scanning."""
        return isinstance(self.state, Scanning)

    @property
    def is_visit_doubtful(self) -> bool:
        """Whether the scan ended in a fault, and its last visit to the standard gave nothing."""
        if not self.missed or not isinstance(self.state, Broken):
            return False
        return not self.visits or self.missed[-1].at >= self.visits[-1].event.at

    @property
    def started_at(self) -> str:
        return self.opened[0].at if self.opened else ""


def fold(events: Iterable[ScanEvent], history: ScanHistory | None = None) -> ScanHistory:
    """The history after these events, going on from another one when given.

    Pure. Costs a copy of ``done`` a call: fold in batches.
    """
    tally = _Tally(history if history is not None else ScanHistory())
    for event in events:
        tally.add(event)
    return tally.history()


class _Tally:
    """A history under way, with sums and sets that can grow."""

    def __init__(self, history: ScanHistory) -> None:
        self._state = history.state
        self._opened = list(history.opened)
        self._registration = history.registration
        self._corrections = list(history.corrections)
        self._plans = list(history.plans)
        self._done = set(history.done)
        self._truncated = set(history.truncated)
        self._received = history.received.copy()
        self._exposures = history.exposures
        self._taken_up = history.taken_up
        self._live_s = history.live_s
        self._real_s = history.real_s
        self._beam = history.beam
        self._running = history.running
        self._counts = history.counts
        self._shutter = list(history.shutter)
        self._received_before = list(history.received_before)
        self._visits = list(history.visits)
        self._missed = list(history.missed)
        self._pauses = list(history.pauses)
        self._faults = list(history.faults)
        self._judged = list(history.judged)
        self._concluded = history.concluded
        self._irregular = list(history.irregular)
        self._last_at = history.last_at

    def add(self, event: ScanEvent) -> None:
        self._advance(event)
        self._last_at = event.at
        self._beam = self._beam.after(event)
        self._running = self._running.after(event)
        self._received.add(event)
        self._judge(event)
        match event:
            case Opened():
                self._opened.append(event)
                self._taken_up = self._exposures
            case Registered():
                self._registration = event
                self._corrections.clear()
            case Corrected():
                if self._registration is not None:
                    self._registration = replace(self._registration, registration_json=event.registration_json)
                self._corrections.append(event)
            case Planned():
                self._plans.append(event)
            case Measured():
                self._add_exposure(event)
            case StandardMeasured():
                self._visits.append(StandardVisit(self._exposures, event, self._taken_up))
            case StandardMissed():
                self._missed.append(event)
            case ShutterOpened() | ShutterClosed():
                self._shutter.append(event)
                self._received_before += [self._exposures] * isinstance(event, ShutterOpened)
            case Paused():
                self._pauses.append(event)
            case Resumed():
                self._pauses.append(event)
                self._taken_up = self._exposures
            case Faulted():
                self._faults.append(event)

    def _advance(self, event: ScanEvent) -> None:
        after = advance(self._state, event)
        if isinstance(after, Refused):
            self._irregular.append(f"{event.at}: {type(event).__name__} although {after.reason}")
        else:
            self._state = after

    def _judge(self, event: ScanEvent) -> None:
        if isinstance(event, Judged):
            self._judged.append(event)
        elif isinstance(event, Concluded):
            self._concluded = event

    def _add_exposure(self, event: Measured) -> None:
        done = event.done
        if not done.flags & ExposureFlag.TRUNCATED:
            self._done.add(done.index)
            self._truncated.discard(done.index)
        elif done.index not in self._done:
            self._truncated.add(done.index)
        self._exposures += 1
        self._live_s += done.live_s
        self._real_s += done.real_s
        self._counts += int(done.counts.sum(dtype="uint64"))

    def history(self) -> ScanHistory:
        return ScanHistory(
            state=self._state,
            opened=tuple(self._opened),
            registration=self._registration,
            corrections=tuple(self._corrections),
            plans=tuple(self._plans),
            done=frozenset(self._done),
            truncated=frozenset(self._truncated),
            received=self._received.copy(),
            exposures=self._exposures,
            taken_up=self._taken_up,
            live_s=self._live_s,
            real_s=self._real_s,
            beam=self._beam,
            running=self._running,
            counts=self._counts,
            shutter=tuple(self._shutter),
            received_before=tuple(self._received_before),
            visits=tuple(self._visits),
            missed=tuple(self._missed),
            pauses=tuple(self._pauses),
            faults=tuple(self._faults),
            judged=tuple(self._judged),
            concluded=self._concluded,
            irregular=tuple(self._irregular),
            last_at=self._last_at,
        )
