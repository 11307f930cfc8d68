"""`pointillist calibrate stage`: where the camera's pixels lie on the stage, and how well that is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.fiducials import as_rgb, detect_fiducials
from calibration.lens import Lens, without_distortion
from calibration.projection import apply_homography
from calibration.register import NEEDED_FIDUCIALS, too_few_seen
from calibration.stage_axes import axes_of, described_axes
from calibration.stage_calibration import KIND, StageCalibration, calibration_of, stage_to_dict
from calibration.stage_fit import NotFitted, PointPairs, fit_stage
from calibration.stage_picture import error_picture
from calibration.stored import store
from edge.calibrate.before_visits import camera_that_follows, writable
from edge.calibrate.named_points import read_points
from edge.calibrate.spot_visits import pattern, visit
from edge.cameras import Camera, Frame, open_camera, read_picture
from edge.configuration.config import ScanConfig, load_scan_config
from edge.console import Console
from edge.faults import SafetyStop, UsageError
from edge.photography.camera_lens import lens_for
from edge.prepare import fiducials_of, grid_of
from firmware_bridge.controller import Controller

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Sighted:
    """Pairs of points and the frame that they belong to."""

    method: str
    pairs: PointPairs
    frame: Frame
    notes: tuple[str, ...] = ()
    squares_px: NDArray[np.float64] | None = None
    """Corners of prints as seen, shape (prints, 4, 2)."""


def calibrate_stage(
    path: Path,
    *,
    method: str,
    points: Path | None,
    laser_off: Path | None,
    columns: int,
    rows: int,
    out: Path | None,
    console: Console,
) -> Path:
    """Calibrate the stage and keep the result; gives the stored file.

    Raises
    ------
    EdgeError, BridgeError
        With one sentence and the remedy.
    """
    from edge.app import connected

    config = load_scan_config(path)
    folder = writable(out or path.parent / "calibrations")
    if points is not None:
        sighted = named(points, open_camera(config.instrument.camera).capture())
    elif method == "fiducials":
        sighted = sight_fiducials(open_camera(config.instrument.camera).capture(), config)
    elif method == "spot":
        camera = camera_that_follows(config)
        with connected(config, console) as connection:
            sighted = sight_spot(
                connection.controller, camera, config, laser_off=laser_off, columns=columns, rows=rows, say=console.say
            )
    else:
        raise UsageError(f"--method {method}: there is no such way: choose fiducials or spot, or give --points FILE")
    calibration = calibrated(sighted, config)
    for line in told(calibration, config):
        console.say(line)
    pictures = {"frame": sighted.frame.image, "error": error_picture(calibration, sighted.frame.image)}
    stored = store(folder, KIND, stage_to_dict(calibration), made_at=calibration.made_at, pictures=pictures)
    console.say(f"Kept in {stored}; to scan by it: instrument.stage_calibration: {stored}")
    return stored


def sight_spot(
    controller: Controller,
    camera: Camera,
    config: ScanConfig,
    *,
    laser_off: Path | None,
    columns: int,
    rows: int,
    say: Say,
) -> Sighted:
    """Let the stage visit a pattern of places over the area, and find the alignment laser's spot at each."""
    if min(columns, rows) < 2 or columns * rows > 400:
        raise UsageError(f"{columns} x {rows} places cannot be visited: give 2 or more each way, 400 at most")
    places = pattern(config.area, controller.capabilities, columns=columns, rows=rows)
    scene = None if laser_off is None else read_picture(laser_off)
    seen = visit(controller, camera, places, laser_off_rgb=scene, tell=say)
    return Sighted("spot", seen.pairs, seen.scene, seen.notes)


def sight_fiducials(frame: Frame, config: ScanConfig) -> Sighted:
    """Find the configured markers; each one's centre is a point, however the stage's axes lie.

    Raises
    ------
    SafetyStop
        Too few are seen, or one of them twice.
    UsageError
        None is configured.
    """
    fiducials = fiducials_of(config)
    if not fiducials:
        raise UsageError(
            "instrument.fiducials lists no markers to calibrate by: list them, or calibrate with --method spot or "
            "--points"
        )
    stated = {fiducial.id: fiducial for fiducial in fiducials}
    dictionary = config.instrument.fiducials.dictionary
    try:
        seen = detect_fiducials(frame.image, dictionary, stated)
    except ValueError as error:
        raise SafetyStop(f"the stage cannot be calibrated: {error}") from None
    if len(seen) < NEEDED_FIDUCIALS:
        reason = too_few_seen(as_rgb(frame.image), stated, seen, dictionary).reason
        raise SafetyStop(f"the stage cannot be calibrated: {reason}")
    lens = lens_for(config.instrument, frame) or without_distortion(frame.image.shape[1], frame.image.shape[0])
    corners = np.array([lens.undistort_points(seen[marker]) for marker in seen])
    centres = lens.distort_points(np.array([_crossing(four) for four in corners]))
    places = np.array([(stated[marker].centre.x_mm, stated[marker].centre.y_mm) for marker in seen])
    pairs = PointPairs(centres, places, np.array(list(seen)), np.zeros((len(seen), 2)))
    return Sighted("fiducials", pairs, frame, squares_px=np.array(list(seen.values())))


