"""Where a motion calibration sends the stage: moves of many lengths and directions, dwells at one place, some runs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.configuration.config import ScanConfig
from edge.dose.path import live_s_per_cell
from edge.faults import SafetyStop
from edge.grid import ScanGrid
from edge.motion.kinematics import ExposureTable, StageModel, stroke_speeds
from edge.planning.area import allowed_cells
from edge.planning.passage import Passage
from firmware_bridge.messages import Capabilities

_LIVE_S = (0.02, 0.033, 0.05, 0.041)
"""Dwells, by turns: short, and of no common step, so that a step shows."""
_SHORTEST_S = 0.001
_LENGTHS = 9
"""Moves of each direction, from a third of a cell to the area's width."""
_STILL_EVERY = 6
"""Dwells after which one is made again in the same place."""
_RUN_SHARES = (1.0, 0.45, 0.2)
"""Speeds of the runs, as shares of the fastest that fits."""
_RUNS_EACH = 4
_CELLS = 4
"""Strokes of a run."""
_PART_OF_DOSE = 0.5
"""Of what a cell may receive, at the most."""


@dataclass(frozen=True, slots=True)
class Strokes:
    """What a controller can be asked to fly."""

    duration_s: float
    """Of each stroke; 0: it flies none."""
    fastest_mm_s: float = math.inf
    """At which the ends of a stroke are still known to half a cell."""


@dataclass(frozen=True, slots=True)
class Room:
    """A rectangle of the area that holds no keep-out, in stage mm."""

    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float


def room_in(config: ScanConfig, grid: ScanGrid) -> Room:
    """The largest rectangle of cells that may be visited.

    Raises
    ------
    SafetyStop
        It is too small for moves that tell anything.
    """
    top, bottom, left, right = _largest_rectangle(allowed_cells(config, grid))
    pitch_mm = grid.pitch_mm
    if min(bottom - top, right - left) < 4:
        raise SafetyStop(
            "no part of the area without keep-outs is four cells wide and high, which leaves no room to calibrate the "
            "stage's motion: widen the area"
        )
    return Room(
        grid.origin_x_mm + left * pitch_mm,
        grid.origin_y_mm + top * pitch_mm,
        (right - left) * pitch_mm,
        (bottom - top) * pitch_mm,
    )


def motion_table(
    room: Room,
    grid: ScanGrid,
    stage: StageModel,
    capabilities: Capabilities,
    *,
    strokes: Strokes,
    most_live_s: float,
    passage: Passage | None = None,
) -> ExposureTable:
    """Exposures of a motion calibration, in the order in which they are made, shape (n, 5).

    Parameters
    ----------
    room
        Where the beam may go.
    stage
        As stated: says how far a run needs to run up.
    strokes
        Of the runs.
    most_live_s
        What a cell may receive.
    passage
        Where the open beam may go as runs run up and out, beyond the room; None: anywhere.
    """
    dwells = _dwells(room, grid.pitch_mm)
    runs = _within_dose(_runs(room, stage, capabilities, strokes, passage), grid, _PART_OF_DOSE * most_live_s)
    share = _PART_OF_DOSE * most_live_s / float(live_s_per_cell(dwells, grid).max())
    dwells[:, 4] = np.maximum(np.round(dwells[:, 4] * min(1.0, share), 3), _SHORTEST_S)
    return np.vstack([dwells, runs])


def _dwells(room: Room, shortest_mm: float) -> ExposureTable:
    """A walk through the room, each step of its own length and direction; every few dwells are made twice."""
    low = np.array([room.x_mm, room.y_mm]) + 0.02 * np.array([room.width_mm, room.height_mm])
    high = np.array([room.x_mm, room.y_mm]) + 0.98 * np.array([room.width_mm, room.height_mm])
    steps = []
    for direction in np.array([[1, 0], [0, 1], [1, 1], [1, -1]]) / np.array([[1], [1], [math.sqrt(2)], [math.sqrt(2)]]):
        reach = np.divide(high - low, np.abs(direction), out=np.full(2, np.inf), where=direction != 0)
        steps += [length * direction for length in np.geomspace(shortest_mm / 3, 0.98 * reach.min(), _LENGTHS)]
    place = (low + high) / 2
    places = [place]
    rng = np.random.default_rng(7)
    for which in rng.permutation(len(steps)):
        step = steps[which] * rng.choice([-1.0, 1.0])
        step = step if _is_within(place + step, low, high) else -step
        if not _is_within(place + step, low, high):
            # from here it fits neither way: begin so that the step is centred in the room
            place = (low + high - step) / 2
            places.append(place)
        place = place + step
        places.append(place)
    visits = [visit for number, each in enumerate(places) for visit in [each] * (1 + (number % _STILL_EVERY == 0))]
    live_s = np.resize(_LIVE_S, len(visits))
    return np.column_stack([visits, visits, live_s])


