"""Exposures out, spectra in: what a run still lacks, and each spectrum journalled before anything else sees it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from edge.beam.itinerary import Itinerary
from edge.beam.reconnect import Connection
from edge.beam.session import Session, utc_now
from edge.events import FIRST_VISIT, LeftOut, Measured, StandardMeasured
from edge.faults import EdgeError, IntegrityError, SafetyStop
from edge.planning.passage import Passage
from firmware_bridge.faults import LeaseExpired
from firmware_bridge.messages import Exposure, ExposureDone, ExposureFlag

_WAIT_S = 0.1
"""Longest that a request of the operator waits for an answer."""
_BATCH = 64
"""Exposures per journal transaction at the most: one sync serves them all."""
_FETCH_S = 5.0
"""Silence after which spectra that the controller said it kept are no longer waited for."""


class Source(Protocol):
    """Where further exposures come from, while those of the plan so far are measured."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing more will come."""
        ...

    @property
    def is_cut_short(self) -> bool:
        """Whether a limit forbids what was still to come."""
        ...

    def look(self, lacking: int) -> Sequence[Exposure]:
        """What has come, mostly nothing, while so many are still to be measured; takes no longer than they do."""
        ...

    def wait(self, is_wanted_elsewhere: Callable[[], bool]) -> Sequence[Exposure]:
        """What comes next, waited for; nothing when the wait is broken off."""
        ...


