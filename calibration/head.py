"""A camera that travels with the beam: where its pixels lie beside the beam, from what it sees as the stage moves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.head_points import Anchor, Spots, Tracks, is_spread, why_not_enough
from calibration.head_problem import SPOT, Disagreement, HeadProblem, HeadSolution
from calibration.lens import Lens
from calibration.mosaic.view import HeadView

Doubles = NDArray[np.float64]

_TILT_CHANCE = 1e-3
"""A tilt is taken for one when chance alone would better the fit so much less often than that."""
_DISAGREEING = 4.0
"""Standard errors of their difference by which two markers' stated places, or a marker's and the spot, may differ."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A value and its standard error."""

    value: float
    error: float


@dataclass(frozen=True, slots=True, eq=False)
class HeadFit:
    """Where the head camera's pixels lie beside the beam, and how well that is known."""

    view: HeadView
    covariance: Doubles
    """Of the first eight elements of the view's ``beam_from_camera``, row by row, shape (8, 8); zero for a tilt that
    was not found."""
    offset_x_mm: Measured
    """Of the picture's centre from the beam."""
    offset_y_mm: Measured
    turn_deg: Measured
    """Of the picture's rows from the stage's x, from x towards y."""
    mm_per_px: Measured
    """Along the picture's rows."""
    is_mirrored: bool
    """Whether stage and picture turn in opposite senses."""
    is_tilted: bool
    rms_mm: float
    """Of the distances between where the places say that each point lies."""
    held_out_rms_mm: float
    """The same at places that took no part in the fit."""
    places: int
    origin: str
    """What told where the beam is: ``marker``, ``spot``, or both."""
    notes: tuple[str, ...]

    @property
    def strain_error(self) -> float:
        """Standard error of rotation, in radians, or of scale, relative, whichever is greater."""
        return max(math.radians(self.turn_deg.error), self.mm_per_px.error / self.mm_per_px.value)


@dataclass(frozen=True, slots=True)
class NoHead:
    """The head's camera could not be calibrated, and why; falsy."""

    reason: str
    """One sentence: what is wrong and what to do."""

    def __bool__(self) -> bool:
        return False


def fit_head(
    seen: Tracks, lens: Lens, *, anchors: Sequence[Anchor] = (), spots: Spots | None = None, tolerance_mm: float = 0.1
) -> HeadFit | NoHead:
    """Least squares for ``place + beam_from_camera(pixel) = point``, the points unknown but for anchors.

    The map is affine, or a homography where a tilt betters the fit by more than chance (an F test). The beam is where
    the anchors say, or where the spot is seen; where both do, they have to agree.

    Parameters
    ----------
    seen
        Points seen from four places of the stage or more, not on a line.
    lens
        Of the camera at this picture size.
    anchors, spots
        What tells where the beam is.
    tolerance_mm
        Largest root mean square residual that is accepted.

    Returns
    -------
    HeadFit, or NoHead (falsy) with one sentence.
    """
    from scipy.stats import f as f_distribution

    refusal = why_not_enough(seen, anchors, spots)
    if refusal:
        return NoHead(refusal)
    problem = HeadProblem.of(seen, lens, anchors, spots)
    straight = problem.solved(terms=6)
    solution, is_tilted = straight, False
    free = 2 * len(seen.points_px) - 2 * problem.count - 8
    if free > 8:
        tilted = problem.solved(terms=8)
        everything = np.ones(len(seen.points_px), dtype=bool)
        together = problem.together(problem.residuals(tilted.values, everything), everything)
        gain = (straight.squares - tilted.squares) / 2 / max(tilted.squares / free * together, 1e-30)
        if float(f_distribution.sf(gain, 2, free)) < _TILT_CHANCE:
            solution, is_tilted = tilted, True
    if not solution.rms_mm <= tolerance_mm:
        return NoHead(
            f"the places do not agree with each other ({solution.rms_mm:.3f} mm rms, {tolerance_mm:g} allowed): check "
            "that the camera is firmly on the head, that the object lies still, and the lens's calibration"
        )
    worst = solution.disagreement
    if worst is not None and worst.deviations > _DISAGREEING:
        return NoHead(_contradiction(worst))
    return _fitted(problem, solution, is_tilted=is_tilted)


