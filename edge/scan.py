"""The scan itself: exposures out, spectra in, each one journalled before anything else sees it."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from itertools import islice

from edge.console import Console
from edge.events import Closed, Faulted, Measured, Paused, Resumed, ShutterClosed, ShutterOpened
from edge.faults import EdgeError, IntegrityError, SafetyStop
from edge.interrupts import Interrupts, Request
from edge.session import Session, utc_now
from edge.state import Scanning
from firmware_bridge.controller import Controller
from firmware_bridge.faults import BridgeError, DoorOpen, LeaseExpired
from firmware_bridge.messages import Exposure, ExposureDone, ExposureFlag, StagePose

_WAIT_S = 0.1
"""Longest that a request of the operator waits for an answer."""
_BATCH = 64
"""Exposures per journal transaction at the most: one sync serves them all."""
_MOST_EXPIRIES = 20
_EXPIRIES_WITHIN_S = 3_600.0
"""More expired leases than that in an hour, and the computer is taken to be unfit for the scan."""
_FETCH_S = 5.0
"""Silence after which spectra that the controller said it kept are no longer waited for."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a run holds the instrument to."""

    x_mm: tuple[float, float]
    y_mm: tuple[float, float]
    """The planned area: outside it the shutter stays closed."""
    tolerance_mm: float
    """Largest distance between a planned and a measured pose."""
    patience_s: float
    """Longest time without a finished exposure while the beam is on."""

    def holds(self, pose: StagePose) -> bool:
        """Whether a pose lies in the planned area, give or take the tolerance."""
        (x0, x1), (y0, y1), slack = self.x_mm, self.y_mm, self.tolerance_mm
        return x0 - slack <= pose.x_mm <= x1 + slack and y0 - slack <= pose.y_mm <= y1 + slack


class RunOutcome(Enum):
    """How a run of the beam ended."""

    FINISHED = "finished"
    """Every exposure of the plan is recorded."""
    ENDED_EARLY = "ended early"
    """The operator is content with what there is."""
    STOPPED = "stopped"
    """Stopped and resumable."""


