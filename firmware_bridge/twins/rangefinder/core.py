"""A rangefinder as a state machine without ports: bytes and wall times in, bytes out."""

from __future__ import annotations

import math
import random

from firmware_bridge.messages import StagePose
from firmware_bridge.rangefinder.codec import LineCutter
from firmware_bridge.twins.bowed_surface import BowedSurface
from firmware_bridge.twins.rangefinder.settings import RangefinderTwinSettings
from firmware_bridge.twins.shared_pose import BeamPath
from firmware_bridge.twins.spell import Spell

_GARBAGE = b"\xb7\x00\xf2q)Z\x80"
_UNKNOWN = "E02"
_UNMEASURED = "E01"


class RangefinderCore:
    """The device and the object before it.

    Parameters
    ----------
    pose
        Where the beam is; the rangefinder looks at the same spot.
    now_s
        Wall time (monotonic) of its start.
    """

    def __init__(self, settings: RangefinderTwinSettings, pose: BeamPath, now_s: float) -> None:
        self._settings = settings
        self._path = pose
        self._pose = StagePose(settings.x_limits_mm[0], settings.y_limits_mm[0])
        self._surface = BowedSurface(settings.standoff_mm, settings.bow_mm, settings.x_limits_mm, settings.y_limits_mm)
        self._began_s = now_s
        self._moved = Spell(settings.moves_at_s, settings.stays_moved_s)
        self._lapsed = Spell(settings.lapses_at_s, settings.stays_lapsed_s)
        self._chance = random.Random(settings.seed)
        self._cutter = LineCutter()
        self._is_asked = bool(settings.ask)
        self._due_s = math.inf if self._is_asked else now_s
        self._says_unknown = False

    def receive(self, octets: bytes, now_s: float) -> None:
        """Take what the host asks; one that sends by itself doesn't listen."""
        for line in self._cutter.feed(octets):
            if self._is_asked:
                self._says_unknown = line.strip() != self._settings.ask.strip().encode("ascii")
                self._due_s = now_s + self._settings.answer_s

    def advance(self, now_s: float) -> None:
        """Follow the stage, the object, and its own moods."""
        for sample in self._path():
            self._pose = sample.pose
        for spell in (self._moved, self._lapsed):
            while spell.turns_s <= self.device_s(now_s):
                spell.turn()

    def outgoing(self, now_s: float, room: int) -> bytes:
        """One line, when it is due; readings that nobody takes are lost."""
        if now_s < self._due_s or room < 1:
            return b""
        self._due_s = math.inf if self._is_asked else max(self._due_s + 1 / self._settings.rate_hz, now_s)
        if self._says_unknown:
            return _UNKNOWN.encode() + b"\r\n"
        if not self._lapsed.is_on:
            return self._reading().encode("ascii") + b"\r\n"
        match self._settings.lapse:
            case "garbage":
                return _GARBAGE + b"\r\n"
            case "error":
                return _UNMEASURED.encode() + b"\r\n"
            case _:
                return b""

    def deadline_s(self, _now_s: float) -> float:
        """Wall time of the next line."""
        return self._due_s

    def device_s(self, now_s: float) -> float:
        """Time since its start."""
        return now_s - self._began_s

    def reboot(self, now_s: float) -> None:
        """It has nothing to forget but a question."""
        self._cutter.reset()
        self._due_s = math.inf if self._is_asked else now_s

    def _reading(self) -> str:
        distance_mm = self._surface.distance_mm(self._pose) + self._moved.is_on * self._settings.moved_mm
        distance_mm += self._chance.gauss(0.0, self._settings.noise_mm)
        return self._settings.template.format(distance_mm / self._settings.mm_per_unit)
