"""How long a scan has run: a fold over the journal from opening to opening of the shutter, pauses left out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from edge.events import Closed, Faulted, Opened, Paused, ScanEvent, ShutterOpened


@dataclass(frozen=True, slots=True)
class RunningTime:
    """Exposures, travel, and what is done in between with the shutter closed, by the computer's clock; begins empty."""

    ended_s: float = 0.0
    """Sum of the stretches that are over. One whose end nobody saw counts up to the last event before the recording was
    opened again."""
    since: str = ""
    """When the present stretch began; empty while the scan stands still."""
    last_at: str = ""
    """When the last event happened."""

    def after(self, event: ScanEvent) -> RunningTime:
        """The running time once an event has happened too. Pure."""
        match event:
            case ShutterOpened() if not self.since:
                return replace(self, since=event.at, last_at=event.at)
            case Paused() | Faulted() | Closed():
                return RunningTime(self.until_s(event.at), "", event.at)
            case Opened():
                return RunningTime(self.until_s(self.last_at), "", event.at)
            case _:
                return replace(self, last_at=event.at)

    def until_s(self, at: str) -> float:
        """All of it up to a moment; the present stretch counts nothing when the clock was set back."""
        if not self.since:
            return self.ended_s
        present_s = (datetime.fromisoformat(at) - datetime.fromisoformat(self.since)).total_seconds()
        return self.ended_s + max(0.0, present_s)