def named(points: Path, frame: Frame) -> Sighted:
    """Points that the operator names, in this camera's picture."""
    height, width = frame.image.shape[:2]
    return Sighted("points", read_points(points, width_px=width, height_px=height), frame)


def calibrated(sighted: Sighted, config: ScanConfig) -> StageCalibration:
    """Fit the map to what was seen.

    Raises
    ------
    SafetyStop
        The points do not give one.
    """
    frame, pairs = sighted.frame, sighted.pairs
    height, width = frame.image.shape[:2]
    lens = lens_for(config.instrument, frame)
    fit = fit_stage(pairs, lens, width_px=width, height_px=height)
    if isinstance(fit, NotFitted):
        raise SafetyStop(f"the stage cannot be calibrated: {fit.reason}")
    used = lens or without_distortion(width, height)
    squares = None
    if sighted.squares_px is not None:
        whole = sighted.squares_px[fit.used]
        squares = used.undistort_points(whole.reshape(-1, 2)).reshape(-1, 4, 2), config.instrument.fiducials.side_mm
    middle = used.undistort_points(pairs.points_px[fit.used]).mean(axis=0)
    axes = axes_of(fit.stage_from_camera, fit.covariance, middle, lens, squares)
    if sighted.method == "fiducials" and axes.is_mirrored:
        raise SafetyStop(
            "the stage cannot be calibrated: the fiducials' stated places are a mirror image of the picture: check the "
            "signs of their x_mm and y_mm; if the stage's y grows upwards, turn it round in its firmware, or calibrate "
            "with --method spot"
        )
    return calibration_of(
        fit,
        pairs,
        lens=used,
        has_calibrated_lens=lens is not None,
        method=sighted.method,
        axes=axes,
        camera_identity=frame.identity,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        notes=(*sighted.notes, *_left_out(pairs, fit.used, fit.stage_from_camera, used)),
    )


def told(calibration: StageCalibration, config: ScanConfig) -> list[str]:
    """What the operator should know, line by line."""
    grid = grid_of(config.area)
    x, y = np.meshgrid(np.linspace(0, grid.width_mm, 9), np.linspace(0, grid.height_mm, 9))
    corners = np.column_stack([x.ravel() + grid.origin_x_mm, y.ravel() + grid.origin_y_mm])
    errors = calibration.expected_error_mm(corners)
    rms_mm, worst_mm = float(np.sqrt(np.mean(errors**2))), float(errors.max())
    lines = [
        f"{len(calibration.points_px)} points, {calibration.map_kind}; held out, they lie {calibration.rms_mm:.3f} mm "
        "rms from where they should",
        f"Expected error over the area: {rms_mm:.3f} mm rms, {worst_mm:.3f} mm at most; half a pitch is "
        f"{config.area.pitch_mm / 2:.3f} mm",
        *described_axes(calibration.axes),
    ]
    if calibration.axes.is_mirrored:
        lines.append(
            "The places are a mirror image of the picture: check their signs, unless the stage's x grows leftwards or "
            "its y upwards"
        )
    if worst_mm > config.area.pitch_mm / 2:
        lines.append("That is more than half a pitch somewhere: take more points, or calibrate the camera's lens first")
    if calibration.map_kind_because:
        lines.append(f"Only an affine map: {calibration.map_kind_because}")
    if not calibration.has_calibrated_lens:
        lines.append("The lens is taken as free of distortion: calibrate it with pointillist calibrate camera")
    if calibration.backlash_mm is not None and calibration.backlash_error_mm is not None:
        (x_mm, y_mm), (x_error, y_error) = calibration.backlash_mm, calibration.backlash_error_mm
        lines.append(f"Backlash: x {x_mm:+.3f} mm (error {x_error:.3f}), y {y_mm:+.3f} mm (error {y_error:.3f})")
    return [*lines, *(f"{note[:1].upper()}{note[1:]}" for note in calibration.notes)]


def _left_out(
    pairs: PointPairs, used: NDArray[np.bool_], stage_from_camera: NDArray[np.float64], lens: Lens
) -> tuple[str, ...]:
    seen = apply_homography(stage_from_camera, lens.undistort_points(pairs.points_px))
    return tuple(
        f"the point at ({x:.1f}, {y:.1f}) mm was left out: it is seen {np.hypot(*(there - (x, y))):.2f} mm from there, "
        "check it"
        for (x, y), there, kept in zip(pairs.points_mm.tolist(), seen, used, strict=True)
        if not kept
    )


def _crossing(
    corners: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Where the diagonals cross: the square's centre in any perspective."""
    a, b, c, d = corners
    along = np.linalg.solve(np.column_stack([c - a, b - d]), b - a)
    return np.asarray(a + along[0] * (c - a))
