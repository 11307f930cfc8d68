"""A photograph placed by matching points: pairs read, and the simplest transformation that foretells them fitted."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.homography import homography_dlt
from calibration.projection import apply_homography
from edge.faults import UsageError

Doubles = NDArray[np.float64]
Pair = tuple[float, float, float, float]

FEWEST_PAIRS = 4
_NUMBER = r"\s*([-+]?\d+(?:\.\d*)?)\s*"
_PAIR = re.compile(rf"{_NUMBER}[,; ]{_NUMBER}[=,; ]{_NUMBER}[,; ]{_NUMBER}")
_BETTER = 0.8
"""What a transformation of more freedom must bring the residual of left-out pairs down to, to be worth it."""
_MOST_RESIDUAL = 0.05
"""Of the raster's diagonal: pairs that miss by more were not of the same points."""


@dataclass(frozen=True, slots=True, eq=False)
class PointFit:
    """Where the photograph lies."""

    photo_from_cells: Doubles
    """Homography from (column, row) in cells to (x, y) in pixels, shape (3, 3)."""
    kind: str
    """``similarity``, ``affine`` or ``homography``."""
    residual_cells: float
    """Root mean square by which each pair is missed when the others place the photograph."""
    worst_pair: int
    """Number of the pair that is missed by most, from 1."""

    @property
    def words(self) -> str:
        return (
            f"photograph placed by a {self.kind}: each pair is missed by {self.residual_cells:.2f} cells where the "
            f"others place it, most by pair {self.worst_pair}"
        )


def pairs_of(texts: Sequence[str]) -> tuple[Pair, ...]:
    """Matching points of the command line.

    Parameters
    ----------
    texts
        Pairs ``ROW,COLUMN=X,Y``, and names of files of such lines; what follows a # there is no pair.

    Raises
    ------
    UsageError
        A text is neither, or a line is no pair.
    """
    lines: list[tuple[str, str]] = []
    for text in texts:
        lines += [("--match", text)] if "=" in text else _lines_of(Path(text))
    pairs = []
    for where, text in lines:
        match = _PAIR.fullmatch(text.strip())
        if match is None:
            raise UsageError(f"{where}: {text!r} is no pair of points: write ROW,COLUMN=X,Y, such as 12,40=310,95.5")
        row, column, x, y = (float(number) for number in match.groups())
        pairs.append((row, column, x, y))
    return tuple(pairs)


def _lines_of(file: Path) -> list[tuple[str, str]]:
    """Lines of a file with their places."""
    try:
        content = file.read_text("utf-8") if file.stat().st_size < 1_000_000 else "\0"
    except (OSError, UnicodeDecodeError):
        raise UsageError(
            f"--match {file}: neither a pair ROW,COLUMN=X,Y nor a text file of such lines: give one of them"
        ) from None
    numbered = enumerate(content.splitlines(), 1)
    return [(f"{file}:{number}", text) for number, line in numbered if (text := line.partition("#")[0].strip())]


def fit_points(pairs: Sequence[Pair], shape: tuple[int, int]) -> PointFit:
    """Place a photograph by pairs of points.

    A similarity needs four pairs, an affine transformation five, a homography six: one more than determine it. Of those
    that can be had the one that best foretells each pair from the others is taken, the simpler where they do alike.

    Raises
    ------
    UsageError
        Too few pairs, pairs that lie on a line or beyond the raster, or that contradict each other.
    """
    if len(pairs) < FEWEST_PAIRS:
        raise UsageError(f"{len(pairs)} matching points do not place a photograph: give at least {FEWEST_PAIRS}")
    rows, columns = shape
    points = np.array(pairs, dtype=np.float64)
    cells, pixels = points[:, 1::-1], points[:, 2:]
    if (cells < -1).any() or (cells > [columns, rows]).any():
        beyond = int(np.argmax(((cells < -1) | (cells > [columns, rows])).any(axis=1))) + 1
        raise UsageError(
            f"pair {beyond} lies beyond the raster's {rows} x {columns} cells: write ROW,COLUMN=X,Y, row first"
        )
    found: PointFit | None = None
    for kind, least, fit in _KINDS:
        if len(pairs) < least:
            break
        tried = _tried(kind, fit, cells, pixels)
        if tried is not None and (found is None or tried.residual_cells < _BETTER * found.residual_cells):
            found = tried
    if found is None:
        raise UsageError("the matching points lie on a line or in one place: spread them over the raster")
    if found.residual_cells > max(1.0, _MOST_RESIDUAL * math.hypot(rows, columns)):
        raise UsageError(
            f"the matching points contradict each other: each is missed by {found.residual_cells:.1f} cells where the "
            f"others place the photograph, most by pair {found.worst_pair}: correct that one"
        )
    return found


def _tried(kind: str, fit: Callable[[Doubles, Doubles], Doubles], cells: Doubles, pixels: Doubles) -> PointFit | None:
    """A fit of all pairs, with how far each is missed by that of the others; None where they do not determine it."""
    count = len(cells)
    missed = np.empty(count)
    try:
        whole = fit(cells, pixels)
        for left_out in range(count):
            others = np.arange(count) != left_out
            cells_from_photo = np.asarray(np.linalg.inv(fit(cells[others], pixels[others])), np.float64)
            placed = apply_homography(cells_from_photo, pixels[left_out][None])[0]
            missed[left_out] = np.linalg.norm(placed - cells[left_out])
    except (ValueError, np.linalg.LinAlgError):
        return None
    if not np.isfinite(missed).all() or abs(np.linalg.det(whole)) < 1e-12:
        return None
    return PointFit(whole, kind, float(np.sqrt(np.mean(missed**2))), int(np.argmax(missed)) + 1)


def _similarity(cells: Doubles, pixels: Doubles) -> Doubles:
    """Least squares of turn, scale and shift, mirror images excluded (S. Umeyama, 1991, with one scale)."""
    _refuse_line(cells)
    (x, y), (u, v) = cells.T, pixels.T
    one, zero = np.ones_like(x), np.zeros_like(x)
    design = np.concatenate([np.column_stack([x, -y, one, zero]), np.column_stack([y, x, zero, one])])
    a, b, c, d = np.linalg.lstsq(design, np.concatenate([u, v]), rcond=None)[0]
    return np.array([[a, -b, c], [b, a, d], [0.0, 0.0, 1.0]])


def _affine(cells: Doubles, pixels: Doubles) -> Doubles:
    _refuse_line(cells)
    design = np.column_stack([cells, np.ones(len(cells))])
    solved = np.linalg.lstsq(design, pixels, rcond=None)[0]
    return np.vstack([solved.T, [0.0, 0.0, 1.0]])


def _refuse_line(points: Doubles) -> None:
    spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    if spread[1] < 1e-3 * max(spread[0], 1e-9):
        raise ValueError("on a line")


_KINDS: tuple[tuple[str, int, Callable[[Doubles, Doubles], Doubles]], ...] = (
    ("similarity", 4, _similarity),
    ("affine", 5, _affine),
    ("homography", 6, homography_dlt),
)