class Run:
    """One run of the beam over the exposures that a plan still lacks."""

    def __init__(
        self,
        controller: Controller,
        session: Session,
        exposures: Sequence[Exposure],
        *,
        bounds: Bounds,
        planned: int,
        live_s: float,
        confirm_place: Callable[[], None],
        console: Console,
    ) -> None:
        """Prepare the run.

        Parameters
        ----------
        exposures
            What is still to be measured, in travel order.
        bounds
            What the run holds the instrument to.
        planned
            Exposures in the whole plan.
        live_s
            Live time that the object has received already, in s.
        confirm_place
            Looks whether the object still lies where it was; raises `SafetyStop` otherwise.
        """
        self._controller = controller
        self._session = session
        self._console = console
        self._bounds = bounds
        self._planned = planned
        self._live_s = live_s
        self._confirm_place = confirm_place
        self._waiting = deque(exposures)
        self._lacking = {exposure.index: exposure for exposure in exposures}
        self._interrupts = Interrupts()
        self._expired_at_s: deque[float] = deque()
        self.is_closed = True
        """Whether the controller has confirmed that the shutter is closed."""

    def expose(self, *, retained: int = 0) -> RunOutcome:
        """Open the shutter, measure everything, close it.

        Parameters
        ----------
        retained
            Spectra that the controller has kept from before and hands over first.

        Raises
        ------
        BridgeError
            The instrument failed; the fault is journalled, and `is_closed` says whether the shutter is known to be.
        SafetyStop
            The stage is not where it was told to be, or the instrument is not ready for beam.
        """
        with self._interrupts.listening():
            try:
                self._fetch(retained)
                outcome = RunOutcome.FINISHED
                if self._lacking:
                    self._open("start")
                    measured = self._planned - len(self._lacking)
                    with self._console.progress("Measuring", self._planned, measured) as show:
                        outcome = self._stream(show)
                self._end(outcome)
                return outcome
            except BaseException as fault:
                self._fail(fault)
                raise

    def _fetch(self, retained: int) -> None:
        """Take over what an earlier session measured and could not record: it is not exposed again."""
        deadline_s = time.monotonic() + _FETCH_S
        while retained > 0 and time.monotonic() < deadline_s:
            fetched = self._collect(_WAIT_S)
            retained -= fetched
            if fetched:
                deadline_s = time.monotonic() + _FETCH_S

    def _open(self, reason: str) -> None:
        """Open over the next exposure: the beam must not sweep over what is not to be measured."""
        self._controller.move_to(next(iter(self._lacking.values())).start)
        status = self._controller.status()
        if not status.is_door_closed:
            raise DoorOpen("the door interlock is open: close the door, then go on with --resume")
        if not status.is_homed:
            raise SafetyStop("the stage has not been homed, so its position is unknown: home it first")
        if status.fault:
            raise SafetyStop(f"the controller reports a fault ({status.fault}): clear it, then go on with --resume")
        if not self._bounds.holds(status.pose):
            raise SafetyStop(
                f"the stage stands at ({status.pose.x_mm:.2f}, {status.pose.y_mm:.2f}) mm, outside the planned area, "
                "although it was sent into it: home it and check belts and couplings, then go on with --resume"
            )
        self._session.record(ShutterOpened(utc_now(), reason, len(self._lacking), self._live_s))
        self.is_closed = False
        self._controller.open_shutter()

    def _shut(self, reason: str) -> None:
        self._controller.close_shutter()
        self.is_closed = True
        if isinstance(self._session.state, Scanning):
            self._session.record(ShutterClosed(utc_now(), reason))

    def _end(self, outcome: RunOutcome) -> None:
        self._shut(outcome.value)
        match outcome:
            case RunOutcome.FINISHED:
                self._session.record(Closed(utc_now(), "finished"))
            case RunOutcome.ENDED_EARLY:
                self._session.record(Closed(utc_now(), "aborted"))
            case RunOutcome.STOPPED:
                pass

    def _stream(self, show: Callable[[int], None]) -> RunOutcome:
        heard_s = time.monotonic()
        while self._lacking:
            match self._interrupts.request:
                case Request.ABORT:
                    return self._abort()
                case Request.PAUSE | Request.STOP as request:
                    outcome = self._pause(request)
                    if outcome is not None:
                        return outcome
                    heard_s = time.monotonic()
            try:
                self._feed()
                if self._collect(_WAIT_S):
                    heard_s = time.monotonic()
            except LeaseExpired as fault:
                self._reopen(fault)
            if time.monotonic() - heard_s > self._bounds.patience_s:
                raise SafetyStop(
                    f"no exposure was finished for {self._bounds.patience_s:.0f} s although the beam is on: "
                    "check stage and detector, then go on with --resume"
                )
            show(self._planned - len(self._lacking))
        return RunOutcome.FINISHED

    def _feed(self) -> None:
        """Keep the controller's look-ahead full."""
        while self._waiting and self._waiting[0].index not in self._lacking:
            self._waiting.popleft()
        if self._waiting:
            taken = self._controller.submit(list(islice(self._waiting, _BATCH)))
            for _ in range(taken):
                self._waiting.popleft()

    def _reopen(self, fault: LeaseExpired) -> None:
        """This computer was too busy to renew the lease: nothing is lost, so go on, but not for ever."""
        self.is_closed = True
        self._session.record(ShutterClosed(utc_now(), "lease expired"))
        now_s = time.monotonic()
        self._expired_at_s.append(now_s)
        while now_s - self._expired_at_s[0] > _EXPIRIES_WITHIN_S:
            self._expired_at_s.popleft()
        if len(self._expired_at_s) > _MOST_EXPIRIES:
            raise fault
        self._console.warn(
            f"{fault} ({len(self._expired_at_s)} of at most {_MOST_EXPIRIES} times an hour): opening it again"
        )
        self._open("lease expired")

    def _collect(self, timeout_s: float) -> int:
        """Take over what has arrived: journal, then acknowledge, then check."""
        arrived: list[ExposureDone] = []
        try:
            done = self._controller.next_done(timeout_s)
            while done is not None:
                arrived.append(done)
                done = self._controller.next_done(0.0) if len(arrived) < _BATCH else None
        finally:
            # Also when the link breaks between two spectra: those in hand are recorded before the fault goes on.
            self._keep(arrived)
        return len(arrived)

    def _keep(self, arrived: list[ExposureDone]) -> None:
        if not arrived:
            return
        try:
            self._session.record(*(Measured(utc_now(), measured) for measured in arrived))
        except IntegrityError:
            if len(arrived) == 1:
                raise
            self._keep_each(arrived)
            return
        for measured in arrived:
            self._controller.acknowledge(measured.index)
            self._live_s += measured.live_s
        for measured in arrived:
            self._check_pose(measured)
            if not measured.flags & ExposureFlag.TRUNCATED:
                self._lacking.pop(measured.index, None)

    def _keep_each(self, arrived: list[ExposureDone]) -> None:
        """One of them contradicts the journal: keep the others, then say so."""
        faults: list[EdgeError] = []
        for measured in arrived:
            try:
                self._keep([measured])
            except EdgeError as fault:
                faults.append(fault)
        if faults:
            raise faults[0]

    def _check_pose(self, done: ExposureDone) -> None:
        planned = self._lacking.get(done.index)
        if planned is None:
            return
        for told, found in ((planned.start, done.start), (planned.end, done.end)):
            off_mm = math.hypot(told.x_mm - found.x_mm, told.y_mm - found.y_mm)
            if off_mm > self._bounds.tolerance_mm:
                raise SafetyStop(
                    f"exposure {done.index} was measured {off_mm:.2f} mm away from where it was planned: "
                    "home the stage, check belts and couplings, then go on with --resume"
                )

    def _pause(self, request: Request) -> RunOutcome | None:
        """Close the shutter safely, then ask; None means go on."""
        try:
            with self._interrupts.asking(), suppress(LeaseExpired):
                self._controller.pause()
        except KeyboardInterrupt:
            return self._abort()
        self._drain()
        reason = "operator" if request is Request.PAUSE else "asked to stop by the system"
        self._shut(reason)
        if not self._lacking:
            return RunOutcome.FINISHED
        self._session.record(Paused(utc_now(), reason))
        return RunOutcome.STOPPED if request is Request.STOP else self._ask()

    def _ask(self) -> RunOutcome | None:
        """What the operator wants of a paused scan; None means go on."""
        if not self._console.can_ask:
            return RunOutcome.STOPPED
        left = len(self._lacking)
        try:
            with self._interrupts.asking():
                answer = self._console.ask(
                    f"Paused, shutter closed, {left} of {self._planned} exposures left. What now?",
                    ("resume", "finish", "stop"),
                )
        except KeyboardInterrupt:
            return RunOutcome.STOPPED
        self._interrupts.answered()
        match answer:
            case "resume":
                self._confirm_place()
                self._session.record(Resumed(utc_now(), "operator"))
                self._open("resumed by the operator")
                self._controller.resume()
                return None
            case "finish":
                return RunOutcome.ENDED_EARLY
        return RunOutcome.STOPPED

    def _abort(self) -> RunOutcome:
        self._controller.abort()
        self.is_closed = True
        self._drain()
        if isinstance(self._session.state, Scanning):
            self._session.record(ShutterClosed(utc_now(), "aborted by the operator"))
        self._session.record(Paused(utc_now(), "aborted by the operator"))
        return RunOutcome.STOPPED

    def _drain(self) -> None:
        """Take over everything that has arrived; an expired lease says nothing new once the shutter is closed."""
        arrived = True
        while arrived:
            with suppress(LeaseExpired):
                arrived = self._collect(0.0) > 0

    def _fail(self, fault: BaseException) -> None:
        """Shutter first, then the journal; neither may hide the fault itself, nor claim what is not known."""
        with suppress(BridgeError):
            self._controller.abort()
            self.is_closed = not self._controller.status().is_shutter_open
        text = str(fault) or type(fault).__name__
        with suppress(Exception):
            self._drain()
        with suppress(Exception):
            if isinstance(self._session.state, Scanning) and self.is_closed:
                self._session.record(ShutterClosed(utc_now(), "fault"))
            self._session.record(Faulted(utc_now(), type(fault).__name__, text))
