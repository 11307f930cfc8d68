"""The calibration of a camera, from a folder and live, on simulated views of a board."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration.boards import Chessboard
from calibration.camera_calibration import calibration_from_dict
from calibration.lens import Lens
from calibration.stored import load_stored, read_stored, stored_picture
from edge.calibrate.camera import calibrate_camera
from edge.calibrate.camera_live import capture_views
from edge.cameras import Frame, write_picture
from edge.cameras.identity import is_same_camera
from edge.cameras.picture import decode_file
from edge.cli import run
from edge.faults import DeviceError, UsageError
from edge.simulate.board_camera import IDENTITY, BoardCamera, BoardShown, poses_over_field
from edge.simulate.camera_server import camera_served

BOARD = Chessboard(7, 5, 20.0)
LENS = Lens(
    np.array([[700.0, 0, 322.0], [0, 702.0, 236.0], [0, 0, 1]]), np.array([-0.12, 0.04, 0.0, 0.0, 0.0]), 640, 480
)
POSES = poses_over_field(BOARD, LENS, 24, seed=3)
CONFIG = """\
instrument:
  controller: {kind: native, port: port}
  camera: {kind: folder, path: frames}
  fiducials: {markers: [{id: 0, x_mm: 0, y_mm: 0}]}
area: {x_mm: 10, y_mm: 10, width_mm: 60, height_mm: 50, pitch_mm: 0.5}
"""


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    camera = BoardCamera(BOARD, LENS, POSES, seed=1)
    return [camera.capture() for _ in POSES]


@pytest.fixture(scope="module")
def folder(frames, tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("photographs")
    for i, frame in enumerate(frames[:12]):
        write_picture(made / f"{i:02d}.png", frame.image)
    return made


class Shown:
    """A camera that gives what it was handed, None being no picture; Ctrl-C where there is nothing left."""

    def __init__(self, frames: list[Frame | None]) -> None:
        self._frames = iter(frames)

    def capture(self) -> Frame:
        for frame in self._frames:
            if frame is None:
                raise DeviceError("the camera is gone: switch it on")
            return frame
        raise KeyboardInterrupt


def no_sleep(_: float) -> None:
    pass


def configured(folder: Path) -> Path:
    path = folder / "scan.yaml"
    path.write_text(CONFIG)
    return path


def test_a_folder_of_pictures_gives_the_lens_and_its_pictures(folder, tmp_path):
    said: list[str] = []
    path = calibrate_camera(folder, board=BOARD.name, config=None, out=tmp_path, say=said.append)
    calibration = calibration_from_dict(load_stored(path, "camera"))
    off = np.abs(calibration.lens.matrix - LENS.matrix)[[0, 1, 0, 1], [0, 1, 2, 2]]
    assert (off < 4 * calibration.standard_errors[:4]).all()
    assert calibration.camera_identity == ""
    assert len(calibration.used) == 12
    assert stored_picture(read_stored(path, ["camera"]), "residuals").ndim == 3
    assert stored_picture(read_stored(path, ["camera"]), "coverage").ndim == 3
    assert any("px in views held out" in line for line in said)


def test_a_picture_without_the_board_is_told_and_left_out(folder, tmp_path):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    grain = np.random.default_rng(1).integers(90, 140, (480, 640, 3)).astype(np.uint8)
    write_picture(tmp_path / "other.png", grain)
    said: list[str] = []
    path = calibrate_camera(tmp_path, board=BOARD.name, config=None, out=tmp_path / "kept", say=said.append)
    views = calibration_from_dict(load_stored(path, "camera")).views
    assert [view.name for view in views if view.left_out] == ["other.png"]
    assert said[0].startswith("other.png: no board like chessboard:7x5:20mm is seen")


def test_the_configured_camera_gives_its_identity_to_pictures_of_a_folder(folder, frames, tmp_path):
    path = calibrate_camera(
        folder,
        board=BOARD.name,
        config=configured(tmp_path),
        out=None,
        say=no_say,
        open_with=lambda _: Shown(frames),
    )
    assert path.parent == tmp_path / "calibrations"
    assert calibration_from_dict(load_stored(path, "camera")).camera_identity == IDENTITY


BODY, OTHER = "Bench 5 A1 at 50 mm", "Bench 5 A1 at 35 mm"


def named_by(monkeypatch, bodies: dict[str, str]) -> None:
    """Let pictures say what camera took them, as JPEG files of cameras do."""
    monkeypatch.setattr(
        "edge.calibrate.camera.decode_file", lambda path: replace(decode_file(path), body=bodies.get(path.name, ""))
    )


def test_the_camera_that_the_pictures_name_is_that_of_the_calibration(folder, tmp_path, monkeypatch):
    named_by(monkeypatch, {"03.png": BODY, "04.png": BODY})
    path = calibrate_camera(folder, board=BOARD.name, config=None, out=tmp_path, say=no_say)
    of = calibration_from_dict(load_stored(path, "camera")).camera_identity
    assert is_same_camera(of, f"folder:frames ({BODY})")
    assert is_same_camera(of, "folder:frames")
    assert not is_same_camera(of, f"folder:frames ({OTHER})")
    assert not is_same_camera(of, "uvc:046d:082d:A1")


def test_pictures_at_two_focal_lengths_are_not_fitted_as_one(folder, tmp_path, monkeypatch):
    named_by(monkeypatch, {"03.png": BODY, "05.png": OTHER})
    with pytest.raises(UsageError, match=r"05.png is by Bench 5 A1 at 35 mm, 03.png by Bench 5 A1 at 50 mm: keep"):
        calibrate_camera(folder, board=BOARD.name, config=None, out=tmp_path, say=no_say)


def test_pictures_of_another_camera_are_not_the_configured_ones(folder, frames, tmp_path, monkeypatch):
    named_by(monkeypatch, {"03.png": BODY})
    with pytest.raises(UsageError, match=r"of another camera \(body:Bench 5 A1 at 50 mm\) than the configured one"):
        calibrate_camera(
            folder,
            board=BOARD.name,
            config=configured(tmp_path),
            out=None,
            say=no_say,
            open_with=lambda _: Shown([replace(frames[0], identity=f"folder:frames ({OTHER})")]),
        )


def no_say(_: str) -> None:
    pass


def test_pictures_of_another_size_than_the_configured_cameras_are_refused(folder, frames, tmp_path):
    other = replace(frames[0], image=np.repeat(frames[0].image, 2, axis=1))
    with pytest.raises(UsageError, match=r"00.png is 640 x 480 pixels, the configured camera gives 1280 x 480"):
        calibrate_camera(
            folder,
            board=BOARD.name,
            config=configured(tmp_path),
            out=None,
            say=no_say,
            open_with=lambda _: Shown([other]),
        )


def test_live_capture_ends_by_itself_with_a_good_lens(frames, tmp_path):
    said: list[str] = []
    views, identity = capture_views(Shown(frames), BOARD, say=said.append, sleep=no_sleep)
    assert identity == IDENTITY
    assert 10 <= len(views) <= 24
    assert "the views are enough" in said
    assert said[0].startswith("show the board, large in the picture")
    assert any("% of the field seen" in line for line in said)


def test_a_network_camera_is_calibrated_while_somebody_shows_it_a_board(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("edge.calibrate.camera_live.PAUSE_S", 0.0)
    with camera_served(BoardShown(BOARD, LENS, seed=1, blur_px=0.6), lambda: None) as url:
        config = configured(tmp_path)
        config.write_text(CONFIG.replace("{kind: folder, path: frames}", f"{{kind: http, url: '{url}'}}"))
        assert run(["calibrate", "camera", "--board", BOARD.name, "--config", str(config)]) == 0
    said = capsys.readouterr().out
    assert "not taken, blurred" in said
    (path,) = (tmp_path / "calibrations").glob("camera-*.yaml")
    calibration = calibration_from_dict(load_stored(path, "camera"))
    assert calibration.camera_identity == url
    assert calibration.lens.matrix[0, 0] == pytest.approx(LENS.matrix[0, 0], abs=4 * calibration.standard_errors[0])


def test_live_capture_refuses_blurred_repeated_and_cut_off_views(frames):
    swept, cut = replace(POSES[1], swept_px=12.0), replace(POSES[1], x_px=10.0)
    spoiled = BoardCamera(BOARD, LENS, [swept, cut], seed=1)
    said: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        capture_views(
            Shown([frames[0], frames[0], spoiled.capture(), spoiled.capture()]), BOARD, say=said.append, sleep=no_sleep
        )
    told = "\n".join(said)
    assert "not taken, as an earlier view: move or tilt the board" in told
    assert "not taken, blurred" in told
    assert "bring the whole board with a white rim into the picture" in told
    assert "view 2 taken" not in told


def test_ctrl_c_keeps_the_views_so_far(frames):
    said: list[str] = []
    views, _ = capture_views(Shown(frames[:6]), BOARD, say=said.append, sleep=no_sleep)
    assert len(views) == 6
    assert said[-1] == "stopped with 6 views"


def test_two_missed_pictures_lose_no_view(frames):
    said: list[str] = []
    views, _ = capture_views(Shown([*frames[:3], None, None, *frames[3:6]]), BOARD, say=said.append, sleep=no_sleep)
    assert len(views) == 6
    assert "no picture came, asking again: the camera is gone: switch it on" in said


def test_a_camera_that_is_lost_after_five_views_leaves_them(frames):
    said: list[str] = []
    views, _ = capture_views(Shown([*frames[:5], None, None, None]), BOARD, say=said.append, sleep=no_sleep)
    assert len(views) == 5
    assert said[-1] == "stopped with 5 views, as the camera is lost: the camera is gone: switch it on"


@pytest.mark.parametrize("count", [0, 4])
def test_a_camera_that_is_lost_before_is_one_sentence(frames, count):
    with pytest.raises(DeviceError, match="the camera is gone: switch it on"):
        capture_views(Shown([*frames[:count], None, None, None]), BOARD, say=no_say, sleep=no_sleep)


def test_a_camera_that_changes_its_picture_size_ends_the_capture(frames):
    wider = replace(frames[1], image=np.pad(frames[1].image, ((0, 0), (0, 40), (0, 0))))
    with pytest.raises(DeviceError, match=r"changed its pictures from 640 x 480 to 680 x 480 pixels: set it to one"):
        capture_views(Shown([frames[0], wider]), BOARD, say=no_say, sleep=no_sleep)


def test_another_camera_in_mid_capture_ends_it(frames):
    other = replace(frames[1], identity="another")
    with pytest.raises(DeviceError, match="the camera changed from simulated-board to another"):
        capture_views(Shown([frames[0], other]), BOARD, say=no_say, sleep=no_sleep)


def test_a_board_that_nobody_shows_ends_the_capture(frames, monkeypatch):
    monkeypatch.setattr("edge.calibrate.camera_live._PATIENCE", 3)
    with pytest.raises(UsageError, match="3 pictures without a new view: show the board"):
        capture_views(Shown([frames[0]] * 4), BOARD, say=no_say, sleep=no_sleep)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--board", "chessboard:7x5:20mm"], "needs a folder of pictures, or --config FILE"),
        (["--board", "chessboard:7x5", "x"], "is not understood: write chessboard:COLUMNSxROWS:SQUARE"),
        (["--board", "chessboard:7x5:20mm", "none"], "none: no such folder: give the folder with pictures"),
        (["--board", "chessboard:7x5:20mm", "."], "holds no picture"),
    ],
)
def test_what_cannot_be_used_ends_with_one_sentence(arguments, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(["calibrate", "camera", *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_a_folder_without_enough_views_is_refused(folder, tmp_path):
    for path in sorted(folder.iterdir())[:3]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(UsageError, match="3 usable views of the board, at least 5 needed"):
        calibrate_camera(tmp_path, board=BOARD.name, config=None, out=tmp_path, say=no_say)


def test_the_wrong_board_is_named_for_a_whole_folder(folder, tmp_path):
    for path in sorted(folder.iterdir())[:2]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(UsageError, match=r"none of 2 pictures shows the board; the first: not the board stated"):
        calibrate_camera(tmp_path, board="charuco:7x5:20mm:15mm:DICT_4X4_50", config=None, out=tmp_path, say=no_say)


def test_a_sheet_is_written_once(tmp_path, capsys):
    out = tmp_path / "board.pdf"
    assert run(["calibrate", "print", "chessboard:9x6:25mm", "--out", str(out)]) == 0
    assert out.read_bytes().startswith(b"%PDF-")
    assert run(["calibrate", "print", "chessboard:9x6:25mm", "--out", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err