def _contradiction(pair: Disagreement) -> str:
    first, second = pair.names
    if second == SPOT:
        return (
            f"{first}'s stated place and {second} differ by {pair.distance_mm:.2f} mm: align the laser with the beam, "
            "or steer the beam over the marker again and give that place"
        )
    return (
        f"the stated places of {first} and {second} differ by {pair.distance_mm:.2f} mm from where they are seen "
        "beside each other: steer the beam over both again and give those places"
    )


def _fitted(problem: HeadProblem, solution: HeadSolution, *, is_tilted: bool) -> HeadFit:
    view = HeadView(problem.matrix(solution.values), problem.lens)

    def described(values: Doubles) -> Doubles:
        linear = (values[:4].reshape(2, 2) - np.outer(values[4:6], values[6:8])) / problem.reach
        matrix = problem.matrix(values).ravel()[:8]
        along = float(np.hypot(linear[0, 0], linear[1, 0]))
        turn = math.degrees(math.atan2(linear[1, 0], linear[0, 0]))
        return np.concatenate([matrix, values[4:6], [turn, along]])

    base = described(solution.values)
    jacobian = np.zeros((base.size, 8))
    for k in range(8):
        step = np.zeros(solution.values.size)
        step[k] = 1e-6 * max(1.0, abs(float(solution.values[k])))
        change = described(solution.values + step) - described(solution.values - step)
        change[10] = (change[10] + 180) % 360 - 180
        jacobian[:, k] = change / (2 * step[k])
    covariance = jacobian @ solution.covariance @ jacobian.T
    errors = np.sqrt(np.maximum(np.diag(covariance), 0))
    x, y, turn, scale = (Measured(float(base[k]), float(errors[k])) for k in range(8, 12))
    origin = " and ".join(
        name for name, is_there in (("marker", bool(problem.anchors)), ("spot", len(problem.spots_at) > 0)) if is_there
    )
    linear = solution.values[:4].reshape(2, 2)
    return HeadFit(
        view=view,
        covariance=covariance[:8, :8],
        offset_x_mm=x,
        offset_y_mm=y,
        turn_deg=turn,
        mm_per_px=scale,
        is_mirrored=float(np.linalg.det(linear)) < 0,
        is_tilted=is_tilted,
        rms_mm=solution.rms_mm,
        held_out_rms_mm=_held_out_mm(problem, solution),
        places=len(np.unique(problem.seen.places_mm, axis=0)),
        origin=origin,
        notes=(),
    )


def _held_out_mm(problem: HeadProblem, solution: HeadSolution) -> float:
    """Residuals at each place under a fit without it, where the rest still tells the points."""
    places, which = np.unique(problem.seen.places_mm, axis=0, return_inverse=True)
    squares: list[float] = []
    for k in range(len(places)):
        keep = which.ravel() != k
        counts = np.bincount(problem.seen.tracks[keep], minlength=problem.count)
        told = ~keep & (counts[problem.seen.tracks] > 0)
        if (
            len(places) - 1 < 3
            or not told.any()
            or not is_spread(problem.seen.only(keep))
            or not _are_anchored(problem, counts)
        ):
            continue
        values = problem.solved(terms=solution.terms, keep=keep).values
        squares += list((problem.residuals(values, keep, told) ** 2).sum(axis=1))
    return float(np.sqrt(np.mean(squares))) if squares else float("nan")


def _are_anchored(problem: HeadProblem, counts: NDArray[np.intp]) -> bool:
    """Whether all anchors' tracks are still seen."""
    return all(counts[track] > 0 for one in problem.anchors for track in one.tracks)
