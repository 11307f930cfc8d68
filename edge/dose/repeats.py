"""What exposures gave, or may have given, beside the whole that is wanted of each: by the plan's table, in seconds."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.dose.received import CutShort, Received
from edge.motion.kinematics import ExposureTable, run_starts
from firmware_bridge.controller import ATTENTION_S

Floats = NDArray[np.float64]

_UNSEEN_S: Final = ATTENTION_S + 1.0
"""So long at the most a controller goes on before a program that does not hear it lets its lease run out."""


def begun_s(table: ExposureTable, received: Received) -> Floats:
    """Live time, at most, that went to beginnings of which no spectrum came, shape (n,).

    What was in progress when an opening was cut short had no more than the time since the last spectrum, and no more
    than its whole. A controller that was started again has lost what it had finished besides and not handed over: then
    the exposures behind may have had that time, too, as many as a controller measures unheard, and the rest of a run,
    which some hand over only when it is flown.

    Parameters
    ----------
    table
        The whole plan's, shape (n, 5).
    """
    begun = np.zeros(len(table))
    for cut in received.cut_short:
        if cut.first < len(table):
            begun[cut.first :] += _given_s(table[cut.first :], cut)
    return begun


def beside_s(table: ExposureTable, received: Received) -> Floats:
    """Live time that each exposure gave, or may have given, beside the whole that is wanted of it, shape (n,)."""
    beside = begun_s(table, received)
    for index in received.repeated:
        if index < len(table):
            whole_s = float(table[index, 4]) if received.is_whole(index) else 0.0
            beside[index] += max(0.0, received.live_s.get(index, 0.0) - whole_s)
    return beside


def _given_s(ahead: ExposureTable, cut: CutShort) -> Floats:
    """Of the exposures from the one that was in progress on."""
    planned_s = ahead[:, 4]
    longest_s = planned_s[0]
    if cut.is_lost:
        stops = np.flatnonzero(run_starts(ahead)[1:])
        rest_of_run_s = planned_s[: stops[0] + 1 if len(stops) else len(ahead)].sum()
        longest_s = max(planned_s[0] + _UNSEEN_S, rest_of_run_s)
    passed_s = min(cut.passed_s, longest_s)
    return np.asarray(np.clip(passed_s - (np.cumsum(planned_s) - planned_s), 0.0, planned_s))
