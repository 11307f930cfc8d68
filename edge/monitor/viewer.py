"""What one browser has been sent, and what is new for it: nothing queues, messages are made when it can take them."""

from __future__ import annotations

import json
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.monitor import wire
from edge.monitor.allowance import Allowance
from edge.monitor.maps import LAYERS
from edge.monitor.shown import Shown

STATUS_S = 0.5
"""Between two messages of the state."""
_PORTION = 4_096
"""Exposures in a message."""
_TOGETHER = 16
"""Values that are to come so soon that what lacks them is sent once more with those before."""
_ABREAST = 8
"""Parts of a map, side by side, packed together at most."""
_PARTS_BYTES = 32_768
"""A message of parts is ended beyond this: eight of them on their way are a fifth of a second."""
_BYTES_PER_S, _BYTES_SAVED = 1_200_000.0, 1_500_000.0
"""Of maps, to one browser: below a wireless network's share, and below what one core packs for several."""
_MOST_VIEWED = 200


class Viewer:
    """One browser; all of one thread.

    Parameters
    ----------
    shown
        What there is to be seen.
    clock
        Monotonic time in s.
    """

    def __init__(self, shown: Shown, clock: Callable[[], float] = time.monotonic) -> None:
        self._shown, self._clock = shown, clock
        self.n = 0
        """Number of the last message."""
        self._status_s = -math.inf
        self._edition = shown.edition
        self._alerted = shown.alerts[-1].number if shown.alerts else 0
        self._placed, self._valued = len(shown.cells), self._known()
        self._viewed: tuple[int, ...] = ()
        self._layers: tuple[int, ...] = ()
        self._versions = shown.maps.versions
        self._generation = shown.maps.generation
        self._sent = np.zeros_like(self._versions)
        self._rows: deque[int] | None = None
        """Rows of parts, of all elements and layers, some of which changed since they were sent; None: to be looked."""
        self._row = 0
        """Where it goes on: who takes less than there is gets each in turn."""
        self._allowance = Allowance(_BYTES_PER_S, _BYTES_SAVED, clock)

    def look_at(self, elements: list[Any], layers: list[Any]) -> None:
        """Send maps of these elements and layers from now on.

        Raises
        ------
        ValueError
            There can be no such elements or layers.
        """
        is_possible = len(elements) <= _MOST_VIEWED and len(layers) <= len(LAYERS)
        if not is_possible or not all(type(element) is int and 0 <= element < _MOST_VIEWED for element in elements):
            raise ValueError("no elements of a scan")
        self._viewed = tuple(dict.fromkeys(elements))
        self._layers = tuple(dict.fromkeys(LAYERS.index(layer) for layer in layers))
        # what is looked at no longer is sent whole when it is looked at again
        self._sent[~self._wanted()] = 0
        self._rows = None

    def messages(self) -> Iterator[str | bytes]:
        """What is new, the most urgent first, made one by one."""
        shown, now = self._shown, self._clock()
        if self._edition != shown.edition:
            self._edition = shown.edition
            self._placed, self._valued = min(self._placed, len(shown.cells)), min(self._valued, self._known())
            yield self._text("scan", {})
        for alert in shown.alerts:
            if alert.number > self._alerted:
                self._alerted = alert.number
                yield self._text("alert", alert.json())
        yield from self._exposures()
        if now - self._status_s >= STATUS_S:
            self._status_s = now
            yield self._text("status", shown.status)
        yield from self._parts()

    def rest_s(self) -> float:
        """How long nothing but news from elsewhere gives anything to send."""
        left_s = self._status_s + STATUS_S - self._clock()
        wait_s = self._allowance.wait_s()
        if self._has_exposures():
            return 0.0
        return max(0.01, min(left_s, wait_s) if wait_s > 0 else left_s)

    def _next(self) -> int:
        self.n += 1
        return self.n

    def _text(self, kind: str, content: dict[str, Any]) -> str:
        return json.dumps({"type": kind, "n": self._next()} | content, allow_nan=False)

    def _exposures(self) -> Iterator[bytes]:
        """Where exposures were, as soon as they are recorded, and again with their values, once these are known."""
        shown = self._shown
        while self._has_exposures():
            known, recorded = self._known(), len(shown.cells)
            first, end = (self._valued, known) if self._valued < known else (self._placed, recorded)
            if self._placed <= end + _TOGETHER:
                end = recorded
            last = min(end, first + _PORTION)
            self._placed, self._valued = max(self._placed, last), max(self._valued, min(last, known))
            viewed = [element for element in self._viewed if element < len(shown.maps.elements)]
            yield wire.exposures_head(self._next()) + shown.listed(first, last, viewed)

    def _known(self) -> int:
        """How many exposures have values; the preview may have read the journal later than this process."""
        return min(self._shown.samples.count, len(self._shown.cells))

    def _has_exposures(self) -> bool:
        return self._valued < self._known() or self._placed < len(self._shown.cells)

    def _wanted(self) -> NDArray[np.bool_]:
        """Which layers and elements are looked at, of those that there are."""
        layers, elements = self._versions.shape[:2]
        present = min(len(self._shown.maps.elements), elements)
        wanted = np.zeros((layers, elements), np.bool_)
        wanted[np.ix_(self._layers, [element for element in self._viewed if element < present])] = True
        return wanted

    def _parts(self) -> Iterator[bytes]:
        """Parts of maps that changed since they were sent, row by row in turn, as far as the allowance goes."""
        while rows := self._changed():
            # an exposure that came meanwhile does not wait until all parts are sent
            if self._has_exposures() or not self._allowance.take(0):
                return
            bodies: list[bytes] = []
            length = 0
            while rows and length < _PARTS_BYTES:
                packed = self._packed(rows.popleft())
                bodies += packed
                length += sum(map(len, packed))
            self._allowance.take(length)
            yield wire.parts_head(self._next(), self._generation, len(bodies)) + b"".join(bodies)

    def _changed(self) -> deque[int]:
        """Rows of parts that are to be sent, from where the last message ended."""
        maps = self._shown.maps
        if self._generation != maps.generation or self._sent.shape != maps.versions.shape:
            self._generation, self._sent, self._rows = maps.generation, np.zeros_like(maps.versions), None
        if self._rows is None or self._versions is not maps.versions:
            self._versions = maps.versions
            changed = (self._versions != self._sent).any(axis=3) & self._wanted()[:, :, np.newaxis]
            rows = np.flatnonzero(changed)
            self._rows = deque(np.roll(rows, -np.searchsorted(rows, self._row)).tolist())
        return self._rows

    def _packed(self, row: int) -> list[bytes]:
        """What changed in a row of parts, which is sent from now on."""
        layers, elements, downs, _ = self._versions.shape
        layer, element, down = np.unravel_index(row, (layers, elements, downs))
        self._row = row + 1
        versions, sent = self._versions[layer, element, down], self._sent[layer, element, down]
        marked = versions != sent
        sent[:] = versions
        place = int(element), int(layer), int(down)
        return [self._shown.packed(*place, across, count) for across, count in _runs(marked)]


def _runs(marked: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """First and number of marked parts side by side, at most `_ABREAST` of them."""
    count = 0
    for across, is_marked in enumerate([*marked.tolist(), False]):
        if count and (not is_marked or count == _ABREAST):
            yield across - count, count
            count = 0
        count += is_marked
