"""What a scan itself says of the stage, beside what its plan was priced with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from calibration.motion_fit import NotFitted, fit_motion
from calibration.motion_legs import Motion
from edge.folds.ledger import Ledger
from edge.motion.kinematics import ExposureTable, StageModel
from edge.motion.seen import Held, MotionSeen, held_against, legs_of, motion_of, stage_with
from firmware_bridge.messages import ExposureFlag

_SIGNIFICANT = 3.0
"""Standard errors by which a figure departs."""
_LEAST_SHARE = 0.02
_LEAST_S = 1e-3
"""And by no less than this share, or time."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of the stage, as planned with and as found."""

    name: str
    unit: str
    planned: float
    found: float
    error: float
    """Standard error of what was found."""

    @property
    def departs(self) -> bool:
        """Whether the plan was priced with another one, by more than chance and enough to matter."""
        if not math.isfinite(self.planned) or not math.isfinite(self.found):
            return self.planned != self.found
        least = _LEAST_S if self.unit == "s" else _LEAST_SHARE * abs(self.planned)
        return abs(self.found - self.planned) > max(_SIGNIFICANT * self.error, least)


@dataclass(frozen=True, slots=True)
class Refit:
    """A stage as a scan tells it."""

    figures: tuple[Figure, ...]
    held: Held
    """The same ways held against the fitted stage."""

    @property
    def departing(self) -> tuple[Figure, ...]:
        """What the plan was priced with otherwise."""
        return tuple(figure for figure in self.figures if figure.departs)


def seen_in(ledger: Ledger, table: ExposureTable, opened_after: tuple[int, ...]) -> MotionSeen:
    """The exposures of a recording as its stage's motion, in the order of recording.

    Parameters
    ----------
    table
        Of the scan's latest plan, shape (n, 5).
    opened_after
        Spectra received before each opening of the shutter: the ways to the next ones were interrupted.
    """
    known = (ledger.indices >= 0) & (ledger.indices < len(table))
    broken = np.zeros(len(known), np.bool_)
    broken[[at for at in opened_after if at < len(known)]] = True
    # who went on after a cut-short exposure, and who came after what is left out here, was interrupted, too
    broken |= (ledger.flags & int(ExposureFlag.TRUNCATED)) != 0
    broken[1:] |= broken[:-1] & ((ledger.flags[:-1] & int(ExposureFlag.TRUNCATED)) != 0)
    broken[1:] |= (ledger.opened_at_s[1:] < ledger.closed_at_s[:-1] - _LEAST_S) | ~known[:-1]
    broken[:1] = True
    return MotionSeen(
        table=table[ledger.indices[known]],
        starts_mm=ledger.starts_mm[known],
        real_s=ledger.real_s[known],
        live_s=ledger.live_s[known],
        opened_at_s=ledger.opened_at_s[known],
        closed_at_s=ledger.closed_at_s[known],
        is_broken=broken[known],
    )


def refit(seen: MotionSeen, stage: StageModel) -> Refit | NotFitted:
    """Fit the stage to a scan's own moves, beginning with what its plan was priced with."""
    if len(seen) < 2:
        return NotFitted("nothing moved")
    fit = fit_motion(legs_of(seen), motion_of(stage))
    if isinstance(fit, NotFitted):
        return fit
    return Refit(tuple(figures_of(fit.motion, fit.errors, stage)), held_against(seen, stage_with(fit.motion, stage)))


def figures_of(found: Motion, errors: Mapping[str, float], stage: StageModel) -> list[Figure]:
    """What a fit tells, figure by figure, beside a stage's model."""
    planned = motion_of(stage)
    named: list[tuple[str, str, str, float, float]] = [
        ("speed", "speed", "mm/s", planned.speeds_mm_s[0], found.speeds_mm_s[0]),
        ("speed_y", "speed of y", "mm/s", planned.speeds_mm_s[1], found.speeds_mm_s[1]),
        ("acceleration", "acceleration", "mm/s²", planned.accelerations_mm_s2[0], found.accelerations_mm_s2[0]),
        ("acceleration_y", "acceleration of y", "mm/s²", planned.accelerations_mm_s2[1], found.accelerations_mm_s2[1]),
        ("jerk", "jerk", "mm/s³", planned.jerk_mm_s3, found.jerk_mm_s3),
        ("overhead", "stop for a dwell", "s", planned.stop_s, found.stop_s),
        ("run_overhead", "stop for a run", "s", planned.run_stop_s, found.run_stop_s),
        ("lead", "lead of a run", "s", planned.lead_s, found.lead_s),
        ("margin", "margins of a run", "mm", planned.margin_mm, found.margin_mm),
    ]
    figures = []
    for name, words, unit, before, after in named:
        if name in errors:
            error = math.hypot(errors[name], errors.get("settle", 0.0)) if name.endswith("overhead") else errors[name]
            figures.append(Figure(words, unit, before, after, error))
    return figures
