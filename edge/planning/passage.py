"""Where the open beam may go: which exposures keep off the keep-outs, and before which the shutter has to be closed.

An open beam touches no keep-out, neither while it counts, nor on the way from one exposure to the next, nor where the
stage runs up to a stroke and out of it. Ways that would are driven with the shutter closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.moves import ramp_up_s
from edge.configuration.config import ScanConfig
from edge.motion.kinematics import ExposureTable, StageModel, run_starts, stroke_speeds, widened
from edge.planning.area import keep_outs_of
from edge.planning.keep_outs import NOTHING, KeepOuts
from firmware_bridge.messages import Exposure, StagePose

_RESERVE, _RESERVE_UNMEASURED = 1.5, 2.0
"""Stages run up and out for so much longer than is believed of them, at the most: calibrated ones, and others."""
_SETS_IN_S = 0.05
"""And uncalibrated ones for so much besides: the time in which acceleration sets in, which no controller announces."""

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Passage:
    """Keep-outs, and the stage that has to pass them by. False when there are none: then everything is allowed."""

    keep_outs: KeepOuts
    stage: StageModel
    """Says how far strokes run up."""

    def __bool__(self) -> bool:
        return bool(self.keep_outs)

    def trespass(self, table: ExposureTable) -> tuple[int, str] | None:
        """The first exposure that touches a keep-out, run-up and run-out included, and the keep-out's name."""
        if not self:
            return None
        touched = self.keep_outs.touched(*self._rests(table))
        first = int(np.argmax(touched != NOTHING)) if len(touched) else 0
        if not len(touched) or touched[first] == NOTHING:
            return None
        return first, self.keep_outs.names[int(touched[first])]

    def closed_legs(self, table: ExposureTable) -> Flags:
        """Whether the stage goes to each exposure from the one before with the shutter closed, shape (n,)."""
        closed = np.zeros(len(table), np.bool_)
        if self and len(table) > 1:
            entries, exits = self._rests(table)
            # Wherever the stage comes to rest after one and before the next: its way is between these four.
            between = np.stack([table[:-1, 2:4], exits[:-1], entries[1:], table[1:, 0:2]], axis=1)
            closed[1:] = self.keep_outs.touched_within(between) != NOTHING
        return closed

    def closing_s(self, table: ExposureTable) -> float:
        """What closing the shutter and opening it again adds to a plan's time, in s."""
        return float(np.count_nonzero(self.closed_legs(table))) * self.stage.shutter_s

    def barriers(self) -> NDArray[np.float64] | None:
        """What an order of visits does well not to cross, straight lines of shape (m, 4); None where nothing is."""
        return self.keep_outs.barriers() if self else None

    def reach(self, last: Exposure | None, upcoming: Sequence[Exposure]) -> int:
        """How many of the exposures that come next can be made before the shutter has to be closed.

        Parameters
        ----------
        last
            What is made before them; None: the stage stands at the first of them already.
        """
        if not self or not upcoming:
            return len(upcoming)
        path = upcoming if last is None else [last, *upcoming]
        closed = self.closed_legs(np.array([_row(exposure) for exposure in path]))
        if last is not None:
            closed = closed[1:]
        return int(np.argmax(closed)) if closed.any() else len(upcoming)

    def holds(self, pose: StagePose, *, slack_mm: float) -> bool:
        """Whether the open beam may stand there, give or take what poses are uncertain by."""
        margin_mm = max(0.0, self.keep_outs.margin_mm - slack_mm)
        keep_outs = replace(self.keep_outs, margin_mm=margin_mm)
        return not self or bool(keep_outs.clear(np.array([[pose.x_mm, pose.y_mm]]))[0])

    def kept_off(self, table: ExposureTable) -> ExposureTable:
        """The exposures with runs cut back where they would run up or out over a keep-out.

        The strokes that are cut off are dwelled on instead, in their middle, for the same live time: cells beside a
        keep-out are measured at rest.
        """
        if not self or len(table) == 0:
            return table
        kept = table.copy()
        while (cut := self._to_cut(kept)).any():
            kept[cut, 0:2] = kept[cut, 2:4] = (kept[cut, 0:2] + kept[cut, 2:4]) / 2
        return kept

    def _to_cut(self, table: ExposureTable) -> Flags:
        """Strokes that no run may hold: those too near to a keep-out, and what lies from them to a run's end."""
        entries, exits = self._rests(table)
        can_begin = self.keep_outs.touched(entries, table[:, 2:4]) == NOTHING
        can_end = self.keep_outs.touched(table[:, 0:2], exits) == NOTHING
        run = np.cumsum(run_starts(table, self.stage)) - 1
        place = np.arange(len(table))
        first, last = np.full(run[-1] + 1, len(table)), np.full(run[-1] + 1, -1)
        np.minimum.at(first, run[can_begin], place[can_begin])
        np.maximum.at(last, run[can_end], place[can_end])
        is_near = self.keep_outs.touched(table[:, 0:2], table[:, 2:4]) != NOTHING
        is_stroke = (table[:, 0:2] != table[:, 2:4]).any(axis=1)
        return np.asarray(is_stroke & (is_near | (place < first[run]) | (place > last[run])))

    def _rests(self, table: ExposureTable) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The furthest that the stage comes to rest before and after each exposure, each of shape (n, 2)."""
        stage, speed_mm_s = self.stage, stroke_speeds(table)
        ramp_s = ramp_up_s(speed_mm_s, stage.acceleration_mm_s2, stage.jerk_mm_s3)
        longest_s = _RESERVE * ramp_s if stage.are_ramps_measured else _RESERVE_UNMEASURED * ramp_s + _SETS_IN_S
        margin_mm = np.where(speed_mm_s > 0, stage.margin_mm, 0.0) + speed_mm_s * stage.lead_s
        return widened(table, speed_mm_s * longest_s / 2 + margin_mm)


def passage_of(config: ScanConfig, stage: StageModel) -> Passage:
    """Where the open beam may go in a scan, on this stage."""
    return Passage(keep_outs_of(config), stage)


def _row(exposure: Exposure) -> tuple[float, float, float, float, float]:
    start, end = exposure.start, exposure.end
    return start.x_mm, start.y_mm, end.x_mm, end.y_mm, exposure.live_s
