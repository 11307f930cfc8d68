"""What a plan costs in seconds: the planner's own idea of how the stage moves.

It is fitted to, or read from, the instrument; it never looks into a simulated one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.moves import ramp_up_s
from edge.grid import ScanGrid
from edge.motion.stage_model import StageModel
from firmware_bridge.messages import StagePose

__all__ = [
    "Duration",
    "ExposureTable",
    "StageModel",
    "Stretches",
    "predict_duration",
    "predict_raster_s",
    "predict_stretches",
    "run_starts",
    "run_times",
    "stroke_ramps",
    "stroke_speeds",
    "widened",
]

ExposureTable = NDArray[np.float64]
"""One exposure a row, shape (n, 5): start x, start y, end x, end y in stage mm, live time in s."""

_SAME_MM = 5e-4
_SAME_VELOCITY = 1e-4
"""Gap, and relative difference of velocity, below which every controller here flies on from one stroke to the next."""


@dataclass(frozen=True, slots=True)
class Duration:
    """How long a plan takes, by what takes it."""

    travel_s: float
    """Moving without counting, the run-up and run-out of runs included."""
    beam_s: float
    """Counting: the sum of live times, rounded up where the stage dwells in steps; dead time comes on top."""
    waiting_s: float
    """Settling, reading and overhead."""
    travel_mm: float
    """Path length outside the exposures."""
    longest_move_s: float
    """Longest single move between two exposures, run-out and run-up included."""

    @property
    def total_s(self) -> float:
        return self.travel_s + self.beam_s + self.waiting_s


@dataclass(frozen=True, slots=True, eq=False)
class Stretches:
    """What is measured between one stop and the next, a dwell or a run each, in order, with the way there."""

    first: NDArray[np.intp]
    """First exposure of each, shape (n,)."""
    is_dwell: NDArray[np.bool_]
    leaps_mm: NDArray[np.float64]
    """Vector (x, y) from rest to rest before each, shape (n, 2)."""
    leap_s: NDArray[np.float64]
    run_up_s: NDArray[np.float64]
    """Way between rest and the first stroke, shape (n,); zero of dwells."""
    run_out_s: NDArray[np.float64]
    """Way between the last stroke and rest."""
    run_up_mm: NDArray[np.float64]
    run_out_mm: NDArray[np.float64]
    waiting_s: NDArray[np.float64]
    """Settling, reading and overhead."""
    counted_s: NDArray[np.float64]

    @property
    def approach_s(self) -> NDArray[np.float64]:
        """From the last count before each stretch to rest and on to its first, without waiting, shape (n,)."""
        out_of_the_last_s = np.concatenate([[0.0], self.run_out_s[:-1]])
        return np.asarray(self.leap_s + self.run_up_s + out_of_the_last_s)


def predict_duration(table: ExposureTable, stage: StageModel, *, start: StagePose | None = None) -> Duration:
    """Duration of exposures taken in the table's order.

    The stage stops before and after every dwell. Strokes are counted at constant speed: a run of them, lying end to
    end on one line at one speed, is preceded by a run-up from rest and followed by a run-out, and flown without a stop
    in between (`run_starts`).

    Parameters
    ----------
    table
        Shape (n, 5).
    stage
        How the stage moves.
    start
        Where it stands beforehand; None when it stands at the first exposure.
    """
    if len(table) == 0:
        return Duration(0.0, 0.0, 0.0, 0.0, 0.0)
    return _total(predict_stretches(table, stage, start=start))


def predict_stretches(table: ExposureTable, stage: StageModel, *, start: StagePose | None = None) -> Stretches:
    """As `predict_duration`, stretch by stretch; the table holds at least one exposure."""
    first = np.flatnonzero(run_starts(table, stage))
    last = np.append(first[1:], len(table)) - 1
    flown = np.column_stack([table[first, 0:2], table[last, 2:4], np.add.reduceat(table[:, 4], first)])
    return _priced(flown, first, stage, start)


def run_times(table: ExposureTable, stage: StageModel) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """When counting begins and ends, in s, of each dwell and run of exposures taken in the table's order.

    The stage stands at the first of them at time 0; what an exposure at rest waits for besides the detector's reading
    comes before it counts.

    Parameters
    ----------
    table
        Shape (n, 5), n at least 1.
    stage
        How the stage moves.

    Returns
    -------
    Both of shape (runs,), one for each true of `run_starts`; and when all is over, `predict_duration`'s total.
    """
    stretches = predict_stretches(table, stage)
    read_s = np.where(stretches.is_dwell, stage.readout_s, 0.0)
    until_s = np.cumsum(stretches.approach_s + stretches.waiting_s + stretches.counted_s) - read_s
    return until_s - stretches.counted_s, until_s, float(until_s[-1] + read_s[-1] + stretches.run_out_s[-1])


def run_starts(table: ExposureTable, stage: StageModel | None = None) -> NDArray[np.bool_]:
    """Whether the stage stops before each exposure, shape (n,): true for every dwell and the first stroke of each run.

    A stroke goes on with the one before when it begins where that one ends, in its direction and at its speed, as the
    controllers do it (PROTOCOL.md, "Exposures"; pairs of devices alike).

    Parameters
    ----------
    table
        Shape (n, 5).
    stage
        Bounds how much is flown without stopping; None: nothing does.
    """
    stops = np.ones(len(table), np.bool_)
    if len(table) < 2:
        return stops
    moves = ~_is_dwell(table)
    velocity = np.zeros((len(table), 2))
    np.divide(table[:, 2:4] - table[:, 0:2], table[:, 4:5], out=velocity, where=(moves & (table[:, 4] > 0))[:, None])
    gap_mm = np.hypot(*(table[1:, 0:2] - table[:-1, 2:4]).T)
    change_mm_s = np.hypot(*np.diff(velocity, axis=0).T)
    goes_on = moves[1:] & moves[:-1] & (gap_mm < _SAME_MM)
    stops[1:] = ~(goes_on & (change_mm_s <= _SAME_VELOCITY * np.hypot(*velocity[1:].T)))
    return stops if stage is None else stops | _pieces_start(stops, table[:, 4], stage)


def stroke_speeds(table: ExposureTable) -> NDArray[np.float64]:
    """Speed at which each exposure is driven, in mm/s, shape (n,); zero for dwells."""
    length = np.hypot(table[:, 2] - table[:, 0], table[:, 3] - table[:, 1])
    return np.divide(length, table[:, 4], out=np.zeros_like(length), where=table[:, 4] > 0)


def stroke_ramps(table: ExposureTable, acceleration_mm_s2: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Time (s) and length (mm) of each stroke's run-up, equal to its run-out; zero for dwells."""
    speed = stroke_speeds(table)
    return speed / acceleration_mm_s2, speed**2 / (2 * acceleration_mm_s2)


