"""Marlin's client and its twin joined in one process, on a clock that waiting turns."""

from __future__ import annotations

from typing import Any

from firmware_bridge.marlin.session import MarlinSession
from firmware_bridge.marlin.stage import MarlinStage
from firmware_bridge.messages import StagePose
from firmware_bridge.stage import StageOptions
from firmware_bridge.twins.marlin.core import MarlinCore
from firmware_bridge.twins.marlin.settings import MarlinTwinSettings
from firmware_bridge.twins.pseudo_terminal import Wire
from tests.protocol.stage_rehearsal import BEGINS_S, Device, StageRehearsal, Witness

OPTIONS = StageOptions("the port", 250_000, "P57")


class MarlinRehearsal(StageRehearsal[MarlinSession]):
    """The client, and whatever is at the other end."""

    def __init__(self, device: Device, wire: Wire | None = None, log: Witness | None = None) -> None:
        super().__init__(MarlinSession("the port", BEGINS_S), device, wire, log)

    def connect(self, options: StageOptions = OPTIONS) -> MarlinStage:
        return MarlinStage(self, options)


class TwinRehearsal(MarlinRehearsal):
    """With the twin at the other end."""

    def __init__(self, settings: MarlinTwinSettings, wire: Wire | None = None) -> None:
        log = Witness()
        self.core = MarlinCore(settings, log, now_s=BEGINS_S)
        super().__init__(self.core, wire, log)

    def stage(self, *, homed: bool = True) -> MarlinStage:
        """Connect, and home unless told not to."""
        stage = self.connect()
        if homed:
            stage.home()
        return stage

    @property
    def true_pose(self) -> StagePose:
        return self.core.true_pose()

    def displace(self, pose: StagePose) -> None:
        """Have the board stand, and know that it stands, where nobody sent it."""
        self.core.board.motion.place(pose)


def rehearsed(wire: Wire | None = None, **settings: Any) -> TwinRehearsal:
    """A rehearsal with a twin of these settings."""
    return TwinRehearsal(MarlinTwinSettings(**settings), wire)
