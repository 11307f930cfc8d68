"""The scan itself: the beam on and off over what a plan lacks, and every way in which that is interrupted."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from enum import Enum

from edge.allowance import Allowance
from edge.console import Console
from edge.events import Closed, Concluded, Faulted, Paused, Resumed
from edge.faults import SafetyStop
from edge.intake import Intake, Source
from edge.intermissions import Between, Intermission, Standstill
from edge.interrupts import Interrupts, Request
from edge.reconnect import Connection, home_where_needed
from edge.session import Session, utc_now
from edge.shutter import Bounds, Shutter, door_open
from firmware_bridge.faults import (
    BridgeError,
    DoorOpen,
    LeaseExpired,
    LinkLost,
    PortUnavailable,
    Rebooted,
    StandoffExceeded,
)
from firmware_bridge.messages import Exposure

_MOST_EXPIRIES = 20
"""More expired leases than that in an hour, and the computer is taken to be unfit for the scan."""
_Curable = LeaseExpired | DoorOpen | StandoffExceeded | LinkLost | Rebooted | PortUnavailable
_CURABLE = (LeaseExpired, DoorOpen, StandoffExceeded, LinkLost, Rebooted, PortUnavailable)
"""What ends an opening, but not necessarily the run."""


class RunOutcome(Enum):
    """How a run of the beam ended."""

    FINISHED = "finished"
    """Every exposure of the plan is recorded."""
    ENDED_EARLY = "ended early"
    """The operator is content with what there is."""
    STOPPED = "stopped"
    """Stopped and resumable."""
    CUT_OFF = "cut off"
    """Stopped and resumable, while the controller was out of reach."""


class Run:
    """One run of the beam over the exposures that a plan still lacks."""

    def __init__(
        self,
        connection: Connection,
        session: Session,
        exposures: Sequence[Exposure],
        *,
        bounds: Bounds,
        planned: int,
        live_s: float,
        rejoin: Callable[[frozenset[int]], int],
        confirm_place: Callable[[], None],
        console: Console,
        meanwhile: Callable[[], None] = lambda: None,
        intermissions: Sequence[Intermission] = (),
        farewell: Intermission | None = None,
        visits: Iterable[int] = (),
        source: Source | None = None,
        budget: int | None = None,
        refused: Callable[[Collection[int]], Mapping[int, str]] = lambda _lacking: {},
        enough: Callable[[float], str] = lambda _live_s: "",
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
        rejoin
            Checks a controller that was connected again, journals that the scan is taken up, and takes it up there,
            given the indices that are recorded; gives how many spectra will come again.
        confirm_place
            Looks whether the object still lies where it was; raises `SafetyStop` otherwise.
        meanwhile
            Called again and again while the beam is on; must take no time.
        intermissions
            What is done with the shutter closed, at intervals; one that is due when the last exposure is measured is
            left out.
        farewell
            What is done once, with the shutter closed, after the last exposure; not where nothing was measured.
        visits
            Indices of the visits to the standard that are recorded.
        source
            Where further exposures of a plan that grows come from.
        budget
            Exposures in all once such a plan is whole; None: as planned.
        refused
            Of those that are lacking, in travel order: what is not to be made, with the reason, for what its place has
            received already.
        enough
            Asked again and again with the live time that the object has received; why the run is over though exposures
            are lacking, empty where it goes on. Must take no time.
        """
        self._refused = refused
        self._enough = enough
        self._enough_because = ""
        self._is_concluded = False
        self._source = source
        self._budget = budget or planned
        self._connection = connection
        self._session = session
        self._console = console
        self._bounds = bounds
        self._planned = planned
        self._rejoin = rejoin
        self._confirm_place = confirm_place
        self._meanwhile = meanwhile
        self._shutter = Shutter(connection, session, bounds)
        self._intake = Intake(
            connection,
            session,
            exposures,
            tolerance_mm=bounds.tolerance_mm,
            live_s=live_s,
            visits=visits,
            passage=bounds.passage,
        )
        self._interrupts = Interrupts()
        standstill = Standstill(
            connection,
            session,
            self._shutter,
            self._intake,
            request=lambda: self._interrupts.request,
            finishing=self._interrupts.finishing,
            let_go_on=self._let_go_on,
        )
        has_work = bool(self._intake.lacking) or self._is_more_to_come
        self._standstill = standstill
        self._between = Between(standstill, intermissions, farewell if has_work else None)
        self._expiries = Allowance(_MOST_EXPIRIES)
        self._retained = 0
        self._is_paused = False
        self._boot_id: int | None = None
        """Of the controller that was lost, until the one that was found is known to be fit for beam."""
        self._told: BaseException | None = None

    @property
    def is_closed(self) -> bool:
        """Whether the controller has confirmed that the shutter is closed."""
        return self._shutter.is_closed

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
        self._retained = retained
        with self._interrupts.listening():
            try:
                measured = self._planned - len(self._intake.lacking)
                with self._console.progress("Measuring", self._budget, measured) as show:
                    outcome = self._measure(show)
                match outcome:
                    case RunOutcome.FINISHED:
                        self._session.record(Closed(utc_now(), "finished"))
                    case RunOutcome.ENDED_EARLY:
                        self._session.record(Closed(utc_now(), "aborted"))
                    case RunOutcome.STOPPED | RunOutcome.CUT_OFF:
                        pass
                return outcome
            except BaseException as fault:
                self._fail(fault)
                raise

    def _measure(self, show: Callable[[int], None]) -> RunOutcome:
        """Open, and open again after whatever closed the shutter, until nothing is lacking or somebody ends it."""
        step: RunOutcome | str = "start"
        closed_by: _Curable | None = None
        while isinstance(step, str):
            try:
                step = self._beam(step, show) if closed_by is None else self._overcome(closed_by)
                closed_by = None
            except _CURABLE as fault:
                if not self._can_overcome(fault):
                    raise
                closed_by = fault
        return step

    def _beam(self, reason: str, show: Callable[[int], None]) -> RunOutcome | str:
        """One opening, for a reason; how the run ended with it, or the reason for the next one."""
        self._intake.fetch(self._retained)
        self._retained = 0
        self._leave_out()
        request = self._interrupts.request
        if self._intake.lacking and request is None and not self._has_enough():
            try:
                wish = self._get_ready()
            except KeyboardInterrupt:
                return self._abort()
            if wish:
                self._console.warn(wish)
                return self._rest(wish)
            request = self._interrupts.request
            if self._intake.lacking and request is None:
                self._open(reason)
                request = self._stream(show)
        if request is None and self._has_enough():
            return self._conclude()
        if self._intake.lacking or (self._is_more_to_come and request is not None):
            return self._end_opening(request)
        if self._is_more_to_come:
            return self._wait_for_more()
        self._shutter.close("finished")
        self._between.bid_farewell()
        is_cut_short = self._source is not None and self._source.is_cut_short
        return RunOutcome.ENDED_EARLY if is_cut_short else RunOutcome.FINISHED

    def _leave_out(self) -> None:
        """Give up, before the shutter opens, what would give its place more than it may receive."""
        if self._refused(self._intake.lacking):
            self._standstill.drop_queue()
            refused = self._refused(self._intake.lacking)
            self._intake.leave_out(refused)
            for reason in refused.values():
                self._console.warn(reason)

    @property
    def _is_more_to_come(self) -> bool:
        return self._source is not None and not self._source.is_whole

    def _take_up(self, exposures: Sequence[Exposure]) -> None:
        """Measure what has come to the plan."""
        self._intake.extend(exposures)
        self._planned += len(exposures)

    def _wait_for_more(self) -> RunOutcome | str:
        """With the shutter closed; the reason of the next opening."""
        assert self._source is not None
        self._shutter.close("choosing where to measure next")
        self._intake.drain()
        self._take_up(self._source.wait(lambda: self._interrupts.request is not None or self._has_enough()))
        return "more to measure"

    def _has_enough(self) -> bool:
        """Whether there is a reason to measure no more, though something is lacking or still to come."""
        if not self._enough_because and (self._intake.lacking or self._is_more_to_come):
            self._enough_because = self._enough(self._intake.live_s)
        return bool(self._enough_because)

    def _conclude(self) -> RunOutcome:
        """Finish the exposure in progress, close the shutter, and leave it at that."""
        try:
            with self._interrupts.finishing():
                is_cut_short = self._finish_exposure() if self._intake.lacking else False
        except KeyboardInterrupt:
            return self._abort()
        self._shutter.close("enough is measured", is_cut_short=is_cut_short)
        self._intake.drain()
        if not self._is_concluded:
            self._session.record(Concluded(utc_now(), self._enough_because))
            self._is_concluded = True
            self._console.say(f"Done: {self._enough_because}")
        self._between.bid_farewell()
        return RunOutcome.FINISHED

    def _end_opening(self, request: Request | None) -> RunOutcome | str:
        """Close the shutter for what was asked, or for the intermission that is due."""
        match request:
            case None:
                return self._break_off()
            case Request.ABORT:
                return self._abort()
            case Request.PAUSE:
                return self._pause("operator")
            case _:
                return self._pause("asked to stop by the system")

    def _get_ready(self) -> str:
        """Go to the next exposure with the shutter closed: the beam must not sweep over what is not to be measured.

        Intermissions that are due come before; returns for what one of them wants the run to pause, mostly empty.

        Raises
        ------
        KeyboardInterrupt
            A signal came while a controller that was found again was being made fit, or two Ctrl-C during a look: both
            may take minutes.
        """
        if self._boot_id is not None:
            with self._interrupts.asking():
                self._settle(self._boot_id)
        wish = self._between.carry_out() if self._between.due is not None else ""
        if self._bounds.passage:
            self._call_back()
        if not wish and self._intake.lacking and self._interrupts.request is None:
            self._connection.controller.move_to(next(iter(self._intake.lacking.values())).start)
        return wish

    def _call_back(self) -> None:
        """Leave nothing with the controller: what it has measured it passes over, and goes another way for it."""
        known = 2 if self._intake.is_under_way else 0
        if known:
            self._standstill.drop_queue()
        while known:
            lacking = len(self._intake.lacking)
            # Its answer comes after everything that was on its way.
            self._connection.controller.status()
            self._intake.drain()
            known = known - 1 if len(self._intake.lacking) == lacking else 2
        self._intake.begin_again()

    def _open(self, reason: str) -> None:
        self._shutter.open(reason, exposures_left=len(self._intake.lacking), live_s=self._intake.live_s)
        self._let_go_on()

    def _let_go_on(self) -> None:
        if self._is_paused:
            self._connection.controller.resume()
            self._is_paused = False

    def _stream(self, show: Callable[[int], None]) -> Request | None:
        """Measure until nothing is lacking, something is asked, an intermission is due, or a keep-out in the way."""
        heard_s, measured = time.monotonic(), 0
        while self._intake.lacking and self._interrupts.request is None and not (measured and self._between.due):
            if self._has_enough():
                break
            self._intake.feed()
            if self._intake.is_held:
                break
            if arrived := self._intake.collect():
                heard_s, measured = time.monotonic(), measured + arrived
            if time.monotonic() - heard_s > self._bounds.patience_s:
                raise SafetyStop(
                    f"no exposure was finished for {self._bounds.patience_s:.0f} s although the beam is on: "
                    "check stage and detector, then go on with --resume"
                )
            self._meanwhile()
            if self._source is not None:
                self._take_up(self._source.look(len(self._intake.lacking)))
            show(self._planned - len(self._intake.lacking))
        return self._interrupts.request

    def _break_off(self) -> RunOutcome | str:
        """Finish the exposure in progress and close the shutter for what is due; the reason of the next opening."""
        due = self._between.due
        reason = "a way past a keep-out" if due is None else due.reason
        try:
            with self._interrupts.finishing():
                is_cut_short = self._finish_exposure()
        except KeyboardInterrupt:
            return self._abort()
        self._shutter.close(reason, is_cut_short=is_cut_short)
        self._intake.drain()
        return f"after {reason}"

    # What somebody asks for.

    def _pause(self, reason: str) -> RunOutcome | str:
        """Close the shutter safely, then ask."""
        try:
            with self._interrupts.asking():
                is_cut_short = self._finish_exposure()
        except KeyboardInterrupt:
            return self._abort()
        return self._rest(reason, is_cut_short=is_cut_short)

    def _finish_exposure(self) -> bool:
        """Have the controller finish the one in progress and close; whether its lease cut that one short instead."""
        self._is_paused = True
        try:
            self._connection.controller.pause()
        except LeaseExpired:
            return True
        return False

    def _rest(self, reason: str, *, is_cut_short: bool = False) -> RunOutcome | str:
        """Stand still with the shutter closed; what the operator, where there is one, wants then."""
        self._shutter.close(reason, is_cut_short=is_cut_short)
        self._intake.drain()
        if not self._intake.lacking and not self._is_more_to_come:
            self._between.bid_farewell()
            return RunOutcome.FINISHED
        self._session.record(Paused(utc_now(), reason))
        if self._interrupts.request is Request.STOP or not self._console.can_ask:
            return RunOutcome.STOPPED
        left = self._budget - self._planned + len(self._intake.lacking)
        try:
            with self._interrupts.asking():
                answer = self._console.ask(
                    f"Paused, shutter closed, {left} of {self._budget} exposures left. What now?",
                    ("resume", "finish", "stop"),
                )
        except KeyboardInterrupt:
            return RunOutcome.STOPPED
        self._interrupts.answered()
        match answer:
            case "resume":
                self._confirm_place()
                self._session.record(Resumed(utc_now(), "operator"))
                return "resumed by the operator"
            case "finish":
                return RunOutcome.ENDED_EARLY
        return RunOutcome.STOPPED

    def _abort(self) -> RunOutcome:
        self._shutter.abort()
        self._intake.drain()
        self._shutter.note_closed("aborted by the operator", is_cut_short=True)
        self._session.record(Paused(utc_now(), "aborted by the operator"))
        return RunOutcome.STOPPED

    # What goes wrong.

    def _can_overcome(self, fault: _Curable) -> bool:
        """Whether the run may go on after this, perhaps with somebody's help."""
        match fault:
            case LeaseExpired():
                self._shutter.note_closed("lease expired", is_cut_short=True)
                return self._expiries.spend()
            case DoorOpen():
                return self._console.can_ask and not self._connection.is_lost
            case StandoffExceeded():
                return not self._connection.is_lost
            case _:
                return self._connection.may_reconnect()

    def _overcome(self, fault: _Curable) -> RunOutcome | str:
        match fault:
            case LeaseExpired():
                # This computer was too busy to renew the lease: nothing is lost.
                times = f"{self._expiries.spent} of at most {self._expiries.most} times an hour"
                self._console.warn(f"{fault} ({times}): opening it again")
                return "lease expired"
            case DoorOpen() | StandoffExceeded():
                self._console.warn(str(fault))
                return self._rest(str(fault), is_cut_short=True)
            case _:
                return self._reconnect(fault)

    def _reconnect(self, fault: BridgeError) -> RunOutcome | str:
        """Find the controller again and take the scan up there; raises the fault when it stays away."""
        if self._boot_id is None:
            self._boot_id = self._connection.controller.capabilities.boot_id
        self._shutter.note_lost()
        with suppress(BridgeError):
            self._intake.drain()
        self._tell(fault)
        if not self._connection.reconnect(fault, lambda: self._interrupts.request is not None):
            if self._interrupts.request is None:
                raise fault
            return RunOutcome.CUT_OFF
        self._shutter.note_found()
        self._is_paused = False
        self._retained = self._rejoin(
            (frozenset(range(self._planned)) - self._intake.lacking.keys()) | self._intake.visits
        )
        self._intake.begin_again()
        return "connected again"

    def _settle(self, boot_id: int) -> None:
        """Let a controller that was found again be as fit for beam as one at the beginning of a scan."""
        controller = self._connection.controller
        if not controller.status().is_door_closed:
            raise door_open()
        was_homed = home_where_needed(controller, self._console)
        if was_homed or controller.capabilities.boot_id != boot_id:
            self._confirm_place()
        self._boot_id = None

    def _tell(self, fault: BaseException) -> None:
        """Journal a fault, once."""
        if self._told is not fault:
            self._told = fault
            self._session.record(Faulted(utc_now(), type(fault).__name__, str(fault) or type(fault).__name__))

    def _fail(self, fault: BaseException) -> None:
        """Shutter first, then the journal; neither may hide the fault itself, nor claim what is not known."""
        if not self._connection.is_lost:
            with suppress(BridgeError, SafetyStop):
                self._shutter.abort()
            with suppress(Exception):
                self._intake.drain()
        with suppress(Exception):
            if self.is_closed:
                self._shutter.note_closed("fault", is_cut_short=True)
            self._tell(fault)
