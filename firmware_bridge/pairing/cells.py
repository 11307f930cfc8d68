"""Spectra of a row as finished exposures: where each began and ended, and for how long the beam was on. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

import numpy as np

from firmware_bridge.faults import ControllerFault
from firmware_bridge.messages import Exposure, ExposureDone, ExposureFlag, StagePose
from firmware_bridge.pairing.clocks import Moment
from firmware_bridge.pairing.faults import ReadLate
from firmware_bridge.pairing.rows import Row, length_mm
from firmware_bridge.pairing.track import Track
from firmware_bridge.spectrometer import Spectrum

TRIGGER_LAG_S: Final = 0.003
"""Longest delay of an edge behind the block that causes it: smoothing, comparator, the output's own period."""
_SURE: Final = 3.0
"""Standard uncertainties by which a report has to lie beyond a cell for the cell to have been crossed."""
_UNEVEN: Final = 0.25
_UNEVEN_S: Final = 0.004
"""Share of a cell's time, and seconds beside it, by which a triggered slot may differ from what it should take."""


def timed_cells(
    row: Row,
    track: Track,
    endings: Sequence[Moment],
    spectra: Sequence[Spectrum],
    pose_uncertainty_mm: float,
) -> tuple[ExposureDone, ...]:
    """Cells between snapshots.

    Parameters
    ----------
    endings
        When the spectrum before the first cell ended, and then that of each cell that there is: one more than spectra.
        The first may lie before the row and the one after the row's last cell behind it; those between, near the
        cells' boundaries.

    Raises
    ------
    ReadLate
        A boundary lies more than half a cell from where it should.
    """
    last = len(row.exposures) - 1
    edges = [_Edge(0.0, track.passes_s(0.0), pose_uncertainty_mm)]
    for exposure, planned_mm, moment in zip(row.exposures[:last], row.ends_mm, endings[1:], strict=False):
        edges.append(_read_edge(track, moment, planned_mm, length_mm(exposure), pose_uncertainty_mm))
    edges.append(_Edge(row.length_mm, track.passes_s(row.length_mm), pose_uncertainty_mm))
    return tuple(
        _done(exposure, row, start, end, spectrum, end.at_s - start.at_s if number in (0, last) else spectrum.real_s)
        for number, (exposure, start, end, spectrum) in enumerate(
            zip(row.exposures, edges, edges[1:], spectra, strict=False)
        )
    )


def triggered_cells(
    row: Row, track: Track, began: Moment, slots: Sequence[Spectrum], pose_uncertainty_mm: float, *, is_whole: bool
) -> tuple[ExposureDone, ...]:
    """Cells out of slots that edges at the cells' boundaries have filled.

    Parameters
    ----------
    began
        When counting began, before the row: what slot 0 holds begins there.
    is_whole
        Whether the row was flown to its end. Of another, cells come as far as slots agree with them.

    Raises
    ------
    ControllerFault
        Edges are missing, or there are too many.
    """
    count = len(row.exposures)
    nominal_s = row.length_mm / count / track.speed_mm_s
    seen = _beam_times(slots, track.passes_s(0.0), began, nominal_s)
    slack_s = _UNEVEN * nominal_s + _UNEVEN_S + began.uncertainty_s
    good = list(takewhile(lambda each: abs(each.beam_s - nominal_s) <= slack_s, seen))
    if is_whole and not len(good) == len(seen) == count:
        raise edges_lost(count, len(slots))
    measured_s = [each.beam_s for each in good if not each.has_dark]
    cell_s = sum(measured_s) / len(measured_s) if measured_s else nominal_s
    lagging_mm = math.hypot(pose_uncertainty_mm, track.speed_mm_s * TRIGGER_LAG_S / math.sqrt(3))
    edges = [
        _Edge(way_mm, track.passes_s(0.0) + number * cell_s, lagging_mm if 0 < number < count else pose_uncertainty_mm)
        for number, way_mm in enumerate((0.0, *row.ends_mm))
    ]
    return tuple(
        _done(exposure, row, start, end, each.spectrum, cell_s if each.has_dark else each.beam_s)
        for exposure, start, end, each in zip(row.exposures, edges, edges[1:], good, strict=False)
    )


def crossed(row: Row, cells: Sequence[ExposureDone], reached_mm: float) -> tuple[ExposureDone, ...]:
    """Of a flight that was interrupted, the cells that the stage had certainly left behind at full speed.

    Parameters
    ----------
    reached_mm
        Way at which the stage was last heard of on its row, with the beam on.
    """
    kept = []
    for cell in cells:
        if row.way_mm(cell.end) + _SURE * cell.pose_uncertainty_mm > reached_mm:
            break
        kept.append(cell)
    return tuple(kept)


