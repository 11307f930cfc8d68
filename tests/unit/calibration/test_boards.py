"""Boards found in pictures, and pictures without them told apart."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.board_detection import detect_board
from calibration.board_diagnosis import NoBoard, Refusal, find_board
from calibration.board_ink import board_ink
from calibration.board_sharpness import edge_rise_px
from calibration.boards import ArucoGrid, CharucoBoard, Chessboard, UnknownBoard, parse_board
from tests.unit.calibration.board_views import CHESSBOARD, POSE, photograph, true_px

CHARUCO = CharucoBoard(7, 5, 25.0, 18.0, "DICT_4X4_50")
GRID = ArucoGrid(4, 3, 30.0, 8.0, "DICT_4X4_50")
BOARDS = [CHESSBOARD, CHARUCO, GRID]
KINDS = ["chessboard", "charuco", "aruco"]


@pytest.fixture(scope="module")
def pictures() -> dict[str, np.ndarray]:
    return {board.name: photograph(board) for board in BOARDS}


@pytest.mark.parametrize("board", BOARDS, ids=KINDS)
def test_a_board_is_read_back_from_its_name(board):
    assert parse_board(board.name) == board


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("checker:9x6:25mm", "is not understood: write chessboard:COLUMNSxROWS:SQUARE"),
        ("chessboard:9x6", "is not understood"),
        ("chessboard:9by6:25mm", "'9by6' is no count such as 9x6"),
        ("chessboard:9x6:25", "'25' is no length such as 25mm"),
        ("chessboard:2x6:25mm", "2 x 6 is no size for a board"),
        ("charuco:7x5:20mm:20mm:DICT_4X4_50", "its markers are not smaller than its squares"),
        ("charuco:7x5:20mm:15mm:DICT_9X9_50", "'DICT_9X9_50' is no marker dictionary"),
        ("aruco:10x6:20mm:5mm:DICT_4X4_50", "it needs 60 markers and DICT_4X4_50 has 50"),
    ],
)
def test_a_description_that_names_no_board_is_refused(text, sentence):
    with pytest.raises(UnknownBoard, match=sentence):
        parse_board(text)


@pytest.mark.parametrize("board", BOARDS, ids=KINDS)
def test_points_lie_where_the_pose_puts_them(board, pictures):
    view = detect_board(pictures[board.name], board)
    assert view is not None
    assert view.ids.size == len(board.points_mm)
    off = np.linalg.norm(view.points_px - true_px(board, view.ids), axis=1)
    # noise of 0.4 % of white on edges of contrast 0.8 and slope 1/2.3 px, averaged over some tens of pixels: 0.02 px
    assert np.sqrt(np.mean(off**2)) < 0.06


@pytest.mark.parametrize("board", BOARDS, ids=KINDS)
def test_a_board_is_found_in_sixteen_bits_too(board, pictures):
    view = find_board(pictures[board.name].astype(np.uint16) * 257, board)
    assert view
    assert view.ids.size == len(board.points_mm)


@pytest.mark.parametrize("board", [CHARUCO, GRID], ids=["charuco", "aruco"])
def test_a_part_of_a_board_with_markers_is_enough(board, pictures):
    view = find_board(np.ascontiguousarray(pictures[board.name][:, :330]), board)
    assert view
    assert 6 <= view.ids.size < len(board.points_mm)
    assert np.abs(view.points_px - true_px(board, view.ids)).max() < 0.2


@pytest.mark.parametrize("board", [CHARUCO, GRID], ids=["charuco", "aruco"])
def test_a_mirrored_picture_is_told_apart(board, pictures):
    found = find_board(np.ascontiguousarray(pictures[board.name][:, ::-1]), board)
    assert isinstance(found, NoBoard)
    assert found.refusal is Refusal.MIRRORED
    assert "switch mirroring off" in found.reason


@pytest.mark.parametrize(
    ("shown", "stated", "sentence"),
    [
        (CHARUCO, CHESSBOARD, "it shows a ChArUco board of DICT_4X4"),
        (GRID, CHESSBOARD, "it shows a grid of ArUco markers of DICT_4X4"),
        (GRID, CHARUCO, "it shows a grid of ArUco markers of DICT_4X4"),
        (CHARUCO, GRID, "it shows a ChArUco board of DICT_4X4"),
        (CHESSBOARD, GRID, "it shows a chessboard of about 7 x 5 inner corners"),
        (CHESSBOARD, CHARUCO, "it shows a chessboard of about 7 x 5 inner corners"),
        (CHESSBOARD, Chessboard(8, 6, 20.0), "it shows a chessboard of 7 x 5 inner corners"),
        (GRID, replace(GRID, dictionary="DICT_5X5_50"), "it shows a grid of ArUco markers of DICT_4X4"),
        (GRID, replace(GRID, columns=3, rows=4), "its markers do not lie as stated"),
        (GRID, replace(GRID, columns=3), "it shows markers up to number 11, beyond the 9 of this board"),
    ],
)
def test_another_board_is_named(shown, stated, sentence, pictures):
    found = find_board(pictures[shown.name], stated)
    assert isinstance(found, NoBoard)
    assert found.refusal is Refusal.ANOTHER_BOARD
    assert sentence in found.reason


def test_a_single_row_of_points_does_not_place_a_board(pictures):
    picture = pictures[CHARUCO.name]
    rows = true_px(CHARUCO, np.arange(6, 12))[:, 1]
    strip = picture.copy()
    strip[: int(rows.min()) - 30], strip[int(rows.max()) + 30 :] = 200, 200
    found = find_board(strip, CHARUCO)
    assert isinstance(found, NoBoard)


@given(
    text=st.text(max_size=30)
    | st.from_regex(r"(chessboard|charuco|aruco):[1-9]x[1-9]:\d{1,4}\.\d+mm(:\d+mm:DICT_4X4_50)?")
)
def test_every_description_is_a_board_or_refused(text):
    board, refusal = None, ""
    try:
        board = parse_board(text)
    except UnknownBoard as error:
        refusal = str(error)
    assert "write chessboard:COLUMNSxROWS:SQUARE" in refusal if board is None else parse_board(board.name) == board


def test_a_chessboard_that_is_cut_off_is_told_apart(pictures):
    found = find_board(np.ascontiguousarray(pictures[CHESSBOARD.name][:, :400]), CHESSBOARD)
    assert isinstance(found, NoBoard)
    assert found.refusal is Refusal.CUT_OFF
    assert "bring the whole board with a white rim into the picture" in found.reason


def test_a_grid_of_which_one_marker_is_seen_is_cut_off(pictures):
    corners = true_px(GRID, np.arange(4))
    rows, columns = (slice(0, int(corners[:, i].max()) + 14) for i in (1, 0))
    found = find_board(np.ascontiguousarray(pictures[GRID.name][rows, columns]), GRID)
    assert isinstance(found, NoBoard)
    assert found.refusal is Refusal.CUT_OFF
    assert "only 1 of 12 markers are seen" in found.reason


@pytest.mark.parametrize("board", BOARDS, ids=KINDS)
def test_a_picture_without_a_board_is_told_apart(board):
    grain = np.random.default_rng(3).integers(90, 120, (240, 320, 3)).astype(np.uint8)
    found = find_board(grain, board)
    assert isinstance(found, NoBoard)
    assert found.refusal is Refusal.NO_BOARD
    assert found.reason.startswith(f"no board like {board.name} is seen: ")


@pytest.mark.parametrize("board", BOARDS, ids=KINDS)
def test_the_rise_of_edges_follows_blur(board):
    blur_px = 1.0
    picture = photograph(board, replace(POSE, blur_px=blur_px), noise=0.0)
    view = detect_board(picture, board)
    linear = (np.asarray(picture / 255.0) ** 2.2 * 65535).astype(np.uint16)
    # contrast over the steepest slope of a blurred step is sqrt(2 pi) deviations; pixels of width 1 add 1/12 to its
    # square, reading between pixels another 1/6 on average, a slope taken over one pixel 1/12
    expected = math.sqrt(2 * math.pi * (blur_px**2 + 1 / 3))
    assert edge_rise_px(linear, board, view) == pytest.approx(expected, rel=0.1)


def test_a_board_that_was_swept_sideways_has_wide_edges(pictures):
    still = edge_rise_px(pictures[CHESSBOARD.name], CHESSBOARD, detect_board(pictures[CHESSBOARD.name], CHESSBOARD))
    swept = photograph(CHESSBOARD, replace(POSE, swept_px=8.0))
    assert edge_rise_px(swept, CHESSBOARD, detect_board(swept, CHESSBOARD)) > 2.5 * still


def test_ink_covers_what_opencv_draws():
    px_per_mm = 8
    drawn = CHARUCO.opencv().generateImage((7 * 25 * px_per_mm, 5 * 25 * px_per_mm), marginSize=0)
    inked = np.full(drawn.shape, 255, np.uint8)
    for x, y, width, height in np.round(board_ink(CHARUCO) * px_per_mm).astype(int):
        inked[y : y + height, x : x + width] = 0
    # whole pixels: 18 mm of 6 modules are 144 px, a module 24
    assert (cv2.absdiff(inked, drawn) > 128).mean() < 0.002
