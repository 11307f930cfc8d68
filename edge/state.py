"""Where a scan stands, and the one function that says where an event takes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from edge.events import (
    Closed,
    Concluded,
    Corrected,
    Faulted,
    Judged,
    LeftOut,
    Measured,
    Opened,
    Outcome,
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


@dataclass(frozen=True, slots=True)
class New:
    """Nothing has happened."""


@dataclass(frozen=True, slots=True)
class Preparing:
    """Opened; the photograph's place is not known yet."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Registered, not planned."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Planned, beam off, nothing against opening the shutter."""


@dataclass(frozen=True, slots=True)
class Scanning:
    """Beam on."""


@dataclass(frozen=True, slots=True)
class Halted:
    """Paused, or interrupted and reopened; goes on after `Resumed`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Broken:
    """Stopped by a fault."""

    fault: str
    sentence: str
    is_planned: bool
    """Whether there is a plan to go on with."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Over; only an aborted scan can be opened again."""

    outcome: Outcome
    is_planned: bool


ScanState = New | Preparing | Prepared | Ready | Scanning | Halted | Broken | Ended


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that the state does not allow, and why; falsy."""

    reason: str

    def __bool__(self) -> bool:
        return False


def advance(state: ScanState, event: ScanEvent) -> ScanState | Refused:
    """The state after the event, or why the event cannot happen there.

    Pure and total. Once a scan is open, closing the shutter is never refused, nor is a fault before the end; and no
    spectrum is refused that can belong to the scan, however late it comes.
    """
    if isinstance(state, New):
        return Preparing() if isinstance(event, Opened) else Refused("the scan has not been opened")
    return _after(state, event)


def _after(state: ScanState, event: ScanEvent) -> ScanState | Refused:
    """Of a scan that was opened."""
    after: ScanState | Refused
    match event:
        case Opened():
            after = _reopened(state)
        case Registered():
            after = _registered(state)
        case Corrected():
            after = _corrected(state)
        case Planned():
            after = _planned(state)
        case ShutterOpened() | ShutterClosed():
            after = _shuttered(state, event)
        case Measured() | StandardMeasured() | StandardMissed():
            after = _measured(state)
        case LeftOut() | Judged() | Concluded():
            after = _carried_out(state)
        case Paused(reason=reason):
            after = _paused(state, reason)
        case Resumed():
            after = _resumed(state)
        case Faulted():
            after = _faulted(state, event)
        case Closed(outcome=outcome):
            after = _closed(state, outcome)
        case _:
            assert_never(event)
    return after


_WHY_NO_BEAM: dict[type[ScanState], str] = {
    Preparing: "the photograph is not registered",
    Prepared: "there is no plan",
    Scanning: "the shutter is open already",
    Halted: "the scan is paused: resume it first",
    Broken: "a fault stopped the scan: resume it first",
    Ended: "the scan is over",
}


def _shuttered(state: ScanState, event: ShutterOpened | ShutterClosed) -> ScanState | Refused:
    match event:
        case ShutterOpened():
            return Scanning() if isinstance(state, Ready) else Refused(_WHY_NO_BEAM[type(state)])
        case ShutterClosed():
            return Ready() if isinstance(state, Scanning) else state


def _reopened(state: ScanState) -> ScanState | Refused:
    match state:
        case Scanning():
            return Halted("the scan was interrupted with the beam on")
        case Broken(fault=fault):
            return Halted(f"stopped by {fault}") if state.is_planned else Preparing()
        case Ended(outcome="finished"):
            return Refused("the scan is finished: start another one")
        case Ended():
            return Halted("the scan was aborted") if state.is_planned else Preparing()
        case _:
            return state


def _registered(state: ScanState) -> ScanState | Refused:
    match state:
        case Preparing() | Prepared() | Ready():
            return Prepared()
        case Halted():
            return state
        case _:
            return Refused("the photograph is registered before a scan, or while it is paused")


def _corrected(state: ScanState) -> ScanState | Refused:
    if isinstance(state, Ready | Scanning | Halted):
        return state
    return Refused("a photograph's place is corrected by what a running scan measured")


def _planned(state: ScanState) -> ScanState | Refused:
    match state:
        case Prepared() | Ready():
            return Ready()
        case Scanning() | Halted():
            return state
        case Preparing():
            return Refused("the photograph is not registered")
        case _:
            return Refused("a plan is made before or during a scan")


def _measured(state: ScanState) -> ScanState | Refused:
    if isinstance(state, Preparing):
        return Refused("nothing was planned yet: this spectrum belongs to another scan")
    return state


def _carried_out(state: ScanState) -> ScanState | Refused:
    if isinstance(state, Ready | Scanning | Halted):
        return state
    return Refused("no plan is being carried out, of which something could be left out, judged or enough")


def _paused(state: ScanState, reason: str) -> ScanState | Refused:
    if isinstance(state, Ready | Scanning | Halted):
        return Halted(reason)
    return Refused("nothing is being measured that could be paused")


def _resumed(state: ScanState) -> ScanState | Refused:
    if isinstance(state, Halted) or (isinstance(state, Broken) and state.is_planned):
        return Ready()
    return Refused("nothing is paused that could go on")


def _faulted(state: ScanState, event: Faulted) -> ScanState | Refused:
    if isinstance(state, Ended):
        return Refused("the scan is over")
    return Broken(event.fault, event.sentence, _had_plan(state))


def _closed(state: ScanState, outcome: Outcome) -> ScanState | Refused:
    if isinstance(state, Ended):
        return Refused("the scan is over")
    if isinstance(state, Scanning):
        return Refused("the shutter is open: close it first")
    if outcome == "finished" and not isinstance(state, Ready | Halted):
        return Refused("the scan cannot be finished: it is not planned, or a fault stopped it")
    return Ended(outcome, _had_plan(state))


def _had_plan(state: ScanState) -> bool:
    if isinstance(state, Broken | Ended):
        return state.is_planned
    return isinstance(state, Ready | Scanning | Halted)
