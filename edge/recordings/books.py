"""What a journal's records add up to, gathered in one pass in little memory: events, indices, sums, no spectra."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge.events import (
    Closed,
    Concluded,
    Corrected,
    Judged,
    LeftOut,
    Measured,
    Opened,
    Planned,
    Registered,
    ScanEvent,
    StandardMeasured,
)
from edge.faults import IntegrityError
from edge.planning.plan import ScanPlan, plan_from_json
from edge.record.head import ExposureHead
from edge.state import New, Refused, ScanState, advance
from firmware_bridge.messages import ExposureDone, ExposureFlag, StagePose

_AT = StagePose(0.0, 0.0)
_NOTHING = np.zeros(1, np.uint32)
_ANY = Measured("", ExposureDone(0, _AT, _AT, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, ExposureFlag.NONE, _NOTHING))
"""In a state's eyes all exposures are alike."""


def state_after(state: ScanState, record: ScanEvent | ExposureHead) -> ScanState | Refused:
    """As `edge.state.advance`, of a record whose spectrum was not unpacked."""
    return advance(state, _ANY if isinstance(record, ExposureHead) else record)


@dataclass(slots=True)
class Books:
    """Kept record by record; begins empty."""

    last_seq: int = 0
    state: ScanState = field(default_factory=New)
    irregular: int = 0
    """Events that their state did not allow."""
    opened: Opened | None = None
    """The first one."""
    times_opened: int = 0
    registered: Registered | None = None
    """The latest one."""
    corrected: int = 0
    judged: int = 0
    plan: ScanPlan | None = None
    """The latest one that could be read."""
    plans: int = 0
    wrong: list[str] = field(default_factory=list)
    """What is wrong with contents whose check sums hold, the first few."""
    exposures: int = 0
    truncated: int = 0
    live_s: float = 0.0
    visits: int = 0
    concluded: str = ""
    closed: Closed | None = None
    left_out: set[int] = field(default_factory=set)
    _whole: array[int] = field(default_factory=lambda: array("q"))

    @property
    def whole(self) -> NDArray[np.int64]:
        """Indices of the exposures measured in full, as they came."""
        return np.array(self._whole, np.int64)

    @property
    def measured(self) -> int:
        """How many exposures were measured in full."""
        return len(self._whole)

    def add(self, seq: int, record: ScanEvent | ExposureHead) -> None:
        """Enter the next record."""
        self.last_seq = seq
        after = state_after(self.state, record)
        if isinstance(after, Refused):
            self.irregular += 1
        else:
            self.state = after
        match record:
            case ExposureHead():
                self.exposures += 1
                self.live_s += record.live_s
                if record.is_whole:
                    self._whole.append(record.index)
                else:
                    self.truncated += 1
            case Opened():
                self.opened = self.opened or record
                self.times_opened += 1
            case Registered():
                self.registered = record
            case Planned():
                self._take_plan(seq, record)
            case _:
                self._take_rest(record)

    def _take_rest(self, event: ScanEvent) -> None:
        match event:
            case Corrected():
                self.corrected += 1
            case Judged():
                self.judged += 1
            case StandardMeasured():
                self.visits += 1
            case LeftOut(index=index):
                self.left_out.add(index)
            case Concluded(reason=reason):
                self.concluded = reason
            case Closed():
                self.closed = event
            case Measured():
                raise ValueError("books are kept of exposures without their spectra")

    def _take_plan(self, seq: int, event: Planned) -> None:
        self.plans += 1
        try:
            plan = plan_from_json(event.plan_json)
        except IntegrityError as error:
            self._complain(f"record {seq}: {error}")
            return
        if plan.digest != event.plan_digest:
            self._complain(f"record {seq}: its plan has another digest than the journal says")
        before = self.plan
        if before is not None and not np.array_equal(plan.table[: len(before.table)], before.table):
            self._complain(f"record {seq}: its plan does not go on from the one before")
        self.plan = plan

    def _complain(self, sentence: str) -> None:
        if len(self.wrong) < 5:
            self.wrong.append(sentence)
