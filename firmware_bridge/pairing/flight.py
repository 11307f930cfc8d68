"""One row flown: the stage in motion with the beam on, and the spectrometer in step with it."""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from firmware_bridge.faults import BridgeError
from firmware_bridge.messages import ExposureDone
from firmware_bridge.pairing.acceptance import LEAD_S, LONGEST_ROW_S, MOST_CELLS
from firmware_bridge.pairing.cells import crossed, edges_lost, spoilt, timed_cells, triggered_cells
from firmware_bridge.pairing.clocks import moments_of
from firmware_bridge.pairing.faults import ReadLate
from firmware_bridge.pairing.reader import BoundaryReader, Reading, read_now
from firmware_bridge.pairing.rows import Row, RowLimits
from firmware_bridge.pairing.track import Report, Track, require_track, track_of
from firmware_bridge.spectrometer import BufferedSpectrometer, Spectrometer
from firmware_bridge.stage import PoseAt, Stage

_LOG = logging.getLogger("firmware_bridge")
_LOOKS: Final = 3
_SPARE: Final = 1.5
"""Over the slowest of the first readings, for a cell between two snapshots."""
_SPARE_S: Final = 0.02
_SHORTEST_TRIGGERED_S: Final = 0.02
"""Some times the uncertainty of an edge, and the step of a spectrum's real time."""
_MOST_LATE: Final = 2
"""Rows in succession that were read too late, and are flown again; the next one is a fault."""
_ROUGHLY_MM: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Flown:
    """What a flight brought."""

    cells: tuple[ExposureDone, ...]
    """The first cells of the row, all of them where nothing went wrong; the others are to be measured again. Where the
    row was flown to its end and nothing of it is believed, all are there as truncated: they had the beam."""
    fault: Exception | None
    """What ended it before its end."""