def spoilt(row: Row, began_s: float, ended_s: float, channels: int) -> tuple[ExposureDone, ...]:
    """The cells of a row that was flown to its end, none of whose spectra is believed: beam that was given, no more.

    Parameters
    ----------
    began_s, ended_s
        When the flight began and ended; how it went on between is not known.
    """
    share = (ended_s - began_s) / sum(exposure.live_s for exposure in row.exposures)
    counts = np.zeros(channels, np.uint32)
    counts.flags.writeable = False
    cells, at_s = [], began_s
    for exposure in row.exposures:
        opened_s, at_s = at_s, at_s + share * exposure.live_s
        cells.append(
            ExposureDone(
                index=exposure.index,
                start=exposure.start,
                end=exposure.end,
                real_s=exposure.live_s,
                live_s=exposure.live_s,
                opened_at_s=opened_s,
                closed_at_s=at_s,
                input_rate_hz=0.0,
                output_rate_hz=0.0,
                flags=ExposureFlag.TRUNCATED,
                counts=counts,
            )
        )
    return tuple(cells)


def edges_lost(cells: int, slots: int) -> ControllerFault:
    """A row whose slots don't fit its cells."""
    return ControllerFault(
        f"a row of {cells} cells has filled {slots} slots, or filled them unevenly: an edge of the trigger was lost or "
        "came twice; check the trigger's wiring, comparator and pulse, then open the shutter again to measure the row "
        "anew"
    )


@dataclass(frozen=True, slots=True)
class _Edge:
    """Where and when a cell begins or ends."""

    way_mm: float
    at_s: float
    uncertainty_mm: float


def _read_edge(track: Track, moment: Moment, planned_mm: float, cell_mm: float, pose_uncertainty_mm: float) -> _Edge:
    way_mm = track.is_at_mm(moment.at_s)
    if abs(way_mm - planned_mm) > cell_mm / 2:
        raise ReadLate(
            f"the spectrometer was read {abs(way_mm - planned_mm):.3f} mm from the boundary of a cell of "
            f"{cell_mm:.3g} mm: see what kept this computer busy, lengthen the strokes, or wire a trigger"
        )
    uncertainty_mm = math.hypot(
        track.speed_mm_s * moment.uncertainty_s, track.uncertainty_mm(moment.at_s), pose_uncertainty_mm
    )
    return _Edge(way_mm, moment.at_s, uncertainty_mm)


@dataclass(frozen=True, slots=True)
class _Slot:
    spectrum: Spectrum
    beam_s: float
    """Time since the last edge, or since the row began."""
    has_dark: bool
    """Whether it began before the row."""


def _beam_times(slots: Sequence[Spectrum], begins_s: float, began: Moment, cell_s: float) -> list[_Slot]:
    """Slots with the time that each had in the row; without slot 0 where an edge at the row's start ended it."""
    half_s = began.uncertainty_s * math.sqrt(3)
    if half_s > cell_s / 4:
        raise ControllerFault(
            f"cells of {1000 * cell_s:.0f} ms are too short for this spectrometer's link, whose answers are uncertain "
            f"by {1000 * half_s:.0f} ms: lengthen the strokes"
        )
    seen = [_Slot(slot, slot.real_s, has_dark=False) for slot in slots]
    if seen:
        over_s = slots[0].real_s - (begins_s - began.at_s)
        is_dark = abs(over_s) <= cell_s / 2
        seen[:1] = [] if is_dark else [_Slot(slots[0], over_s, has_dark=True)]
    return seen


def _done(exposure: Exposure, row: Row, start: _Edge, end: _Edge, spectrum: Spectrum, beam_s: float) -> ExposureDone:
    """A cell; what its spectrum counted without the beam is time alone, and is taken out: all dead time had beam."""
    share = min(1.0, beam_s / spectrum.real_s) if spectrum.real_s > 0 else 1.0
    real_s, live_s = spectrum.real_s * share, spectrum.live_s * share
    if spectrum.has_live_clock:
        live_s = max(0.0, real_s - (spectrum.real_s - spectrum.live_s))
    return ExposureDone(
        index=exposure.index,
        start=_place(row, start),
        end=_place(row, end),
        real_s=real_s,
        live_s=live_s,
        opened_at_s=start.at_s,
        closed_at_s=end.at_s,
        input_rate_hz=spectrum.input_rate_hz / share,
        output_rate_hz=spectrum.output_rate_hz / share,
        flags=ExposureFlag.NONE,
        counts=spectrum.counts,
        pose_uncertainty_mm=max(start.uncertainty_mm, end.uncertainty_mm),
    )


def _place(row: Row, edge: _Edge) -> StagePose:
    return row.place(edge.way_mm)
