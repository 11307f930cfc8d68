"""A stage and a spectrometer that know nothing of each other, paired into one controller by this computer.

One thread drives both: move, hold the beam, count, read, next. The stage's own gate closes the beam when this
computer falls silent; spectra that were read and not yet recorded live in this program alone.
"""

from __future__ import annotations

import contextlib
import logging
import math
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Container, Sequence

from firmware_bridge.controller import ATTENTION_S
from firmware_bridge.faults import BridgeError, DoorOpen, LeaseExpired, LimitExceeded
from firmware_bridge.messages import (
    Capabilities,
    ControllerState,
    ControllerStatus,
    Exposure,
    ExposureDone,
    ExposureFlag,
    StagePose,
)
from firmware_bridge.spectrometer import Spectrometer, Spectrum
from firmware_bridge.stage import Stage

_LOG = logging.getLogger("firmware_bridge")
_QUEUE_LENGTH = 16
_GATE_S = 0.5
"""How long the gate stays open after the last word from here."""
_RENEW_S = 0.15
_PRESET_GRACE_S = 2.0
"""Beyond three times its preset, a spectrum that does not come is a fault of the spectrometer."""


class PairedController:
    """`Controller` over a `Stage` and a `Spectrometer`.

    Dwells only: a stage that stops for each exposure. Faults are raised by `submit` or `next_done`, once; the beam is
    off by then. Opening the shutter again goes on with the queue.

    Parameters
    ----------
    clock
        Monotonic time in s; another one in tests.
    """

    def __init__(self, stage: Stage, spectrometer: Spectrometer, clock: Callable[[], float] = time.monotonic) -> None:
        self._stage, self._spectrometer, self._clock = stage, spectrometer, clock
        self._devices = threading.RLock()
        """Held by whoever talks to a device; one thread at a time."""
        self._changed = threading.Condition()
        """Guards everything below."""
        self._queue: deque[Exposure] = deque()
        self._taken: set[int] = set()
        self._inbox: deque[ExposureDone] = deque()
        self._faults: deque[BridgeError] = deque()
        self._current: Exposure | None = None
        self._may_expose = self._is_paused = self._is_ended = False
        self._attended_s = clock()
        self._capabilities = _combined(stage, spectrometer)
        self._thread = threading.Thread(target=self._run, name="paired controller", daemon=True)
        self._thread.start()

    @property
    def capabilities(self) -> Capabilities:
        """Stage and spectrometer as one; the boot identity is new at every connection."""
        return self._capabilities

    def status(self) -> ControllerStatus:
        """Ask the stage for a fresh snapshot."""
        self._attend()
        with self._devices:
            found = self._stage.status()
        with self._changed:
            if found.fault:
                state = ControllerState.FAULTED
            elif self._current is not None:
                state = ControllerState.EXPOSING
            elif not found.is_homed:
                state = ControllerState.UNHOMED
            else:
                state = ControllerState.PAUSED if self._is_paused else ControllerState.IDLE
            free = _QUEUE_LENGTH - len(self._queue)
            is_open = self._may_expose or found.is_beam_on
        return ControllerStatus(
            state, found.pose, found.is_homed, is_open, found.is_door_closed, self._clock(), free, found.fault
        )

    def home(self) -> None:
        """Find the stage's origin; returns when it is found, shutter closed."""
        self._forbid()
        with self._devices:
            self._stage.home()

    def move_to(self, pose: StagePose) -> None:
        """Travel with the shutter closed; returns when the pose is reached."""
        self._forbid()
        self._check_pose(pose, "moving the stage")
        with self._devices:
            self._stage.drop_beam()
            self._stage.move_to(pose)

    def open_shutter(self) -> None:
        """Let the thread expose; each exposure then holds the gate open for itself."""
        found = self.status()
        if not found.is_door_closed:
            raise DoorOpen("the door is open: close it, then open the shutter again")
        with self._changed:
            self._may_expose = True
            self._changed.notify_all()

    def close_shutter(self) -> None:
        """Take the permission back; returns when the stage has confirmed that the beam is off."""
        self._forbid()
        with self._devices:
            self._stage.drop_beam()

    def begin_scan(self, scan_id: int, recorded: Container[int]) -> int:
        """Nothing is kept beyond this program's life: no spectrum comes again."""
        del scan_id, recorded
        with self._changed:
            self._queue.clear()
            self._taken.clear()
        return 0

    def submit(self, exposures: Sequence[Exposure]) -> int:
        """Queue as many as there is room for; returns how many were taken.

        Raises
        ------
        LimitExceeded
            One lies outside the stage's limits; none is taken.
        ValueError
            A stroke: this pairing dwells.
        """
        for exposure in exposures:
            if not exposure.is_dwell:
                raise ValueError(f"exposure {exposure.index} is a stroke: this pairing of devices dwells")
            self._check_pose(exposure.start, f"exposure {exposure.index}")
        self._attend()
        with self._changed:
            self._raise_fault()
            count = 0
            for exposure in exposures:
                if len(self._queue) >= _QUEUE_LENGTH:
                    break
                if exposure.index not in self._taken:
                    self._taken.add(exposure.index)
                    self._queue.append(exposure)
                count += 1
            self._changed.notify_all()
        return count

    def next_done(self, timeout_s: float) -> ExposureDone | None:
        """The next finished exposure, or None when none came in time. Raises what the thread found wrong."""
        self._attend()
        with self._changed:
            self._changed.wait_for(lambda: bool(self._inbox or self._faults), timeout_s)
            if self._inbox:
                return self._inbox.popleft()
            self._raise_fault()
        return None

    def acknowledge(self, index: int) -> None:
        """Nothing to forget: a spectrum leaves this program by `next_done`."""
        del index
        self._attend()

    def pause(self) -> None:
        """Finish the exposure in progress, close the shutter, keep the queue; returns when paused."""
        with self._changed:
            self._is_paused = True
            self._changed.wait_for(lambda: self._current is None)
        self.close_shutter()

    def resume(self) -> None:
        """Go on with the queue; the shutter must be opened again first."""
        self._attend()
        with self._changed:
            self._is_paused = False
            self._changed.notify_all()

    def abort(self) -> None:
        """Beam off and motion stopped at once, the queue dropped."""
        self._stage.halt()
        with self._changed:
            self._may_expose = False
            self._queue.clear()
            self._changed.notify_all()

    def close(self) -> None:
        """Beam off, then both devices. Safe to call twice."""
        with self._changed:
            if self._is_ended:
                return
            self._is_ended, self._may_expose = True, False
            self._changed.notify_all()
        self._thread.join(_GATE_S + 2.0)
        with self._devices:
            for device in (self._stage, self._spectrometer):
                with contextlib.suppress(BridgeError):
                    device.close()

    # The thread.

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_ended or self._is_due())
                if self._is_ended:
                    return
                self._current = self._queue[0]
            try:
                done = self._expose(self._current)
            except BridgeError as fault:
                self._stop_with(fault)
            except Exception as error:
                _LOG.error("the pairing thread failed", exc_info=error)
                self._stop_with(BridgeError(f"the pairing of the devices failed ({error!r}): report this with the log"))
            else:
                with self._changed:
                    if done is not None and self._queue and self._queue[0].index == done.index:
                        self._queue.popleft()
                        self._inbox.append(done)
            with self._changed:
                self._current = None
                self._changed.notify_all()

    def _is_due(self) -> bool:
        return bool(self._queue) and self._may_expose and not self._is_paused

    def _expose(self, exposure: Exposure) -> ExposureDone | None:
        """One dwell; None when the permission was taken back meanwhile: it is measured again then."""
        with self._devices:
            before = self._stage.move_to(exposure.start)
            opened_s = self._clock()
            self._hold_gate()
            self._spectrometer.begin(exposure.live_s)
            spectrum = self._await_spectrum(exposure)
            if spectrum is None:
                self._spectrometer.stop()
                self._stage.drop_beam()
                return None
            closed_s = self._clock()
        return ExposureDone(
            index=exposure.index,
            start=before,
            end=before,
            real_s=spectrum.real_s,
            live_s=spectrum.live_s,
            opened_at_s=opened_s,
            closed_at_s=closed_s,
            input_rate_hz=spectrum.input_rate_hz,
            output_rate_hz=spectrum.output_rate_hz,
            flags=ExposureFlag.NONE,
            counts=spectrum.counts,
        )

    def _await_spectrum(self, exposure: Exposure) -> Spectrum | None:
        deadline_s = self._clock() + 3 * exposure.live_s + _PRESET_GRACE_S
        while True:
            spectrum = self._spectrometer.read(_RENEW_S)
            if spectrum is not None:
                return spectrum
            with self._changed:
                if not self._may_expose:
                    return None
            if self._clock() > deadline_s:
                raise BridgeError(
                    f"the spectrometer did not reach its preset of {exposure.live_s:g} s in "
                    f"{3 * exposure.live_s + _PRESET_GRACE_S:.0f} s: check detector, shutter and tube"
                )
            self._hold_gate()

    def _hold_gate(self) -> None:
        if self._clock() - self._attended_s > ATTENTION_S:
            raise LeaseExpired(
                "the shutter closed because nobody attended to it: see what kept this computer busy, then open it again"
            )
        self._stage.hold_beam(_GATE_S)

    def _stop_with(self, fault: BridgeError) -> None:
        with contextlib.suppress(BridgeError), self._devices:
            self._stage.drop_beam()
        with self._changed:
            self._may_expose = False
            self._faults.append(fault)

    def _forbid(self) -> None:
        self._attend()
        with self._changed:
            self._may_expose = False
            self._changed.wait_for(lambda: self._current is None)

    def _attend(self) -> None:
        self._attended_s = self._clock()

    def _raise_fault(self) -> None:
        if self._faults:
            raise self._faults.popleft()

    def _check_pose(self, pose: StagePose, what: str) -> None:
        (x_low, x_high), (y_low, y_high) = self._capabilities.x_limits_mm, self._capabilities.y_limits_mm
        inside = x_low <= pose.x_mm <= x_high and y_low <= pose.y_mm <= y_high
        if not (inside and math.isfinite(pose.x_mm + pose.y_mm)):
            raise LimitExceeded(
                f"{what}: {pose.x_mm:.3f}, {pose.y_mm:.3f} mm lies outside the stage's limits "
                f"({x_low:g} to {x_high:g}, {y_low:g} to {y_high:g} mm): move the scan area or the object"
            )


def _combined(stage: Stage, spectrometer: Spectrometer) -> Capabilities:
    moves, counts = stage.capabilities, spectrometer.capabilities
    if not moves.has_gate:
        raise BridgeError(
            "the stage has no output that closes the shutter by itself when this computer falls silent: wire a "
            "retriggerable monostable to one and name it as the stage's gate"
        )
    return Capabilities(
        firmware=f"{moves.firmware} with {counts.model} {counts.serial_number} ({counts.firmware})",
        protocol_version=1,
        boot_id=secrets.randbits(32),
        x_limits_mm=moves.x_limits_mm,
        y_limits_mm=moves.y_limits_mm,
        max_speed_mm_s=moves.max_speed_mm_s,
        max_acceleration_mm_s2=moves.max_acceleration_mm_s2,
        channels=counts.channels,
        queue_length=_QUEUE_LENGTH,
        lease_s=_GATE_S,
    )