def widened(table: ExposureTable, ramp_mm: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the stage rests before and after each exposure, each of shape (n, 2)."""
    path = table[:, 2:4] - table[:, 0:2]
    length = np.hypot(path[:, 0], path[:, 1])
    share = np.divide(ramp_mm, length, out=np.zeros_like(length), where=length > 0)[:, None] * path
    return table[:, 0:2] - share, table[:, 2:4] + share


def predict_raster_s(grid: ScanGrid, dwell_s: float, stage: StageModel) -> float:
    """Duration of the classical full raster: every row flown at constant speed, every other one backwards.

    Each cell is a stroke, and a row a run, or several where the controller flies no whole row without stopping.

    Parameters
    ----------
    grid
        What is scanned.
    dwell_s
        Live time per cell. Where that asks for more than stage or detector can do, they set the pace.
    stage
        How it moves.
    """
    speed_mm_s = float(stage.along(np.array([[1.0, 0.0]]))[0][0])
    cell_s = max(dwell_s, grid.pitch_mm / speed_mm_s, stage.shortest_stroke_s)
    cells = min(grid.columns, stage.most_run_cells, max(1, int(min(stage.longest_run_s / cell_s, grid.columns))))
    edges = np.minimum(np.arange(0, grid.columns + cells, cells), grid.columns)
    row = np.column_stack([edges[:-1], edges[1:]]).astype(np.float64)
    to_and_fro = np.stack([row, row[::-1, ::-1]])[np.arange(grid.rows) % 2]
    pieces = to_and_fro.reshape(-1, 2)
    x_mm = grid.origin_x_mm + pieces * grid.pitch_mm
    y_mm = grid.origin_y_mm + (np.repeat(np.arange(grid.rows), len(row)) + 0.5) * grid.pitch_mm
    live_s = np.abs(pieces[:, 1] - pieces[:, 0]) * cell_s
    pieces_table = np.column_stack([x_mm[:, 0], y_mm, x_mm[:, 1], y_mm, live_s])
    return _total(_priced(pieces_table, np.arange(len(pieces_table)), stage, None)).total_s


def _priced(flown: ExposureTable, first: NDArray[np.intp], stage: StageModel, start: StagePose | None) -> Stretches:
    """Dwells and runs, with a stop before and after every row of the table."""
    is_dwell, speed_mm_s = _is_dwell(flown), stroke_speeds(flown)
    ramp_s, ramp_mm = _ramps(flown, speed_mm_s, stage)
    margin_mm = np.where(is_dwell, 0.0, stage.margin_mm)
    margin_s = np.divide(margin_mm, speed_mm_s, out=np.zeros_like(margin_mm), where=~is_dwell)
    lead_s = np.where(is_dwell, 0.0, stage.lead_s)
    run_up_mm, run_out_mm = ramp_mm + margin_mm + lead_s * speed_mm_s, ramp_mm + margin_mm
    entries, _ = widened(flown, run_up_mm)
    _, exits = widened(flown, run_out_mm)
    origin = entries[:1] if start is None else np.array([[start.x_mm, start.y_mm]])
    leaps_mm = entries - np.vstack([origin, exits[:-1]])
    is_still = is_dwell & ~leaps_mm.any(axis=1)
    is_still[:1] = False
    return Stretches(
        first=first,
        is_dwell=is_dwell,
        leaps_mm=leaps_mm,
        leap_s=stage.step_s(leaps_mm),
        run_up_s=ramp_s + margin_s + lead_s,
        run_out_s=ramp_s + margin_s,
        run_up_mm=run_up_mm,
        run_out_mm=run_out_mm,
        waiting_s=np.where(is_dwell, stage.stop_s, stage.run_stop_s) - np.where(is_still, stage.settle_s, 0.0),
        counted_s=np.where(is_dwell, _in_steps(flown[:, 4], stage.dwell_step_s), flown[:, 4] * stage.stroke_factor),
    )


def _total(stretches: Stretches) -> Duration:
    approach_s = stretches.approach_s
    return Duration(
        travel_s=float(approach_s.sum() + stretches.run_out_s[-1]),
        beam_s=math.fsum(stretches.counted_s),
        waiting_s=float(stretches.waiting_s.sum()),
        travel_mm=float(np.hypot(*stretches.leaps_mm.T).sum() + stretches.run_up_mm.sum() + stretches.run_out_mm.sum()),
        longest_move_s=float(approach_s.max()),
    )


def _ramps(
    flown: ExposureTable, speed_mm_s: NDArray[np.float64], stage: StageModel
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Time and length of the run-up to each speed in each direction, equal to the run-out's."""
    _, acceleration, jerk = stage.along(flown[:, 2:4] - flown[:, 0:2])
    ramp_s = np.where(speed_mm_s > 0, ramp_up_s(speed_mm_s, acceleration, jerk), 0.0)
    return ramp_s, speed_mm_s * ramp_s / 2


def _is_dwell(table: ExposureTable) -> NDArray[np.bool_]:
    return np.asarray((table[:, 0] == table[:, 2]) & (table[:, 1] == table[:, 3]))


def _in_steps(live_s: NDArray[np.float64], step_s: float) -> NDArray[np.float64]:
    """Rounded up to multiples of a step; what is a multiple but for rounding stays."""
    return live_s if step_s == 0 else np.asarray(np.ceil(live_s / step_s - 1e-6) * step_s)


def _pieces_start(stops: NDArray[np.bool_], live_s: NDArray[np.float64], stage: StageModel) -> NDArray[np.bool_]:
    """Where a run that is too long for the controller is taken up again after a stop."""
    further = np.zeros(len(stops), np.bool_)
    first = np.flatnonzero(stops)
    ends = np.append(first[1:], len(stops))
    until_s = np.concatenate([[0.0], np.cumsum(live_s)])
    is_long = (ends - first > stage.most_run_cells) | (until_s[ends] - until_s[first] > stage.longest_run_s)
    for low, high in zip(first[is_long].tolist(), ends[is_long].tolist(), strict=True):
        piece = low
        while True:
            in_time = int(np.searchsorted(until_s, until_s[piece] + stage.longest_run_s * (1 + 1e-9), "right")) - 1
            piece = max(piece + 1, min(piece + stage.most_run_cells, in_time))
            if piece >= high:
                break
            further[piece] = True
    return further