class Intake:
    """The books of a run over the exposures that a plan still lacks.

    Parameters
    ----------
    exposures
        What is still to be measured, in travel order.
    tolerance_mm
        Largest distance between a planned and a measured pose.
    live_s
        Live time that the object has received already, in s.
    visits
        Indices of the visits to the standard that are recorded.
    passage
        Where the open beam may go; None: anywhere.
    """

    def __init__(
        self,
        connection: Connection,
        session: Session,
        exposures: Sequence[Exposure],
        *,
        tolerance_mm: float,
        live_s: float,
        visits: Iterable[int] = (),
        passage: Passage | None = None,
    ) -> None:
        self._connection = connection
        self._session = session
        self._tolerance_mm = tolerance_mm
        self._itinerary = Itinerary(exposures, passage)
        self.lacking = {exposure.index: exposure for exposure in exposures}
        """What is not recorded in full, by index, in travel order."""
        self.live_s = live_s
        """Live time that the object has received, in s."""
        self.visits = set(visits)
        """Indices of the visits to the standard that are recorded."""
        self.retained = 0
        """Spectra that the controller has kept from before, and hands over first."""
        self.last: ExposureDone | None = None
        """The latest exposure of the object that was recorded here."""
        self.last_visit: ExposureDone | None = None
        """The latest one that was recorded here."""
        self._next_visit = max(self.visits, default=FIRST_VISIT - 1) + 1

    def index_of_next_visit(self) -> int:
        """An index for one more visit to the standard, never given before."""
        index = self._next_visit = max(self._next_visit, max(self.visits, default=0) + 1)
        self._next_visit += 1
        return index

    def extend(self, exposures: Sequence[Exposure]) -> None:
        """Measure these too, after everything else."""
        self._itinerary.extend(exposures)
        self.lacking.update((exposure.index, exposure) for exposure in exposures)

    def leave_out(self, refused: Mapping[int, str]) -> None:
        """Journal that these are not made, by index with the reason; whoever holds them must forget them."""
        for index, reason in refused.items():
            self._session.record(LeftOut(utc_now(), index, reason))
            self.lacking.pop(index, None)
            self._itinerary.done(index)

    def begin_again(self) -> None:
        """Submit everything that is lacking once more: another controller, or session, knows nothing of it."""
        self._itinerary.begin_again(self.lacking.values())

    @property
    def is_under_way(self) -> bool:
        """Whether the controller may hold exposures that it has not finished."""
        return self._itinerary.is_under_way

    @property
    def is_held(self) -> bool:
        """Whether everything submitted is done, and a keep-out lies on the way to what comes next."""
        return self._itinerary.is_held

    def feed(self) -> None:
        """Keep the controller's look-ahead full, up to where the shutter has to be closed."""
        upcoming = self._itinerary.upcoming(self.lacking, _BATCH)
        if upcoming:
            self._itinerary.took(self._connection.controller.submit(upcoming))

    def fetch(self) -> None:
        """Take over what an earlier session measured and could not record: it is not exposed again."""
        deadline_s = time.monotonic() + _FETCH_S
        while self.retained > 0 and time.monotonic() < deadline_s:
            fetched = self.collect()
            self.retained -= fetched
            if fetched:
                deadline_s = time.monotonic() + _FETCH_S
        self.retained = 0

    def collect(self, timeout_s: float = _WAIT_S) -> int:
        """Take over what has arrived: journal, then acknowledge, then check; gives how many spectra that were."""
        controller = self._connection.controller
        arrived: list[ExposureDone] = []
        try:
            done = controller.next_done(timeout_s)
            while done is not None:
                arrived.append(done)
                done = controller.next_done(0.0) if len(arrived) < _BATCH else None
        finally:
            # Also when the link breaks between two spectra: those in hand are recorded before the fault goes on.
            self._keep(arrived)
        return len(arrived)

    def drain(self) -> None:
        """Take over everything that has arrived; an expired lease says nothing new once the shutter is closed."""
        arrived = True
        while arrived:
            with suppress(LeaseExpired):
                arrived = self.collect(0.0) > 0

    def _keep(self, arrived: list[ExposureDone]) -> None:
        if not arrived:
            return
        try:
            self._session.record(*self._events_of(arrived))
        except IntegrityError:
            if len(arrived) == 1:
                raise
            self._keep_each(arrived)
            return
        wanted = [(measured, self._take(measured)) for measured in arrived]
        for measured, _ in wanted:
            self._connection.controller.acknowledge(measured.index)
        for measured, planned in wanted:
            if planned is not None:
                self._check_pose(planned, measured)

    def _events_of(self, arrived: list[ExposureDone]) -> list[Measured | StandardMeasured]:
        """What is journalled of spectra: of a visit once, and only if it was brought to its end."""
        events: list[Measured | StandardMeasured] = []
        known = set(self.visits)
        for measured in arrived:
            if measured.index < FIRST_VISIT:
                events.append(Measured(utc_now(), measured))
            elif measured.index not in known and not measured.flags & ExposureFlag.TRUNCATED:
                known.add(measured.index)
                events.append(StandardMeasured(utc_now(), measured))
        return events

    def _take(self, measured: ExposureDone) -> Exposure | None:
        """Enter a spectrum that is journalled; what was planned, None when it had been there before, or is a visit."""
        if measured.index >= FIRST_VISIT:
            if measured.index not in self.visits and not measured.flags & ExposureFlag.TRUNCATED:
                self.visits.add(measured.index)
                self.last_visit = measured
            return None
        self.last = measured
        planned = self.lacking.get(measured.index)
        if planned is not None:
            self.live_s += measured.live_s
            if not measured.flags & ExposureFlag.TRUNCATED:
                del self.lacking[measured.index]
                self._itinerary.done(measured.index)
        return planned

    def _keep_each(self, arrived: list[ExposureDone]) -> None:
        """One of them contradicts the journal: keep the others, then say so."""
        faults: list[EdgeError] = []
        for measured in arrived:
            try:
                self._keep([measured])
            except EdgeError as fault:
                faults.append(fault)
        if faults:
            raise faults[0]

    def _check_pose(self, planned: Exposure, done: ExposureDone) -> None:
        for told, found in ((planned.start, done.start), (planned.end, done.end)):
            off_mm = math.hypot(told.x_mm - found.x_mm, told.y_mm - found.y_mm)
            if off_mm > self._tolerance_mm:
                raise SafetyStop(
                    f"exposure {done.index} was measured {off_mm:.2f} mm away from where it was planned: "
                    "home the stage, check belts and couplings, then go on with --resume"
                )
