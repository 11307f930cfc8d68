"""Calibrate the demonstration's camera from simulated photographs: python -m tools.calibration_pictures FOLDER

Leaves the photographs and the stored calibration in the folder, the guide's pictures in docs/images, and the
calibration that the demonstration uses beside its configuration.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.boards import Board, parse_board
from calibration.lens import Lens
from calibration.stored import load_stored, read_stored, store, stored_picture
from edge.calibrate.camera import calibrate_camera
from edge.cameras.identity import body_identity
from edge.cameras.picture import write_picture
from edge.simulate.board_camera import photograph_board, poses_over_field
from edge.simulate.camera import true_view
from edge.simulate.config import load_instrument
from firmware_bridge.messages import StagePose

BOARD = "chessboard:9x6:25mm"
VIEWS = 18
_CHECKOUT = Path(__file__).resolve().parents[1]
_PANEL = _CHECKOUT / "edge" / "simulate" / "panel"
_IMAGES = _CHECKOUT / "docs" / "images"
_SHEET_COLUMNS = 4
_SHEET_VIEWS = 8
_TILE_PX = 170
_PICTURE_PX = 480
_BODY = "simulated camera"
"""Its pictures do not name it; a calibration that does is refused for cameras that name themselves."""
_HEADER = (
    "# The lens of the demonstration's camera, as `pointillist calibrate camera` found it from photographs of a board\n"
    "# that the same simulated camera took: python -m tools.calibration_pictures\n"
)


def photograph(folder: Path, board: Board, lens: Lens, *, seed: int) -> list[NDArray[np.uint8]]:
    """Pictures of a board held over the whole field, written as PNG too."""
    folder.mkdir(parents=True, exist_ok=True)
    taken = []
    for i, pose in enumerate(poses_over_field(board, lens, VIEWS, seed=seed)):
        picture = photograph_board(board, lens, pose, rng=np.random.default_rng([seed, i]), noise=0.004)
        write_picture(folder / f"board-{i:02d}.png", picture)
        taken.append(picture)
    return taken


def contact_sheet(pictures: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """The first pictures in rows, small."""
    tiles = [np.pad(smaller(picture, _TILE_PX), ((2, 2), (2, 2), (0, 0)), constant_values=255) for picture in pictures]
    rows = [np.hstack(tiles[i : i + _SHEET_COLUMNS]) for i in range(0, len(tiles), _SHEET_COLUMNS)]
    return np.vstack(rows)


def smaller(picture: NDArray[Any], width_px: int) -> NDArray[np.uint8]:
    height_px = round(picture.shape[0] * width_px / picture.shape[1])
    return np.asarray(cv2.resize(picture, (width_px, height_px), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def main() -> None:
    out = Path(sys.argv[1])
    config = load_instrument(_PANEL / "instrument.yaml").camera
    pictures = photograph(
        out / "photographs", parse_board(BOARD), true_view(config, StagePose(0.0, 0.0)).lens, seed=config.seed
    )
    write_picture(_IMAGES / "calibrate-board.png", contact_sheet(pictures[:_SHEET_VIEWS]))
    path = calibrate_camera(out / "photographs", board=BOARD, config=None, out=out / "calibrations", say=print)
    stored = read_stored(path, ["camera"])
    for name in ("coverage", "residuals"):
        write_picture(_IMAGES / f"calibrate-{name}.png", smaller(stored_picture(stored, name), _PICTURE_PX))
    content = load_stored(path, "camera") | {"camera_identity": body_identity(_BODY)}
    bare = store(out / "bare", "camera", content, made_at=stored.made_at)
    (_PANEL / "camera.yaml").write_text(_HEADER + bare.read_text("utf-8"), encoding="utf-8")


if __name__ == "__main__":
    main()
