"""The stage is calibrated by spot, fiducials and named points, and what cannot give a calibration says so."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from calibration.projection import apply_homography, stage_from_pixels
from calibration.stage_calibration import KIND, StageCalibration, stage_to_dict
from calibration.stage_fit import PointPairs
from calibration.stored import store
from edge.calibrate.closed_stage import RUN_UP_MM
from edge.calibrate.named_points import read_points
from edge.calibrate.place import check_place
from edge.calibrate.spot_visits import pattern, visit
from edge.calibrate.stage import Sighted, calibrate_stage, calibrated, named, sight_fiducials, told
from edge.cameras import Frame, open_camera, write_picture
from edge.configuration.config import ScanConfig, load_scan_config
from edge.console import Console
from edge.faults import DeviceError, SafetyStop, UsageError
from edge.prepare import place, register_frame, require_known_names
from edge.simulate.camera import SimulatedCamera
from edge.simulate.config import SimulatedCameraConfig, SimulatedLaserConfig, fiducials_of
from firmware_bridge.messages import StagePose

MARKERS = [(0, 12, 12), (1, 60, 10), (2, 108, 12), (3, 110, 45), (4, 108, 78), (5, 60, 80), (6, 12, 78), (7, 10, 45)]
CORNERS = [StagePose(x, y) for y in (25.0, 65.0) for x in (30.0, 90.0)]
PLACES = [StagePose(x, y) for y in (25.0, 45.0, 65.0) for x in (30.0, 60.0, 90.0)]


class PaintedBoard:
    """A specimen of soft stripes, 80 x 50 mm."""

    origin = StagePose(20.0, 20.0)
    size_mm = (80.0, 50.0)

    def photograph(self, pitch_mm):
        rows, columns = round(50 / pitch_mm), round(80 / pitch_mm)
        stripes = 150 + 40 * np.sin(np.arange(columns) * pitch_mm / 5.0)
        return np.broadcast_to(stripes.astype(np.uint8)[None, :, None], (rows, columns, 3)).copy()


def config_of(**camera) -> ScanConfig:
    return ScanConfig.model_validate(
        {
            "instrument": {
                "controller": {"kind": "native", "port": "port"},
                "camera": {"kind": "http", "url": "http://127.0.0.1:1/snapshot.png"},
                "fiducials": {"side_mm": 8.0, "markers": [{"id": i, "x_mm": x, "y_mm": y} for i, x, y in MARKERS]},
                **camera,
            },
            "area": {"x_mm": 25.0, "y_mm": 22.0, "width_mm": 70.0, "height_mm": 46.0, "pitch_mm": 0.5},
        }
    )


class Stage:
    """A stage with backlash, and a camera that sees the laser where the stage truly is."""

    def __init__(self, *, laser=None, tilt=8.0, backlash_mm=(0.12, 0.08)):
        config = SimulatedCameraConfig(
            width_px=800, height_px=600, focal_px=1520.0, distance_mm=260.0, tilt_x_deg=tilt, laser=laser, seed=3
        )
        self._backlash = np.array(backlash_mm)
        self._true = np.array([50.0, 50.0])
        self._pose = StagePose(50.0, 50.0)
        self.camera = SimulatedCamera(
            config, PaintedBoard(), fiducials_of(config_of().instrument.fiducials), "DICT_4X4_50"
        )
        self.capabilities = SimpleNamespace(x_limits_mm=(0.0, 120.0), y_limits_mm=(0.0, 90.0))
        self.is_shutter_open = False
        self.has_closed = False
        self.places: list[StagePose] = []
        self.frames = 0
        self.size: tuple[int, int] | None = None

    def move_to(self, pose: StagePose) -> None:
        self.places.append(pose)
        sent = np.array([pose.x_mm, pose.y_mm])
        way = np.sign(sent - [self._pose.x_mm, self._pose.y_mm])
        self._true = sent - way * self._backlash / 2
        self._pose = pose

    def status(self) -> SimpleNamespace:
        return SimpleNamespace(pose=self._pose, is_shutter_open=self.is_shutter_open)

    def close_shutter(self) -> None:
        self.has_closed = True

    def capture(self) -> Frame:
        self.frames += 1
        image = self.camera.render(StagePose(*self._true.tolist()))
        if self.size is not None and self.frames > 4:
            image = image[: self.size[1], : self.size[0]]
        return Frame(image, "bench", "2026-01-02T03:04:05+00:00")


LASER = SimulatedLaserConfig(fwhm_mm=1.6, peak=2.5, speckle=0.3)


@pytest.fixture(scope="module")
def seen():
    stage = Stage(laser=LASER)
    spots = visit(stage, stage, PLACES, laser_off_rgb=None, tell=lambda _: None)
    calibration = calibrated(Sighted("spot", spots.pairs, spots.scene, spots.notes), lens_config(stage))
    return stage, spots, calibration


def lens_config(stage: Stage) -> ScanConfig:
    lens = stage.camera.lens
    return config_of(
        lens={
            "matrix": lens.matrix.tolist(),
            "distortion": lens.distortion.tolist(),
            "width_px": lens.width_px,
            "height_px": lens.height_px,
        }
    )


INSIDE = np.array([(x, y) for y in (30.0, 45.0, 60.0) for x in (35.0, 60.0, 85.0)])


def actual_error_mm(calibration: StageCalibration, stage: Stage) -> np.ndarray:
    pixels = calibration.lens.undistort_points(stage.camera.view.pixels(INSIDE))
    return np.linalg.norm(apply_homography(calibration.stage_from_camera, pixels) - INSIDE, axis=1)


def test_the_spot_places_the_picture_within_what_is_expected(seen):
    stage, spots, calibration = seen
    assert len(spots.pairs.points_px) == 18
    expected = calibration.expected_error_mm(INSIDE)
    # Twice the root mean square distance holds 98 % of distances in the plane.
    assert np.all(actual_error_mm(calibration, stage) < 2.5 * expected)
    assert expected.max() < 0.15


def test_the_stages_backlash_is_found(seen):
    _, _, calibration = seen
    error = np.array(calibration.backlash_error_mm)
    assert np.all(error < 0.04)
    assert np.all(np.abs(np.array(calibration.backlash_mm) - [0.12, 0.08]) < 4 * error)


def test_every_place_is_reached_from_both_sides(seen):
    stage, _, _ = seen
    first = stage.places[3:7]
    assert [(p.x_mm, p.y_mm) for p in first] == [
        (30.0 - RUN_UP_MM, 25.0 - RUN_UP_MM),
        (30.0, 25.0),
        (30.0 + RUN_UP_MM, 25.0 + RUN_UP_MM),
        (30.0, 25.0),
    ]


def test_the_operator_reads_error_axes_and_backlash(seen):
    stage, _, calibration = seen
    lines = "\n".join(told(calibration, lens_config(stage)))
    for words in ("Expected error over the area", "x points right", "not mirrored", "Backlash: x +0.1", "by lens"):
        assert words in lines


def test_fiducials_place_the_picture_within_what_is_expected():
    stage = Stage()
    config = lens_config(stage)
    calibration = calibrated(sight_fiducials(stage.capture(), config), config)
    assert np.all(actual_error_mm(calibration, stage) < 2.5 * calibration.expected_error_mm(INSIDE) + 0.002)
    assert calibration.axes.judged_by == "prints"
    # Prints of 8 mm are 47 px: a corner of 0.03 px is 0.05 % of them.
    assert abs(calibration.axes.x_scale_error.value) < 0.002


def flipped(config: ScanConfig) -> ScanConfig:
    """With every marker stated at -y."""
    said = config.model_dump(mode="json")
    for marker in said["instrument"]["fiducials"]["markers"]:
        marker["y_mm"] = -marker["y_mm"]
    return ScanConfig.model_validate(said)


def test_fiducials_stated_with_a_wrong_sign_calibrate_no_stage():
    stage = Stage()
    config = flipped(lens_config(stage))
    with pytest.raises(SafetyStop, match="stated places are a mirror image of the picture: check the signs"):
        calibrated(sight_fiducials(stage.capture(), config), config)


def test_named_points_that_are_a_mirror_image_are_told_so():
    stage = Stage()
    pairs = PointPairs(stage.camera.view.pixels(INSIDE), INSIDE * [1, -1], np.arange(9), np.zeros((9, 2)))
    calibration = calibrated(Sighted("points", pairs, stage.capture()), lens_config(stage))
    assert "The places are a mirror image of the picture: check their signs" in "\n".join(
        told(calibration, lens_config(stage))
    )


def test_a_pattern_leaves_room_to_run_up():
    places = pattern(
        config_of().area, SimpleNamespace(x_limits_mm=(25.0, 94.0), y_limits_mm=(0.0, 90.0)), columns=3, rows=2
    )
    assert [(p.x_mm, p.y_mm) for p in places[:3]] == [(27.0, 22.0), (59.5, 22.0), (92.0, 22.0)]
    with pytest.raises(SafetyStop, match="no room"):
        pattern(config_of().area, SimpleNamespace(x_limits_mm=(90.0, 94.0), y_limits_mm=(0, 90)), columns=3, rows=2)


def test_an_open_shutter_stops_the_calibration_and_is_told_to_close():
    stage = Stage(laser=LASER)
    stage.is_shutter_open = True
    with pytest.raises(SafetyStop, match="shutter was open"):
        visit(stage, stage, PLACES, laser_off_rgb=None, tell=lambda _: None)
    assert stage.has_closed
    assert not stage.places


def test_without_a_laser_the_operator_is_told_to_switch_it_on():
    stage = Stage()
    with pytest.raises(SafetyStop, match="found at 0 of 4 places: at the others, no laser spot is seen"):
        visit(stage, stage, CORNERS, laser_off_rgb=None, tell=lambda _: None)


def test_a_laser_that_floods_the_sensor_is_called_saturated():
    stage = Stage(laser=SimulatedLaserConfig(fwhm_mm=1.6, peak=900.0))
    with pytest.raises(SafetyStop, match="saturated"):
        visit(stage, stage, CORNERS, laser_off_rgb=None, tell=lambda _: None)


def test_places_where_the_spot_leaves_the_picture_are_left_out_with_a_note():
    stage = Stage(laser=LASER)
    spots = visit(stage, stage, [*PLACES[::2], StagePose(500.0, 45.0)], laser_off_rgb=None, tell=lambda _: None)
    assert len(spots.pairs.points_px) == 10
    assert len(spots.notes) == 2
    assert "(500, 45) mm" in spots.notes[0]


def test_a_camera_that_changes_its_resolution_is_refused():
    stage = Stage(laser=LASER)
    stage.size = (700, 500)
    with pytest.raises(DeviceError, match="from 800 x 600 px of 8 bits to 700 x 500 px"):
        visit(stage, stage, PLACES, laser_off_rgb=None, tell=lambda _: None)


def test_a_picture_with_the_laser_off_of_another_size_is_refused():
    stage = Stage(laser=LASER)
    with pytest.raises(UsageError, match="with the laser off is 700 x 600 px of 8 bits, the camera's are 800 x 600"):
        visit(stage, stage, CORNERS, laser_off_rgb=np.zeros((600, 700, 3), np.uint8), tell=lambda _: None)


def test_a_picture_with_the_laser_off_serves_as_the_scene():
    stage = Stage(laser=LASER)
    scene = stage.camera.render()
    spots = visit(stage, stage, CORNERS, laser_off_rgb=scene, tell=lambda _: None)
    assert len(spots.pairs.points_px) == 8
    assert len(stage.places) == 16, "no visit for the scene"


def test_three_fiducials_are_too_few():
    stage = Stage()
    config = lens_config(stage)
    few = config.model_copy(deep=True)
    few.instrument.fiducials.markers[:] = few.instrument.fiducials.markers[:3]
    with pytest.raises(SafetyStop, match="3 of 3 fiducials seen, at least 4 needed"):
        sight_fiducials(stage.capture(), few)


def test_a_mirrored_picture_is_called_mirrored():
    stage = Stage()
    frame = stage.capture()
    flipped = Frame(np.ascontiguousarray(frame.image[:, ::-1]), frame.identity, frame.taken_at)
    with pytest.raises(SafetyStop, match="mirrored"):
        sight_fiducials(flipped, lens_config(stage))


def test_two_prints_with_one_identity_are_refused():
    stage = Stage()
    frame = stage.capture()
    twice = np.array(frame.image)
    x, y = np.round(stage.camera.view.pixels(np.array([[12.0, 12.0]]))[0]).astype(int)
    cut = twice[y - 36 : y + 36, x - 36 : x + 36].copy()
    twice[264:336, 384:456] = cut
    with pytest.raises(SafetyStop, match="marker 0 is seen twice"):
        sight_fiducials(Frame(twice, "bench", frame.taken_at), lens_config(stage))


@pytest.mark.parametrize("suffix", [".csv", ".yaml"])
def test_named_points_place_the_picture(tmp_path, suffix):
    stage = Stage()
    stages = np.array([(x, y) for y in (20.0, 45.0, 70.0) for x in (20.0, 60.0, 100.0)])
    pixels = stage.camera.view.pixels(stages) + np.random.default_rng(0).normal(0, 0.3, stages.shape)
    rows = np.column_stack([pixels, stages])
    path = tmp_path / f"points{suffix}"
    keys = ("column_px", "row_px", "x_mm", "y_mm")
    if suffix == ".csv":
        path.write_text("\n".join([",".join(keys), *(",".join(f"{v:.3f}" for v in row) for row in rows)]) + "\n")
    else:
        path.write_text(
            "\n".join("- {" + ", ".join(f"{k}: {v:.3f}" for k, v in zip(keys, row, strict=True)) + "}" for row in rows)
        )
    calibration = calibrated(named(path, stage.capture()), lens_config(stage))
    assert np.all(actual_error_mm(calibration, stage) < 3 * calibration.expected_error_mm(INSIDE))
    assert calibration.expected_error_mm(INSIDE).max() < 0.2


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("p.csv", "1,2,3\n", "line 1 is not"),
        ("p.csv", "1,2,3,nan\n", "finite"),
        ("p.csv", "5000,2,3,4\n", "lies outside the picture"),
        ("p.csv", "1,2,3,4\n1,2,5,6\n", "two points name the same pixel"),
        ("p.csv", "1,2,3,4\n7,2,3,4\n", "two points name the same stage position"),
        ("p.yaml", "a: 1\n", "not a list"),
        ("p.yaml", "- {column_px: 1, row_px: 2, x_mm: 3}\n", "point 1 is not"),
        ("p.yaml", "- [\n", "not YAML"),
    ],
)
def test_a_file_that_holds_no_points_is_refused(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=words):
        read_points(tmp_path / name, width_px=800, height_px=600)


def test_a_missing_file_of_points_is_named(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_points(tmp_path / "none.csv", width_px=10, height_px=10)


def test_three_named_points_are_too_few(tmp_path):
    (tmp_path / "p.csv").write_text("100,100,20,20\n700,100,100,20\n100,500,20,70\n")
    stage = Stage()
    with pytest.raises(SafetyStop, match="only 3 places"):
        calibrated(named(tmp_path / "p.csv", stage.capture()), config_of())


def test_a_camera_that_cannot_be_asked_is_refused_for_the_spot(tmp_path):
    config = config_of().model_dump(mode="json")
    config["instrument"]["camera"] = {"kind": "folder", "path": "frames"}
    path = tmp_path / "scan.yaml"
    path.write_text(yaml.safe_dump(config))
    with pytest.raises(UsageError, match="kind uvc, http or rtsp"):
        calibrate_stage(
            path,
            method="spot",
            points=None,
            laser_off=None,
            columns=3,
            rows=3,
            out=tmp_path,
            console=Console(quiet=True, log_level="info"),
        )


def test_fiducials_in_a_picture_give_a_stored_calibration_that_places_it(tmp_path):
    stage = Stage()
    write_picture(tmp_path / "photo.png", stage.capture().image)
    config = lens_config(stage).model_dump(mode="json")
    config["instrument"]["camera"] = {"kind": "file", "path": "photo.png"}
    path = tmp_path / "scan.yaml"
    path.write_text(yaml.safe_dump(config))
    stored = calibrate_stage(
        path,
        method="fiducials",
        points=None,
        laser_off=None,
        columns=5,
        rows=5,
        out=None,
        console=Console(quiet=True, log_level="info"),
    )
    assert stored.parent == tmp_path / "calibrations"
    del config["instrument"]["fiducials"]
    config["instrument"]["stage_calibration"] = str(stored)
    path.write_text(yaml.safe_dump(config))
    scan = load_scan_config(path)
    registration = register_frame(open_camera(scan.instrument.camera).capture(), scan)
    assert registration.fiducials == ()
    seen = stage_from_pixels(registration, stage.camera.view.pixels(INSIDE))
    assert np.abs(seen - INSIDE).max() < 0.05
    # Placed 0.03 mm well, it cannot serve cells of a fiftieth of a millimetre.
    fine = scan.model_copy(update={"area": scan.area.model_copy(update={"pitch_mm": 0.02})})
    with pytest.raises(SafetyStop, match=r"expected to be wrong by up to .* calibrate the stage again"):
        register_frame(open_camera(scan.instrument.camera).capture(), fine)
    stored.write_text(stored.read_text().replace("misfit_mm: ", "misfit_mm: 1"))
    with pytest.raises(UsageError, match="changed since it was written"):
        register_frame(open_camera(scan.instrument.camera).capture(), scan)


@pytest.fixture
def unplaced(tmp_path):
    """A configuration's file that nothing places a photograph by, as whoever calibrates without markers has it."""
    stage = Stage()
    write_picture(tmp_path / "photo.png", stage.capture().image)
    config = lens_config(stage).model_dump(mode="json")
    config["instrument"]["camera"] = {"kind": "file", "path": "photo.png"}
    del config["instrument"]["fiducials"]
    path = tmp_path / "scan.yaml"
    path.write_text(yaml.safe_dump(config))
    return path, stage


