"""The scan itself: the beam on and off over what a plan lacks, and every way in which that is interrupted."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from edge.beam.enough import Enough
from edge.beam.intake import Intake, Source
from edge.beam.intermissions import Between, Intermission, Standstill
from edge.beam.interrupts import Interrupts, Request
from edge.beam.outcome import RunOutcome, Step
from edge.beam.parts import RunParts
from edge.beam.reconnect import Connection
from edge.beam.recovery import CURABLE, Curable, Recovery
from edge.beam.rest import Rest
from edge.beam.session import Session, utc_now
from edge.beam.shutter import Bounds, Shutter
from edge.beam.telling import RunFigures
from edge.beam.work import Work
from edge.console import Console
from edge.events import Closed
from edge.faults import SafetyStop
from firmware_bridge.messages import Exposure

__all__ = ["Run", "RunOutcome"]


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
        interrupts: Interrupts | None = None,
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
        interrupts
            What has been asked of the scan already; None: nothing.
        """
        self._connection = connection
        self._session = session
        self._console = console
        self._bounds = bounds
        self._meanwhile = meanwhile
        self._enough = Enough(enough, session, console)
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
        self._work = Work(
            self._intake,
            planned=planned,
            budget=budget or planned,
            source=source,
            refused=refused,
            warn=console.warn,
        )
        self._interrupts = interrupts or Interrupts()
        parts = RunParts(connection, session, console, self._shutter, self._intake, self._work, self._interrupts)
        self._rest = Rest(parts, confirm_place=confirm_place, bid_farewell=self._bid_farewell)
        self._recovery = Recovery(parts, self._rest, rejoin=rejoin, confirm_place=confirm_place)
        self._standstill = Standstill(
            connection,
            session,
            self._shutter,
            self._intake,
            request=lambda: self._interrupts.request,
            finishing=self._interrupts.finishing,
            let_go_on=self._rest.let_go_on,
        )
        self._between = Between(self._standstill, intermissions, None if self._work.is_over else farewell)

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
        self._intake.retained = retained
        self._interrupts.standing = "measuring"
        with self._interrupts.listening():
            try:
                figures = RunFigures(self._session, self._intake, self._work)
                total, done = self._work.budget, self._work.measured
                with self._console.progress("Measuring", total, done, look=figures.look) as show:
                    outcome = self._measure(show)
                self._interrupts.standing = "ending"
                match outcome:
                    case RunOutcome.FINISHED:
                        self._session.record(Closed(utc_now(), "finished"))
                    case RunOutcome.ENDED_EARLY:
                        self._session.record(Closed(utc_now(), "aborted"))
                    case RunOutcome.STOPPED | RunOutcome.CUT_OFF:
                        pass
                return outcome
            except BaseException as fault:
                self._recovery.fail(fault)
                raise

    def _measure(self, show: Callable[[int], None]) -> RunOutcome:
        """Open, and open again after whatever closed the shutter, until nothing is lacking or somebody ends it."""
        step: Step = "start"
        closed_by: Curable | None = None
        while isinstance(step, str):
            try:
                step = self._beam(step, show) if closed_by is None else self._recovery.overcome(closed_by)
                closed_by = None
            except CURABLE as fault:
                if not self._recovery.can_overcome(fault):
                    raise
                closed_by = fault
        return step

    def _beam(self, reason: str, show: Callable[[int], None]) -> Step:
        """One opening, for a reason; how the run ended with it, or the reason for the next one."""
        self._intake.fetch()
        self._work.leave_out(self._standstill.drop_queue)
        request = self._interrupts.request
        if self._work.is_lacking and request is None and not self._has_enough():
            try:
                wish = self._get_ready()
            except KeyboardInterrupt:
                return self._rest.abort()
            if wish:
                self._console.warn(wish)
                return self._rest.stand(wish)
            request = self._interrupts.request
            if self._intake.lacking and request is None:
                self._open(reason)
                request = self._stream(show)
        if request is None and self._has_enough():
            return self._conclude()
        if self._work.is_lacking or (self._work.is_more_to_come and request is not None):
            return self._end_opening(request)
        if self._work.is_more_to_come:
            return self._wait_for_more()
        self._shutter.close("finished")
        self._bid_farewell()
        return RunOutcome.ENDED_EARLY if self._work.is_cut_short else RunOutcome.FINISHED

    def _wait_for_more(self) -> Step:
        """With the shutter closed; the reason of the next opening."""
        self._shutter.close("choosing where to measure next")
        self._intake.drain()
        self._work.wait(lambda: self._interrupts.request is not None or self._has_enough())
        return "more to measure"

    def _has_enough(self) -> bool:
        """Whether there is a reason to measure no more, though something is lacking or still to come."""
        return self._enough.is_reached(self._intake.live_s, is_over=self._work.is_over)

    def _conclude(self) -> RunOutcome:
        """Finish the exposure in progress, close the shutter, and leave it at that."""
        try:
            with self._interrupts.finishing():
                is_cut_short = self._rest.finish_exposure() if self._work.is_lacking else False
        except KeyboardInterrupt:
            return self._rest.abort()
        self._shutter.close("enough is measured", is_cut_short=is_cut_short)
        self._intake.drain()
        self._enough.conclude()
        self._bid_farewell()
        return RunOutcome.FINISHED

    def _bid_farewell(self) -> None:
        self._between.bid_farewell()

    def _end_opening(self, request: Request | None) -> Step:
        """Close the shutter for what was asked, or for the intermission that is due."""
        match request:
            case None:
                return self._break_off()
            case Request.ABORT:
                return self._rest.abort()
            case Request.FINISH:
                return self._rest.finish()
            case _:
                return self._rest.pause()

    def _get_ready(self) -> str:
        """Go to the next exposure with the shutter closed: the beam must not sweep over what is not to be measured.

        Intermissions that are due come before; returns for what one of them wants the run to pause, mostly empty.

        Raises
        ------
        KeyboardInterrupt
            A signal came while a controller that was found again was being made fit, or two Ctrl-C during a look: both
            may take minutes.
        """
        self._recovery.settle()
        wish = self._between.carry_out() if self._between.due is not None else ""
        if self._bounds.passage:
            self._call_back()
        if not wish and self._work.is_lacking and self._interrupts.request is None:
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
        self._rest.let_go_on()

    def _stream(self, show: Callable[[int], None]) -> Request | None:
        """Measure until nothing is lacking, something is asked, an intermission is due, or a keep-out in the way."""
        heard_s, measured = time.monotonic(), 0
        while self._work.is_lacking and self._interrupts.request is None and not (measured and self._between.due):
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
            self._work.look()
            show(self._work.measured)
        return self._interrupts.request

    def _break_off(self) -> Step:
        """Finish the exposure in progress and close the shutter for what is due; the reason of the next opening."""
        due = self._between.due
        reason = "a way past a keep-out" if due is None else due.reason
        try:
            with self._interrupts.finishing():
                is_cut_short = self._rest.finish_exposure()
        except KeyboardInterrupt:
            return self._rest.abort()
        self._shutter.close(reason, is_cut_short=is_cut_short)
        self._intake.drain()
        return f"after {reason}"
