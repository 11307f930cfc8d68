"""The calibration of a camera, from a folder of pictures of a board or from the camera itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from calibration.board_detection import BoardView
from calibration.board_diagnosis import NoBoard, find_board
from calibration.boards import Board, UnknownBoard, parse_board
from calibration.camera_calibration import (
    KIND,
    PARAMETERS,
    CameraCalibration,
    ViewReport,
    calibration_to_dict,
)
from calibration.camera_coverage import coverage
from calibration.camera_fit import CameraFit, NotCalibrated, fit_camera
from calibration.camera_guide import WELL_COVERED
from calibration.camera_pictures import coverage_picture, residual_picture
from calibration.stored import store
from edge.calibrate.before_visits import writable
from edge.calibrate.camera_live import capture_views
from edge.cameras import Camera, FileCamera, Frame, open_camera
from edge.cameras.identity import body_identity, is_same_camera
from edge.cameras.picture import SUFFIXES, decode_file
from edge.configuration.camera import CameraConfig
from edge.configuration.config import load_scan_config
from edge.faults import UsageError

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """A picture's name, and the board in it or why there is none."""

    name: str
    view: BoardView | NoBoard
    body: str = ""
    """The camera that took it, as its file says; empty where that says nothing."""


def calibrate_camera(
    folder: Path | None,
    *,
    board: str,
    config: Path | None,
    out: Path | None,
    say: Say,
    open_with: Callable[[CameraConfig], Camera] = open_camera,
) -> Path:
    """Calibrate from a folder of pictures, from the configured camera, or both; gives the stored calibration's path.

    With a folder and a configuration the pictures are taken for the configured camera's, which is asked for its
    identity. With a folder alone the calibration names the camera that the pictures' files name, if they do.

    Raises
    ------
    UsageError
        Neither is given, or the pictures do not tell the camera's intrinsics.
    DeviceError
        The configured camera gives no picture, or one of another size than the folder's.
    """
    shown = board_of(board)
    if folder is None and config is None:
        raise UsageError("calibrate camera needs a folder of pictures, or --config FILE to ask the configured camera")
    kept = out or (config.parent if config is not None else Path()) / "calibrations"
    camera = None if config is None else open_with(load_scan_config(config).instrument.camera)
    if folder is None:
        assert camera is not None
        if isinstance(camera, FileCamera):
            raise UsageError(f"{config}: its camera is one picture: give a folder with pictures of the board")
        writable(kept)
        views, identity = capture_views(camera, shown, say=say)
        named = [Named(f"view {i}", view) for i, view in enumerate(views, start=1)]
        return calibrate_from_views(named, shown, camera_identity=identity, out=kept, say=say)
    named = views_of_folder(folder, shown, say=say)
    identity = _body_of(named) if camera is None else _identity(camera.capture(), named)
    return calibrate_from_views(named, shown, camera_identity=identity, out=kept, say=say)


def _identity(frame: Frame, named: Sequence[Named]) -> str:
    """The camera's identity, where its pictures have the size of those of the board."""
    height, width = frame.image.shape[:2]
    for one in named:
        if isinstance(one.view, BoardView) and (one.view.width_px, one.view.height_px) != (width, height):
            raise UsageError(
                f"{one.name} is {one.view.width_px} x {one.view.height_px} pixels, the configured camera gives "
                f"{width} x {height}: photograph the board with that camera at that size"
            )
    if (body := _body_of(named)) and not is_same_camera(body, frame.identity):
        raise UsageError(
            f"the pictures are of another camera ({body}) than the configured one ({frame.identity}): photograph the "
            "board with that camera, at the focal length that it has now"
        )
    return frame.identity


def _body_of(named: Sequence[Named]) -> str:
    """The identity of the camera that the pictures' files name; empty where none does."""
    return next((body_identity(one.body) for one in named if one.body), "")


def board_of(text: str) -> Board:
    """The board that a description names.

    Raises
    ------
    UsageError
        It names none.
    """
    try:
        return parse_board(text)
    except UnknownBoard as error:
        raise UsageError(str(error)) from None


