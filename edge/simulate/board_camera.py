"""A camera to which somebody shows a calibration board, tilted and shifted anew for each picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.board_ink import board_ink
from calibration.boards import Board
from calibration.homography import PlaneFit
from calibration.lens import Lens
from calibration.srgb import encoded
from edge.cameras.frame import Frame
from edge.faults import DeviceError
from firmware_bridge.messages import StagePose

_PAPER, _INK, _AROUND = 0.82, 0.035, 0.16
"""Linear reflectances."""
_RIM_MM = 12.0
"""Width of the white paper around the pattern."""
_NODE_SPACING = 8
_OVERSAMPLING = 1.3
"""Pixels of the sheet, each with the exact shade of what it covers, for one of the picture."""
_NOISE = 0.004
_SHOWN = 60
_SWEPT = 0.012
"""Way of the board while exposed, as a share of the picture's longer side."""
IDENTITY = "simulated-board"


@dataclass(frozen=True, slots=True)
class BoardPose:
    """Where the board is held: its centre's pixel, its distance, and how it is turned."""

    x_px: float
    y_px: float
    distance_mm: float
    tilt_x_deg: float = 0.0
    """About the picture's horizontal: positive brings the upper side nearer."""
    tilt_y_deg: float = 0.0
    """About the picture's vertical: positive brings the right side nearer."""
    roll_deg: float = 0.0
    blur_px: float = 0.6
    """Standard deviation of focus and sensor."""
    swept_px: float = 0.0
    """Way along the picture's rows while exposed."""


class BoardCamera:
    """Photographs a board in one pose after the other. Implements `edge.cameras.Camera`."""

    def __init__(
        self, board: Board, lens: Lens, poses: Sequence[BoardPose], *, seed: int = 0, noise: float = _NOISE
    ) -> None:
        self._board = board
        self._lens = lens
        self._poses = tuple(poses)
        self._seed = seed
        self._noise = noise
        self._taken = 0

    def capture(self) -> Frame:
        """The next picture.

        Raises
        ------
        DeviceError
            All poses have been shown.
        """
        if self._taken == len(self._poses):
            raise DeviceError("nobody shows the board any more: give the simulated camera more poses")
        rng = np.random.default_rng([self._seed, self._taken])
        image = photograph_board(self._board, self._lens, self._poses[self._taken], rng=rng, noise=self._noise)
        self._taken += 1
        image.flags.writeable = False
        return Frame(image, IDENTITY, datetime.now(UTC).isoformat(timespec="milliseconds"))


class BoardShown:
    """A camera's address while somebody shows it a board: each picture in another pose, some of them spoiled.

    Every fifth picture is taken while the board moves.
    """

    def __init__(self, board: Board, lens: Lens, *, seed: int, blur_px: float) -> None:
        self._board = board
        self._lens = lens
        self._seed = seed
        poses = poses_over_field(board, lens, _SHOWN, seed=seed)
        swept_px = _SWEPT * max(lens.width_px, lens.height_px)
        self._poses = [
            replace(pose, blur_px=blur_px, swept_px=swept_px if i % 5 == 4 else 0.0) for i, pose in enumerate(poses)
        ]
        self._taken = 0

    def render(self, pose: StagePose | None = None) -> NDArray[np.uint8]:
        """The next picture; it does not matter where the stage stands."""
        rng = np.random.default_rng([self._seed, self._taken])
        shown = self._poses[self._taken % len(self._poses)]
        self._taken += 1
        return photograph_board(self._board, self._lens, shown, rng=rng, noise=_NOISE)


def board_view(board: Board, lens: Lens, pose: BoardPose) -> PlaneFit:
    """Millimetres on the board, from its pattern's upper left, to pixels and back."""
    tilt_x, tilt_y, roll = np.deg2rad([pose.tilt_x_deg, pose.tilt_y_deg, pose.roll_deg])
    about_x, _ = cv2.Rodrigues(np.array([tilt_x, 0.0, 0.0]))
    about_y, _ = cv2.Rodrigues(np.array([0.0, tilt_y, 0.0]))
    about_z, _ = cv2.Rodrigues(np.array([0.0, 0.0, roll]))
    rotation = np.asarray(about_z @ about_x @ about_y, dtype=np.float64)
    towards = np.linalg.solve(lens.matrix, np.array([pose.x_px, pose.y_px, 1.0])) * pose.distance_mm
    centre = np.array([*board.size_mm, 0.0]) / 2
    shift = towards - rotation @ centre
    camera_from_board = lens.matrix @ np.column_stack([rotation[:, 0], rotation[:, 1], shift])
    return PlaneFit(camera_from_board / camera_from_board[2, 2], lens)


