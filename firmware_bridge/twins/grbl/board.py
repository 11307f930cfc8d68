"""What a GRBL board holds and drives: settings, motion, outputs, the state that it reports."""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from firmware_bridge.messages import StagePose
from firmware_bridge.twins.grbl.motion import Block, Motion
from firmware_bridge.twins.grbl.outputs import Outputs
from firmware_bridge.twins.grbl.settings import GrblTwinSettings
from firmware_bridge.twins.shared_pose import BeamSample
from firmware_bridge.twins.twin_log import TwinLog

_OFFSET_EVERY: Final = 10
_OVERRIDES_EVERY: Final = 10
_OFFSET_EVERY_BUSY: Final = 30
_OVERRIDES_EVERY_BUSY: Final = 20
_MOST_LOST_MM: Final = 0.5
_MOST_MOMENTS: Final = 4096


def first_registers(settings: GrblTwinSettings) -> dict[int, float]:
    """``$`` settings that a fresh board announces."""
    x_travel_mm, y_travel_mm = settings.travel_mm
    registers: dict[int, float] = {
        0: 10, 1: settings.idle_lock_ms, 2: 0, 3: 0, 4: 0, 5: 0, 6: 0,
        10: settings.report_mask, 11: 0.01, 12: 0.002, 13: 0,
        20: int(settings.soft_limits), 21: 0, 22: int(settings.homing), 23: 0, 24: 25, 25: 500, 26: 250,
        27: settings.pull_off_mm, 30: 1000, 31: 0, 32: int(settings.laser_mode),
    }  # fmt: skip
    for axis, travel_mm in enumerate((x_travel_mm, y_travel_mm, 200.0)):
        registers[100 + axis] = settings.steps_per_mm
        registers[110 + axis] = settings.max_speed_mm_s * 60
        registers[120 + axis] = settings.max_acceleration_mm_s2
        registers[130 + axis] = travel_mm
    return dict(sorted(registers.items()))


