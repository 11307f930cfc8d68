"""A stored mosaic in the camera's place: found where its record says, refused where it shows nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from calibration.mosaic import MosaicRequest, build_mosaic
from calibration.mosaic.record import COVERED, KIND, PICTURE, mosaic_to_dict, place_from_dict
from calibration.projection import stage_from_pixels
from calibration.stored import DamagedCalibration, store
from edge.calibrate.age import examine_ages
from edge.calibrate.mosaic import MosaicWish, calibrate_mosaic
from edge.calibrate.verify import verify
from edge.cameras import open_camera
from edge.configuration.config import ChecksConfig, load_scan_config
from edge.console import Console
from edge.faults import SafetyStop, UsageError
from edge.prepare import register_frame, sight
from tests.unit.calibration.head_scene import LEFT_MM, UPPER_MM, taken

MADE_AT = "2026-03-04T05:06:07.000+00:00"


@pytest.fixture(scope="module")
def mosaic():
    scene = taken()
    return build_mosaic(MosaicRequest(scene.frames, scene.view, strain_error=2e-4))


@pytest.fixture(scope="module")
def kept(mosaic, tmp_path_factory):
    content = mosaic_to_dict(mosaic, camera_identity="head", head_digest="ab", offset_error_mm=0.02, made_at=MADE_AT)
    pictures = {PICTURE: mosaic.picture, COVERED: mosaic.covered.astype(np.uint8) * np.uint8(255)}
    return store(tmp_path_factory.mktemp("mosaic"), KIND, content, made_at=MADE_AT, pictures=pictures)


def config_of(folder, kept, *, area=(4.0, 4.0, 20.0, 14.0), **instrument):
    """A scan of an area, from the painted plane's corner."""
    left, upper, width, height = area
    said = {
        "instrument": {
            "controller": {"kind": "native", "port": "port"},
            "camera": {"kind": "mosaic", "path": str(kept)},
            **instrument,
        },
        "area": {
            "x_mm": LEFT_MM + left,
            "y_mm": UPPER_MM + upper,
            "width_mm": width,
            "height_mm": height,
            "pitch_mm": 0.5,
        },
    }
    if "fiducials" not in instrument:
        said["instrument"]["fiducials"] = {"markers": []}
    path = folder / "scan.yaml"
    path.write_text(yaml.safe_dump(said))
    return path


def test_a_scan_sees_the_mosaic_where_its_record_places_it(tmp_path, kept, mosaic):
    config = load_scan_config(config_of(tmp_path, kept))
    seen = sight(open_camera(config.instrument.camera), config)
    assert np.array_equal(seen.frame.image, mosaic.picture)
    corner = stage_from_pixels(seen.registration, np.array([[0.0, 0.0]]))[0]
    assert np.allclose(corner, [mosaic.left_mm + mosaic.mm_per_px / 2, mosaic.upper_mm + mosaic.mm_per_px / 2])
    assert seen.rgb.shape == (28, 40, 3)


def test_the_expected_error_is_that_of_places_and_offset(tmp_path, kept, mosaic):
    config = load_scan_config(config_of(tmp_path, kept))
    registration = register_frame(open_camera(config.instrument.camera).capture(), config)
    own = np.sqrt(np.mean(mosaic.adjustment.errors_mm**2))
    assert registration.covariance[2, 2] == pytest.approx(own**2 + 0.02**2)


def test_an_area_that_the_mosaic_leaves_bare_is_refused(tmp_path, kept):
    config = load_scan_config(config_of(tmp_path, kept, area=(-0.5, -0.5, 20.0, 14.0)))
    with pytest.raises(SafetyStop, match=r"the mosaic is bare in .* of the area"):
        sight(open_camera(config.instrument.camera), config)


def test_an_area_beyond_the_mosaic_is_refused(tmp_path, kept):
    config = load_scan_config(config_of(tmp_path, kept, area=(4.0, 4.0, 200.0, 14.0)))
    with pytest.raises(SafetyStop):
        sight(open_camera(config.instrument.camera), config)


@pytest.mark.parametrize("extra", [{"camera_calibration": "a.yaml"}, {"stage_calibration": "b.yaml"}])
def test_a_mosaic_needs_no_other_calibration(tmp_path, kept, extra):
    with pytest.raises(UsageError, match="placed already"):
        load_scan_config(config_of(tmp_path, kept, **extra))


def test_another_file_in_the_mosaics_place_is_refused(tmp_path, kept):
    config = load_scan_config(config_of(tmp_path, kept))
    frame = open_camera(config.instrument.camera).capture()
    other = tmp_path / "mosaic-other.yaml"
    text = kept.read_text()
    other.write_text(text.replace("left_mm: ", "left_mm: 1"))
    config = load_scan_config(config_of(tmp_path, other))
    with pytest.raises(UsageError, match="changed since it was written"):
        register_frame(frame, config)


def test_a_record_without_a_scale_is_refused(mosaic):
    content = mosaic_to_dict(mosaic, camera_identity="", head_digest="", offset_error_mm=0.0, made_at=MADE_AT)
    with pytest.raises(DamagedCalibration, match="make the mosaic again"):
        place_from_dict({key: value for key, value in content.items() if key != "mm_per_px"})


@pytest.mark.parametrize(("most_days", "passes"), [(None, True), (30.0, True), (20.0, False)])
def test_a_mosaic_is_refused_when_it_is_older_than_allowed(tmp_path, kept, most_days, passes):
    config = load_scan_config(config_of(tmp_path, kept))
    config = config.model_copy(update={"checks": ChecksConfig(max_age_days=most_days)})
    (finding,) = examine_ages(config, datetime(2026, 3, 29, 5, 6, 7, tzinfo=UTC))
    assert finding.passed is passes
    assert (finding.what, finding.text[:18]) == ("mosaic", "made 25.0 days ago")


def test_no_mosaic_is_made_by_a_head_calibration_older_than_allowed(tmp_path, kept, monkeypatch):
    path = config_of(tmp_path, kept)
    said = yaml.safe_load(path.read_text())
    said["checks"] = {"max_age_days": 30.0}
    path.write_text(yaml.safe_dump(said))
    head = SimpleNamespace(made_at="2020-01-01T00:00:00+00:00")
    monkeypatch.setattr("edge.calibrate.mosaic.read_head", lambda path: (None, head))
    console = Console(quiet=True, log_level="error")
    with pytest.raises(UsageError, match=r"head calibration: .* over the 30 allowed by checks.max_age_days"):
        calibrate_mosaic(path, head=tmp_path, frames=None, wish=MosaicWish(), out=None, console=console)


def test_verify_says_what_a_mosaic_can_and_cannot_show(tmp_path, kept):
    found = verify(config_of(tmp_path, kept), against=None, show=lambda finding: None)
    (line,) = [finding.line() for finding in found if "mosaic" in finding.line() and "agree" in finding.line()]
    assert "cannot show what has moved" in line
