"""Stage and detector of the twin on its own clock: a queue of exposures, worked off deadline by deadline."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from firmware_bridge.messages import Exposure, StagePose
from firmware_bridge.native.messages import CodedSpectrum
from firmware_bridge.native.spectrum_coding import encode_spectrum
from firmware_bridge.native.units import is_wire_dwell, micrometres, microseconds
from firmware_bridge.twins.detector import Detector
from firmware_bridge.twins.native.activities import Activity, Approach, Counting, Errand, Withheld
from firmware_bridge.twins.native.kinematics import Axes, Move, Ramp, between, beyond
from firmware_bridge.twins.native.standoff_watch import StandoffWatch
from firmware_bridge.twins.native.strokes import goes_on, speed_mm_s
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.source import SpectrumSource

_SATURATED = 1
_LOOK_EVERY_S = 0.1
"""How often the stand-off is read on the way."""


class ExposureEngine:
    """Works off exposures while it may.

    It knows nothing of links and leases: its owner says whether the beam is on, and takes what is finished.
    All times are device times, and only ever grow.
    """

    def __init__(self, source: SpectrumSource, settings: TwinSettings, standoff: StandoffWatch) -> None:
        self.queue: deque[Exposure] = deque()
        self.kept: dict[int, CodedSpectrum] = {}
        """Finished spectra that nobody has said may be forgotten."""
        self.fresh: deque[int] = deque()
        """Indices of kept spectra that have not been sent in this session."""
        self.activity: Activity | None = None
        self.may_start = False
        """Beam on, not paused: the next exposure may begin."""
        self.finished = 0
        """Exposures since boot."""
        self._source = source
        self._settings = settings
        self.clock_steps_at_s = math.inf if settings.clock_steps_at_s is None else settings.clock_steps_at_s
        """From then on the times that are told have jumped."""
        self._standoff = standoff
        self._detector = Detector(settings)
        self._chance = np.random.default_rng((settings.seed, 2**32 + 1))
        self._axes = Axes(
            settings.max_speed_mm_s * settings.speed_factor,
            settings.max_acceleration_mm_s2 * settings.acceleration_factor,
            settings.jerk_mm_s3,
        )
        self._settle_s = settings.settle_s
        corner = StagePose(settings.x_limits_mm[0], settings.y_limits_mm[0])
        self._pose = between(corner, StagePose(settings.x_limits_mm[1], settings.y_limits_mm[1]), 0.37)
        self._cruising: Exposure | None = None
        """Stroke that ended just now, with the stage in motion."""
        self._rests_at: StagePose | None = None
        """Where the last exposure was told to be, if the stage has not moved since."""
        self._now_s = 0.0

    @property
    def now_s(self) -> float:
        """Device time up to which everything has happened."""
        return self._now_s

    @property
    def is_store_full(self) -> bool:
        """No spectrum can be kept beside those that wait."""
        return len(self.kept) >= self._settings.store_length

    def set_motion(self, speed_mm_s: float, acceleration_mm_s2: float, settle_s: float) -> None:
        """True speed and acceleration of each axis from the next move on."""
        self._axes = Axes(speed_mm_s, acceleration_mm_s2, self._settings.jerk_mm_s3)
        self._settle_s = settle_s

    def deadline_s(self) -> float:
        """When something will happen next; infinite when nothing will by itself."""
        if self.activity is not None:
            return self.activity.ends_s
        return self._now_s if self._can_start() else math.inf

    def pose_at(self, device_s: float) -> StagePose:
        """Where the stage is."""
        match self.activity:
            case Errand(move=move, began_s=began_s) | Approach(move=move, began_s=began_s):
                return move.pose_at(device_s - began_s)
            case Counting(true_start=start, true_end=end, began_s=began_s, ends_s=ends_s):
                return between(start, end, min(1.0, (device_s - began_s) / (ends_s - began_s)))
            case None:
                return self._pose

    def knows(self, index: int) -> bool:
        """Whether an index is queued, in progress, or kept."""
        if index in self.kept or any(exposure.index == index for exposure in self.queue):
            return True
        return isinstance(self.activity, Approach | Counting) and self.activity.exposure.index == index

    def step(self, until_s: float) -> CodedSpectrum | Errand | Withheld | None:
        """Let time pass up to a device time, or to the next thing finished, whichever comes first.

        Returns the finished exposure or errand, or what keeps the next one from beginning; None when time has passed
        without any. Who is told that an exposure is withheld closes the shutter.
        """
        happened: CodedSpectrum | Errand | Withheld | None = None
        while happened is None:
            if self.activity is None and self._can_start():
                happened = self._start_next()
            elif self.activity is None or self.activity.ends_s > until_s:
                if self.activity is None and until_s > self._now_s:
                    self._run_out()
                self._now_s = max(self._now_s, until_s)
                return None
            else:
                ended, self.activity = self.activity, None
                self._now_s = max(self._now_s, ended.ends_s)
                happened = self._end(ended)
        return happened

    def travel(self, pose: StagePose) -> None:
        """Begin a commanded move."""
        move = self._axes.move(self._pose, pose)
        self._cruising = self._rests_at = None
        self.activity = Errand(move, self._now_s, self._now_s + move.duration_s + self._settle_s, homes=False)

    def home(self) -> None:
        """Begin to look for the origin."""
        origin = StagePose(self._settings.x_limits_mm[0], self._settings.y_limits_mm[0])
        self._cruising = self._rests_at = None
        self.activity = Errand(
            self._axes.move(self._pose, origin), self._now_s, self._now_s + self._settings.homing_s, homes=True
        )

    def interrupt(self) -> Activity | None:
        """Stop the stage; an exposure in hand goes back to the head of the queue. Returns what was interrupted."""
        activity, self.activity = self.activity, None
        self._cruising = self._rests_at = None
        match activity:
            case Errand(move=move, began_s=began_s):
                self._pose = move.pose_when_stopped(self._now_s - began_s)
            case Approach(exposure=exposure, move=move, began_s=began_s):
                self._pose = move.pose_when_stopped(self._now_s - began_s)
                self.queue.appendleft(exposure)
            case Counting(exposure=exposure, true_start=start, true_end=end, began_s=began_s, ends_s=ends_s):
                self._pose = between(start, end, (self._now_s - began_s) / (ends_s - began_s))
                self.queue.appendleft(exposure)
        return activity

    def retreat(self) -> None:
        """Turn back from an exposure that has not begun, for a pause."""
        if isinstance(self.activity, Approach):
            self.interrupt()

    def _end(self, ended: Activity) -> CodedSpectrum | Errand | Withheld | None:
        """What comes of an activity whose time is over."""
        match ended:
            case Errand():
                self._pose = ended.move.end
                return ended
            case Approach(arrives=False):
                elapsed_s = ended.ends_s - ended.began_s
                self._pose = ended.move.pose_when_stopped(elapsed_s)
                return self._withhold(ended.exposure, ended.move.pose_at(elapsed_s))
            case Approach():
                self._pose = ended.move.end
                return self._begin(ended.exposure)
            case Counting():
                self._pose = ended.true_end
                return self._finish(ended)

    def _can_start(self) -> bool:
        return self.may_start and bool(self.queue) and not self.is_store_full

    def _start_next(self) -> Withheld | None:
        exposure = self.queue.popleft()
        if self._continues(exposure):
            return self._begin(exposure)
        began_s = self._now_s + self._run_out()
        run_up = None if is_wire_dwell(exposure) else self._ramp_of(exposure)
        target = exposure.start if run_up is None else beyond(exposure.end, exposure.start, run_up.length_mm)
        move = self._axes.move(self._pose, self._pose if target == self._rests_at else self._stray(target))
        ends_s = began_s + move.duration_s + (self._settle_s if move.length_mm > 0 else 0.0) + self._settings.overhead_s
        if run_up is not None:
            ends_s += run_up.duration_s
        found_s = self._out_of_range_s(move)
        if found_s is None:
            self.activity = Approach(exposure, move, began_s, ends_s)
        else:
            self.activity = Approach(exposure, move, began_s, began_s + found_s, arrives=False)
        return None

    def _out_of_range_s(self, move: Move) -> float | None:
        """Time after which a reading on the way finds the object too near or too far."""
        if not self._standoff.has_sensor:
            return None
        readings_s = (_LOOK_EVERY_S * count for count in range(1, math.ceil(move.duration_s / _LOOK_EVERY_S)))
        return next((time_s for time_s in readings_s if not self._standoff.is_in_range(move.pose_at(time_s))), None)

    def _begin(self, exposure: Exposure) -> Withheld | None:
        """Count, unless the object is too near or too far."""
        pose = self._pose if is_wire_dwell(exposure) else exposure.start
        if not self._standoff.is_in_range(pose):
            return self._withhold(exposure, pose)
        self._count(exposure)
        return None

    def _withhold(self, exposure: Exposure, pose: StagePose) -> Withheld:
        self._cruising = self._rests_at = None
        self.queue.appendleft(exposure)
        return Withheld(pose)

    def _continues(self, exposure: Exposure) -> bool:
        """Whether it is a stroke that goes on where the last one ended."""
        return self._cruising is not None and not is_wire_dwell(exposure) and goes_on(exposure, self._cruising)

    def _ramp_of(self, stroke: Exposure) -> Ramp:
        dx_mm, dy_mm = stroke.end.x_mm - stroke.start.x_mm, stroke.end.y_mm - stroke.start.y_mm
        return self._axes.ramp_along(dx_mm, dy_mm, speed_mm_s(stroke))

    def _run_out(self) -> float:
        """Come to rest behind the last stroke, where the stage has not yet; the time that it takes."""
        stroke, self._cruising = self._cruising, None
        if stroke is None:
            return 0.0
        ramp = self._ramp_of(stroke)
        self._pose = beyond(stroke.start, self._pose, ramp.length_mm)
        return ramp.duration_s

    def _count(self, exposure: Exposure) -> None:
        is_dwell = is_wire_dwell(exposure)
        self._rests_at = exposure.start if is_dwell else None
        start = self._pose if is_dwell else self._stray(exposure.start)
        end = start if is_dwell else self._stray(exposure.end)
        illumination = self._detector.illuminate(self._source.at(start, end), self._now_s)
        if is_dwell:
            live_s, real_s = exposure.live_s, exposure.live_s / illumination.live_fraction
        else:
            live_s, real_s = exposure.live_s * illumination.live_fraction, exposure.live_s
        self._cruising = None
        self.activity = Counting(exposure, start, end, illumination, live_s, self._now_s, self._now_s + real_s)

    def told_s(self, device_s: float) -> float:
        """The time that is told of a moment."""
        has_stepped = device_s >= self.clock_steps_at_s
        return max(0.0, device_s + self._settings.clock_step_s) if has_stepped else device_s

    def _finish(self, ended: Counting) -> CodedSpectrum:
        exposure = ended.exposure
        counts = self._detector.count(ended.illumination, ended.live_s, exposure.index)
        start, end = self._measure(ended.true_start), self._measure(ended.true_end)
        spectrum = CodedSpectrum(
            index=exposure.index,
            opened_us=microseconds(self.told_s(ended.began_s)),
            real_us=microseconds(ended.ends_s - ended.began_s),
            live_us=microseconds(ended.live_s),
            input_events=self._detector.input_events(ended.illumination, ended.live_s, exposure.index),
            start_x_um=micrometres(start.x_mm),
            start_y_um=micrometres(start.y_mm),
            end_x_um=micrometres(end.x_mm),
            end_y_um=micrometres(end.y_mm),
            flags=_SATURATED if int(counts.max(initial=0)) >= self._settings.max_count else 0,
            coded=encode_spectrum(counts),
        )
        self.kept[exposure.index] = spectrum
        self.fresh.append(exposure.index)
        self.finished += 1
        if not is_wire_dwell(exposure):
            self._cruising = exposure
        return spectrum

    def _stray(self, pose: StagePose) -> StagePose:
        return self._shifted(pose, self._settings.position_error_mm)

    def _measure(self, pose: StagePose) -> StagePose:
        return self._shifted(pose, self._settings.encoder_noise_mm)

    def _shifted(self, pose: StagePose, sigma_mm: float) -> StagePose:
        if sigma_mm == 0.0:
            return pose
        dx_mm, dy_mm = self._chance.normal(0.0, sigma_mm, 2)
        return StagePose(pose.x_mm + float(dx_mm), pose.y_mm + float(dy_mm))