def views_of_folder(folder: Path, board: Board, *, say: Say) -> list[Named]:
    """The board in every picture of a folder, in the order of their names.

    Raises
    ------
    UsageError
        There is no such folder, no picture in it, or some of another camera or focal length.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder: give the folder with pictures of the board")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.name[0] != ".")
    if not paths:
        raise UsageError(f"{folder}: holds no picture (PNG, JPEG, TIFF or BMP): photograph the board first")
    found: list[Named] = []
    for path in paths:
        picture = decode_file(path)
        if picture is None:
            raise UsageError(f"{path}: not a whole picture: copy it again, or take it out of the folder")
        other = next((one for one in found if one.body and one.body != picture.body), None)
        if picture.body and other is not None:
            raise UsageError(
                f"{path} is by {picture.body}, {other.name} by {other.body}: keep the pictures of one camera at one "
                "focal length"
            )
        view = find_board(picture.image, board)
        if isinstance(view, NoBoard):
            say(f"{path.name}: {view.reason}")
        found.append(Named(path.name, view, picture.body))
    return found


def calibrate_from_views(named: Sequence[Named], board: Board, *, camera_identity: str, out: Path, say: Say) -> Path:
    """Fit, say what was found, and store it with pictures; gives the path of the stored calibration.

    Raises
    ------
    UsageError
        The views do not tell the camera's intrinsics; one sentence with the remedy.
    """
    views = [one.view for one in named if isinstance(one.view, BoardView)]
    missing = [one.view for one in named if isinstance(one.view, NoBoard)]
    if not views:
        raise UsageError(f"none of {len(named)} pictures shows the board; the first: {missing[0].reason}")
    fit = fit_camera(views, board)
    if isinstance(fit, NotCalibrated):
        raise UsageError(f"the camera cannot be calibrated from these pictures: {fit.reason}")
    made_at = datetime.now(UTC).isoformat(timespec="milliseconds")
    calibration = CameraCalibration(
        lens=fit.lens,
        standard_errors=fit.standard_errors,
        distortion_terms=fit.distortion_terms,
        rms_px=fit.rms_px,
        held_out_rms_px=fit.held_out_rms_px,
        coverage=coverage([views[i] for i in fit.used]),
        views=tuple(_reports(named, fit)),
        board=board.name,
        camera_identity=camera_identity,
        made_at=made_at,
    )
    for line in table(calibration):
        say(line)
    pictures = {"residuals": residual_picture(views, fit), "coverage": coverage_picture([views[i] for i in fit.used])}
    try:
        path = store(out, KIND, calibration_to_dict(calibration), made_at=made_at, pictures=pictures)
    except OSError as error:
        raise UsageError(f"{out}: cannot be written ({error.strerror}): give a folder of your own with --out") from None
    say(f"stored as {path}")
    return path


def table(calibration: CameraCalibration) -> list[str]:
    """A calibration's figures, line by line."""
    lens = calibration.lens
    values = [*lens.matrix[[0, 1, 0, 1], [0, 1, 2, 2]], *lens.distortion]
    lines = [f"{'view':<28} {'points':>6} {'rms px':>7} {'tilt':>5}"]
    for view in calibration.views:
        rms = "" if view.rms_px is None else f"{view.rms_px:.3f}"
        tilt = "" if view.tilt_deg is None else f"{view.tilt_deg:.0f}°"
        note = f"  left out: {view.left_out}" if view.left_out else ""
        lines.append(f"{view.name:<28} {view.points:>6} {rms:>7} {tilt:>5}{note}")
    lines.append(f"{'':<12} {'value':>12} {'± standard error':>18}")
    for name, value, error in zip(PARAMETERS, values, calibration.standard_errors, strict=True):
        decimals = 2 if name.endswith("_px") else 5
        uncertain = f"± {error:.{decimals}f}" if error else "held at zero"
        lines.append(f"{name:<12} {value:>12.{decimals}f} {uncertain:>18}")
    held_out = calibration.held_out_rms_px
    lines.append(
        f"reprojection {calibration.rms_px:.3f} px rms over {len(calibration.used)} views of {lens.width_px} x "
        f"{lens.height_px} pixels"
        + ("" if held_out is None else f", {held_out:.3f} px in views held out")
        + f"; distortion terms: {calibration.distortion_terms}"
    )
    share = calibration.coverage
    advice = "" if share >= WELL_COVERED else ": the lens is unknown where no point was seen, take views there too"
    lines.append(f"points seen in {share:.0%} of the field{advice}")
    return lines


def _reports(named: Sequence[Named], fit: CameraFit) -> list[ViewReport]:
    reports, i = [], 0
    for one in named:
        if isinstance(one.view, NoBoard):
            reports.append(ViewReport(one.name, 0, None, None, one.view.reason))
            continue
        tilt = float(fit.tilts_deg[i]) if i in fit.used else None
        reports.append(ViewReport(one.name, one.view.ids.size, fit.view_rms_px(i), tilt, fit.left_out.get(i, "")))
        i += 1
    return reports
