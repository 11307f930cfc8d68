"""GRBL's client and its twin joined in one process, on a clock that waiting turns."""

from __future__ import annotations

from typing import Any

from firmware_bridge.grbl.connect import introduce
from firmware_bridge.grbl.session import GrblSession
from firmware_bridge.grbl.stage import GrblStage
from firmware_bridge.messages import StagePose
from firmware_bridge.twins.grbl.core import GrblCore
from firmware_bridge.twins.grbl.settings import GrblTwinSettings
from firmware_bridge.twins.pseudo_terminal import Wire
from tests.protocol.stage_rehearsal import BEGINS_S, LONGEST_STEP_S, StageRehearsal, Swap, Witness

__all__ = ["LONGEST_STEP_S", "GrblBoard", "GrblRehearsal", "Swap", "Witness", "rehearsed"]


class GrblBoard:
    """The twin's core as a rehearsal takes it."""

    def __init__(self, core: GrblCore) -> None:
        self.core = core

    def receive(self, octets: bytes, now_s: float) -> None:
        self.core.receive(octets, now_s)

    def advance(self, now_s: float) -> None:
        self.core.advance(now_s)

    def outgoing(self, now_s: float, room: int) -> bytes:
        return self.core.outgoing()

    def deadline_s(self, now_s: float) -> float:
        return self.core.deadline_s()


class GrblRehearsal(StageRehearsal[GrblSession]):
    """With the twin at the other end."""

    def __init__(self, settings: GrblTwinSettings, wire: Wire | None = None) -> None:
        log = Witness()
        self.core = GrblCore(settings, log, now_s=BEGINS_S)
        super().__init__(GrblSession("the port", BEGINS_S), GrblBoard(self.core), wire, log)

    def stage(self, gate: str | None = "M8", *, homed: bool = True, has_trigger: bool = False) -> GrblStage:
        """Connect, and home unless told not to."""
        stage = GrblStage(self, introduce(self, "the port", gate, has_trigger=has_trigger), "the port")
        if homed:
            stage.home()
        return stage

    @property
    def true_pose(self) -> StagePose:
        return self.core.true_pose()

    def displace(self, pose: StagePose) -> None:
        """Have the board stand, and know that it stands, where nobody sent it."""
        self.core.board.motion.place(pose)


def rehearsed(wire: Wire | None = None, **settings: Any) -> GrblRehearsal:
    """A rehearsal with a twin of these settings."""
    return GrblRehearsal(GrblTwinSettings(**settings), wire)
