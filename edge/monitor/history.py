"""How a scan went so far, in a few hundred points: its rate, and the error that exposures held out told."""

from __future__ import annotations

import math
from contextlib import suppress
from datetime import datetime

from edge.events import Judged, ScanEvent
from edge.record.head import ExposureHead
from edge.stopping.figure import figure_from_json

_MOST_POINTS = 400
"""Beyond them, neighbours are put together."""


class History:
    """Added to record by record; begins empty."""

    def __init__(self) -> None:
        self._began: datetime | None = None
        self._width_s = 5.0
        self._bins: list[int] = []
        self._live: list[float] = []
        self.errors: list[tuple[float, float, float]] = []
        """Seconds since the scan began, error of all elements, and its standard error."""

    def add(self, record: ScanEvent | ExposureHead) -> None:
        """Take in the next record."""
        seconds = self._seconds(record.at)
        if seconds is None:
            return
        match record:
            case ExposureHead():
                self._count(seconds, record.live_s)
            case Judged(figure_json=text):
                with suppress(ValueError):
                    estimate = figure_from_json(text).overall
                    self.errors.append((round(seconds, 1), estimate.rmse, (estimate.high - estimate.low) / 2))
                    if len(self.errors) > _MOST_POINTS:
                        self.errors = [*self.errors[:-1:2], self.errors[-1]]
            case _:
                pass

    @property
    def rates(self) -> list[tuple[float, float]]:
        """Seconds since the scan began, and exposures a second around them."""
        return [((i + 0.5) * self._width_s, count / self._width_s) for i, count in enumerate(self._bins)]

    @property
    def dose(self) -> list[tuple[float, float]]:
        """Seconds since the scan began, and the live time that the object had received by then."""
        total, found = 0.0, []
        for i, live_s in enumerate(self._live):
            total += live_s
            found.append(((i + 1) * self._width_s, round(total, 3)))
        return found

    def _seconds(self, at: str) -> float | None:
        with suppress(ValueError, TypeError):
            moment = datetime.fromisoformat(at)
            self._began = self._began or moment
            seconds = (moment - self._began).total_seconds()
            return max(0.0, seconds) if math.isfinite(seconds) else None
        return None

    def _count(self, seconds: float, live_s: float) -> None:
        while seconds >= _MOST_POINTS * self._width_s:
            self._width_s *= 2
            self._bins = [sum(self._bins[i : i + 2]) for i in range(0, len(self._bins), 2)]
            self._live = [sum(self._live[i : i + 2]) for i in range(0, len(self._live), 2)]
        place = int(seconds / self._width_s)
        lacking = place + 1 - len(self._bins)
        self._bins += [0] * lacking
        self._live += [0.0] * lacking
        self._bins[place] += 1
        self._live[place] += live_s
