"""From views of a board to a camera's intrinsics, with as many distortion terms as the views support."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.board_detection import BoardView
from calibration.board_lean import lean
from calibration.board_pose import board_pose, held_out_errors, reprojected
from calibration.boards import Board
from calibration.lens import Lens

LEAST_VIEWS = 5
MODELS: dict[str, int] = {
    "none": cv2.CALIB_FIX_K1 | cv2.CALIB_FIX_K2 | cv2.CALIB_FIX_K3 | cv2.CALIB_ZERO_TANGENT_DIST,
    "k1": cv2.CALIB_FIX_K2 | cv2.CALIB_FIX_K3 | cv2.CALIB_ZERO_TANGENT_DIST,
    "k1 k2": cv2.CALIB_FIX_K3 | cv2.CALIB_ZERO_TANGENT_DIST,
    "k1 k2 p1 p2": cv2.CALIB_FIX_K3,
    "k1 k2 p1 p2 k3": 0,
}
"""Which distortion coefficients are free: OpenCV's flags."""
_FOLDS = 5
_OUTLIER_MADS = 5.0
_OUTLIER_RATIO = 1.6
_MOST_LEFT_OUT = 0.2
_FLATTEST_DEG = 8.0
_WORST_FOCAL = 0.02
_LEAST_LEAN = 0.015
"""Nearness of one side of the board, as a share of its distance, below which no two views tell the focal length; a
board of a tenth of its distance that is tilted by 10 degrees has as much."""


@dataclass(frozen=True, slots=True)
class NotCalibrated:
    """A calibration that could not be had, and why; falsy."""

    reason: str
    """One sentence: what is wrong and what to do."""

    def __bool__(self) -> bool:
        return False


@dataclass(frozen=True, slots=True, eq=False)
class CameraFit:
    """Intrinsics, and where each view's board stood."""

    lens: Lens
    standard_errors: NDArray[np.float64]
    """Of fx, fy, cx, cy, k1, k2, p1, p2, k3, shape (9,)."""
    distortion_terms: str
    rms_px: float
    held_out_rms_px: float | None
    used: tuple[int, ...]
    """Which of the views took part, rising."""
    left_out: dict[int, str]
    """The others, and why."""
    residuals_px: tuple[NDArray[np.float64], ...]
    """Seen minus reprojected points of every view, left out or not, shape (points, 2) each."""
    tilts_deg: NDArray[np.float64]
    """Angle between board's normal and camera's axis, shape (views,)."""

    def view_rms_px(self, view: int) -> float:
        return _rms(self.residuals_px[view])


@dataclass(frozen=True, slots=True, eq=False)
class _Points:
    """Views as OpenCV takes them."""

    board: tuple[NDArray[np.float32], ...]
    """Points of the board seen, mm, shape (n, 3) each."""
    picture: tuple[NDArray[np.float32], ...]
    """Where they are seen, shape (n, 2) each."""
    size: tuple[int, int]

    def only(self, views: Sequence[int]) -> _Points:
        return _Points(tuple(self.board[i] for i in views), tuple(self.picture[i] for i in views), self.size)


@dataclass(frozen=True, slots=True, eq=False)
class _Intrinsics:
    matrix: NDArray[np.float64]
    distortion: NDArray[np.float64]
    standard_errors: NDArray[np.float64]

    @property
    def values(self) -> NDArray[np.float64]:
        return np.concatenate([self.matrix[[0, 1, 0, 1], [0, 1, 2, 2]], self.distortion])


def fit_camera(views: Sequence[BoardView], board: Board) -> CameraFit | NotCalibrated:
    """Estimate a camera's intrinsics from views of one board (Zhang 2000, by OpenCV).

    Views whose points lie much further off than those of the others are left out, at most a fifth of them. Of five
    sets of distortion terms the one is taken that predicts held-out views best: intrinsics come from the other views,
    the board's pose from half of the points, and the error from the rest, so that a term that only follows noise
    costs. Between sets that differ by less than one standard error of their difference the smaller is taken.

    Standard errors are the larger of those from the residuals' scatter and those from how far the estimates move when
    a fifth of the views is left out (delete-a-group jackknife), which also has what a view has in common: a board
    that is not flat. They hold for the terms taken: the others take up what a term held at zero would have said.

    Parameters
    ----------
    views : sequence of BoardView
    board : Board

    Returns
    -------
    CameraFit, or NotCalibrated (falsy): too few views, differing sizes, or views too alike to tell the focal length.
    """
    refusal = _refused(views, board)
    if refusal is not None:
        return refusal
    points = _points(views, board)
    try:
        used, left_out = _without_outliers(points)
        kept = points.only(used)
        if _is_alike(kept, _intrinsics(kept, MODELS["k1"])):
            return NotCalibrated(_ALIKE)
        terms, held_out_rms_px, moved = _choose_terms(kept)
        found = _intrinsics(kept, MODELS[terms])
    except cv2.error:
        return NotCalibrated(_NO_FIT)
    found = replace(found, standard_errors=np.maximum(found.standard_errors, moved))
    if _is_alike(kept, found):
        return NotCalibrated(_ALIKE)
    residuals = _residuals(points, found)
    return CameraFit(
        lens=Lens(found.matrix, found.distortion, *points.size),
        standard_errors=found.standard_errors,
        distortion_terms=terms,
        rms_px=_rms(np.concatenate([residuals[i] for i in used])),
        held_out_rms_px=held_out_rms_px,
        used=tuple(used),
        left_out=left_out,
        residuals_px=tuple(residuals),
        tilts_deg=_tilts_deg(points, found),
    )


