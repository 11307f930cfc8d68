"""How a run of the beam ends, or goes on."""

from __future__ import annotations

from enum import Enum


class RunOutcome(Enum):
    """How a run of the beam ended."""

    FINISHED = "finished"
    """Every exposure of the plan is recorded."""
    ENDED_EARLY = "ended early"
    """The operator is content with what there is."""
    STOPPED = "stopped"
    """Stopped and resumable."""
    CUT_OFF = "cut off"
    """Stopped and resumable, while the controller was out of reach."""


Step = RunOutcome | str
"""How the run ended, or the reason for the next opening of the shutter."""
