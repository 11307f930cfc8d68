"""How long the beam has been on: a fold over the journal's openings and closings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from edge.events import Opened, ScanEvent, ShutterClosed, ShutterOpened, Target


@dataclass(frozen=True, slots=True)
class BeamTime:
    """Time with the shutter open, by the computer's clock; begins empty."""

    received_s: float = 0.0
    """Sum of the openings over the object that are over. One whose closing nobody saw counts up to the last event
    before the recording was opened again."""
    over_standard_s: float = 0.0
    """The same over the reference standard: beam time of the tube, none of the object."""
    on_since: str = ""
    """When the present opening began, as the event says it; empty while the shutter is closed."""
    last_at: str = ""
    """When the last event happened."""
    over: Target = "object"
    """What the latest opening was over."""

    def after(self, event: ScanEvent) -> BeamTime:
        """The beam time once an event has happened too. Pure."""
        match event:
            case ShutterOpened() if not self.on_since:
                return replace(self, on_since=event.at, last_at=event.at, over=event.over)
            case ShutterClosed():
                return replace(self._closed(event.at), last_at=event.at)
            case Opened():
                return replace(self._closed(self.last_at), last_at=event.at)
            case _:
                return replace(self, last_at=event.at)

    def until_s(self, at: str) -> float:
        """Time over the object up to a moment, the present opening's among it."""
        return self._closed(at).received_s

    def _closed(self, at: str) -> BeamTime:
        match self.over:
            case "object":
                return replace(self, received_s=self.received_s + self._until_s(at), on_since="")
            case "standard":
                return replace(self, over_standard_s=self.over_standard_s + self._until_s(at), on_since="")

    def _until_s(self, at: str) -> float:
        """Length of the present opening up to a moment; 0 when there is none, or when the clock was set back."""
        if not self.on_since:
            return 0.0
        return max(0.0, (datetime.fromisoformat(at) - datetime.fromisoformat(self.on_since)).total_seconds())
