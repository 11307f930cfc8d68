"""Which views of a board a camera's calibration still lacks, and which of those shown are of use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.board_detection import BoardView, spacing
from calibration.board_lean import lean
from calibration.boards import Board
from calibration.camera_coverage import coverage, seen_cells
from calibration.camera_fit import CameraFit

WELL_COVERED = 0.75
"""Share of the field's cells that should hold a point."""
ENOUGH_VIEWS = 10
_BLURRED_PX = 5.0
_BLURRED_SHARE = 0.12
"""Of the distance of neighbouring edges: larger pictures may have wider edges."""
_BLURRED_RATIO = 1.6
"""Edges so much wider than those of most views tell that the board moved, or left the focus."""
_REPEATED = 0.03
"""Way that points have moved on average since an earlier view, as a share of the picture's longer side."""
_LEANS = 0.06
"""Nearness of one side of the board, as a share of its distance, that counts as a tilt."""
_UNCERTAIN = 0.002
"""Standard error of focal length and principal point, as a share of focal length and longer side, that is enough."""
_SIDES = ("right", "left", "lower", "upper")
_PLACES = (
    ("upper left", "top", "upper right"),
    ("left", "middle", "right"),
    ("lower left", "bottom", "lower right"),
)


@dataclass(frozen=True, slots=True, eq=False)
class SharpView:
    """A view, and the width of its edges."""

    view: BoardView
    rise_px: float


def why_useless(shown: SharpView, accepted: Sequence[SharpView], board: Board) -> str | None:
    """Why a view adds nothing to those accepted, one sentence; None where it does."""
    space_px = float(np.median(spacing(board, shown.view.ids, shown.view.points_px)))
    widest_px = max(_BLURRED_PX, _BLURRED_SHARE * space_px)
    if len(accepted) >= 3:
        widest_px = min(widest_px, _BLURRED_RATIO * float(np.median([one.rise_px for one in accepted])))
    if not shown.rise_px <= widest_px:
        return f"blurred, its edges are {shown.rise_px:.1f} pixels wide: hold the board still, in focus, in more light"
    if any(_is_like(shown.view, one.view, board) for one in accepted):
        return "as an earlier view: move or tilt the board"
    return None


def next_to_do(accepted: Sequence[SharpView], board: Board) -> str:
    """What the operator should show next."""
    views = [one.view for one in accepted]
    if not views:
        return "show the board, large in the picture"
    if coverage(views) < WELL_COVERED:
        return f"move the board to the {_emptiest(seen_cells(views))} of the picture"
    missing = [side for side, is_seen in zip(_SIDES, _leaning(views, board), strict=True) if not is_seen]
    if missing:
        return f"tilt the board, its {missing[0]} side towards the camera"
    return "more views, tilted by about 30 degrees this way and that"


def is_covered(accepted: Sequence[SharpView], board: Board) -> bool:
    """Whether the views are many, spread over the field, and tilted to all sides."""
    views = [one.view for one in accepted]
    return len(views) >= ENOUGH_VIEWS and coverage(views) >= WELL_COVERED and all(_leaning(views, board))


def is_enough(accepted: Sequence[SharpView], board: Board, fit: CameraFit) -> bool:
    """Whether field and tilts are covered, and focal length and principal point known well."""
    if not is_covered(accepted, board):
        return False
    focal = float(fit.standard_errors[:2].max() / fit.lens.matrix[0, 0])
    centre = float(fit.standard_errors[2:4].max() / max(fit.lens.width_px, fit.lens.height_px))
    return max(focal, centre) <= _UNCERTAIN


def coverage_map(accepted: Sequence[SharpView]) -> list[str]:
    """The field in letters, row by row: ``#`` where points were seen, ``.`` where none."""
    cells = seen_cells([one.view for one in accepted])
    return [" ".join("#" if is_seen else "." for is_seen in row) for row in cells]


def _is_like(one: BoardView, other: BoardView, board: Board) -> bool:
    """Whether points that both views show have hardly moved on average, and the board leans the same way."""
    common, at_one, at_other = np.intersect1d(one.ids, other.ids, return_indices=True)
    if not common.size:
        return False
    moved_px = float(np.linalg.norm(one.points_px[at_one] - other.points_px[at_other], axis=1).mean())
    turned = float(np.linalg.norm(lean(one, board) - lean(other, board)))
    return moved_px < _REPEATED * max(one.width_px, one.height_px) and turned < _LEANS


def _leaning(views: Sequence[BoardView], board: Board) -> tuple[bool, bool, bool, bool]:
    """Whether a view has the board's right, left, lower, upper side nearer."""
    leans = np.array([lean(view, board) for view in views])
    right, lower = leans.T
    return (
        bool((right > _LEANS).any()),
        bool((right < -_LEANS).any()),
        bool((lower > _LEANS).any()),
        bool((lower < -_LEANS).any()),
    )


def _emptiest(cells: NDArray[np.bool_]) -> str:
    """The ninth of the field with the largest share of cells without a point."""
    worst, place = -1.0, ""
    for down, rows in enumerate(np.array_split(cells, 3, axis=0)):
        for across, part in enumerate(np.array_split(rows, 3, axis=1)):
            unseen = 1.0 - float(part.mean()) if part.size else 0.0
            if unseen > worst:
                worst, place = unseen, _PLACES[down][across]
    return place
