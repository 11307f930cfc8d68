"""The thread that measures what is assigned to a stage and a spectrometer, and how it is stopped.

It alone lets the beam on: move, hold the beam, count, read, next; or fly a row of strokes, and read in step with it.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence

from firmware_bridge.faults import BridgeError, ControllerFault
from firmware_bridge.messages import Exposure, ExposureDone
from firmware_bridge.pairing.acceptance import LEASE_S
from firmware_bridge.pairing.assignments import Assignments
from firmware_bridge.pairing.dwell import Dweller
from firmware_bridge.pairing.faults import Withdrawn
from firmware_bridge.pairing.flight import Flyer
from firmware_bridge.pairing.leave import Leave
from firmware_bridge.pairing.rows import Row
from firmware_bridge.pairing.standoff_watch import StandoffWatch
from firmware_bridge.spectrometer import Spectrometer
from firmware_bridge.stage import PoseAt, Stage

_LOG = logging.getLogger("firmware_bridge")
_HALT_AGAIN_S = 0.3
"""Motion that was about to begin when it was halted is halted again after so long."""
_IDLE_S = 5.0
"""Without anything to measure, the spectrometer is told so often that it is still used: others may take it else."""


class MeasuringThread:
    """Measures while leave is given; every fault ends the leave, with the beam off, and waits to be raised.

    Its methods are called from other threads, without a lock.

    Parameters
    ----------
    standoff
        Asked before every exposure or row.
    length
        Exposures that wait at the most.
    clock
        Monotonic time in s.
    """

    def __init__(
        self,
        stage: Stage,
        spectrometer: Spectrometer,
        standoff: StandoffWatch,
        length: int,
        clock: Callable[[], float],
    ) -> None:
        self.devices = threading.RLock()
        """Held by whoever talks to a device, standoff and flyer included; one thread at a time."""
        self.changed = threading.Condition()
        """Guards everything below. Nobody who holds it waits for `devices`."""
        self.leave = Leave(self.changed, clock)
        self.assignments = Assignments(length)
        self.heard: PoseAt | None = None
        """Where the stage was last heard of in the flight in progress; None while none is."""
        self.is_paused = False
        self._faults: deque[BridgeError] = deque()
        self._is_ended = False
        self._stage, self._spectrometer, self._standoff = stage, spectrometer, standoff
        self._dweller = Dweller(stage, spectrometer, self.leave.require, clock)
        self.flyer = Flyer(stage, spectrometer, self._hear, self._land, clock)
        self._thread = threading.Thread(target=self._run, name="paired controller", daemon=True)
        self._thread.start()

    def add(self, exposures: Sequence[Exposure]) -> int:
        """Let as many wait as there is room for; returns how many. Raises what went wrong."""
        with self.changed:
            self._raise_fault()
            count = self.assignments.add(exposures)
            self.changed.notify_all()
            return count

    def next_done(self, timeout_s: float) -> ExposureDone | None:
        """The next finished exposure, or None when none came in time. Raises what went wrong after the last one."""
        done = self.assignments.done
        with self.changed:
            self.changed.wait_for(lambda: bool(done or self._faults), timeout_s)
            if done:
                return done.popleft()
            self._raise_fault()
        return None

    def forget(self) -> None:
        """Nothing waits, is in progress, or was done: indices begin to mean something else."""
        with self.changed:
            self.assignments.forget()

    def forbid(self) -> None:
        """Take leave back, and wait until nothing is in progress; a row in flight is halted."""
        self.leave.take_back()
        while True:
            with self.changed:
                if not self.assignments.current:
                    return
                is_flying = self.heard is not None
            if is_flying:
                with contextlib.suppress(BridgeError):
                    self._stage.halt()
            with self.changed:
                self.changed.wait_for(lambda: not self.assignments.current, _HALT_AGAIN_S)

    def pause(self) -> None:
        """Begin nothing more; returns when the exposure or row in progress is over."""
        with self.changed:
            self.is_paused = True
            self.changed.wait_for(lambda: not self.assignments.current)

    def resume(self) -> None:
        """Begin what waits, while there is leave."""
        with self.changed:
            self.is_paused = False
            self.changed.notify_all()

    def abort(self) -> None:
        """Take leave back, forget what waits and what is in progress, and halt the stage at once.

        Waits for the end of what is in progress, 0.6 s at most: a gate that was about to open is shut again meanwhile,
        and motion that was about to begin is halted, too.
        """
        self.leave.take_back()
        with self.changed:
            self.assignments.drop()
        for _ in range(2):
            self._stage.halt()
            with self.changed:
                if self.changed.wait_for(lambda: not self.assignments.current, _HALT_AGAIN_S):
                    return

    def end(self) -> bool:
        """`forbid`, and end the thread; returns whether it had not been ended before."""
        with self.changed:
            if self._is_ended:
                return False
            self._is_ended = True
        self.forbid()
        self._thread.join(LEASE_S + 2.0)
        return True

    def _run(self) -> None:
        while True:
            with self.changed:
                is_wanted = self.changed.wait_for(lambda: self._is_ended or self._is_due(), _IDLE_S)
                if self._is_ended:
                    return
                if is_wanted:
                    self.assignments.begin(self.flyer.limits)
            if is_wanted:
                self._carry_out()
            else:
                self._attempt("the spectrometer could not be told that it is used", self._spectrometer.keep_alive)

    def _carry_out(self) -> None:
        """Measure what is assigned, and conclude it, whatever comes of it."""
        done: tuple[ExposureDone, ...] = ()
        fault: Exception | None = None
        try:
            with self.devices:
                done, fault = self._measure(self.assignments.current)
        except Exception as error:
            fault = error
        if fault is not None:
            self._stop_with(fault)
        with self.changed:
            self.assignments.conclude(done)
            self.changed.notify_all()

    def _is_due(self) -> bool:
        return self.assignments.has_waiting and self.leave.is_given and not self.is_paused

    def _measure(self, exposures: tuple[Exposure, ...]) -> tuple[tuple[ExposureDone, ...], Exception | None]:
        """One dwell or one row, as far as it went, and what ended it before."""
        if not exposures[0].is_dwell:
            self._standoff.forget()
        self._standoff.require()
        self.leave.require()
        if exposures[0].is_dwell:
            self.flyer.forget()
            return (self._dweller.expose(exposures[0]),), None
        flown = self.flyer.fly(Row(exposures))
        return flown.cells, flown.fault

    def _hear(self, said: PoseAt) -> None:
        """Whether a flight may go on, at every report of the stage's."""
        with self.changed:
            self.heard = said
        self.leave.require()

    def _land(self) -> None:
        """A flight is over; whether its spectra are wanted."""
        with self.changed:
            self.heard = None
            if self.assignments.is_dropped:
                raise Withdrawn("the row was aborted: submit it again to measure it")

    def _stop_with(self, fault: Exception) -> None:
        """Beam off; the fault is for whoever calls next, unless it is but the answer to a closed shutter."""
        self._attempt("the beam could not be confirmed off", self._stage.drop_beam)
        was_given = self.leave.take_back()
        if not was_given and type(fault) in (Withdrawn, ControllerFault):
            self._attempt("the spectrometer could not be stopped", self._spectrometer.stop)
            return
        if not isinstance(fault, BridgeError):
            _LOG.error("the pairing thread failed", exc_info=fault)
            fault = BridgeError(f"the pairing of the devices failed ({fault!r}): report this with the log")
        with self.changed:
            self._faults.append(fault)

    def _attempt(self, or_else: str, action: Callable[[], None]) -> None:
        """Do what must not end the thread: whoever waits for what it measures would wait for ever."""
        try:
            with self.devices:
                action()
        except BridgeError as error:
            _LOG.warning("%s: %s", or_else, error)
        except Exception as error:
            _LOG.error("%s", or_else, exc_info=error)

    def _raise_fault(self) -> None:
        if self._faults:
            raise self._faults.popleft()
