"""How long the beam has been on: a fold over the journal's openings and closings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from edge.events import Opened, ScanEvent, ShutterClosed, ShutterOpened


@dataclass(frozen=True, slots=True)
class BeamTime:
    """Time with the shutter open, by the computer's clock; begins empty."""

    received_s: float = 0.0
    """Sum of the openings that are over. One whose closing nobody saw counts up to the last event before the recording
    was opened again."""
    on_since: str = ""
    """When the present opening began, as the event says it; empty while the shutter is closed."""
    last_at: str = ""
    """When the last event happened."""

    def after(self, event: ScanEvent) -> BeamTime:
        """The beam time once an event has happened too. Pure."""
        match event:
            case ShutterOpened() if not self.on_since:
                return replace(self, on_since=event.at, last_at=event.at)
            case ShutterClosed():
                return BeamTime(self.received_s + self._until_s(event.at), "", event.at)
            case Opened():
                return BeamTime(self.received_s + self._until_s(self.last_at), "", event.at)
            case _:
                return replace(self, last_at=event.at)

    def _until_s(self, at: str) -> float:
        """Length of the present opening up to a moment; 0 when there is none, or when the clock was set back."""
        if not self.on_since:
            return 0.0
        return max(0.0, (datetime.fromisoformat(at) - datetime.fromisoformat(self.on_since)).total_seconds())