class Flyer:
    """Flies rows on a stage and a spectrometer. One thread at a time; the reader is another while a row is flown.

    Parameters
    ----------
    watch
        Called with every pose that is reported; what it raises stops the flight.
    landed
        Called once the flight is over, however it ended; what it raises is raised, and no spectrum is read any more.
    """

    def __init__(
        self,
        stage: Stage,
        spectrometer: Spectrometer,
        watch: Callable[[PoseAt], None],
        landed: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._stage, self._spectrometer = stage, spectrometer
        self._watch, self._landed, self._clock = watch, landed, clock
        self._slots = spectrometer.capabilities.slots
        self._is_counting = False
        self._slowest_s = math.nan
        self._late = 0
        self._flight: tuple[float, float] | None = None
        """When the last one to reach its row's end began and ended."""

    @property
    def is_triggered(self) -> bool:
        """Whether edges from the stage end the spectra."""
        return self._stage.capabilities.has_trigger and self._slots > 1

    @property
    def limits(self) -> RowLimits:
        """How much is flown without stopping."""
        most = min(MOST_CELLS, self._slots - 1) if self.is_triggered else MOST_CELLS
        return RowLimits(most, LONGEST_ROW_S, are_cells_equal=self.is_triggered)

    @property
    def is_measured(self) -> bool:
        """Whether the shortest cell is known without asking the spectrometer."""
        return self.is_triggered or not math.isnan(self._slowest_s)

    def shortest_s(self) -> float:
        """Shortest cell that can be told from the next; the first call may read the spectrometer a few times."""
        if self.is_triggered:
            return _SHORTEST_TRIGGERED_S
        if math.isnan(self._slowest_s):
            self._count_on()
            self._slowest_s = max(read_now(self._spectrometer, self._clock).took_s for _ in range(_LOOKS))
            self.forget()
            self._spectrometer.stop()
        return _SPARE * self._slowest_s + _SPARE_S

    def forget(self) -> None:
        """The spectrometer was used otherwise: it no longer counts without a preset."""
        self._is_counting = False

    def fly(self, row: Row) -> Flown:
        """Fly a row; what of it can be believed comes back even when it was interrupted.

        Raises
        ------
        BridgeError
            The spectrometer failed before the row began.
        """
        try:
            self._take_off()
            flown = self._fly_triggered(row) if self.is_triggered else self._fly_timed(row)
            self._late = 0
        except BridgeError as fault:
            if self._flight is None:
                self.forget()
                raise
            flown = self._spoilt(row, self._flight, fault)
        except BaseException:
            self.forget()
            raise
        if flown.fault is not None:
            self.forget()
        return flown

    def _spoilt(self, row: Row, flight: tuple[float, float], fault: BridgeError) -> Flown:
        """Of a row that was flown to its end, and of which nothing is believed."""
        cells = spoilt(row, *flight, self._spectrometer.capabilities.channels)
        self._late = self._late + 1 if isinstance(fault, ReadLate) else 0
        if not 0 < self._late <= _MOST_LATE:
            return Flown(cells, fault)
        _LOG.warning("a row is flown again: %s", fault)
        return Flown(cells, None)

    def _take_off(self) -> None:
        self._flight = None
        self._count_on()

    def _count_on(self) -> None:
        """Let the spectrometer count without a preset."""
        if not self._is_counting:
            self._spectrometer.snapshot()
            self._is_counting = True

    def _fly_timed(self, row: Row) -> Flown:
        readings = [read_now(self._spectrometer, self._clock)]
        reader = BoundaryReader(self._spectrometer, row.ends_mm[:-1], self._clock)
        log = _Log(row, self._stage, self._watch, reader)
        try:
            interruption = self._drive(row, log, cells=1)
        finally:
            reader.end()
        readings += reader.readings
        fault = interruption or reader.error
        if fault is None:
            readings.append(read_now(self._spectrometer, self._clock))
            if len(readings) != len(row.exposures) + 1:
                raise ReadLate(
                    f"the spectrometer was read {len(readings) - 2} times within a row of {len(row.exposures)} cells: "
                    "see what kept this computer or the spectrometer's link busy, or lengthen the strokes"
                )
        return self._conclude(row, log, fault, lambda track: self._timed(row, track, readings))

    def _timed(self, row: Row, track: Track, readings: list[Reading]) -> tuple[ExposureDone, ...]:
        endings = moments_of([reading.ending for reading in readings])
        spectra = [reading.spectrum for reading in readings[1:]]
        return timed_cells(row, track, endings, spectra, self._stage.capabilities.pose_uncertainty_mm)

    def _fly_triggered(self, row: Row) -> Flown:
        spectrometer = cast(BufferedSpectrometer, self._spectrometer)
        first = read_now(spectrometer, self._clock)
        spectrometer.begin_slots()
        log = _Log(row, self._stage, self._watch, None)
        try:
            fault = self._drive(row, log, cells=len(row.exposures))
            filled = spectrometer.slots_filled()
        finally:
            with contextlib.suppress(BridgeError):
                spectrometer.cancel_slots()
        cells = len(row.exposures)
        if fault is None and filled not in (cells, cells + 1):
            raise edges_lost(cells, filled)
        slots = [spectrometer.read_slot(slot) for slot in range(min(filled, cells + 1))]
        (began,) = moments_of([first.ending])
        uncertainty_mm = self._stage.capabilities.pose_uncertainty_mm
        return self._conclude(
            row,
            log,
            fault,
            lambda track: triggered_cells(row, track, began, slots, uncertainty_mm, is_whole=fault is None),
        )

    def _drive(self, row: Row, log: _Log, cells: int) -> BridgeError | None:
        """Fly; what interrupts the flight is returned, as there may be cells to save."""
        began_s = self._clock()
        try:
            self._stage.fly(
                row.start, row.end, row.speed_mm_s, with_beam=True, cells=cells, lead_s=LEAD_S, heard=log.hear
            )
        except BridgeError as fault:
            return fault
        finally:
            self._landed()
        self._flight = began_s, self._clock()
        return None

    def _conclude(
        self, row: Row, log: _Log, fault: Exception | None, cells: Callable[[Track], tuple[ExposureDone, ...]]
    ) -> Flown:
        uncertainty_mm = self._stage.capabilities.pose_uncertainty_mm
        if fault is None:
            return Flown(cells(require_track(log.reports, uncertainty_mm, row.speed_mm_s)), None)
        with contextlib.suppress(BridgeError):
            track = require_track(log.reports, uncertainty_mm, row.speed_mm_s)
            return Flown(crossed(row, cells(track), log.reports[-1].way_mm), fault)
        return Flown((), fault)


class _Log:
    """What the stage said on its way, at constant speed."""

    def __init__(self, row: Row, stage: Stage, watch: Callable[[PoseAt], None], reader: BoundaryReader | None) -> None:
        self.reports: list[Report] = []
        self._row, self._watch, self._reader = row, watch, reader
        self._from_mm = -LEAD_S * row.speed_mm_s - _ROUGHLY_MM
        self._uncertainty_mm = stage.capabilities.pose_uncertainty_mm

    def hear(self, said: PoseAt) -> None:
        """Note a report, and let the reader foretell by it."""
        self._watch(said)
        way_mm = self._row.way_mm(said.pose)
        if self._from_mm <= way_mm <= self._row.length_mm:
            self.reports.append(Report(said.monotonic_s, way_mm, said.uncertainty_s))
        if self._reader is None:
            return
        if self._reader.error is not None:
            raise self._reader.error
        track = track_of(self.reports, self._uncertainty_mm)
        if track is not None:
            self._reader.follow(track)
