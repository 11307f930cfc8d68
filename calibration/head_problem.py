"""The least squares behind `calibration.head.fit_head`: a few parameters, the points themselves eliminated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.head_points import Anchor, Spots, Tracks
from calibration.lens import Lens

Doubles = NDArray[np.float64]

_FLOOR_PX = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class HeadSolution:
    """What the least squares ended with."""

    values: Doubles
    """Linear part row by row, shift, and two terms of tilt, over normalised pixels; shape (8,)."""
    covariance: Doubles
    """Shape (8, 8); zero for what was not fitted."""
    terms: int
    squares: float
    rms_mm: float
    disagreement: float
    """Of anchors and spots with each other, in standard errors."""
    disagreement_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class HeadProblem:
    """Pixels are normalised: ``v = (undistorted - middle) / reach``, so that all parameters are lengths of a frame."""

    seen: Tracks
    lens: Lens
    anchors: Sequence[Anchor]
    at: Doubles
    spots_at: Doubles
    spot_errors: Doubles
    middle: Doubles
    reach: float

    @classmethod
    def of(cls, seen: Tracks, lens: Lens, anchors: Sequence[Anchor], spots: Spots | None) -> HeadProblem:
        middle = np.array([(lens.width_px - 1) / 2, (lens.height_px - 1) / 2])
        reach = float(np.hypot(*middle))
        given = np.zeros((0, 2)) if spots is None else spots.points_px
        errors = np.zeros((0, 2)) if spots is None else np.maximum(spots.errors_px, _FLOOR_PX)
        return cls(
            seen,
            lens,
            anchors,
            (lens.undistort_points(seen.points_px) - middle) / reach,
            (lens.undistort_points(given) - middle) / reach,
            errors / reach,
            middle,
            reach,
        )

    @property
    def count(self) -> int:
        """Of the tracks."""
        return int(self.seen.tracks.max()) + 1

    def beside(self, values: Doubles, at: Doubles) -> Doubles:
        """Millimetres from the beam, shape (n, 2)."""
        depth = 1 + at @ values[6:8]
        return np.asarray((at @ values[:4].reshape(2, 2).T + values[4:6]) / depth[:, None])

    def points(self, values: Doubles, keep: NDArray[np.bool_]) -> Doubles:
        """Where the kept sights say that each track's point lies, in the mean; shape (tracks, 2)."""
        tracks = self.seen.tracks[keep]
        said = self.seen.places_mm[keep] + self.beside(values, self.at[keep])
        counts = np.maximum(np.bincount(tracks, minlength=self.count), 1)
        return np.stack(
            [np.bincount(tracks, weights=said[:, axis], minlength=self.count) / counts for axis in range(2)], axis=1
        )

    def residuals(self, values: Doubles, keep: NDArray[np.bool_], of: NDArray[np.bool_] | None = None) -> Doubles:
        """Distances from the points as the kept sights tell them, mm, shape (sights, 2); of others where `of` says."""
        shown = keep if of is None else of
        said = self.seen.places_mm[shown] + self.beside(values, self.at[shown])
        return np.asarray(said - self.points(values, keep)[self.seen.tracks[shown]])

    def solved(self, *, terms: int, keep: NDArray[np.bool_] | None = None) -> HeadSolution:
        """Fit with 6 parameters or 8; the tracks' own scatter weighs them against anchors and spots."""
        from scipy.optimize import least_squares

        kept = np.ones(len(self.at), dtype=bool) if keep is None else keep
        values = self._started(kept)
        scatter = self._scatter(self.residuals(values, kept), kept)

        def full(some: Doubles) -> Doubles:
            return np.concatenate([some, np.zeros(8 - terms)])

        def weighed(some: Doubles) -> Doubles:
            now = full(some)
            return np.concatenate([(self.residuals(now, kept) / scatter).ravel(), self._origin(now, kept)])

        for _ in range(2):
            found = least_squares(weighed, values[:terms], method="lm")
            values = full(found.x)
            scatter = self._scatter(self.residuals(values, kept), kept)
        residuals = self.residuals(values, kept)
        covariance = np.zeros((8, 8))
        covariance[:terms, :terms] = np.linalg.pinv(found.jac.T @ found.jac)
        off = self._origin(values, kept)
        return HeadSolution(
            values=values,
            covariance=covariance,
            terms=terms,
            squares=float((residuals**2).sum()),
            rms_mm=float(np.sqrt((residuals**2).sum(axis=1).mean())),
            disagreement=float(np.abs(off).max()) if off.size > 2 else 0.0,
            disagreement_mm=self._disagreement_mm(values, kept),
        )

    def _scatter(self, residuals: Doubles, keep: NDArray[np.bool_]) -> float:
        """Standard deviation along an axis that a residual counts with."""
        count = max(2 * len(residuals) - 2 * self.count - 6, 1)
        least = _FLOOR_PX * 1e-3
        return max(float(np.sqrt((residuals**2).sum() / count * self.together(residuals, keep))), least)

    def together(self, residuals: Doubles, keep: NDArray[np.bool_]) -> float:
        """How many residuals of one place err as one, because the stage missed that place: 1 or more."""
        _, which = np.unique(self.seen.places_mm[keep], axis=0, return_inverse=True)
        sums = [np.bincount(which.ravel(), weights=residuals[:, axis]) for axis in range(2)]
        return max(1.0, float((np.array(sums) ** 2).sum() / max((residuals**2).sum(), 1e-30)))

    def _started(self, keep: NDArray[np.bool_]) -> Doubles:
        """Affine least squares, the beam where anchors and spots say."""
        tracks = self.seen.tracks[keep]
        design, places = (self._centred(part[keep], tracks) for part in (self.at, self.seen.places_mm))
        linear = np.linalg.lstsq(design, -places, rcond=None)[0].T
        values = np.concatenate([linear.ravel(), np.zeros(4)])
        points = self.points(values, keep)
        shifts = [np.array([one.x_mm, one.y_mm]) - points[list(one.tracks)].mean(axis=0) for one in self.anchors]
        shifts += [-(linear @ at) for at in self.spots_at]
        values[4:6] = np.mean(shifts, axis=0)
        return values

    def _centred(self, values: Doubles, tracks: NDArray[np.intp]) -> Doubles:
        """Less the mean of each track, shape (n, 2)."""
        counts = np.maximum(np.bincount(tracks, minlength=self.count), 1)
        means = [np.bincount(tracks, weights=values[:, axis], minlength=self.count) / counts for axis in range(2)]
        return np.asarray(values - np.stack(means, axis=1)[tracks])

    def _origin(self, values: Doubles, keep: NDArray[np.bool_]) -> Doubles:
        """How far anchors and spots are off, in their standard errors."""
        points = self.points(values, keep)
        off = [(points[list(one.tracks)].mean(axis=0) - [one.x_mm, one.y_mm]) / one.error_mm for one in self.anchors]
        scale = math.sqrt(abs(values[0] * values[3] - values[1] * values[2]))
        off += list(self.beside(values, self.spots_at) / (scale * self.spot_errors))
        return np.concatenate(off) if off else np.zeros(0)

    def _disagreement_mm(self, values: Doubles, keep: NDArray[np.bool_]) -> float:
        points = self.points(values, keep)
        off = [points[list(one.tracks)].mean(axis=0) - [one.x_mm, one.y_mm] for one in self.anchors]
        off += list(self.beside(values, self.spots_at))
        spread = np.array(off)
        return float(np.linalg.norm(spread.max(axis=0) - spread.min(axis=0))) if len(spread) > 1 else 0.0

    def matrix(self, values: Doubles) -> Doubles:
        """Undistorted pixels to mm beside the beam, shape (3, 3), last element 1."""
        inner = np.array([[*values[0:2], values[4]], [*values[2:4], values[5]], [*values[6:8], 1.0]])
        normal = np.array([[1, 0, -self.middle[0]], [0, 1, -self.middle[1]], [0, 0, self.reach]]) / self.reach
        matrix = inner @ normal
        return np.asarray(matrix / matrix[2, 2])