class Board:
    """Everything but the firmware's main loop and its receive buffer."""

    def __init__(self, settings: GrblTwinSettings, log: TwinLog) -> None:
        self.settings = settings
        self.registers = first_registers(settings)
        self.time_s = 0.0
        self.said = bytearray()
        """What the board has sent and nobody has taken yet."""
        self.is_alarmed = settings.homing and not settings.starts_homed
        self.is_homing = False
        self.is_locked = False
        """Whether nothing but a reset is heeded."""
        self.alarm_until_s = -math.inf
        """Until when an alarm keeps the board from doing anything."""
        self.is_door_open = False
        self.is_in_door_state = False
        self.owes_report = False
        self.z_mm = 0.0
        self.lost_mm = (0.0, 0.0)
        """Where the stage really is, less where the firmware believes that it is."""
        self.waiting_bytes: Callable[[], int] = lambda: 0
        """Bytes in the receive buffer."""
        self.on_beam: Callable[[float], None] = lambda _: None
        """Called with the time whenever the beam goes on."""
        self.moments: deque[BeamSample] = deque(maxlen=_MOST_MOMENTS)
        """When exactly the beam changed or an edge was given, on the board's clock; for whoever tells the detector."""
        self._log = log
        self._chance = random.Random(settings.seed)
        self._until_offset = 0
        self._until_overrides = 1
        self._letters = ""
        self.outputs = Outputs(settings, self.record)
        self.motion = Motion(settings.planner_blocks, self.home_pose if settings.starts_homed else StagePose(0.0, 0.0))
        self.motion.on_change = self._follow
        self.rests_since_s = -math.inf
        """When motion ended last."""

    @property
    def home_pose(self) -> StagePose:
        """Machine position at which homing ends."""
        pull_off_mm = self.settings.pull_off_mm
        return StagePose(-pull_off_mm, -pull_off_mm)

    @property
    def state(self) -> str:
        """As the report names it."""
        if self.is_homing:
            return "Home"
        if self.is_alarmed:
            return "Alarm"
        if self.is_in_door_state:
            return "Door:2" if self.motion.is_moving else f"Door:{int(self.is_door_open)}"
        if self.motion.is_holding:
            return "Hold:0" if self.motion.is_held else "Hold:1"
        return "Run" if self.motion.is_moving else "Idle"

    @property
    def is_probe_active(self) -> bool:
        """Whether the switch on the probe input is closed."""
        since_s, stays_s = self.settings.probe_active_at_s, self.settings.probe_stays_active_s
        return since_s is not None and since_s <= self.time_s < since_s + (math.inf if stays_s is None else stays_s)

    @property
    def is_silent(self) -> bool:
        """Whether not even ``?`` is answered."""
        return self.is_locked or self.is_homing

    def record(self, event: str, time_s: float, **details: Any) -> None:
        """Write to the twin's own log, with the pose where the beam is concerned."""
        if event in ("beam_on", "beam_off", "edge"):
            pose = self.true_pose(time_s)
            self.moments.append(BeamSample(time_s, pose, self.outputs.is_beam_on, event == "edge"))
            details = {**details, "x_mm": round(pose.x_mm, 4), "y_mm": round(pose.y_mm, 4)}
        if event == "beam_on":
            self.on_beam(time_s)
        self._log.write(event, time_s, **details)

    def true_pose(self, time_s: float) -> StagePose:
        """Where the beam is, in millimetres from the far end of the travel."""
        pose = self.motion.pose(time_s)
        x_travel_mm, y_travel_mm = self.settings.travel_mm
        return StagePose(pose.x_mm + self.lost_mm[0] + x_travel_mm, pose.y_mm + self.lost_mm[1] + y_travel_mm)

    def say(self, text: str) -> None:
        """Send a line."""
        self.said += text.encode("ascii") + b"\r\n"

    def refresh(self, time_s: float) -> None:
        """Let the outputs follow what has changed."""
        share = self.motion.segment_share(time_s) if self.outputs.spindle == "M4" else 1.0
        self.outputs.refresh(time_s, self.motion.power * share, self.registers[30])

    def next_power_s(self) -> float:
        """When the output's power changes next with the speed."""
        return self.motion.next_segment_s() if self.outputs.is_laser and self.motion.power > 0 else math.inf

    def _follow(self, time_s: float) -> None:
        if not self.motion.is_moving:
            self.rests_since_s = time_s
        self.refresh(time_s)

    def queue(self, target: StagePose, feed_mm_s: float | None, power: float) -> None:
        """Append a straight move; without a feed at the axes' full speed."""
        start = self.motion.end
        target = StagePose(self._stepped(target.x_mm), self._stepped(target.y_mm))
        dx_mm, dy_mm = target.x_mm - start.x_mm, target.y_mm - start.y_mm
        length_mm = math.hypot(dx_mm, dy_mm)
        if length_mm == 0.0:
            return
        steepest = [(abs(dx_mm) / length_mm, 0), (abs(dy_mm) / length_mm, 1)]
        fastest = min(self.registers[110 + axis] / 60 / share for share, axis in steepest if share > 0)
        rate = min(self.registers[120 + axis] / share for share, axis in steepest if share > 0)
        speed_mm_s = fastest if feed_mm_s is None else min(fastest, feed_mm_s)
        true_speed, true_rate = speed_mm_s * self.settings.speed_factor, rate * self.settings.acceleration_factor
        self.motion.append(self.time_s, Block(start, target, true_speed, true_rate, power))

    def is_outside(self, target: StagePose) -> bool:
        """Whether soft limits forbid a machine position."""
        if not self.registers[20]:
            return False
        travel_mm = (self.registers[130], self.registers[131])
        return any(
            not -limit_mm <= value_mm <= 0.0
            for value_mm, limit_mm in zip((target.x_mm, target.y_mm), travel_mm, strict=True)
        )

    def stop_dead(self) -> bool:
        """Reset outputs and motion; returns whether the position was lost by it."""
        was_moving = self.motion.is_moving
        pose = self.motion.pose(self.time_s)
        if was_moving:
            lost = [self._chance.uniform(-_MOST_LOST_MM, _MOST_LOST_MM) for _ in range(2)]
            self.lost_mm = (self.lost_mm[0] + lost[0], self.lost_mm[1] + lost[1])
        self.motion.place(StagePose(self._stepped(pose.x_mm), self._stepped(pose.y_mm)))
        self.outputs.all_off()
        self.is_in_door_state = self.is_locked = self.owes_report = False
        self._until_offset, self._until_overrides = 0, 1
        self.refresh(self.time_s)
        return was_moving

    def forget_position(self) -> None:
        """What happens when the supply or the whole board is reset: the firmware believes to stand at its origin."""
        pose = self.motion.pose(self.time_s)
        self.lost_mm = (self.lost_mm[0] + pose.x_mm, self.lost_mm[1] + pose.y_mm)
        self.motion.place(StagePose(0.0, 0.0))
        self.is_homing = False
        self.is_alarmed = bool(self.registers[22])

    def carry_out_startup(self) -> None:
        """The stored line's own answer, which acknowledges nothing."""
        if self.settings.startup_line:
            self.say(f">{self.settings.startup_line}:ok")

    def finish_homing(self) -> None:
        """Stand at the origin, and know it."""
        self.lost_mm = (0.0, 0.0)
        self.motion.place(self.home_pose)
        self.is_alarmed = False
        if self.owes_report:
            self.owes_report = False
            self.report()
        self.is_homing = False
        self.record("homed", self.time_s)

    def report(self) -> None:
        """Answer ``?``."""
        pose = self.motion.pose(self.time_s)
        place = f"{self._stepped(pose.x_mm):.3f},{self._stepped(pose.y_mm):.3f},{self.z_mm:.3f}"
        mask = int(self.registers[10])
        parts = [self.state, f"{'MPos' if mask & 1 else 'WPos'}:{place}"]
        if mask & 2:
            free = self.motion.capacity - len(self.motion.blocks)
            parts.append(f"Bf:{free},{self.settings.receive_bytes - self.waiting_bytes()}")
        parts.append(f"FS:{self.motion.speed(self.time_s) * 60:.0f},{self._told_power():.0f}")
        door = "H" if self.settings.door_is_hold else "D"
        pins = ("P" if self.is_probe_active else "") + (door if self.is_door_open else "")
        if pins:
            parts.append(f"Pn:{pins}")
        self._add_now_and_then(parts)
        self.said += f"<{'|'.join(parts)}>\r\n".encode("ascii")

    def _add_now_and_then(self, parts: list[str]) -> None:
        letters = self.outputs.letters
        if letters != self._letters:
            self._letters, self._until_overrides = letters, 0
        if self._until_offset <= 0:
            parts.append("WCO:0.000,0.000,0.000")
            self._until_offset = _OFFSET_EVERY_BUSY if self.motion.is_moving else _OFFSET_EVERY
            self._until_overrides = max(1, self._until_overrides)
        self._until_offset -= 1
        if self._until_overrides <= 0:
            parts.append("Ov:100,100,100")
            if letters:
                parts.append(f"A:{letters}")
            self._until_overrides = _OVERRIDES_EVERY_BUSY if self.motion.is_moving else _OVERRIDES_EVERY
        self._until_overrides -= 1

    def _told_power(self) -> float:
        """In laser mode that of the block in motion, for M4 and M3 alike; otherwise what is set."""
        if self.outputs.spindle == "M5":
            return 0.0
        return self.motion.power if self.outputs.is_laser and self.motion.is_moving else self.outputs.power

    def _stepped(self, value_mm: float) -> float:
        steps = self.registers[100]
        return round(value_mm * steps) / steps
