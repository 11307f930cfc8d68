"""Stage, shutter, door and detector as a machine that can be commanded; it knows nothing of links.

Motion and counting run on the simulated clock; the shutter's lease runs on the wall clock, for the host lives there.
Every method takes the wall time first lets that much time pass.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from firmware_bridge.messages import Exposure, StagePose
from firmware_bridge.native.vocabulary import Code, ConditionBits, StateCode
from firmware_bridge.twins.native.activities import Approach, Counting, Errand, Withheld
from firmware_bridge.twins.native.exposure_engine import ExposureEngine
from firmware_bridge.twins.native.standoff_watch import StandoffWatch
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.simulated_clock import SimulatedClock
from firmware_bridge.twins.source import SpectrumSource
from firmware_bridge.twins.spell import Spell
from firmware_bridge.twins.twin_log import TwinLog

_MOST_AT_ONCE = 16
"""Things finished in one call before the link gets its turn."""


@dataclass(frozen=True, slots=True)
class ErrandEnded:
    """A commanded move is over."""

    code: Code


@dataclass(frozen=True, slots=True)
class Rested:
    """A pause or stop is complete: nothing in progress, shutter closed."""


@dataclass(frozen=True, slots=True)
class ClosedItself:
    """The shutter closed without having been told to."""

    code: Code
    device_s: float
    remark: str = ""


InstrumentEvent = ErrandEnded | Rested | ClosedItself


class Instrument:
    """One simulated scanner.

    Parameters
    ----------
    now_s
        Wall time of its boot.
    """

    def __init__(self, source: SpectrumSource, settings: TwinSettings, log: TwinLog, now_s: float) -> None:
        self._standoff = StandoffWatch(settings)
        self.engine = ExposureEngine(source, settings, self._standoff)
        self.events: deque[InstrumentEvent] = deque()
        self.is_homed = settings.starts_homed
        self.is_shutter_open = False
        self.is_paused = False
        self.fault = Code.OK
        """A fault that holds until the stage is homed."""
        self._settings = settings
        self._log = log
        self._clock = SimulatedClock(settings.clock_factor, now_s)
        self._lease_ends_s = math.inf
        self._is_resting = False
        self._drops_when_resting = False
        self._open_door = Spell(settings.door_open_at_s, settings.door_stays_open_s)
        log.write("boot", 0.0, clock_factor=settings.clock_factor, seed=settings.seed)

    # What it says of itself.

    @property
    def is_door_closed(self) -> bool:
        """The interlock's contact."""
        return not self._open_door.is_on

    @property
    def state(self) -> StateCode:
        """What it is doing."""
        match self.engine.activity:
            case Errand(homes=True):
                return StateCode.HOMING
            case Errand():
                return StateCode.MOVING
            case Approach() | Counting():
                return StateCode.EXPOSING
        if self.fault is not Code.OK:
            return StateCode.FAULTED
        if not self.is_homed:
            return StateCode.UNHOMED
        return StateCode.PAUSED if self.is_paused else StateCode.IDLE

    @property
    def conditions(self) -> ConditionBits:
        """What holds beside the state."""
        bits = ConditionBits(0)
        if self.is_homed:
            bits |= ConditionBits.HOMED
        if self.is_shutter_open:
            bits |= ConditionBits.SHUTTER_OPEN
        if self.is_door_closed:
            bits |= ConditionBits.DOOR_CLOSED
        if self.engine.is_store_full:
            bits |= ConditionBits.STORE_FULL
        if not self._standoff.is_in_range(self.engine.pose_at(self.engine.now_s)):
            bits |= ConditionBits.OUT_OF_RANGE
        return bits

    @property
    def queue_free(self) -> int:
        """Exposures that it takes now; the one in hand keeps its place, for it may come back."""
        in_hand = isinstance(self.engine.activity, Approach | Counting)
        return max(0, self._settings.queue_length - len(self.engine.queue) - in_hand)

    def device_s(self, now_s: float) -> float:
        """Its clock."""
        return max(self.engine.now_s, self._clock.device_s(now_s))

    def told_s(self, now_s: float) -> float:
        """Its clock as it tells it."""
        return self.engine.told_s(self.device_s(now_s))

    def pose(self, now_s: float) -> StagePose:
        """Where the stage is."""
        return self.engine.pose_at(self.device_s(now_s))

    def standoff_mm(self, now_s: float) -> float | None:
        """What the rangefinder reads; None without one."""
        return self._standoff.distance_mm(self.pose(now_s))

    # Time.

    def advance(self, now_s: float) -> None:
        """Let everything happen that was due by a wall time, in order."""
        for _ in range(_MOST_AT_ONCE):
            until_s = self._clock.device_s(min(now_s, self._lease_ends_s))
            finished = self.engine.step(min(until_s, self._turns_s))
            if finished is not None:
                self._note_finished(finished)
            elif self._turns_s <= until_s:
                self._turn()
            elif self._lease_ends_s <= now_s:
                self._close_by_itself(Code.LEASE_EXPIRED)
            else:
                return
        self._clock.hold(now_s, self.engine.now_s)

    def deadline_s(self) -> float:
        """Wall time at which `advance` has something to do."""
        device_s = min(self.engine.deadline_s(), self._turns_s)
        return min(self._clock.wall_s(device_s), self._lease_ends_s)

    # Commands.

    def home(self, now_s: float) -> Code:
        """Close the shutter and look for the origin."""
        self.advance(now_s)
        if isinstance(self.engine.activity, Errand):
            return Code.BUSY
        self._close("homing")
        self.is_homed = False
        self.fault = Code.OK
        self.engine.home()
        return Code.OK

    def move(self, pose: StagePose, now_s: float) -> Code:
        """Travel with the shutter closed."""
        self.advance(now_s)
        if self.engine.activity is not None:
            return Code.SHUTTER_OPEN if self.is_shutter_open else Code.BUSY
        refused = self._refusal()
        if refused is not Code.OK:
            return refused
        if self.is_shutter_open:
            return Code.SHUTTER_OPEN
        if not self._is_within(pose):
            return Code.LIMIT
        self.engine.travel(pose)
        return Code.OK

    def open_shutter(self, lease_s: float, now_s: float) -> Code:
        """Open for one lease."""
        self.advance(now_s)
        refused = self._refusal()
        if refused is not Code.OK:
            return refused
        if not self.is_door_closed:
            return Code.DOOR_OPEN
        if not self._standoff.is_in_range(self.pose(now_s)):
            return Code.STANDOFF
        if isinstance(self.engine.activity, Errand):
            return Code.BUSY
        if not 0 < lease_s <= self._settings.lease_s:
            return Code.LEASE_TOO_LONG
        if not self.is_shutter_open:
            self.is_shutter_open = True
            self._log.write("shutter_opened", self.engine.now_s, lease_s=lease_s)
        self._lease_ends_s = now_s + lease_s
        self._permit()
        return Code.OK

    def renew(self, lease_s: float, now_s: float) -> None:
        """Let an open shutter stay open."""
        self.advance(now_s)
        if self.is_shutter_open and 0 < lease_s <= self._settings.lease_s:
            self._lease_ends_s = now_s + lease_s

    def close_shutter(self, reason: str, now_s: float) -> None:
        """Close; an exposure in hand goes back to the queue's head."""
        self.advance(now_s)
        self._close(reason)

    def pause(self, now_s: float, *, drops_queue: bool = False) -> None:
        """Finish the exposure in progress, then close; `Rested` says when."""
        self.advance(now_s)
        self.is_paused = not drops_queue
        self._is_resting = True
        self._drops_when_resting |= drops_queue
        self._permit()
        self.engine.retreat()
        if not isinstance(self.engine.activity, Counting):
            self._rest()

    def resume(self, now_s: float) -> None:
        """End a pause; the queue goes on as soon as the shutter is open."""
        self.advance(now_s)
        self.is_paused = False
        self._permit()

    def abort(self, now_s: float) -> None:
        """Close, stop and drop the queue at once."""
        self.advance(now_s)
        interrupted = self.engine.activity
        self._close("abort")
        self.engine.interrupt()
        self.engine.queue.clear()
        self.is_paused = False
        if isinstance(interrupted, Errand):
            self.events.append(ErrandEnded(Code.ABORTED))

    def take(self, exposure: Exposure) -> Code:
        """Queue an exposure, unless it is known already."""
        refused = self._refusal()
        if refused is not Code.OK:
            return refused
        if not (self._is_within(exposure.start) and self._is_within(exposure.end)):
            return Code.LIMIT
        if exposure.live_s <= 0:
            return Code.LIVE_TIME
        fastest_mm = self._settings.max_speed_mm_s * exposure.live_s
        way_x_mm = abs(exposure.end.x_mm - exposure.start.x_mm)
        way_y_mm = abs(exposure.end.y_mm - exposure.start.y_mm)
        if max(way_x_mm, way_y_mm) > fastest_mm:
            return Code.TOO_FAST
        if not self.engine.knows(exposure.index):
            self.engine.queue.append(exposure)
        return Code.OK

    def set_door(self, *, is_closed: bool, now_s: float) -> None:
        """Open or close the door."""
        self.advance(now_s)
        if is_closed != self.is_door_closed:
            self._open_door.is_on = not is_closed
            self._note_door()

    def trip(self, fault: Code, now_s: float) -> None:
        """Let a fault happen that holds until the stage is homed."""
        self.advance(now_s)
        self.fault = fault
        self.is_homed = False
        self._close_by_itself(fault)

    # Inside.

    @property
    def _turns_s(self) -> float:
        """Device time at which door or object move next by themselves."""
        return min(self._open_door.turns_s, self._standoff.moved_away.turns_s)

    def _turn(self) -> None:
        if self._open_door.turns_s <= self._standoff.moved_away.turns_s:
            self._open_door.turn()
            self._note_door()
        else:
            is_away = self._standoff.moved_away.turn()
            self._log.write("object_moved_away" if is_away else "object_moved_back", self.engine.now_s)
            if is_away:
                self._note_standoff(self.engine.pose_at(self.engine.now_s))

    def _refusal(self) -> Code:
        if self.fault is not Code.OK:
            return Code.FAULTED
        return Code.OK if self.is_homed else Code.NOT_HOMED

    def _is_within(self, pose: StagePose) -> bool:
        (x_low, x_high), (y_low, y_high) = self._settings.x_limits_mm, self._settings.y_limits_mm
        return x_low <= pose.x_mm <= x_high and y_low <= pose.y_mm <= y_high

    def _permit(self) -> None:
        self.engine.may_start = self.is_shutter_open and not self.is_paused and not self._is_resting

    def _note_finished(self, finished: object) -> None:
        if isinstance(finished, Errand):
            self.is_homed = self.is_homed or finished.homes
            self.events.append(ErrandEnded(Code.OK))
            return
        if isinstance(finished, Withheld):
            self._note_standoff(finished.pose)
            return
        spectrum = self.engine.kept[self.engine.fresh[-1]]
        self._log.write(
            "exposed",
            self.engine.now_s,
            index=spectrum.index,
            x_mm=spectrum.start_x_um / 1e3,
            y_mm=spectrum.start_y_um / 1e3,
            real_s=spectrum.real_us / 1e6,
        )
        if self._is_resting:
            self._rest()
        if self.engine.finished == self._settings.door_opens_after:
            self._open_door.begin_at(self.engine.now_s)
        if self.engine.finished == self._settings.clock_steps_after:
            self.engine.clock_steps_at_s = self.engine.now_s
        if self.engine.finished == self._settings.standoff_leaves_after:
            self._standoff.moved_away.begin_at(self.engine.now_s)

    def _rest(self) -> None:
        self._close("stop" if self._drops_when_resting else "pause")

    def _close(self, reason: str) -> None:
        """Close the shutter for a reason; whoever waits for rest has it."""
        if self.is_shutter_open:
            self._log.write("shutter_closed", self.engine.now_s, reason=reason)
        self.is_shutter_open = False
        self._lease_ends_s = math.inf
        if not isinstance(self.engine.activity, Errand):
            self.engine.interrupt()
        if self._is_resting:
            if self._drops_when_resting:
                self.engine.queue.clear()
            self._is_resting = self._drops_when_resting = False
            self.events.append(Rested())
        self._permit()

    def _close_by_itself(self, code: Code, remark: str = "") -> None:
        was_open = self.is_shutter_open
        minds_shutter_only = code in (Code.DOOR_OPEN, Code.STANDOFF)
        if isinstance(self.engine.activity, Errand) and not minds_shutter_only:
            self.engine.interrupt()
            self.events.append(ErrandEnded(code))
        self._close(code.name.lower())
        if was_open or not minds_shutter_only:
            self.events.append(ClosedItself(code, self.engine.now_s, remark))

    def _note_door(self) -> None:
        self._log.write("door_closed" if self.is_door_closed else "door_opened", self.engine.now_s)
        if not self.is_door_closed:
            self._close_by_itself(Code.DOOR_OPEN)

    def _note_standoff(self, pose: StagePose) -> None:
        """The object is too near or too far at this pose."""
        remark = self._standoff.remark(pose)
        self._log.write("standoff_exceeded", self.engine.now_s, x_mm=pose.x_mm, y_mm=pose.y_mm, reading=remark)
        self._close_by_itself(Code.STANDOFF, remark)
