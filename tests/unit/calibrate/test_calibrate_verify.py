"""`calibrate verify` says of each thing whether it still holds."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from calibration.camera_calibration import CameraCalibration, calibration_to_dict
from calibration.lens import Lens
from calibration.projection import pixels_from_stage
from calibration.registration_record import registration_digest, registration_from_dict, registration_to_dict
from calibration.stage_calibration import stage_to_dict
from calibration.stage_fit import PointPairs
from calibration.stored import read_stored, store
from edge.app import yaml_of
from edge.calibrate.age import examine_ages
from edge.calibrate.spot_check import places_apart, spot_finding
from edge.calibrate.stage import calibrated, sight_fiducials
from edge.calibrate.verify import stage_finding, verify
from edge.cameras import write_picture
from edge.configuration.config import ChecksConfig, ScanConfig, load_scan_config
from edge.console import Console
from edge.faults import SafetyStop, UsageError
from edge.photography.stage_placing import UNHELD
from edge.planning.desk_plan import write_plan
from edge.planning.figures import tell_registration
from edge.prepare import register_as_configured, register_frame
from edge.readiness.doctor import examine_camera
from firmware_bridge.messages import StagePose

MADE_AT = "2026-01-01T00:00:00+00:00"
BENT = [-0.085, 0.03, 0.0004, -0.0003, 0.0]


def lines(scan_yaml) -> list[str]:
    return [finding.line() for finding in verify(scan_yaml, against=None, show=lambda _: None)]


def test_camera_and_fiducials_are_told_with_their_residual(scan_yaml, photograph):
    write_picture(scan_yaml.parent / "frames" / "a.png", photograph().image)
    camera, fiducials = lines(scan_yaml)
    assert camera.startswith("ok")
    assert "900 x 660 px" in camera
    assert fiducials.startswith("ok")
    assert "each left out in turn, of 8); half a pitch is 250 um" in fiducials


def test_a_missing_photograph_is_the_only_finding(scan_yaml):
    (only,) = lines(scan_yaml)
    assert only.startswith("FAIL  camera")


def test_a_photograph_without_markers_fails(scan_yaml, photograph):
    image = photograph().image.copy()
    image[:, :300] = 90
    image[:, 500:] = 90
    write_picture(scan_yaml.parent / "frames" / "a.png", image)
    assert lines(scan_yaml)[1].startswith("FAIL  registration")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "fiducials lie 0.0"),
        ({"easel_x_mm": 0.5}, "shifted by 0.5"),
        ({"focal_px": 1985.0}, "scale changed by +1.8"),
    ],
)
def test_a_stage_calibration_is_held_against_the_fiducials_of_today(photograph, config, change, words):
    registration = register_frame(photograph(), config)
    finding = stage_finding(registration, photograph(seed=12, **change), config)
    assert words in finding.text
    assert finding.passed is not bool(change)


@pytest.mark.parametrize(("off_mm", "passes"), [(0.1, True), (0.4, False)])
def test_a_spot_is_held_against_the_registration_and_backlash_cancels(photograph, config, off_mm, passes):
    registration = register_frame(photograph(), config)
    places = np.repeat([[50.0, 48.0], [70.0, 60.0], [90.0, 70.0]], 2, axis=0)
    way = np.tile([[1.0, 1.0], [-1.0, -1.0]], (3, 1))
    seen_mm = places + [off_mm, 0.0] + 0.3 * way
    pairs = PointPairs(pixels_from_stage(registration, seen_mm), places, np.repeat([0, 1, 2], 2), way)
    finding = spot_finding(registration, pairs, config.area.pitch_mm)
    assert finding.passed is passes
    assert f"seen {1_000 * off_mm:.0f} um rms" in finding.text
    assert passes or "shifted by (0.40, " in finding.text


@pytest.mark.parametrize("count", [2, 3, 5, 7, 13, 20])
def test_the_spot_is_looked_at_where_no_pattern_of_the_calibration_was(count):
    x, y = np.meshgrid(np.linspace(20, 80, count), np.linspace(10, 50, count))
    used = np.column_stack([x.ravel(), y.ravel()])
    looked = places_apart([StagePose(20, 10), StagePose(80, 50)], used)
    at = np.array([(each.x_mm, each.y_mm) for each in looked])
    assert len(at) == 9
    apart = np.linalg.norm(at[:, None] - used, axis=2).min(axis=1)
    # half a diagonal of the pattern's meshes would be the farthest, and a ninth may be less than a mesh
    assert apart.min() > 0.2 * np.hypot(60, 40) / (count - 1)


def test_where_no_place_was_used_the_spot_is_looked_at_in_the_middle_of_each_ninth():
    looked = places_apart([StagePose(0, 0), StagePose(60, 30)], np.empty((0, 2)))
    assert [(each.x_mm, each.y_mm) for each in looked[:4]] == [(10, 5), (30, 5), (50, 5), (10, 15)]


@pytest.fixture
def stored(scan_yaml, photograph) -> ScanConfig:
    """A configuration that scans by a stage calibration of the first of January."""
    config = load_scan_config(scan_yaml)
    frame = photograph(identity=f"folder:{scan_yaml.parent / 'frames'}")
    calibration = replace(calibrated(sight_fiducials(frame, config), config), made_at=MADE_AT)
    content, made_at = stage_to_dict(calibration), calibration.made_at
    path = store(scan_yaml.parent, "stage", content, made_at=made_at, pictures={"frame": frame.image})
    instrument = config.instrument.model_copy(update={"stage_calibration": str(path)})
    return config.model_copy(update={"instrument": instrument})


def of_camera(frame, scan_yaml):
    return replace(frame, identity=f"folder:{scan_yaml.parent / 'frames'}")


@pytest.mark.parametrize(
    ("change", "words"), [({"easel_x_mm": 0.5}, "shifted by 0.5"), ({"focal_px": 1985.0}, "scale changed by +1.8")]
)
def test_no_scan_is_placed_by_a_stage_calibration_that_the_fiducials_contradict(
    scan_yaml, stored, photograph, change, words
):
    assert UNHELD not in register_frame(of_camera(photograph(seed=12), scan_yaml), stored).notes
    with pytest.raises(SafetyStop, match=rf"from where the stage calibration says; .*{re.escape(words)}"):
        register_frame(of_camera(photograph(seed=12, **change), scan_yaml), stored)


def test_fiducials_out_of_the_frame_hold_no_stage_calibration(scan_yaml, stored, photograph):
    bare = of_camera(photograph(), scan_yaml)
    with pytest.raises(SafetyStop, match="0 seen, at least 2 needed"):
        register_frame(replace(bare, image=np.full_like(bare.image, 90)), stored)


def test_a_marker_seen_twice_is_a_finding_and_no_fault(scan_yaml, stored, photograph):
    frame = of_camera(photograph(), scan_yaml)
    at = np.rint(pixels_from_stage(register_as_configured(frame, stored), np.array([[32.0, 32.0], [44.0, 44.0]])))
    (left, top), (right, bottom) = at.astype(int)
    image = frame.image.copy()
    image[300 : 300 + bottom - top, 420 : 420 + right - left] = image[top:bottom, left:right]
    scan_yaml.write_text(yaml_of(stored))
    write_picture(scan_yaml.parent / "frames" / "a.png", image)
    (failed,) = [line for line in lines(scan_yaml) if line.startswith("FAIL")]
    assert failed.startswith("FAIL  stage calibration")
    assert "marker 0 is seen twice" in failed


def test_without_fiducials_plan_and_doctor_say_that_nothing_holds_the_stage_calibration(scan_yaml, stored, photograph):
    fiducials = stored.instrument.fiducials.model_copy(update={"markers": []})
    blind = stored.model_copy(update={"instrument": stored.instrument.model_copy(update={"fiducials": fiducials})})
    frame = of_camera(photograph(), scan_yaml)
    registration = register_frame(frame, blind)
    assert UNHELD in registration.notes
    assert registration.digest == registration_digest(registration)
    write_picture(scan_yaml.parent / "frames" / "a.png", frame.image)
    _, finding = examine_camera(blind)
    assert finding.line().startswith("note  stage calibration")
    assert "verify --spot" in finding.text


def test_a_registration_names_the_stage_calibration_that_placed_it(scan_yaml, stored, photograph, capsys):
    registration = register_frame(of_camera(photograph(seed=12), scan_yaml), stored)
    digest = read_stored(Path(stored.instrument.stage_calibration), []).digest
    said = f"laced by the stage calibration made at 2026-01-01T00:00:00+00:00, digest {digest}"
    assert registration.notes == (f"p{said}",)
    assert registration_from_dict(registration_to_dict(registration)).notes == registration.notes
    tell_registration(registration, Console(quiet=False, log_level="error"))
    told = capsys.readouterr()
    assert f"P{said}" in told.out
    assert told.err == ""


def test_a_registration_names_the_camera_calibration_that_undistorted_it(scan_yaml, config, photograph):
    lens = Lens(np.array([[1950.0, 0, 449.5], [0, 1950, 329.5], [0, 0, 1]]), np.array(BENT), 900, 660)
    calibration = CameraCalibration(lens, np.zeros(9), "none", 0.2, None, 0.8, (), "chessboard:9x6:25mm", "", MADE_AT)
    path = store(scan_yaml.parent, "camera", calibration_to_dict(calibration), made_at=MADE_AT)
    instrument = config.instrument.model_copy(update={"camera_calibration": str(path)})
    registration = register_frame(photograph(), config.model_copy(update={"instrument": instrument}))
    digest = read_stored(path, []).digest
    assert f"undistorted by the camera calibration made at {MADE_AT}, digest {digest}" in registration.notes
    assert registration.digest == registration_digest(registration)


def test_doctor_fails_a_stage_calibration_that_the_fiducials_contradict(scan_yaml, stored, photograph):
    write_picture(scan_yaml.parent / "frames" / "a.png", photograph(seed=12, easel_x_mm=0.5).image)
    _, finding = examine_camera(stored)
    assert finding.line().startswith("FAIL  stage calibration")
    assert finding.fault is SafetyStop


def test_an_old_calibration_is_refused_when_an_age_is_set(stored):
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert [each.passed for each in examine_ages(stored, now)] == [True]
    limited = stored.model_copy(update={"checks": ChecksConfig(max_age_days=30.0)})
    (finding,) = examine_ages(limited, now)
    assert not finding.passed
    assert finding.fault is UsageError
    assert finding.text == "made 59.0 days ago, over the 30 allowed by checks.max_age_days: calibrate again"


def test_a_calibration_that_states_no_time_zone_was_made_in_utc(config, monkeypatch):
    named = config.model_copy(
        update={"instrument": config.instrument.model_copy(update={"camera_calibration": "lens"})}
    )
    made = SimpleNamespace(made_at="2026-01-01T00:00:00")
    monkeypatch.setattr("edge.calibrate.age.read_camera_calibration", lambda path: made)
    assert [each.text for each in examine_ages(named, datetime(2026, 3, 1, tzinfo=UTC))] == ["made 59.0 days ago"]


def test_a_stage_calibration_of_before_places_the_photographs_of_today(stored, photograph):
    identity = f"folder:{stored.instrument.camera.path} (Canon EOS R5 at 50 mm)"
    assert register_frame(photograph(identity=identity), stored).camera_identity == identity


@pytest.mark.parametrize(
    ("change", "levels", "words"),
    [
        ({}, ["ok", "ok", "ok", "ok"], ""),
        ({"easel_x_mm": 0.5}, ["ok", "ok", "FAIL", "ok"], "shifted by 0.5"),
        ({"blur_px": 2.5}, ["ok", "ok", "ok", "note"], "focus the camera as it was"),
    ],
)
def test_a_stored_calibration_is_told_with_age_place_and_focus(scan_yaml, stored, photograph, change, levels, words):
    scan_yaml.write_text(yaml_of(stored))
    write_picture(scan_yaml.parent / "frames" / "a.png", photograph(seed=12, **change).image)
    found = lines(scan_yaml)
    assert [line.split()[0] for line in found] == levels
    assert "stage calibration" in found[1]
    assert words in "\n".join(found)


def test_a_plan_at_a_desk_takes_a_photograph_as_the_calibrated_cameras(scan_yaml, stored, photograph):
    scan_yaml.write_text(yaml_of(stored))
    picture = scan_yaml.parent / "copied.png"
    write_picture(picture, photograph(seed=12).image)
    out = scan_yaml.parent / "plan"
    write_plan(scan_yaml, out=out, photograph=picture, console=Console(quiet=True, log_level="error"))
    assert (out / "plan.json").is_file()
