"""Where the beam went and for how long: seconds of each cell of the grid, counting and on the way between exposures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.moves import ramp_up_s
from edge.grid import ScanGrid
from edge.motion.kinematics import ExposureTable, run_starts, stroke_speeds
from edge.motion.stage_model import StageModel

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_STEPS_PER_CELL = 8
"""Pieces per cell that a stroke is cut into when its time is spread over the cells that it crosses."""
_LEG_STEPS_PER_CELL = 4
_PIECES = 1_000_000
"""Pieces that are held in memory at a time, some 100 MB, however long the segments are."""


def live_s_per_cell(table: ExposureTable, grid: ScanGrid) -> Floats:
    """Live time that each cell of the grid receives, shape (rows, columns); strokes are spread along their path."""
    return counted_s_per_cell(table[:, 0:2], table[:, 2:4], table[:, 4], grid)


def counted_s_per_cell(starts_mm: Floats, ends_mm: Floats, seconds: Floats, grid: ScanGrid) -> Floats:
    """Time of exposures in each cell, shape (rows, columns), spread evenly from start to end.

    Parameters
    ----------
    starts_mm, ends_mm
        (x, y) of each exposure, shape (n, 2); what lies outside the grid is left out.
    seconds
        Its time, shape (n,).
    """
    constant = np.ones(len(seconds))
    return _deposited(_Segments(starts_mm, ends_mm, seconds, constant, constant), grid, _STEPS_PER_CELL)


def planned_leg_s_per_cell(
    table: ExposureTable, stage: StageModel, grid: ScanGrid, *, closed: Flags | None = None
) -> Floats:
    """Time that the open beam is predicted to spend in each cell on the way between exposures, shape (rows, columns).

    Settling and whatever else an exposure waits for is spent where that exposure begins.

    Parameters
    ----------
    closed
        Whether the shutter is closed on the way to each exposure from the one before, shape (n,); None: nowhere.
    """
    if len(table) < 2:
        return np.zeros(grid.shape)
    stops = run_starts(table, stage)
    if closed is not None:
        stops &= ~closed
    later = np.flatnonzero(stops[1:]) + 1
    legs = _legs(table[later - 1], table[later], stage)
    is_dwell = (table[later, 0] == table[later, 2]) & (table[later, 1] == table[later, 3])
    # where the stage stays, it settles no second time
    settles = (np.abs(table[later, 0:2] - table[later - 1, 2:4]) > 0).any(axis=1) | ~is_dwell
    waiting_s = np.where(is_dwell, stage.stop_s, stage.run_stop_s) - np.where(settles, 0.0, stage.settle_s)
    return _of_legs(legs, legs.moving_s + waiting_s, grid)


def measured_leg_s_per_cell(
    starts_mm: Floats,
    ends_mm: Floats,
    opened_at_s: Floats,
    closed_at_s: Floats,
    openings: NDArray[np.int64],
    *,
    stage: StageModel,
    grid: ScanGrid,
) -> Floats:
    """Time that the open beam spent in each cell on the way between exposures of one opening, shape (rows, columns).

    How long a leg took is measured; where on it the stage was meanwhile is as `stage` has it: what is left over it
    stood at the leg's end. A gap that is shorter than half the stops of two strokes was flown through.

    Parameters
    ----------
    starts_mm, ends_mm
        Measured (x, y) of each exposure in the order of measuring, shape (n, 2).
    opened_at_s, closed_at_s
        Controller time, shape (n,). Where it goes backwards the controller was started again, and the way is unknown.
    openings
        Number of the shutter's opening that each was made in, shape (n,); between two of them the beam was off.
    """
    gaps_s = opened_at_s[1:] - closed_at_s[:-1]
    later = np.flatnonzero((openings[1:] == openings[:-1]) & (gaps_s > 0)) + 1
    gaps_s = gaps_s[later - 1]
    table = np.column_stack([starts_mm, ends_mm, np.maximum(closed_at_s - opened_at_s, 1e-9)])
    before, after = table[later - 1], table[later]
    legs = _legs(before, after, stage)
    is_flown = gaps_s < (legs.out_s + legs.in_s) / 2
    if is_flown.any():
        straight = counted_s_per_cell(before[is_flown, 2:4], after[is_flown, 0:2], gaps_s[is_flown], grid)
        legs, gaps_s = _legs(before[~is_flown], after[~is_flown], stage), gaps_s[~is_flown]
        return straight + _of_legs(legs, gaps_s, grid)
    return _of_legs(legs, gaps_s, grid)


@dataclass(frozen=True, slots=True, eq=False)
class _Legs:
    """Ways from one exposure's end to the next one's start, with run-out, move and run-up, arrays of shape (n,)."""

    ends_mm: Floats
    exits_mm: Floats
    """Where the stage rests after the run-out, shape (n, 2); the end itself after a dwell."""
    entries_mm: Floats
    starts_mm: Floats
    out_s: Floats
    move_s: Floats
    ramp_s: Floats
    """Of the move: speeding up, equal to slowing down."""
    in_s: Floats

    @property
    def moving_s(self) -> Floats:
        return self.out_s + self.move_s + self.in_s


@dataclass(frozen=True, slots=True, eq=False)
class _Segments:
    """Straight pieces of the beam's way, on each of which its speed changes evenly."""

    from_mm: Floats
    to_mm: Floats
    seconds: Floats
    first_speed: Floats
    """At the beginning, relative to `last_speed`; not both 0."""
    last_speed: Floats


