"""A recording in the controller's place: it answers what is asked of it with what was measured then."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable, Sequence

from firmware_bridge.messages import (
    Capabilities,
    ControllerState,
    ControllerStatus,
    Exposure,
    ExposureDone,
    Observation,
    StagePose,
)


class RecordedController:
    """Gives each exposure that is submitted the spectrum that a journal holds under its index.

    Parameters
    ----------
    measured
        What the journal holds.
    """

    def __init__(self, measured: Iterable[ExposureDone], capabilities: Capabilities) -> None:
        self.capabilities = capabilities
        self._measured = {done.index: done for done in measured}
        self._queue: deque[Exposure] = deque()
        self._is_open, self._pose = False, StagePose(0.0, 0.0)
        self.unlike: list[int] = []
        """Exposures that were asked for elsewhere, or for another time, than they were then."""

    def status(self) -> ControllerStatus:
        return ControllerStatus(ControllerState.IDLE, self._pose, True, self._is_open, True, 0.0, self._room, "")

    @property
    def _room(self) -> int:
        return self.capabilities.queue_length - len(self._queue)

    def diagnose(self) -> tuple[Observation, ...]:
        return ()

    def home(self) -> None:
        """Has always been at home."""

    def move_to(self, pose: StagePose) -> None:
        self._pose = pose

    def open_shutter(self) -> None:
        self._is_open = True

    def close_shutter(self) -> None:
        self._is_open = False

    def begin_scan(self, scan_id: int, recorded: Container[int]) -> int:
        return 0

    def submit(self, exposures: Sequence[Exposure]) -> int:
        taken = exposures[: self._room]
        self._queue.extend(taken)
        return len(taken)

    def next_done(self, timeout_s: float) -> ExposureDone | None:
        if not self._queue or not self._is_open:
            return None
        asked = self._queue.popleft()
        done = self._measured[asked.index]
        away_mm = max(abs(done.start.x_mm - asked.start.x_mm), abs(done.start.y_mm - asked.start.y_mm))
        if away_mm > 0.1 or abs(done.live_s - asked.live_s) > 0.01 * asked.live_s:
            self.unlike.append(asked.index)
        return done

    def acknowledge(self, index: int) -> None:
        """Keeps everything anyway."""

    def pause(self) -> None:
        self._is_open = False

    def resume(self) -> None:
        """Goes on when the shutter is opened."""

    def abort(self) -> None:
        self._is_open = False
        self._queue.clear()

    def close(self) -> None:
        self._is_open = False
