"""The stage in words: what a plan was priced with, where that is from, and what the scan itself says of it."""

from __future__ import annotations

import math

from edge.motion.kinematics import StageModel
from edge.motion.refit import Figure
from edge.report.contents import Effort
from edge.report.markup import paragraph, table
from edge.report.wording import duration, significant


def stage_words(stage: StageModel) -> str:
    """Every figure of a stage that is not nothing, and where they are from."""
    parts = [
        _of_axes(stage.speed_mm_s, stage.axis_speeds_mm_s, "mm/s"),
        _of_axes(stage.acceleration_mm_s2, stage.axis_accelerations_mm_s2, "mm/s²"),
    ]
    if math.isfinite(stage.jerk_mm_s3):
        parts.append(f"{significant(stage.jerk_mm_s3)} mm/s³")
    parts.append(f"{duration(stage.settle_s)} to settle")
    for text, seconds in (
        ("of overhead for each exposure", stage.overhead_s),
        ("of overhead for each run", stage.run_overhead_s or 0.0),
        ("of lead before each run", stage.lead_s),
        ("to read the detector after each dwell", stage.readout_s),
        ("to close and open the shutter", stage.shutter_s),
    ):
        if seconds:
            parts.append(f"{duration(seconds)} {text}")
    if stage.margin_mm:
        parts.append(f"{significant(stage.margin_mm)} mm more at either end of a run")
    if stage.stroke_factor != 1:
        longer = "longer" if stage.stroke_factor > 1 else "shorter"
        parts.append(f"strokes {100 * abs(stage.stroke_factor - 1):.1f} % {longer} than asked")
    if stage.dwell_step_s:
        parts.append(f"dwells in steps of {duration(stage.dwell_step_s)}")
    return ", ".join(parts) + (f"; {stage.origin}" if stage.origin else "")


def by_its_own_moves(effort: Effort) -> list[str]:
    """What the scan says of the stage where that is not what the plan was priced with."""
    refit, held = effort.refit, effort.held
    if refit is None or held is None or not refit.departing:
        return []
    rows = [(figure.name, _value(figure.planned, figure), figure_words(figure)) for figure in refit.departing]
    then = f"{refit.held.difference:+.1%}".replace("-", "−").replace("%", " %")
    said = (
        f"With what this scan’s own moves say of the stage, the same ways would have been predicted to within {then}. "
        "Where that is nearer than above, calibrate the stage’s motion, or take it from this recording: pointillist "
        "calibrate motion --recording."
    )
    return [table("The stage by this scan’s own moves", ["", "As predicted with", "As it was"], rows), paragraph(said)]


def figure_words(figure: Figure) -> str:
    """What was found, give or take its standard error."""
    error = duration(figure.error) if figure.unit == "s" else significant(figure.error, 2)
    return f"{_value(figure.found, figure)} ± {error}"


def _of_axes(line: float, axes: tuple[float, float] | None, unit: str) -> str:
    if axes is None:
        return f"{significant(line)} {unit}"
    x, y = (significant(axis) for axis in axes)
    return f"{x} {unit} along each axis" if x == y else f"{x} {unit} along x and {y} along y"


def _value(value: float, figure: Figure) -> str:
    if not math.isfinite(value):
        return "without bound"
    return duration(value) if figure.unit == "s" else f"{significant(value)} {figure.unit}"
