"""Where squared errors are least over an offset of two things that tell of each other, and how sure that is.

How sure it is, a grouped jackknife tells (R. G. Miller, "The jackknife: a review", 1974): the lowest point is found
again without each block of the predictions in turn. Blocks, because neighbouring places err together.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, final

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Squares = Callable[[Doubles], Doubles]
"""Squared error of each prediction of each element, shape (k, elements), at an offset (down, right) in cells."""

FARTHEST_CELLS = 4.0
"""Offsets are looked for so far each way; what lies farther off is to be registered again."""
SIGNIFICANT = 0.001
"""An offset is taken for one when chance alone would give it, or a farther one, no more often than this."""
_CLEAR_GAIN = 0.05
"""The same for the fall of the error: a guard against minima of no depth, not a second proof."""
_PLACES = 16
"""Places within reach that differ from each other, as seen through a spot of two cells: the best of so many."""
_STENCIL_CELLS = 0.5
"""Distance of the points through which the criterion's paraboloid is laid."""
_ROUNDS = 6
_SETTLED_CELLS = 0.01
_LEAST_BLOCKS = 4.0
"""Where fewer blocks than that bear the offset, they do not tell how sure it is."""


@dataclass(frozen=True, slots=True)
class Skew:
    """How one thing is turned and stretched against another, to first order."""

    turn_deg: float
    """From columns towards rows: clockwise, as pictures are shown."""
    turn_error_deg: float
    """Its standard error."""
    stretch: float
    """Relative: 0.01 is a hundredth larger."""
    stretch_error: float
    chance: float
    """How often something neither turned nor stretched would seem to be so much, in [0, 1]."""

    @property
    def is_significant(self) -> bool:
        """Whether it is too unlikely to be chance."""
        return self.chance < SIGNIFICANT


@final
@dataclass(frozen=True, slots=True)
class Offset:
    """How far one thing must be moved over the scan grid to lie where another says, in cells."""

    down: float
    right: float
    covariance: tuple[tuple[float, float], tuple[float, float]]
    """Of down and right, in cells squared."""
    chance: float
    """How often something in its place would seem to be so far off, in [0, 1]."""
    chance_of_gain: float
    """How often the errors would seem to fall so clearly by moving what is in its place, or, whichever is likelier, by
    moving what tells nothing to the best of all places; in [0, 1]."""
    samples: int
    """Cells that it was found from."""
    skew: Skew | None = None
    """How much it changes over the grid; None where nobody looked, or where that cannot be told."""

    @property
    def is_significant(self) -> bool:
        """Whether it is too unlikely to be chance, and moving by it helps."""
        return self.chance < SIGNIFICANT and self.chance_of_gain < _CLEAR_GAIN

    @property
    def deviation(self) -> tuple[float, float]:
        """Standard errors of down and right, in cells."""
        return math.sqrt(self.covariance[0][0]), math.sqrt(self.covariance[1][1])


@dataclass(frozen=True, slots=True)
class NoOffset:
    """No offset can be told, and why; falsy."""

    reason: str

    def __bool__(self) -> Literal[False]:
        return False


def blocks_of(rows: NDArray[np.integer], columns: NDArray[np.integer], side_cells: float) -> NDArray[np.intp]:
    """The square block of the grid that each place lies in, numbered from 0."""
    across = int(columns.max() / side_cells) + 1
    raster = (rows / side_cells).astype(np.int64) * across + (columns / side_cells).astype(np.int64)
    return np.unique(raster, return_inverse=True)[1].reshape(-1).astype(np.intp)


def lowest(
    squares: Squares,
    place: Doubles,
    blocks: NDArray[np.intp],
    samples: int,
    *,
    without: Doubles | None = None,
    places: Doubles | None = None,
) -> Offset | NoOffset:
    """Where the errors are least near a place, elements counting alike, and what that is worth.

    Parameters
    ----------
    squares
        The criterion.
    place
        Where to begin, (down, right) in cells.
    blocks
        Block of each prediction, numbered from 0, shape (k,).
    samples
        Cells that the errors are of.
    without
        Squared errors of predictions that make no use of what is moved, shape (k, elements); None: there are none.
    places
        Row and column of each prediction, shape (k, 2), to tell turn and stretch from; None: do not.
    """
    nowhere = NoOffset("no place is better than those around it")
    for _ in range(_ROUNDS):
        step = _paraboloids(squares, place, blocks).step()
        if step is None:
            return nowhere
        place = place + step * min(1.0, 1 / max(float(np.hypot(*step)), 1e-9))
        if np.abs(place).max() > FARTHEST_CELLS:
            return NoOffset(f"no place within {FARTHEST_CELLS:g} cells is the best")
        if np.abs(step).max() < _SETTLED_CELLS:
            break
    surface = _paraboloids(squares, place, blocks)
    known = _jackknife(surface)
    if known is None:
        return nowhere
    covariance, bearing = known
    if bearing < _LEAST_BLOCKS:
        return NoOffset("too small a part of the scan tells")
    moved = squares(place)
    by_chance = _chance_of_gain(_sums(((squares(np.zeros(2)) - moved) / moved.mean(axis=0)).mean(axis=1), blocks))
    if without is not None:
        useless = _chance_of_gain(_sums(((without - moved) / moved.mean(axis=0)).mean(axis=1), blocks))
        # the best of so many places (C. E. Bonferroni 1936)
        by_chance = max(by_chance, min(1.0, _PLACES * useless))
    (a, b), (_, d) = covariance.tolist()
    return Offset(
        down=float(place[0]),
        right=float(place[1]),
        covariance=((a, b), (b, d)),
        chance=_chance(place, covariance, bearing),
        chance_of_gain=by_chance,
        samples=samples,
        skew=None if places is None else _skew(surface, _middles(places, blocks)),
    )