def calibrated_by(path, **ways):
    asked = {"method": "fiducials", "points": None, "laser_off": None, "columns": 5, "rows": 5, "out": None} | ways
    return calibrate_stage(path, console=Console(quiet=True, log_level="info"), **asked)


def test_points_calibrate_a_stage_that_nothing_places_yet_and_a_scan_goes_by_them(unplaced):
    path, stage = unplaced
    with pytest.raises(UsageError, match="nothing places the photograph"):
        require_known_names(load_scan_config(path))
    with pytest.raises(UsageError, match="nothing places the photograph"):
        register_frame(stage.capture(), load_scan_config(path))
    pixels = stage.camera.view.pixels(INSIDE)
    rows = [f"{c},{r},{x},{y}" for (c, r), (x, y) in zip(pixels.tolist(), INSIDE.tolist(), strict=True)]
    points = path.with_name("points.csv")
    points.write_text("\n".join(["column_px,row_px,x_mm,y_mm", *rows]))
    config = yaml.safe_load(path.read_text())
    config["instrument"]["stage_calibration"] = str(calibrated_by(path, points=points))
    path.write_text(yaml.safe_dump(config))
    scan = load_scan_config(path)
    require_known_names(scan)
    registration = register_frame(open_camera(scan.instrument.camera).capture(), scan)
    assert np.abs(stage_from_pixels(registration, pixels) - INSIDE).max() < 0.05


def test_without_markers_the_stage_is_not_calibrated_by_markers(unplaced):
    path, _ = unplaced
    with pytest.raises(UsageError, match=r"lists no markers to calibrate by: list them, or .* --method spot"):
        calibrated_by(path)


def test_a_photograph_without_any_marker_is_compared_with_the_plans(seen, tmp_path):
    stage, _, calibration = seen
    stored = store(tmp_path, KIND, stage_to_dict(calibration), made_at=calibration.made_at)
    plain = lens_config(stage).model_dump(mode="json")
    del plain["instrument"]["fiducials"]
    plain["instrument"]["stage_calibration"] = str(stored)
    scan = ScanConfig.model_validate(plain)
    frame, again = stage.capture(), stage.capture()
    before = place(frame, scan, register_frame(frame, scan))
    checked = check_place(before, again, scan)
    assert "the object is where it was" in checked.sentence
    assert checked.remarks == ()