def _refused(views: Sequence[BoardView], board: Board) -> NotCalibrated | None:
    if len(views) < LEAST_VIEWS:
        return NotCalibrated(
            f"{len(views)} usable views of the board, at least {LEAST_VIEWS} needed: take more, from different sides"
        )
    sizes = sorted({(view.width_px, view.height_px) for view in views})
    if len(sizes) > 1:
        listed = " and ".join(f"{width} x {height}" for width, height in sizes)
        return NotCalibrated(f"the pictures differ in size ({listed} pixels): keep those of one size and one camera")
    leans = np.sort([float(np.hypot(*lean(view, board))) for view in views])
    return NotCalibrated(_ALIKE) if leans[-2] < _LEAST_LEAN else None


_ALIKE = (
    "the views are too much alike to tell the focal length: tilt the board by about 30 degrees, in some views to each "
    "side and in some up and down"
)

_NO_FIT = (
    "OpenCV finds no camera that these views fit: take out views that show a small part of the board, and check that "
    "all are of one board"
)


def _points(views: Sequence[BoardView], board: Board) -> _Points:
    flat = np.column_stack([board.points_mm, np.zeros(len(board.points_mm))]).astype(np.float32)
    return _Points(
        tuple(flat[view.ids] for view in views),
        tuple(view.points_px.astype(np.float32) for view in views),
        (views[0].width_px, views[0].height_px),
    )


def _intrinsics(points: _Points, flags: int) -> _Intrinsics:
    _, matrix, distortion, _, _, deviations, _, _ = cv2.calibrateCameraExtended(
        list(points.board),
        list(points.picture),
        points.size,
        None,
        None,
        flags=flags,  # type: ignore[call-overload]
    )
    coefficients = np.asarray(distortion, dtype=np.float64).reshape(-1)[:5]
    return _Intrinsics(np.asarray(matrix, np.float64), coefficients, np.asarray(deviations, np.float64).reshape(-1)[:9])


def _is_alike(points: _Points, found: _Intrinsics) -> bool:
    """Whether the focal length is known too badly, or all boards but one stood square to the camera."""
    uncertain = float(found.standard_errors[:2].max() / min(found.matrix[0, 0], found.matrix[1, 1]))
    return not (uncertain < _WORST_FOCAL and float(np.sort(_tilts_deg(points, found))[-2]) > _FLATTEST_DEG)


def _without_outliers(points: _Points) -> tuple[list[int], dict[int, str]]:
    used = list(range(len(points.board)))
    most = int(_MOST_LEFT_OUT * len(used))
    left_out: dict[int, str] = {}
    while len(left_out) < most and len(used) > LEAST_VIEWS:
        found = _intrinsics(points.only(used), MODELS["k1 k2"])
        rms = np.array([_rms(one) for one in _residuals(points.only(used), found)])
        typical = float(np.median(rms))
        spread = 1.4826 * float(np.median(np.abs(rms - typical)))
        worst = int(np.argmax(rms))
        if rms[worst] <= max(typical + _OUTLIER_MADS * spread, _OUTLIER_RATIO * typical):
            break
        left_out[used[worst]] = (
            f"its points lie {rms[worst]:.2f} px off where the other views put them, which lie {typical:.2f} px off: "
            "blurred, moved while exposed, or the board was bent"
        )
        del used[worst]
    return used, left_out


def _choose_terms(points: _Points) -> tuple[str, float | None, NDArray[np.float64]]:
    """Distortion terms, their held-out rms, and how far the parameters move between folds, shape (9,)."""
    views = len(points.board)
    folds = min(_FOLDS, views // (LEAST_VIEWS - 1)) if views < 2 * LEAST_VIEWS else _FOLDS
    if folds < 2:
        return "k1", None, np.zeros(9)
    errors: dict[str, NDArray[np.float64]] = {}
    moved: dict[str, NDArray[np.float64]] = {}
    for terms, flags in MODELS.items():
        errors[terms] = np.empty(views)
        values = []
        for fold in range(folds):
            out = [i for i in range(views) if i % folds == fold]
            found = _intrinsics(points.only([i for i in range(views) if i % folds != fold]), flags)
            rest = points.only(out)
            errors[terms][out] = held_out_errors(rest.board, rest.picture, found.matrix, found.distortion)
            values.append(found.values)
        spread = np.array(values) - np.mean(values, axis=0)
        moved[terms] = np.sqrt((folds - 1) / folds * np.sum(spread**2, axis=0))
    best = min(errors, key=lambda terms: float(errors[terms].mean()))
    for terms in MODELS:
        worse = errors[terms] - errors[best]
        if worse.mean() <= worse.std(ddof=1) / np.sqrt(views):
            return terms, float(np.sqrt(errors[terms].mean())), moved[terms]
    return best, float(np.sqrt(errors[best].mean())), moved[best]


def _residuals(points: _Points, found: _Intrinsics) -> list[NDArray[np.float64]]:
    residuals = []
    for seen_mm, seen_px in zip(points.board, points.picture, strict=True):
        turned, shifted = board_pose(seen_mm, seen_px, found.matrix, found.distortion)
        placed = reprojected(seen_mm, turned, shifted, found.matrix, found.distortion)
        residuals.append(np.asarray(seen_px, dtype=np.float64) - placed)
    return residuals


def _tilts_deg(points: _Points, found: _Intrinsics) -> NDArray[np.float64]:
    tilts = []
    for seen_mm, seen_px in zip(points.board, points.picture, strict=True):
        turned, _ = board_pose(seen_mm, seen_px, found.matrix, found.distortion)
        rotation, _ = cv2.Rodrigues(turned)
        tilts.append(np.degrees(np.arccos(np.clip(abs(rotation[2, 2]), 0, 1))))
    return np.array(tilts, dtype=np.float64)


def _rms(residuals: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.sum(residuals**2, axis=1))))
