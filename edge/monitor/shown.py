"""Everything that browsers can be shown of one recording, kept current by one thread and read by another."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.alerts.fold import Alert
from edge.monitor import wire
from edge.monitor.feed import Feed
from edge.monitor.maps import ShownMaps
from edge.monitor.picture import Picture, picture_of
from edge.monitor.words import scan_json, status_json
from edge.preview.samples_file import SamplesReader
from edge.record.folder import RecordingPaths

_MOST_PACKED = 16 * 1024 * 1024
"""Bytes of packed parts that are kept, since several browsers look at the same."""
_MOST_LISTED = 16
"""Lists of exposures that are kept for the same reason."""
_NOTHING = np.empty(0, wire.CELL)


class Shown:
    """The recording's exposures, values, maps, photograph and figures.

    `refresh` belongs to one thread; the rest may be read by another, for arrays are replaced and never written to.

    Parameters
    ----------
    folder
        Of the recording, which need not be there yet.
    """

    def __init__(self, folder: Path) -> None:
        self.feed = Feed(folder)
        self._paths = RecordingPaths(folder)
        self.maps = ShownMaps(self._paths)
        self.samples = SamplesReader(self._paths.live)
        self.picture: Picture | None = None
        self._pictured = ""
        self.edition = 0
        """Another one: what `/api/scan` answers has changed."""
        self._edition_of: tuple[object, ...] = ()
        self.status: dict[str, Any] = status_json(self.feed)
        self._listed: OrderedDict[tuple[object, ...], bytes] = OrderedDict()
        self._packed: OrderedDict[tuple[object, ...], bytes] = OrderedDict()
        self._packed_bytes = 0

    @property
    def folder(self) -> Path:
        """Where the recording lies."""
        return self.feed.folder

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """What somebody should know even when not looking, oldest first."""
        return self.feed.alerts

    @property
    def cells(self) -> NDArray[np.void]:
        """Exposures as they came, of type `wire.CELL`."""
        return _NOTHING if self.feed.taken is None else self.feed.taken.cells

    def refresh(self) -> bool:
        """Look at the recording's files; whether there is anything new.

        Whatever goes wrong is told, and tried again: without the thread that looks, the page would show for ever what
        was last.
        """
        try:
            return self._refreshed()
        except Exception as fault:
            trouble = f"the page cannot read the recording ({type(fault).__name__}: {fault}): it tries again"
            is_news = self.status.get("trouble") != trouble
            self.status = self.status | {"trouble": trouble}
            return is_news

    def _refreshed(self) -> bool:
        looked, fitted, drawn = self.feed.look(), self.samples.refresh(), self.maps.refresh()
        if not (looked or fitted or drawn):
            return False
        self._place_picture()
        self.status = status_json(self.feed)
        about = self.feed.about
        edition_of = (
            "" if about is None else about.scan_id,
            "" if about is None or about.plan is None else about.plan.digest,
            self._pictured,
            self.maps.elements,
            self.maps.generation,
            self.samples.head,
        )
        if edition_of != self._edition_of:
            self._edition_of = edition_of
            self.edition += 1
        return True

    def close(self) -> None:
        """Let go of what is held open."""
        self.samples.close()
        self.maps.close()

    def scan(self, role: str) -> dict[str, Any]:
        """The answer of /api/scan."""
        return scan_json(self.feed, self.maps, self.samples.head, self.picture, role)

    def packed(self, element: int, layer: int, down: int, across: int, count: int) -> bytes:
        """Parts of a map side by side, as they are sent; of the thread that serves."""
        versions = self.maps.versions[layer, element, down, across : across + count]
        key = self.maps.generation, element, layer, down, across, versions.tobytes()
        found = self._packed.get(key)
        if found is None:
            window, cells = self.maps.part(element, layer, down, across, count)
            found = wire.part_bytes(cells, window, element, layer)
            self._packed[key] = found
            self._packed_bytes += len(found)
            while self._packed_bytes > _MOST_PACKED:
                self._packed_bytes -= len(self._packed.popitem(last=False)[1])
        return found

    def listed(self, first: int, last: int, viewed: Sequence[int]) -> bytes:
        """Some exposures with their values, as they are sent; of the thread that serves."""
        key = self.feed.about, self.samples.head, min(self.samples.count, last), first, last, tuple(viewed)
        found = self._listed.get(key)
        if found is None:
            values = self.values(first, last, viewed)
            found = wire.exposures_body(first, self.cells[first:last], viewed, values)
            self._listed[key] = found
            if len(self._listed) > _MOST_LISTED:
                self._listed.popitem(last=False)
        return found

    def values(self, first: int, last: int, viewed: Sequence[int]) -> wire.Floats:
        """What some exposures say of elements, shape (last - first, viewed).

        NaN where nothing is known yet, of what tells nothing, and of exposures held out: no map knows what they say.
        """
        head = self.samples.head
        found = np.full((last - first, len(viewed)), np.nan, np.float32)
        names = {} if head is None else {name: place for place, name in enumerate(head.elements)}
        known = [place for place, element in enumerate(viewed) if self.maps.elements[element] in names]
        places = [names[self.maps.elements[viewed[place]]] for place in known]
        found[:, known] = self.samples.values(first, last, places)
        cells = self.cells[first:last]
        found[(cells["held"] != 0) | (cells["row0"] == wire.NOWHERE)] = np.nan
        return found

    def _place_picture(self) -> None:
        about = self.feed.about
        if about is None or about.registration is None or about.registration.digest == self._pictured:
            return
        self._pictured = about.registration.digest
        self.picture = picture_of(self._paths.frame, about.registration, about.config, about.grid)
