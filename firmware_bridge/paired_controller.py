"""A stage and a spectrometer that know nothing of each other, paired into one controller by this computer.

One thread drives both, see `firmware_bridge.pairing.measuring_thread`. The stage's own outputs close the beam when this
computer falls silent; spectra that were read and not yet recorded live in this program alone.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Container, Sequence
from dataclasses import replace

from firmware_bridge.faults import BridgeError, DoorOpen
from firmware_bridge.messages import (
    Capabilities,
    ControllerState,
    ControllerStatus,
    Exposure,
    ExposureDone,
    Observation,
    StagePose,
)
from firmware_bridge.pairing.acceptance import check_exposure, check_pose, check_stroke_time, combined
from firmware_bridge.pairing.measuring_thread import MeasuringThread
from firmware_bridge.pairing.standoff_watch import StandoffWatch
from firmware_bridge.spectrometer import Spectrometer
from firmware_bridge.stage import Stage, StageStatus
from firmware_bridge.standoff import StandoffSensor


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
        self._standoff = StandoffWatch(standoff, clock)
        self._measuring = MeasuringThread(stage, spectrometer, self._standoff, self._capabilities.queue_length, clock)

    @property
    def capabilities(self) -> Capabilities:
        """Stage and spectrometer as one; the boot identity is new at every connection."""
        return self._capabilities

    def status(self) -> ControllerStatus:
        """Ask the stage for a fresh snapshot; of a row in flight, what was heard of it last."""
        with self._attending():
            heard = self._measuring.heard
            if heard is not None:
                return self._told(StageStatus(heard.pose, True, True, True, True, ""))
            with self._measuring.devices:
                found = self._stage.status()
                self._standoff.refresh()
            return self._told(found)

    def diagnose(self) -> tuple[Observation, ...]:
        """What both devices can find out about themselves; shutter closed."""
        self._forbid()
        with self._attending(), self._measuring.devices:
            self._stage.drop_beam()
            self._measuring.flyer.forget()
            return (
                *(replace(each, what=f"stage {each.what}") for each in self._stage.diagnose()),
                *(replace(each, what=f"detector {each.what}") for each in self._spectrometer.diagnose()),
            )

    def home(self) -> None:
        """Find the stage's origin; returns when it is found, shutter closed."""
        self._forbid()
        with self._attending(), self._measuring.devices:
            self._stage.home()

    def move_to(self, pose: StagePose) -> None:
        """Travel with the shutter closed; returns when the pose is reached."""
        self._forbid()
        check_pose(self._stage.capabilities, pose, "moving the stage")
        with self._attending(), self._measuring.devices:
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
        with self._attending(), self._measuring.devices:
            self._standoff.require()
            self._standoff.forget()
        self._measuring.leave.give()

    def close_shutter(self) -> None:
        """Take the permission back, stopping a row in flight; returns when the stage has confirmed the beam off."""
        self._forbid()
        with self._attending(), self._measuring.devices:
            self._stage.drop_beam()

    def begin_scan(self, scan_id: int, recorded: Container[int]) -> int:
        """Nothing is kept beyond this program's life: no spectrum comes again."""
        del scan_id, recorded
        self._measuring.forget()
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
        with self._attending():
            for exposure in exposures:
                check_exposure(self._stage.capabilities, exposure)
            if not all(exposure.is_dwell for exposure in exposures):
                shortest_s = self._shortest_stroke_s()
                for exposure in exposures:
                    check_stroke_time(exposure, shortest_s, is_triggered=self._measuring.flyer.is_triggered)
            return self._measuring.add(exposures)

    def next_done(self, timeout_s: float) -> ExposureDone | None:
        """The next finished exposure, or None when none came in time. Raises what the thread found wrong."""
        with self._attending():
            return self._measuring.next_done(timeout_s)

    def acknowledge(self, index: int) -> None:
        """Nothing to forget: a spectrum leaves this program by `next_done`."""
        del index
        with self._attending():
            pass

    def pause(self) -> None:
        """Finish the exposure or the row in progress, close the shutter, keep the queue; returns when paused."""
        with self._attending():
            self._measuring.pause()
        self.close_shutter()

    def resume(self) -> None:
        """Go on with the queue; the shutter must be opened again first."""
        with self._attending():
            self._measuring.resume()

    def abort(self) -> None:
        """Beam off and motion stopped at once, the queue dropped.

        Waits for the end of what is in progress, 0.6 s at most: a gate that was about to open is shut again meanwhile,
        and motion that was about to begin is halted, too.
        """
        self._measuring.abort()

    def close(self) -> None:
        """Beam off, then all devices. Safe to call twice."""
        with self._attending():
            if not self._measuring.end():
                return
        with self._measuring.devices:
            for device in (self._stage, self._spectrometer, self._standoff):
                with contextlib.suppress(BridgeError):
                    device.close()

    def _forbid(self) -> None:
        """Take the permission back, and wait until nothing is in progress; a row in flight is halted."""
        with self._attending():
            self._measuring.forbid()

    def _attending(self) -> contextlib.AbstractContextManager[None]:
        return self._measuring.leave.attending()

    def _told(self, found: StageStatus) -> ControllerStatus:
        measuring = self._measuring
        with measuring.changed:
            is_exposing, is_paused = bool(measuring.assignments.current), measuring.is_paused
            is_given, room = measuring.leave.is_given, measuring.assignments.room
        if found.fault:
            state = ControllerState.FAULTED
        elif is_exposing:
            state = ControllerState.EXPOSING
        elif not found.is_homed:
            state = ControllerState.UNHOMED
        else:
            state = ControllerState.PAUSED if is_paused else ControllerState.IDLE
        return ControllerStatus(
            state=state,
            pose=found.pose,
            is_homed=found.is_homed,
            is_shutter_open=is_given or found.is_beam_on,
            is_door_closed=found.is_door_closed,
            controller_time_s=self._clock(),
            queue_free=room,
            fault=found.fault,
            standoff_mm=self._standoff.distance_mm,
            is_in_range=self._standoff.is_in_range,
        )

    def _shortest_stroke_s(self) -> float:
        if self._measuring.flyer.is_measured:
            return self._measuring.flyer.shortest_s()
        with self._measuring.devices:
            return self._measuring.flyer.shortest_s()
