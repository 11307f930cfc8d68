"""Journal and state as one: nothing is believed that is not written down first."""

from __future__ import annotations

import time
from pathlib import Path

from edge.dose.received import Received
from edge.events import Faulted, Measured, Paused, ScanEvent, StandardMeasured, utc_text
from edge.faults import IntegrityError
from edge.folds.beam_time import BeamTime
from edge.folds.running_time import RunningTime
from edge.record.journal import Journal
from edge.record.steady_clock import PROGRAM
from edge.state import Refused, ScanState, advance


def utc_now() -> str:
    """The host's time as events carry it: a clock that is set meanwhile changes nothing in it."""
    return utc_text(PROGRAM.now())


class Session:
    """One scan in progress: its journal, and the state that the journal's events add up to."""

    def __init__(
        self,
        journal: Journal,
        state: ScanState,
        beam: BeamTime | None = None,
        received: Received | None = None,
        running: RunningTime | None = None,
    ) -> None:
        self._journal = journal
        self.state = state
        self.beam = BeamTime() if beam is None else beam
        """How long the beam has been on in this scan."""
        self.running = RunningTime() if running is None else running
        """How long it has run, pauses left out."""
        self.received = Received() if received is None else received.copy()
        """What each exposure gave to the object."""
        self.interruptions = 0
        """Pauses and faults that were written down here."""
        self._written_s = time.monotonic()

    @property
    def folder(self) -> Path:
        """Of the recording."""
        return self._journal.path.parent

    def silent_s(self) -> float:
        """Since something was written down last."""
        return time.monotonic() - self._written_s

    def record(self, *events: ScanEvent) -> None:
        """Write the events down, durably, then take them over into the state.

        A spectrum is written down in any state: it cannot be measured again.

        Raises
        ------
        IntegrityError
            An event that cannot follow the present state, or a journal that cannot be written.
        """
        state, beam, running = self.state, self.beam, self.running
        for event in events:
            beam, running = beam.after(event), running.after(event)
            following = advance(state, event)
            if not isinstance(following, Refused):
                state = following
            elif not isinstance(event, Measured | StandardMeasured):
                raise IntegrityError(f"{following.reason}: stop the scan and report this")
        self._journal.append(events)
        self._written_s = time.monotonic()
        self.state, self.beam, self.running = state, beam, running
        for event in events:
            self.received.add(event)
            self.interruptions += isinstance(event, Paused | Faulted)
