"""A controller that follows a script, and what the journal of its scan says."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

from edge.record.journal import Journal
from edge.record.reader import JournalReader
from firmware_bridge.faults import BridgeError
from firmware_bridge.messages import (
    Capabilities,
    ControllerState,
    ControllerStatus,
    Exposure,
    ExposureDone,
    ExposureFlag,
    StagePose,
)

COUNT = 40


def exposure(index: int) -> Exposure:
    pose = StagePose(float(index), 5.0)
    return Exposure(index, pose, pose, 0.1)


def measured(planned: Exposure, *, flags: ExposureFlag = ExposureFlag.NONE) -> ExposureDone:
    counts = np.full(16, planned.index, np.uint32)
    at_s = planned.index * 0.1
    return ExposureDone(planned.index, planned.start, planned.end, 0.11, 0.1, at_s, at_s + 0.1, 1e3, 1e3, flags, counts)


class ScriptedController:
    """Measures at once; a script may step in before any exposure is handed over."""

    def __init__(
        self,
        script: Callable[[ScriptedController, ExposureDone], ExposureDone] | None = None,
        *,
        boot_id: int = 1,
    ) -> None:
        self.calls: list[str] = []
        self.capabilities = Capabilities("scripted", 1, boot_id, (0.0, 50.0), (0.0, 10.0), 10.0, 100.0, 16, 8, 0.5)
        self.acknowledged: list[int] = []
        self.is_open = False
        self.homed = True
        self.pose = StagePose(-100.0, -100.0)
        self.door_closed = True
        self._script = script
        self._queue: deque[Exposure] = deque()

    def status(self) -> ControllerStatus:
        return ControllerStatus(ControllerState.IDLE, self.pose, self.homed, self.is_open, self.door_closed, 0.0, 8, "")

    def move_to(self, pose: StagePose) -> None:
        self.calls.append("move")
        self.pose = pose

    def open_shutter(self) -> None:
        self.calls.append("open")
        self.is_open = True

    def close_shutter(self) -> None:
        self.calls.append("close")
        self.is_open = False

    def submit(self, exposures: Sequence[Exposure]) -> int:
        taken = exposures[: max(0, 8 - len(self._queue))]
        self._queue.extend(taken)
        return len(taken)

    def next_done(self, timeout_s: float) -> ExposureDone | None:
        if not self._queue or not self.is_open:
            return None
        done = measured(self._queue[0])
        if self._script is not None:
            done = self._script(self, done)
        self._queue.popleft()
        return done

    def acknowledge(self, index: int) -> None:
        self.acknowledged.append(index)

    def home(self) -> None:
        self.calls.append("home")
        self.homed = True

    def pause(self) -> None:
        self.calls.append("pause")
        self.is_open = False

    def resume(self) -> None:
        self.calls.append("resume")

    def close(self) -> None:
        self.calls.append("end")

    def abort(self) -> None:
        self.calls.append("abort")
        self.is_open = False
        self._queue.clear()


def recorded(journal: Journal) -> list[int]:
    with JournalReader(journal.path) as reader:
        return [done.index for done in reader.measured()[1]]


def events(journal: Journal, kind: type) -> list:
    with JournalReader(journal.path) as reader:
        return [event for _, event in reader.events() if isinstance(event, kind)]


def failing_at(index: int, fault: BridgeError):
    """A script that raises once, when an exposure is about to be handed over."""
    pending = [fault]

    def script(controller: ScriptedController, done: ExposureDone) -> ExposureDone:
        if done.index == index and pending:
            controller.is_open = False
            raise pending.pop()
        return done

    return script
