"""The figures of a stage's motion by name, as numbers that a fit can vary."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np

from calibration.motion_legs import Motion
from calibration.moves import Doubles

LOGARITHMIC: Final = ("speed", "speed_y", "acceleration", "acceleration_y", "jerk")
"""Varied as logarithms; the others, settle, overhead, run_overhead, lead (s) and margin (mm), as they are."""


_SETTING_IN = 0.3
"""Share of the time from rest to full speed in which acceleration sets in where a fit of the jerk begins."""


def begun_at(motion: Motion, names: tuple[str, ...]) -> Motion:
    """Where to begin with figures that are at a bound while they are not fitted."""
    if "lead" in names and motion.lead_s == 0:
        motion = replace(motion, lead_s=0.05)
    if "margin" in names and motion.margin_mm == 0:
        motion = replace(motion, margin_mm=0.05)
    if "jerk" in names and not np.isfinite(motion.jerk_mm_s3):
        speed, acceleration = min(motion.speeds_mm_s), min(motion.accelerations_mm_s2)
        motion = replace(motion, jerk_mm_s3=acceleration**2 / (speed * _SETTING_IN))
    return motion


def plain(motion: Motion, names: tuple[str, ...]) -> Motion:
    """The motion without these figures: axes alike, no bound of jerk, no lead and no margin."""
    changes: dict[str, Any] = {}
    for name in names:
        match name:
            case "speed_y":
                changes["speeds_mm_s"] = (motion.speeds_mm_s[0],) * 2
            case "acceleration_y":
                changes["accelerations_mm_s2"] = (motion.accelerations_mm_s2[0],) * 2
            case "jerk":
                changes["jerk_mm_s3"] = np.inf
            case "lead":
                changes["lead_s"] = 0.0
            case "margin":
                changes["margin_mm"] = 0.0
    return replace(motion, **changes)


def read_figure(motion: Motion, name: str) -> float:
    """A figure as it is fitted."""
    match name:
        case "speed" | "speed_y":
            return float(np.log(motion.speeds_mm_s[name == "speed_y"]))
        case "acceleration" | "acceleration_y":
            return float(np.log(motion.accelerations_mm_s2[name == "acceleration_y"]))
        case "jerk":
            return float(np.log(motion.jerk_mm_s3))
        case "margin":
            return motion.margin_mm
    return float(getattr(motion, f"{name}_s"))


def with_figures(motion: Motion, names: tuple[str, ...], values: Doubles) -> Motion:
    """A motion with these figures; y is like x where it is not a figure of its own."""
    found = dict(zip(names, values.tolist(), strict=True))
    changes: dict[str, Any] = {f"{name}_s": found[name] for name in found if name not in (*LOGARITHMIC, "margin")}
    if "margin" in found:
        changes["margin_mm"] = found["margin"]
    if "jerk" in found:
        changes["jerk_mm_s3"] = _exp(found["jerk"])
    for name, field in (("speed", "speeds_mm_s"), ("acceleration", "accelerations_mm_s2")):
        x, y = getattr(motion, field)
        x = _exp(found[name]) if name in found else x
        changes[field] = (x, _exp(found[f"{name}_y"]) if f"{name}_y" in found else x if name in found else y)
    return replace(motion, **changes)


def _exp(logarithm: float) -> float:
    return float(np.exp(min(max(logarithm, -20.0), 40.0)))
