"""A stage's limits and what its stops cost, fitted to the times that its moves took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from calibration.motion_figures import LOGARITHMIC, begun_at, plain, read_figure, with_figures
from calibration.motion_legs import Legs, Motion, expected_s, thinned
from calibration.moves import Doubles

LEAST_LEGS: Final = 12
"""Fewer moves than that are no calibration."""
_MOST_LEGS: Final = 1_500
"""More are thinned out evenly over their durations."""
_CLOCK_S: Final = 5e-5
"""Nothing here is timed better than that."""
_BETTER: Final = 12.0
"""Least gain of chi square that a further figure is kept for: beyond ln n (Schwarz 1978) for every n here, as several
are tried."""
_TOLD: Final = {"speed": 0.05, "speed_y": 0.05, "acceleration": 0.1, "acceleration_y": 0.1, "jerk": 0.3}
"""Largest relative standard error of what counts as told by the moves."""
_REACHING: Final = 3
"""Legs that have to be held up by full speed for it to be told."""
_DIAGONAL: Final = 0.2
"""Least share of either axis in a move that tells how axes share a line."""


@dataclass(frozen=True, slots=True, eq=False)
class MotionFit:
    """A fitted stage, and how well it is known."""

    motion: Motion
    errors: Mapping[str, float]
    """Standard error of each figure that the moves tell, by its name: speed, speed_y, acceleration, acceleration_y,
    jerk, settle, overhead, run_overhead, lead, margin. What is not there was left as stated."""
    scatter_s: float
    """Standard deviation of a single leg about the model, without those left out."""
    legs: int
    left_out: int
    """Legs that no model explains: beyond five times the scatter."""


@dataclass(frozen=True, slots=True)
class NotFitted:
    """Why there is no fit; falsy."""

    reason: str

    def __bool__(self) -> bool:
        return False


def fit_motion(legs: Legs, stated: Motion) -> MotionFit | NotFitted:
    """Fit a stage to what its moves took, robustly; what the moves cannot tell stays as stated.

    Least squares with a loss that grows linearly beyond two standard deviations. How axes share a line, whether they
    differ, and whether jerk, lead and margin of runs are there at all is decided by whether chi square falls by more
    than chance would have it; speed, for one, is told only by moves that reach it.

    Parameters
    ----------
    legs
        At least `LEAST_LEGS` of them, of different lengths.
    stated
        What the controller or the operator says: where the fit begins, and what holds where nothing is told.

    Returns
    -------
    MotionFit, or NotFitted with the reason.
    """
    sound = np.isfinite(legs.took_s) & np.isfinite(legs.way_mm).all(axis=1) & (legs.took_s >= 0)
    legs = legs.only(sound)
    moved = legs.only(~legs.is_still)
    if len(moved) < LEAST_LEGS:
        return NotFitted(f"{len(moved)} moves are too few to tell how the stage moves, at least {LEAST_LEGS} needed")
    lengths_mm = np.hypot(moved.way_mm[:, 0], moved.way_mm[:, 1])
    if np.quantile(lengths_mm, 0.95) < 1.5 * max(float(np.quantile(lengths_mm, 0.05)), 1e-3):
        return NotFitted("the moves are all of one length, which tells nothing of how the stage speeds up")
    thin = thinned(legs, _MOST_LEGS)
    fit = _Fit(thin, _begun(thin, stated))
    names, motion = _chosen(fit, thin)
    errors, motion = _told(fit, names, motion, stated)
    motion = _with_settling(motion, stated, errors)
    residual_s = legs.took_s - expected_s(legs, motion)
    scatter_s = _scatter_s(residual_s)
    outside = np.abs(residual_s) > 5 * scatter_s
    return MotionFit(
        motion=motion,
        errors=errors,
        scatter_s=float(np.sqrt(np.mean(residual_s[~outside] ** 2))) if (~outside).any() else scatter_s,
        legs=len(legs),
        left_out=int(outside.sum()),
    )


class _Fit:
    """Least squares over any choice of figures, the others held."""

    def __init__(self, legs: Legs, begun: Motion) -> None:
        self._legs = legs
        self.begun = begun
        self.scale_s = max(_scatter_s(legs.took_s - expected_s(legs, begun)), _CLOCK_S)

    def reaching(self, motion: Motion) -> int:
        """Legs that full speed makes longer by more than their scatter."""
        x, y = motion.speeds_mm_s
        freed_s = expected_s(self._legs, motion) - expected_s(self._legs, replace(motion, speeds_mm_s=(2 * x, 2 * y)))
        return int((freed_s > 3 * self.scale_s).sum())

    def of(self, names: tuple[str, ...], start: Motion) -> tuple[Motion, float, Doubles]:
        """The best motion over these figures, its chi square, and the covariance of the figures as fitted."""
        from scipy.optimize import least_squares

        first = np.array([read_figure(start, name) for name in names])
        low = np.array([-np.inf if name in LOGARITHMIC else 0.0 for name in names])

        def off(values: Doubles) -> Doubles:
            motion = with_figures(start, names, values)
            return np.asarray((self._legs.took_s - expected_s(self._legs, motion)) / self.scale_s)

        first = np.maximum(first, low + 1e-9)
        found = least_squares(
            off,
            first,
            bounds=(low, np.inf),
            loss="soft_l1",
            f_scale=2.0,
            x_scale="jac",
            xtol=1e-6,
            ftol=1e-6,
            max_nfev=60,
        )
        residual = np.abs(off(found.x))
        inside = residual[residual < 5 * max(float(np.median(residual)) / 0.6745, 1e-12)]
        variance = float(np.mean(inside**2)) if inside.size else 1.0
        return with_figures(start, names, found.x), 2 * float(found.cost), _covariance(found.jac) * max(variance, 1e-30)


def _chosen(fit: _Fit, legs: Legs) -> tuple[tuple[str, ...], Motion]:
    """Which figures are worth fitting, and their best values.

    How axes share a line is decided with every figure free, by the scatter of the best way; which figures are needed
    is decided once that is known.
    """
    base, further = _base_names(legs), _further_names(legs)
    # without diagonals only axes that differ are told from lines that are all alike
    ways = [(False, False), (True, False), (False, True), (True, True)][:: 1 if _tells_sharing(legs) else 3]
    motions = [
        replace(fit.begun, is_speed_of_axes=speed, is_acceleration_of_axes=acceleration) for speed, acceleration in ways
    ]
    for _ in range(2):
        tried = [fit.of((*base, *_of_way(further, way)), begun_at(way, further))[:2] for way in motions]
        motions = [motion for motion, _ in tried]
        fit.scale_s = max(min(_scatter_s(legs.took_s - expected_s(legs, motion)) for motion in motions), _CLOCK_S)
    chosen, least = tried[0]
    for motion, cost in tried[1:]:
        if cost < least - _BETTER:
            chosen, least = motion, cost
    return _pruned(fit, base, _of_way(further, chosen), chosen)


def _pruned(fit: _Fit, base: tuple[str, ...], further: tuple[str, ...], full: Motion) -> tuple[tuple[str, ...], Motion]:
    """Give up figures one by one, the least useful first, while nothing is lost by it."""
    names = (*base, *further)
    best, cost, _ = fit.of(names, full)
    while further:
        tries = []
        for name in further:
            fewer = tuple(each for each in names if each != name)
            tries.append((name, *fit.of(fewer, plain(best, (name,)))[:2]))
        name, motion, higher = min(tries, key=lambda tried: tried[2])
        if higher > cost + _BETTER:
            break
        names, further = (tuple(each for each in some if each != name) for some in (names, further))
        best, cost = motion, higher
    return names, best


def _told(fit: _Fit, names: tuple[str, ...], motion: Motion, stated: Motion) -> tuple[dict[str, float], Motion]:
    """Standard errors; what the moves do not tell goes back to what was stated, the worst first."""
    while True:
        motion, _, covariance = fit.of(names, motion)
        errors = dict(zip(names, np.sqrt(np.diag(covariance)).tolist(), strict=True))
        untold = [name for name in names if name in _TOLD and not errors[name] <= _TOLD[name]]
        if "speed" in names and fit.reaching(motion) < _REACHING:
            untold, errors["speed"] = ["speed"], np.inf
        if not untold:
            relative = {
                name: errors[name] * float(np.exp(read_figure(motion, name))) for name in names if name in LOGARITHMIC
            }
            return errors | relative, motion
        worst = max(untold, key=lambda name: errors[name] / _TOLD[name])
        motion = with_figures(
            motion, names, np.array([read_figure(stated if n == worst else motion, n) for n in names])
        )
        names = tuple(name for name in names if name != worst)


def _base_names(legs: Legs) -> tuple[str, ...]:
    runs = legs.begins_run
    names = ["speed", "acceleration"]
    if (~runs).any():
        names.append("overhead")
    if runs.any():
        names.append("run_overhead")
    if legs.is_still.sum() >= 2 and (~legs.is_still).any():
        names.append("settle")
    return tuple(names)


def _further_names(legs: Legs) -> tuple[str, ...]:
    names = ["jerk"]
    share = np.abs(legs.way_mm) > _DIAGONAL * np.hypot(legs.way_mm[:, :1], legs.way_mm[:, 1:])
    if share.sum(axis=0).min() >= LEAST_LEGS // 2:
        names += ["speed_y", "acceleration_y"]
    speeds = np.hypot(*legs.entered_mm_s[legs.begins_run].T)
    if len(speeds) >= 4 and speeds.max() > 1.3 * speeds.min():
        names += ["lead", "margin"]
    return tuple(names)


def _of_way(names: tuple[str, ...], way: Motion) -> tuple[str, ...]:
    """Without what lines that are all alike have no use for: a second axis."""
    unused = {"speed_y": not way.is_speed_of_axes, "acceleration_y": not way.is_acceleration_of_axes}
    return tuple(name for name in names if not unused.get(name, False))


def _tells_sharing(legs: Legs) -> bool:
    length = np.hypot(legs.way_mm[:, 0], legs.way_mm[:, 1])
    is_diagonal = (np.abs(legs.way_mm) > _DIAGONAL * length[:, None]).all(axis=1) & (length > 0)
    return bool(is_diagonal.sum() >= 4 and (~is_diagonal).sum() >= 4)


def _begun(legs: Legs, stated: Motion) -> Motion:
    """Where the fit begins: the best of a coarse grid of speeds and accelerations, stops as the moves leave them."""
    plain = replace(stated, settle_s=0.0, overhead_s=0.0, run_overhead_s=0.0)
    speed, acceleration = min(stated.speeds_mm_s), min(stated.accelerations_mm_s2)
    best, least = plain, np.inf
    for faster in (1.2, 1.0, 0.8, 0.6, 0.4, 0.25, 0.15):
        for quicker in (1.4, 1.0, 0.7, 0.5, 0.3, 0.15):
            tried = replace(plain, speeds_mm_s=(speed * faster,) * 2, accelerations_mm_s2=(acceleration * quicker,) * 2)
            rest_s = legs.took_s - expected_s(legs, tried)
            tried = replace(
                tried,
                overhead_s=_typical_s(rest_s[~legs.begins_run]),
                run_overhead_s=_typical_s(rest_s[legs.begins_run]),
            )
            off = float(np.abs(legs.took_s - expected_s(legs, tried)).mean())
            if off < least:
                best, least = tried, off
    return best


def _typical_s(times_s: Doubles) -> float:
    return max(0.0, float(np.median(times_s))) if times_s.size else 0.0


def _with_settling(motion: Motion, stated: Motion, errors: Mapping[str, float]) -> Motion:
    """Stops that no dwell at one place took apart: settling as stated, as far as it fits in.

    Where no run was flown it is taken to cost what a dwell does.
    """
    settle_s, overhead_s, run_overhead_s = motion.settle_s, motion.overhead_s, motion.run_overhead_s
    if "settle" not in errors:
        found = (("overhead", overhead_s), ("run_overhead", run_overhead_s))
        totals = [total for name, total in found if name in errors]
        settle_s = min(stated.settle_s, *totals) if totals else stated.settle_s
        overhead_s = overhead_s - settle_s if "overhead" in errors else stated.overhead_s
        run_overhead_s = run_overhead_s - settle_s
    if "run_overhead" not in errors:
        run_overhead_s = overhead_s
    # to the microsecond, which no clock here tells apart
    settle_s, overhead_s, run_overhead_s = (round(each, 6) for each in (settle_s, overhead_s, run_overhead_s))
    return replace(motion, settle_s=settle_s, overhead_s=overhead_s, run_overhead_s=run_overhead_s)


def _covariance(jacobian: Doubles) -> Doubles:
    """Inverse of J^T J; infinite for what no residual depends on."""
    size = np.sqrt((jacobian**2).sum(axis=0))
    touched = size > 1e-9 * max(float(size.max(initial=0.0)), 1e-300)
    covariance = np.full((len(size), len(size)), np.nan)
    scaled = jacobian[:, touched] / size[touched]
    values, vectors = np.linalg.eigh(scaled.T @ scaled)
    inverse = (vectors / np.maximum(values, 1e-12)) @ vectors.T
    covariance[np.ix_(touched, touched)] = inverse / np.outer(size[touched], size[touched])
    covariance[~touched, ~touched] = np.inf
    return covariance


def _scatter_s(residual_s: Doubles) -> float:
    """Standard deviation about zero that outliers do not move."""
    return float(np.median(np.abs(residual_s)) / 0.6745)
