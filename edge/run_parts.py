"""What the parts of one run share."""

from __future__ import annotations

from dataclasses import dataclass

from edge.console import Console
from edge.intake import Intake
from edge.interrupts import Interrupts
from edge.reconnect import Connection
from edge.run_work import Work
from edge.session import Session
from edge.shutter import Shutter


@dataclass(frozen=True, slots=True, eq=False)
class RunParts:
    """The instrument, the record, the operator, and what is known of the beam and of the work."""

    connection: Connection
    session: Session
    console: Console
    shutter: Shutter
    intake: Intake
    work: Work
    interrupts: Interrupts
