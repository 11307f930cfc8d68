"""`calibrate verify` says of each thing whether it still holds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from edge.calibrate.verify import age_finding, stage_finding, verify
from edge.cameras import write_picture
from edge.config import ChecksConfig
from edge.faults import UsageError
from edge.prepare import register_frame


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
    assert lines(scan_yaml)[1].startswith("FAIL  fiducials")


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


def test_an_old_calibration_is_refused_when_an_age_is_set(config):
    limited = config.model_copy(update={"checks": ChecksConfig(max_age_days=30.0)})
    now = datetime(2026, 3, 1, tzinfo=UTC)
    made_at = "2026-01-01T00:00:00+00:00"
    assert age_finding("lens", made_at, config, now).passed
    finding = age_finding("lens", made_at, limited, now)
    assert not finding.passed
    assert finding.fault is UsageError
    assert finding.text == "made 59.0 days ago, over the 30 allowed by checks.max_age_days: calibrate again"