def _runs(
    room: Room, stage: StageModel, capabilities: Capabilities, strokes: Strokes, passage: Passage | None
) -> ExposureTable:
    """Rows to and fro in the middle of the room, the fastest as fast as keep-outs let them; none where none fits."""
    if strokes.duration_s == 0:
        return np.empty((0, 5))
    for fastest in _speeds_mm_s(room, stage, capabilities, strokes)[::-1]:
        shares = np.repeat(_RUN_SHARES, _RUNS_EACH)
        rows = [_row(room, strokes, share * fastest, number) for number, share in enumerate(shares)]
        if passage is None or passage.trespass(np.vstack(rows)) is None:
            return np.vstack(rows)
    return np.empty((0, 5))


def _row(room: Room, strokes: Strokes, speed_mm_s: float, number: int) -> ExposureTable:
    """One run, every other one backwards, each further on in y."""
    length_mm = _CELLS * strokes.duration_s * speed_mm_s
    edges = room.x_mm + room.width_mm / 2 + length_mm * (np.arange(_CELLS + 1) / _CELLS - 0.5)
    edges = edges if number % 2 == 0 else edges[::-1]
    level = np.full(_CELLS, room.y_mm + room.height_mm * (0.2 + 0.6 * number / (len(_RUN_SHARES) * _RUNS_EACH)))
    return np.column_stack([edges[:-1], level, edges[1:], level, np.full(_CELLS, strokes.duration_s)])


def _speeds_mm_s(room: Room, stage: StageModel, capabilities: Capabilities, strokes: Strokes) -> list[float]:
    """Speeds up to half of the stage's at which a run fits into the room and its run-ups into the travel, rising."""
    x_low, x_high = capabilities.x_limits_mm
    middle, run_s = room.x_mm + room.width_mm / 2, _CELLS * strokes.duration_s
    beyond_mm = 2 * min(middle - x_low, x_high - middle)
    speeds = np.linspace(0.01, 0.5, 50) * stage.speed_mm_s
    # a quarter more than the ramps, as stages that are fed line by line take it
    run_up_mm = 1.25 * speeds**2 / (2 * stage.acceleration_mm_s2) + stage.lead_s * speeds + 2 * stage.margin_mm
    fits = (run_s * speeds <= 0.9 * room.width_mm) & (run_s * speeds + 2 * run_up_mm <= 0.98 * beyond_mm)
    fits[0] = True
    return [float(speed) for speed in np.unique(np.minimum(speeds[fits], strokes.fastest_mm_s))]


def _within_dose(runs: ExposureTable, grid: ScanGrid, most_s: float) -> ExposureTable:
    """Those runs that together give no cell more than so much."""
    kept, given_s = [np.empty((0, 5))], np.zeros(grid.rows)
    for row in np.split(runs, len(runs) // _CELLS) if len(runs) else []:
        (line, _), *_ = grid.cells_of(row[:1, 0:2])
        cell_s = grid.pitch_mm / float(stroke_speeds(row[:1])[0])
        if given_s[line] + cell_s <= most_s:
            given_s[line] += cell_s
            kept.append(row)
    return np.vstack(kept)


def _is_within(place: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]) -> bool:
    return bool(((place >= low) & (place <= high)).all())


def _largest_rectangle(cells: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """The rectangle of true cells with the largest area, as first and last-but-one row and column."""
    heights = np.zeros(cells.shape[1] + 1, np.intp)
    best = (0, 0, 0, 0)
    for row, line in enumerate(cells):
        heights[:-1] = np.where(line, heights[:-1] + 1, 0)
        open_at: list[int] = []
        for column, height in enumerate(heights.tolist()):
            while open_at and heights[open_at[-1]] > height:
                tall = int(heights[open_at.pop()])
                left = open_at[-1] + 1 if open_at else 0
                if tall * (column - left) > (best[1] - best[0]) * (best[3] - best[2]):
                    best = (row + 1 - tall, row + 1, left, column)
            open_at.append(column)
    return best
