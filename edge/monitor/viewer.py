"""What one browser has been sent, and what is new for it: nothing queues, messages are made when it can take them."""

from __future__ import annotations

import json
import math
import time
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
_ABREAST = 8
"""Parts of a map, side by side, in a message at most."""
_BYTES_PER_S, _BYTES_SAVED = 1_500_000.0, 1_500_000.0
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
        self._sent: dict[tuple[int, int], NDArray[np.uint32]] = {}
        self._generation = shown.maps.generation
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
        wanted = {(element, layer) for element in self._viewed for layer in self._layers}
        self._sent = {key: versions for key, versions in self._sent.items() if key in wanted}

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
            last = min(end, first + _PORTION)
            self._placed, self._valued = max(self._placed, last), max(self._valued, min(last, known))
            viewed = [element for element in self._viewed if element < len(shown.maps.elements)]
            values = shown.values(first, last, viewed)
            yield wire.exposures_bytes(self._next(), first, shown.cells[first:last], viewed, values)

    def _known(self) -> int:
        """How many exposures have values; the preview may have read the journal later than this process."""
        return min(self._shown.samples.count, len(self._shown.cells))

    def _has_exposures(self) -> bool:
        return self._valued < self._known() or self._placed < len(self._shown.cells)

    def _parts(self) -> Iterator[bytes]:
        """Parts of maps that changed since they were sent, each element's in turn, as far as the allowance goes."""
        maps = self._shown.maps
        if self._generation != maps.generation:
            self._generation, self._sent = maps.generation, {}
        for layer in self._layers:
            for element in self._viewed:
                if element >= len(maps.elements):
                    continue
                yield from self._parts_of(element, layer)

    def _parts_of(self, element: int, layer: int) -> Iterator[bytes]:
        maps = self._shown.maps
        versions = maps.versions[layer, element]
        sent = self._sent.setdefault((element, layer), np.zeros_like(versions))
        for down, across, count in _runs(sent != versions):
            # an exposure that came meanwhile does not wait until all parts are sent
            if self._has_exposures() or not self._allowance.take(0):
                return
            body = self._shown.packed(element, layer, down, across, count)
            sent[down, across : across + count] = versions[down, across : across + count]
            self._allowance.take(len(body))
            yield wire.tile_head(self._next(), element, layer, maps.generation) + body


def _runs(marked: NDArray[np.bool_]) -> Iterator[tuple[int, int, int]]:
    """Row, first column and number of marked parts side by side, at most `_ABREAST` of them."""
    for down in np.flatnonzero(marked.any(axis=1)):
        row, across = marked[down], 0
        while across < len(row):
            if not row[across]:
                across += 1
                continue
            count = 1
            while across + count < len(row) and count < _ABREAST and row[across + count]:
                count += 1
            yield int(down), across, count
            across += count