def _jackknife(surface: _Paraboloids) -> tuple[Doubles, float] | None:
    """Covariance of the lowest point, and how many blocks bear it; None where a single one does."""
    again = surface.steps_without_each()
    if again is None:
        return None
    spread = again - again.mean(axis=0)
    covariance = spread.T @ spread * (len(spread) - 1) / len(spread)
    if np.linalg.eigvalsh(covariance)[0] <= 0:
        return None
    return covariance, _effective(np.einsum("bi,ij,bj->b", spread, np.linalg.inv(covariance), spread))


def _middles(places: Doubles, blocks: NDArray[np.intp]) -> Doubles:
    """Middle of each block, row and column from the middle of all, shape (blocks, 2)."""
    count = np.bincount(blocks)
    middles = np.stack([np.bincount(blocks, along) / count for along in places.T], axis=1)
    return np.asarray(middles - places.mean(axis=0))


def _skew(surface: _Paraboloids, middles: Doubles) -> Skew | None:
    """Turn and stretch by the same paraboloids, each block moved as these move its middle.

    To first order a turn by t and a stretch by s move a place at (row, column) by (s row + t column, s column - t row).
    """
    row, column = middles.T
    zero, one = np.zeros_like(row), np.ones_like(row)
    # from (down, right, turn, stretch) to what a block is moved by
    moves = np.stack([np.stack([one, zero, column, row], axis=1), np.stack([zero, one, -row, column], axis=1)], axis=1)
    wider = _Paraboloids(
        np.einsum("bip,bi->bp", moves, surface.slopes), np.einsum("bip,bij,bjq->bpq", moves, surface.bends, moves)
    )
    step, known = wider.step(), _jackknife(wider)
    if step is None or known is None or known[1] < _LEAST_BLOCKS:
        return None
    covariance, bearing = known[0][2:, 2:], known[1]
    turn, stretch = np.sqrt(np.diag(covariance))
    return Skew(
        turn_deg=math.degrees(step[2]),
        turn_error_deg=math.degrees(turn),
        stretch=float(step[3]),
        stretch_error=float(stretch),
        chance=_chance(step[2:], covariance, bearing),
    )


def _paraboloids(squares: Squares, place: Doubles, blocks: NDArray[np.intp]) -> _Paraboloids:
    """Laid through the errors around a place."""
    moves = _STENCIL_CELLS * np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)])
    scale = squares(place).mean(axis=0)
    values = np.stack([_sums((squares(place + move) / scale).mean(axis=1), blocks) for move in moves])
    down, right = moves.T
    design = np.stack([np.ones(len(moves)), down, right, down**2 / 2, down * right, right**2 / 2], axis=1)
    found = np.linalg.lstsq(design, values, rcond=None)[0]
    return _Paraboloids(found[1:3].T, np.stack([found[[3, 4]].T, found[[4, 5]].T], axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class _Paraboloids:
    """The criterion near a place, summed over each block of the scan."""

    slopes: Doubles
    """Shape (blocks, parameters), down and right at first."""
    bends: Doubles
    """Shape (blocks, parameters, parameters)."""

    def step(self) -> Doubles | None:
        """From the place to the lowest point; None where there is none."""
        bend = self.bends.sum(axis=0)
        if np.linalg.eigvalsh(bend)[0] <= 0:
            return None
        return np.asarray(-np.linalg.solve(bend, self.slopes.sum(axis=0)))

    def steps_without_each(self) -> Doubles | None:
        """The same without each block in turn, shape (blocks, parameters); None where one block makes the minimum."""
        bends = self.bends.sum(axis=0) - self.bends
        slopes = self.slopes.sum(axis=0) - self.slopes
        if (np.linalg.eigvalsh(bends)[:, 0] <= 0).any():
            return None
        return np.asarray(-np.linalg.solve(bends, slopes[:, :, None])[:, :, 0])


def _effective(shares: Doubles) -> float:
    """How many blocks of equal share would vary as much (F. E. Satterthwaite 1946)."""
    return float(shares.sum() ** 2 / np.square(shares).sum())


def _chance(place: Doubles, covariance: Doubles, blocks: float) -> float:
    """Of an estimate so far off where there is no offset (H. Hotelling 1931)."""
    from scipy.special import fdtrc

    square = float(place @ np.linalg.solve(covariance, place))
    return float(fdtrc(2, blocks - 2, square * (blocks - 2) / (2 * (blocks - 1))))


def _chance_of_gain(gain: Doubles) -> float:
    """Of sums over blocks that together lie so far above zero."""
    from scipy.special import stdtr

    deviation = math.sqrt(len(gain)) * float(gain.std(ddof=1))
    return float(stdtr(len(gain) - 1, -gain.sum() / max(deviation, 1e-12)))


def _sums(values: Doubles, blocks: NDArray[np.intp]) -> Doubles:
    """Sum over each block, shape (blocks,)."""
    return np.bincount(blocks, values, int(blocks.max()) + 1).astype(np.float64)
