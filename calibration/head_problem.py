"""The least squares behind `calibration.head.fit_head`: a few parameters, the points themselves eliminated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.head_points import Anchor, Spots, Tracks
from calibration.lens import Lens

Doubles = NDArray[np.float64]

SPOT: Final = "the laser's spot"
_FLOOR_PX = 0.02


@dataclass(frozen=True, slots=True)
class Disagreement:
    """How far two that tell where the beam is differ."""

    names: tuple[str, str]
    distance_mm: float
    deviations: float
    """Standard errors of the difference, along the axis where they are more."""


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
    disagreement: Disagreement | None
    """The pair of anchors and spots that differ most, in standard errors; None where there is one alone."""


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
        covariance[:terms, :terms] = self._covariance(found.jac, self._origin(values, kept))
        return HeadSolution(
            values=values,
            covariance=covariance,
            terms=terms,
            squares=float((residuals**2).sum()),
            rms_mm=float(np.sqrt((residuals**2).sum(axis=1).mean())),
            disagreement=self._disagreement(values, kept, scatter),
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

    def _covariance(self, jacobian: Doubles, off: Doubles) -> Doubles:
        """Of the parameters, with the origin's errors widened where anchors and spots differ by more than stated."""
        rows = jacobian.copy()
        free = off.size - 2
        if free > 0:
            # Birge's ratio: the weighted squares per degree of freedom (Birge 1932).
            rows[-off.size :] /= math.sqrt(max(1.0, float(off @ off) / free))
        return np.asarray(np.linalg.pinv(rows.T @ rows))

    def _off_mm(self, values: Doubles, keep: NDArray[np.bool_]) -> tuple[Doubles, Doubles]:
        """How far anchors, then spots, are off, and their standard errors, mm, shape (anchors + spots, 2)."""
        points = self.points(values, keep)
        off = [points[list(one.tracks)].mean(axis=0) - [one.x_mm, one.y_mm] for one in self.anchors]
        scale = math.sqrt(abs(values[0] * values[3] - values[1] * values[2]))
        errors = [np.full(2, one.error_mm) for one in self.anchors] + list(scale * self.spot_errors)
        off += list(self.beside(values, self.spots_at))
        return np.array(off).reshape(-1, 2), np.array(errors).reshape(-1, 2)

    def _origin(self, values: Doubles, keep: NDArray[np.bool_]) -> Doubles:
        """How far anchors and spots are off, in their standard errors."""
        off, errors = self._off_mm(values, keep)
        return np.asarray((off / errors).ravel())

    def _disagreement(self, values: Doubles, keep: NDArray[np.bool_], scatter: float) -> Disagreement | None:
        off, errors = self._off_mm(values, keep)
        sights = [int(np.isin(self.seen.tracks[keep], one.tracks).sum()) for one in self.anchors]
        # Where a marker was seen is known as well as its sights scatter; a spot stands still in all frames.
        seen = np.array([scatter**2 / max(count, 1) for count in sights] + [0.0] * len(self.spots_at))
        names = [one.name for one in self.anchors] + [SPOT] * len(self.spots_at)
        pairs = []
        for first, second in combinations(range(len(off)), 2):
            way = off[first] - off[second]
            error = np.sqrt(errors[first] ** 2 + errors[second] ** 2 + seen[first] + seen[second])
            deviations = float(np.max(np.abs(way) / error))
            pairs.append(Disagreement((names[first], names[second]), float(np.hypot(*way)), deviations))
        return max(pairs, key=lambda pair: pair.deviations, default=None)

    def matrix(self, values: Doubles) -> Doubles:
        """Undistorted pixels to mm beside the beam, shape (3, 3), last element 1."""
        inner = np.array([[*values[0:2], values[4]], [*values[2:4], values[5]], [*values[6:8], 1.0]])
        normal = np.array([[1, 0, -self.middle[0]], [0, 1, -self.middle[1]], [0, 0, self.reach]]) / self.reach
        matrix = inner @ normal
        return np.asarray(matrix / matrix[2, 2])
