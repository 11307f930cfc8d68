"""What a live calibration refuses, and what it asks for next."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration.board_detection import BoardView
from calibration.board_lean import lean
from calibration.camera_fit import fit_camera
from calibration.camera_guide import SharpView, coverage_map, is_enough, next_to_do, why_useless
from tests.unit.calibration.board_views import CHESSBOARD, LENS, BoardPose, true_px

IDS = np.arange(len(CHESSBOARD.points_mm))
POSE = BoardPose(320, 240, 330, tilt_x_deg=20)


def shown(pose: BoardPose, rise_px: float = 2.0) -> SharpView:
    return SharpView(BoardView(IDS, true_px(CHESSBOARD, IDS, pose), 640, 480), rise_px)


def everywhere(tilts: list[tuple[float, float]]) -> list[SharpView]:
    """Views over the whole field, each with its tilt in turn."""
    places = [(x, y) for x in (150, 320, 490) for y in (120, 240, 360)]
    return [
        shown(BoardPose(x, y, 330, *tilts[i % len(tilts)], roll_deg=5.0 * (i % 3)))
        for i, (x, y) in enumerate(places * 2)
    ]


def test_a_sharp_new_view_is_of_use():
    assert why_useless(shown(POSE), [], CHESSBOARD) is None


def test_a_blurred_view_is_refused():
    assert why_useless(shown(POSE, rise_px=9.0), [], CHESSBOARD).startswith("blurred, its edges are 9.0 pixels wide")


def test_a_view_that_is_less_sharp_than_the_others_is_refused():
    earlier = [shown(replace(POSE, x_px=x)) for x in (200.0, 300.0, 400.0)]
    assert why_useless(shown(replace(POSE, y_px=180), rise_px=4.0), earlier, CHESSBOARD).startswith("blurred")


def test_a_view_whose_edges_cannot_be_measured_is_refused():
    assert why_useless(shown(POSE, rise_px=float("nan")), [], CHESSBOARD).startswith("blurred")


def test_a_repeated_view_is_refused():
    assert why_useless(shown(replace(POSE, x_px=323)), [shown(POSE)], CHESSBOARD).startswith("as an earlier view")


def test_the_same_place_with_another_tilt_is_of_use():
    assert why_useless(shown(replace(POSE, tilt_x_deg=-25)), [shown(POSE)], CHESSBOARD) is None


@pytest.mark.parametrize(
    ("tilt_x_deg", "tilt_y_deg", "nearer"), [(25, 0, (0, -1)), (-25, 0, (0, 1)), (0, 25, (1, 0)), (0, -25, (-1, 0))]
)
def test_lean_tells_which_side_is_nearer(tilt_x_deg, tilt_y_deg, nearer):
    view = shown(BoardPose(320, 240, 330, tilt_x_deg, tilt_y_deg)).view
    # a board of 120 or 80 mm between its outer points at 330 mm, tilted by 25 degrees: 0.15 or 0.10 of its distance
    assert lean(view, CHESSBOARD) == pytest.approx(0.125 * np.array(nearer), abs=0.05)


def test_an_empty_part_of_the_field_is_asked_for():
    right = [shown(replace(POSE, x_px=500, y_px=y)) for y in (130.0, 350.0)]
    assert next_to_do(right, CHESSBOARD) in (
        "move the board to the left of the picture",
        "move the board to the upper left of the picture",
    )


def test_a_missing_tilt_is_asked_for():
    assert next_to_do(everywhere([(25.0, 0.0), (-25.0, 0.0), (0.0, 25.0)]), CHESSBOARD) == (
        "tilt the board, its left side towards the camera"
    )


def test_views_over_the_field_with_all_tilts_are_enough():
    accepted = everywhere([(25.0, 0.0), (-25.0, 0.0), (0.0, 25.0), (0.0, -25.0)])
    rng = np.random.default_rng(4)
    noisy = [
        replace(one, view=replace(one.view, points_px=one.view.points_px + rng.normal(0, 0.05, (IDS.size, 2))))
        for one in accepted
    ]
    fit = fit_camera([one.view for one in noisy], CHESSBOARD)
    assert is_enough(noisy, CHESSBOARD, fit)
    assert not is_enough(noisy[:9], CHESSBOARD, fit)
    assert not is_enough(noisy, CHESSBOARD, replace(fit, standard_errors=fit.standard_errors + 3.0))
    assert abs(fit.lens.matrix[0, 0] / LENS.matrix[0, 0] - 1) < 0.01


def test_the_map_of_the_field_marks_what_was_seen():
    rows = coverage_map([shown(replace(POSE, x_px=500, y_px=350))])
    assert len(rows) == 6
    assert rows[0] == ". . . . . . . ."
    assert "#" in rows[4]