def photograph_board(
    board: Board, lens: Lens, pose: BoardPose, *, rng: np.random.Generator, noise: float
) -> NDArray[np.uint8]:
    """One picture, sRGB, shape (h, w, 3); `noise` is the deviation of linear light."""
    view = board_view(board, lens, pose)
    flat, px_per_mm = _flat(board, view)
    columns, rows = _sources(view, px_per_mm)
    light = np.asarray(
        cv2.remap(flat, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(_AROUND,))
    )
    if pose.blur_px > 0:
        light = np.asarray(cv2.GaussianBlur(light, (0, 0), pose.blur_px))
    if pose.swept_px >= 1:
        light = np.asarray(cv2.blur(light, (2 * round(pose.swept_px / 2) + 1, 1)))
    noisy = light + np.float32(noise) * rng.standard_normal(light.shape, dtype=np.float32)
    levels = np.round(encoded(np.clip(noisy, 0, 1)) * 255)
    return np.ascontiguousarray(np.repeat(levels.astype(np.uint8)[:, :, None], 3, axis=2))


def _sources(view: PlaneFit, px_per_mm: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Columns and rows of the sheet under every pixel of the picture, interpolated between exact nodes."""
    lens = view.lens
    wide, high = -(-lens.width_px // _NODE_SPACING) + 2, -(-lens.height_px // _NODE_SPACING) + 2
    x, y = np.meshgrid((np.arange(wide) - 0.5) * _NODE_SPACING - 0.5, (np.arange(high) - 0.5) * _NODE_SPACING - 0.5)
    place = (view.stage(np.column_stack([x.ravel(), y.ravel()])) + _RIM_MM) * px_per_mm - 0.5
    nodes = np.clip(np.nan_to_num(place, nan=-1e4), -1e4, 1e4).astype(np.float32).reshape(high, wide, 2)
    step = _NODE_SPACING
    dense = cv2.resize(nodes, (wide * step, high * step), interpolation=cv2.INTER_LINEAR)
    inner = dense[step : step + lens.height_px, step : step + lens.width_px]
    return np.ascontiguousarray(inner[..., 0]), np.ascontiguousarray(inner[..., 1])


def _flat(board: Board, view: PlaneFit) -> tuple[NDArray[np.float32], float]:
    """The sheet seen straight on, linear light, exact at its pixels' edges, and pixels per mm."""
    centre = np.array([board.size_mm]) / 2
    px_per_mm = _OVERSAMPLING * float(np.linalg.norm(view.pixels(centre + np.array([1.0, 0.0])) - view.pixels(centre)))
    width, height = (round((side + 2 * _RIM_MM) * px_per_mm) for side in board.size_mm)
    flat = np.full((height, width), _PAPER, dtype=np.float32)
    rectangles = board_ink(board)
    edges = (np.column_stack([rectangles[:, :2], rectangles[:, :2] + rectangles[:, 2:]]) + _RIM_MM) * px_per_mm
    for left, upper, right, lower in edges:
        columns = slice(int(left), int(np.ceil(right)))
        rows = slice(int(upper), int(np.ceil(lower)))
        across = np.clip(np.minimum(right, np.arange(columns.start, columns.stop) + 1.0) - left, 0, 1)
        across = np.minimum(across, np.clip(right - np.arange(columns.start, columns.stop), 0, 1))
        down = np.clip(np.minimum(lower, np.arange(rows.start, rows.stop) + 1.0) - upper, 0, 1)
        down = np.minimum(down, np.clip(lower - np.arange(rows.start, rows.stop), 0, 1))
        flat[rows, columns] -= np.float32(_PAPER - _INK) * np.outer(down, across).astype(np.float32)
    return flat, px_per_mm


def poses_over_field(board: Board, lens: Lens, count: int, *, seed: int) -> list[BoardPose]:
    """How a careful operator shows a board: over the whole field in turn, tilted each time to another side."""
    rng = np.random.default_rng(seed)
    focal_px = float(lens.matrix[0, 0])
    wide_mm, high_mm = board.size_mm
    poses = []
    for i in range(count):
        share = float(rng.uniform(0.38, 0.55))
        distance_mm = focal_px * max(wide_mm / lens.width_px, high_mm / lens.height_px) / share
        half_px = 0.58 * focal_px / distance_mm * np.array([wide_mm, high_mm])
        free_px = np.maximum(np.array([lens.width_px, lens.height_px]) / 2 - half_px, 1.0)
        column, row = _PLACES[i % len(_PLACES)]
        tilt_x, tilt_y = _TILTS[i % len(_TILTS)]
        poses.append(
            BoardPose(
                x_px=lens.width_px / 2 + column * float(free_px[0]),
                y_px=lens.height_px / 2 + row * float(free_px[1]),
                distance_mm=distance_mm,
                tilt_x_deg=tilt_x + float(rng.uniform(-6, 6)),
                tilt_y_deg=tilt_y + float(rng.uniform(-6, 6)),
                roll_deg=float(rng.uniform(-8, 8)),
            )
        )
    return poses


_PLACES = ((0, 0), (-1, -1), (1, 1), (1, -1), (-1, 1), (0, -1), (0, 1), (-1, 0), (1, 0))
"""Where in the field the board is held, in turn: shares of the free way from the middle."""
_TILTS = ((25, 0), (-25, 0), (0, 28), (0, -28), (18, 18), (-18, 18), (18, -18), (-18, -18))
