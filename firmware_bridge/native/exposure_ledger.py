"""Which exposures were asked for, sent, delivered and recorded in a session: each exactly once."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Iterable

from firmware_bridge.messages import Exposure
from firmware_bridge.native import messages as m
from firmware_bridge.native.codec import DWELL_BYTES, RANGE_BYTES, STROKE_BYTES
from firmware_bridge.native.framing import OVERHEAD_BYTES
from firmware_bridge.native.index_ranges import IndexRanges
from firmware_bridge.native.messages import CodedSpectrum
from firmware_bridge.native.units import is_wire_dwell, micrometres, microseconds

BACKLOG_LENGTH = 256
"""Exposures that wait here for credit."""
_FORGET_DELAY_S = 0.02
_FORGET_AT = 32
"""Recorded indices that are worth a frame of their own."""
_LONGEST_RANGE = 0xFFFF
_LARGEST_BATCH = 255


class ExposureLedger:
    """Exposures on their way there, spectra on their way back.

    Parameters
    ----------
    max_frame
        Bytes of the longest frame that the controller takes.
    """

    def __init__(self, max_frame: int) -> None:
        self.inbox: deque[CodedSpectrum] = deque()
        """Spectra that nobody has fetched yet, in the order of their arrival."""
        self._max_payload = max_frame - OVERHEAD_BYTES
        self._backlog: OrderedDict[int, Exposure] = OrderedDict()
        self._pending: set[int] = set()
        self._delivered = IndexRanges()
        self._recorded = IndexRanges()
        self._forget_s = math.inf

    @property
    def backlog(self) -> int:
        """Exposures that wait for credit."""
        return len(self._backlog)

    def submit(self, exposures: Iterable[Exposure]) -> int:
        """Take exposures in order until the backlog is full; returns how many, those known already included."""
        taken = 0
        for exposure in exposures:
            if exposure.index not in self._pending and exposure.index not in self._delivered:
                if len(self._backlog) >= BACKLOG_LENGTH:
                    break
                self._pending.add(exposure.index)
                self._backlog[exposure.index] = exposure
            taken += 1
        return taken

    def take_batch(self, room: int) -> tuple[m.Dwells | m.Strokes, int]:
        """Remove the longest run at the head of the backlog that one message carries; the message and its length."""
        first = next(iter(self._backlog.values()))
        is_dwell = is_wire_dwell(first)
        live_us = microseconds(first.live_s)
        fitting = (self._max_payload - m.Dwells.LAYOUT.size) // (DWELL_BYTES if is_dwell else STROKE_BYTES)
        run: list[Exposure] = []
        while self._backlog and len(run) < min(room, fitting, _LARGEST_BATCH):
            following = next(iter(self._backlog.values()))
            is_next = following.index == first.index + len(run)
            if not is_next or is_wire_dwell(following) is not is_dwell or microseconds(following.live_s) != live_us:
                break
            run.append(self._backlog.popitem(last=False)[1])
        starts = tuple((micrometres(each.start.x_mm), micrometres(each.start.y_mm)) for each in run)
        if is_dwell:
            return m.Dwells(first.index, live_us, starts), len(run)
        ends = ((micrometres(each.end.x_mm), micrometres(each.end.y_mm)) for each in run)
        lines = tuple((*start, *end) for start, end in zip(starts, ends, strict=True))
        return m.Strokes(first.index, live_us, lines), len(run)

    def deliver(self, spectrum: CodedSpectrum) -> None:
        """Put a spectrum into the inbox, unless it has been there before; its exposure waits for credit no more.

        A spectrum that the controller kept may be recorded, and forgotten there, before its exposure is sent: sent
        after that, it would be a new exposure to the controller, and the object would get its dose twice.
        """
        if spectrum.index in self._delivered:
            return
        self._delivered.add(spectrum.index)
        self._pending.discard(spectrum.index)
        self._backlog.pop(spectrum.index, None)
        self.inbox.append(spectrum)

    def refuse(self, index: int) -> None:
        """Note that the controller won't make an exposure; it may be submitted again."""
        self._pending.discard(index)

    def drop_exposures(self) -> None:
        """Note that the controller has dropped what isn't finished; it may be submitted again."""
        self._backlog.clear()
        self._pending.clear()

    def acknowledge(self, index: int, now_s: float) -> bool:
        """Note that a spectrum is durably recorded; True when it is the first that waits to be told."""
        is_first = not self._recorded
        self._recorded.add(index)
        self._forget_s = min(self._forget_s, now_s + _FORGET_DELAY_S)
        return is_first

    def note_recorded(self, index: int) -> None:
        """Note that a spectrum was recorded before this session: it isn't delivered, and is forgotten at once."""
        self._delivered.add(index)
        self.acknowledge(index, -math.inf)

    @property
    def has_recorded(self) -> bool:
        """Whether the controller has something to be told to forget."""
        return bool(self._recorded)

    def hurry(self) -> None:
        """Tell the controller what to forget as soon as possible."""
        if self._recorded:
            self._forget_s = -math.inf

    def take_forgettable(self, now_s: float) -> m.Forget | None:
        """What the controller should be told to forget now, once there is enough or it has waited."""
        if not self._recorded or (now_s < self._forget_s and len(self._recorded) < _FORGET_AT):
            return None
        forget = m.Forget(self._recorded.take(self._max_payload // RANGE_BYTES, _LONGEST_RANGE))
        if not self._recorded:
            self._forget_s = math.inf
        return forget

    def deadline_s(self) -> float:
        """When something has waited long enough to be forgotten."""
        return self._forget_s