def _legs(before: ExposureTable, after: ExposureTable, stage: StageModel) -> _Legs:
    out_s, out_mm = _ramp(before, stage)
    in_s, in_mm = _ramp(after, stage)
    exits_mm = before[:, 2:4] + out_mm
    entries_mm = after[:, 0:2] - in_mm
    steps_mm = entries_mm - exits_mm
    move_s = stage.step_s(steps_mm)
    speed, acceleration, jerk = stage.along(steps_mm)
    full_s = ramp_up_s(speed, acceleration, jerk)
    reaches = np.hypot(*steps_mm.T) >= speed * full_s
    return _Legs(
        before[:, 2:4],
        exits_mm,
        entries_mm,
        after[:, 0:2],
        out_s=out_s,
        move_s=move_s,
        ramp_s=np.where(reaches, full_s, move_s / 2),
        in_s=in_s,
    )


def _ramp(table: ExposureTable, stage: StageModel) -> tuple[Floats, Floats]:
    """Time, shape (n,), and way, shape (n, 2), of each stroke's run-up, equal to its run-out; zero for dwells."""
    path_mm = table[:, 2:4] - table[:, 0:2]
    length_mm = np.hypot(*path_mm.T)
    speed = stroke_speeds(table)
    _, acceleration, jerk = stage.along(path_mm)
    ramp_s = np.where(speed > 0, ramp_up_s(speed, acceleration, jerk), 0.0)
    share = np.divide(speed * ramp_s / 2, length_mm, out=np.zeros_like(length_mm), where=length_mm > 0)
    return ramp_s, share[:, None] * path_mm


def _of_legs(legs: _Legs, taken_s: Floats, grid: ScanGrid) -> Floats:
    """Time of legs in each cell: as fast as the stage goes, or faster where they took less, and waiting at the end."""
    pace = np.minimum(1.0, np.divide(taken_s, legs.moving_s, out=np.ones_like(taken_s), where=legs.moving_s > 0))
    waited_s = np.maximum(0.0, taken_s - legs.moving_s)
    cruise_s = legs.move_s - 2 * legs.ramp_s
    # of the move's way, each ramp takes half its time at full speed
    share = np.divide(legs.ramp_s / 2, legs.ramp_s + cruise_s, out=np.zeros_like(cruise_s), where=legs.move_s > 0)
    step_mm = legs.entries_mm - legs.exits_mm
    up_mm, down_mm = legs.exits_mm + share[:, None] * step_mm, legs.entries_mm - share[:, None] * step_mm
    rest, full = np.zeros(len(pace)), np.ones(len(pace))
    pieces = [
        _Segments(legs.ends_mm, legs.exits_mm, pace * legs.out_s, full, rest),
        _Segments(legs.exits_mm, up_mm, pace * legs.ramp_s, rest, full),
        _Segments(up_mm, down_mm, pace * cruise_s, full, full),
        _Segments(down_mm, legs.entries_mm, pace * legs.ramp_s, full, rest),
        _Segments(legs.entries_mm, legs.entries_mm, waited_s, full, full),
        _Segments(legs.entries_mm, legs.starts_mm, pace * legs.in_s, rest, full),
    ]
    total = np.zeros(grid.shape)
    for piece in pieces:
        total += _deposited(piece, grid, _LEG_STEPS_PER_CELL)
    return total


def _deposited(segments: _Segments, grid: ScanGrid, steps_per_cell: int) -> Floats:
    """Time of segments in each cell, cut into pieces of equal time; what lies outside the grid is left out."""
    total = np.zeros(grid.rows * grid.columns)
    kept = np.flatnonzero(segments.seconds > 0)
    way_mm = segments.to_mm[kept] - segments.from_mm[kept]
    first, last = segments.first_speed[kept], segments.last_speed[kept]
    fastest = np.maximum(first, last) / ((first + last) / 2)
    pieces = np.maximum(1, np.ceil(np.hypot(*way_mm.T) * fastest / grid.pitch_mm * steps_per_cell)).astype(np.intp)
    block = (np.cumsum(pieces) - 1) // _PIECES
    ends = np.append(np.flatnonzero(np.diff(block)) + 1, len(kept))
    begin = 0
    for end in ends:
        total += _deposited_block(segments, kept[begin:end], pieces[begin:end], grid)
        begin = end
    return total.reshape(grid.shape)


def _deposited_block(segments: _Segments, which: NDArray[np.intp], pieces: NDArray[np.intp], grid: ScanGrid) -> Floats:
    from_mm, way_mm = segments.from_mm[which], segments.to_mm[which] - segments.from_mm[which]
    first, last = segments.first_speed[which], segments.last_speed[which]
    segment = np.repeat(np.arange(len(which)), pieces)
    begins = np.repeat(np.cumsum(pieces) - pieces, pieces)
    time = (np.arange(len(segment)) - begins + 0.5) / pieces[segment]
    first, last = first[segment], last[segment]
    along = time * (2 * first + (last - first) * time) / (first + last)
    cells = grid.cells_of(from_mm[segment] + along[:, None] * way_mm[segment])
    inside = ((cells >= 0) & (cells < np.array(grid.shape))).all(axis=1)
    flat = cells[inside, 0] * grid.columns + cells[inside, 1]
    seconds = (segments.seconds[which] / pieces)[segment]
    return np.bincount(flat, weights=seconds[inside], minlength=grid.rows * grid.columns).astype(np.float64)
