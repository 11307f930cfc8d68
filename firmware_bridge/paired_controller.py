"""A stage and a spectrometer that know nothing of each other, paired into one controller by this computer.

One thread drives both: move, hold the beam, count, read, next; or fly a row of strokes, and read in step with it. The
stage's own outputs close the beam when this computer falls silent; spectra that were read and not yet recorded live in
this program alone.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Container, Sequence
from dataclasses import replace

from firmware_bridge.faults import BridgeError, ControllerFault, DoorOpen
from firmware_bridge.messages import (
    Capabilities,
    ControllerState,
    ControllerStatus,
    Exposure,
    ExposureDone,
    Observation,
    StagePose,
)
from firmware_bridge.pairing.acceptance import LEASE_S, check_exposure, check_pose, check_stroke_time, combined
from firmware_bridge.pairing.assignments import Assignments
from firmware_bridge.pairing.dwell import Dweller
from firmware_bridge.pairing.flight import Flyer
from firmware_bridge.pairing.leave import Leave, Withdrawn
from firmware_bridge.pairing.rows import Row
from firmware_bridge.pairing.standoff_watch import StandoffWatch
from firmware_bridge.spectrometer import Spectrometer
from firmware_bridge.stage import PoseAt, Stage, StageStatus
from firmware_bridge.standoff import StandoffSensor

_LOG = logging.getLogger("firmware_bridge")
_HALT_AGAIN_S = 0.3
"""A flight that was about to begin when it was halted is halted again after so long."""


class PairedController:
    """`Controller` over a `Stage` and a `Spectrometer`.

    Faults are raised by `submit` or `next_done`, once; the beam is off by then. Opening the shutter again goes on with
    the queue.

    Parameters
    ----------
    standoff
        What watches the distance to the object; it is closed with the controller.
    clock
        Monotonic time in s, the one by which the stage dates its reports; another one in tests.

    Raises
    ------
    SettingRefused
        The stage has no output that closes the shutter by itself.
    """

    def __init__(
        self,
        stage: Stage,
        spectrometer: Spectrometer,
        standoff: StandoffSensor | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stage, self._spectrometer, self._clock = stage, spectrometer, clock
        self._capabilities = combined(stage.capabilities, spectrometer.capabilities)
        self._devices = threading.RLock()
        """Held by whoever talks to a device; one thread at a time."""
        self._changed = threading.Condition()
        """Guards everything below."""
        self._leave = Leave(self._changed, clock)
        self._assignments = Assignments(self._capabilities.queue_length)
        self._faults: deque[BridgeError] = deque()
        self._heard: PoseAt | None = None
        """Where the stage was last heard of in the flight in progress; None while none is."""
        self._is_paused = self._is_ended = False
        self._standoff = StandoffWatch(standoff, clock)
        self._dweller = Dweller(stage, spectrometer, self._leave.require, clock)
        self._flyer = Flyer(stage, spectrometer, self._hear, clock)
        self._thread = threading.Thread(target=self._run, name="paired controller", daemon=True)
        self._thread.start()

    @property
    def capabilities(self) -> Capabilities:
        """Stage and spectrometer as one; the boot identity is new at every connection."""
        return self._capabilities

    def status(self) -> ControllerStatus:
        """Ask the stage for a fresh snapshot; of a row in flight, what was heard of it last."""
        with self._leave.attending():
            with self._changed:
                if self._heard is not None:
                    return self._told(StageStatus(self._heard.pose, True, True, True, True, ""))
            with self._devices:
                found = self._stage.status()
                self._standoff.refresh()
            with self._changed:
                return self._told(found)

    def diagnose(self) -> tuple[Observation, ...]:
        """What both devices can find out about themselves, and the distance to the object; shutter closed."""
        self._forbid()
        with self._leave.attending(), self._devices:
            self._flyer.forget()
            return (
                *(replace(each, what=f"stage {each.what}") for each in self._stage.diagnose()),
                *(replace(each, what=f"detector {each.what}") for each in self._spectrometer.diagnose()),
                *self._standoff.observe(),
            )

    def home(self) -> None:
        """Find the stage's origin; returns when it is found, shutter closed."""
        self._forbid()
        with self._leave.attending(), self._devices:
            self._stage.home()

    def move_to(self, pose: StagePose) -> None:
        """Travel with the shutter closed; returns when the pose is reached."""
        self._forbid()
        check_pose(self._stage.capabilities, pose, "moving the stage")
        with self._leave.attending(), self._devices:
            self._stage.drop_beam()
            self._stage.move_to(pose)

    def open_shutter(self) -> None:
        """Let the thread expose; each exposure then opens the beam for itself.

        Raises
        ------
        DoorOpen
            The door is open.
        StandoffExceeded
            The object is too near or too far.
        """
        found = self.status()
        if not found.is_door_closed:
            raise DoorOpen("the door is open: close it, then open the shutter again")
        with self._leave.attending(), self._devices:
            self._standoff.require()
            self._standoff.forget()
        self._leave.give()

    def close_shutter(self) -> None:
        """Take the permission back, stopping a row in flight; returns when the stage has confirmed the beam off."""
        self._forbid()
        with self._leave.attending(), self._devices:
            self._stage.drop_beam()

    def begin_scan(self, scan_id: int, recorded: Container[int]) -> int:
        """Nothing is kept beyond this program's life: no spectrum comes again."""
        del scan_id, recorded
        with self._changed:
            self._assignments.forget()
        return 0

    def submit(self, exposures: Sequence[Exposure]) -> int:
        """Queue as many as there is room for; returns how many were taken. Strokes that lie end to end become rows.

        The first strokes may wait until the spectrometer has been read a few times.

        Raises
        ------
        LimitExceeded
            One lies outside the stage's limits, or is too fast or too short; none is taken.
        SettingRefused
            The stage has no output for dwells, or for strokes; none is taken.
        """
        with self._leave.attending():
            for exposure in exposures:
                check_exposure(self._stage.capabilities, exposure)
            if not all(exposure.is_dwell for exposure in exposures):
                shortest_s = self._shortest_stroke_s()
                for exposure in exposures:
                    check_stroke_time(exposure, shortest_s, is_triggered=self._flyer.is_triggered)
            with self._changed:
                self._raise_fault()
                count = self._assignments.add(exposures)
                self._changed.notify_all()
                return count

    def next_done(self, timeout_s: float) -> ExposureDone | None:
        """The next finished exposure, or None when none came in time. Raises what the thread found wrong."""
        done = self._assignments.done
        with self._leave.attending(), self._changed:
            self._changed.wait_for(lambda: bool(done or self._faults), timeout_s)
            if done:
                return done.popleft()
            self._raise_fault()
        return None

    def acknowledge(self, index: int) -> None:
        """Nothing to forget: a spectrum leaves this program by `next_done`."""
        del index
        with self._leave.attending():
            pass

    def pause(self) -> None:
        """Finish the exposure or the row in progress, close the shutter, keep the queue; returns when paused."""
        with self._leave.attending(), self._changed:
            self._is_paused = True
            self._changed.wait_for(lambda: not self._assignments.current)
        self.close_shutter()

    def resume(self) -> None:
        """Go on with the queue; the shutter must be opened again first."""
        with self._leave.attending(), self._changed:
            self._is_paused = False
            self._changed.notify_all()

    def abort(self) -> None:
        """Beam off and motion stopped at once, the queue dropped."""
        self._leave.take_back()
        with self._changed:
            self._assignments.drop()
        self._stage.halt()

    def close(self) -> None:
        """Beam off, then all devices. Safe to call twice."""
        with self._changed:
            if self._is_ended:
                return
            self._is_ended = True
        self._forbid()
        self._thread.join(LEASE_S + 2.0)
        with self._devices:
            for device in (self._stage, self._spectrometer, self._standoff):
                with contextlib.suppress(BridgeError):
                    device.close()

    # The thread.

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_ended or self._is_due())
                if self._is_ended:
                    return
                self._assignments.begin(self._flyer.limits)
            done: tuple[ExposureDone, ...] = ()
            fault: Exception | None = None
            try:
                with self._devices:
                    done, fault = self._measure(self._assignments.current)
            except Exception as error:
                fault = error
            if fault is not None:
                self._stop_with(fault)
            with self._changed:
                self._heard = None
                self._assignments.conclude(done)
                self._changed.notify_all()

    def _is_due(self) -> bool:
        return self._assignments.has_waiting and self._leave.is_given and not self._is_paused

    def _measure(self, exposures: tuple[Exposure, ...]) -> tuple[tuple[ExposureDone, ...], Exception | None]:
        """One dwell or one row, as far as it went, and what ended it before."""
        if exposures[0].is_dwell:
            self._standoff.require()
            self._flyer.forget()
            return (self._dweller.expose(exposures[0]),), None
        self._standoff.forget()
        self._standoff.require()
        flown = self._flyer.fly(Row(exposures))
        return flown.cells, flown.fault

    def _hear(self, said: PoseAt) -> None:
        """Whether a flight may go on, at every report of the stage's."""
        with self._changed:
            self._heard = said
        self._leave.require()

    def _stop_with(self, fault: Exception) -> None:
        """Beam off; the fault is for whoever calls next, unless it is but the answer to a closed shutter."""
        with contextlib.suppress(BridgeError), self._devices:
            self._stage.drop_beam()
        was_given = self._leave.take_back()
        if not was_given and type(fault) in (Withdrawn, ControllerFault):
            with contextlib.suppress(BridgeError), self._devices:
                self._spectrometer.stop()
            return
        if not isinstance(fault, BridgeError):
            _LOG.error("the pairing thread failed", exc_info=fault)
            fault = BridgeError(f"the pairing of the devices failed ({fault!r}): report this with the log")
        with self._changed:
            self._faults.append(fault)

    def _forbid(self) -> None:
        """Take the permission back, and wait until nothing is in progress; a row in flight is halted."""
        with self._leave.attending():
            self._leave.take_back()
            while True:
                with self._changed:
                    if not self._assignments.current:
                        return
                    is_flying = self._heard is not None
                if is_flying:
                    with contextlib.suppress(BridgeError):
                        self._stage.halt()
                with self._changed:
                    self._changed.wait_for(lambda: not self._assignments.current, _HALT_AGAIN_S)

    def _told(self, found: StageStatus) -> ControllerStatus:
        if found.fault:
            state = ControllerState.FAULTED
        elif self._assignments.current:
            state = ControllerState.EXPOSING
        elif not found.is_homed:
            state = ControllerState.UNHOMED
        else:
            state = ControllerState.PAUSED if self._is_paused else ControllerState.IDLE
        return ControllerStatus(
            state=state,
            pose=found.pose,
            is_homed=found.is_homed,
            is_shutter_open=self._leave.is_given or found.is_beam_on,
            is_door_closed=found.is_door_closed,
            controller_time_s=self._clock(),
            queue_free=self._assignments.room,
            fault=found.fault,
            standoff_mm=self._standoff.distance_mm,
        )

    def _shortest_stroke_s(self) -> float:
        if self._flyer.is_measured:
            return self._flyer.shortest_s()
        with self._devices:
            return self._flyer.shortest_s()

    def _raise_fault(self) -> None:
        if self._faults:
            raise self._faults.popleft()
