"""What the parts of one run share."""

from __future__ import annotations

from dataclasses import dataclass

from edge.beam.intake import Intake
from edge.beam.interrupts import Interrupts
from edge.beam.reconnect import Connection
from edge.beam.session import Session
from edge.beam.shutter import Shutter
from edge.beam.work import Work
from edge.console import Console


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
