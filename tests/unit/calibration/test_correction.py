"""A registration that what was measured corrects."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from calibration.correction import corrected, corrected_alike
from calibration.projection import pixels_from_stage, stage_from_pixels
from calibration.registration import Registration, StageShift
from calibration.registration_record import registration_digest, registration_from_dict, registration_to_dict

POINTS_PX = np.array([[10.0, 20.0], [400.0, 300.0], [780.0, 590.0]])
SHIFT = StageShift(0.4, -0.2, ((0.01, 0.001), (0.001, 0.02)), 1e-6, 500)


@pytest.fixture
def registered() -> Registration:
    """A camera that looks a little askew, through a lens that bends."""
    bare = Registration(
        stage_from_camera=np.array([[0.1, 0.002, 3.0], [-0.001, 0.11, 5.0], [1e-5, 2e-5, 1.0]]),
        camera_matrix=np.array([[900.0, 0, 400], [0, 900.0, 300], [0, 0, 1]]),
        distortion=np.array([-0.05, 0.01, 0.0, 0.0, 0.0]),
        fiducials=(0, 1, 2, 3),
        residuals_mm=np.full(16, 0.02),
        camera_identity="bench",
        registered_at="2026-01-02T03:04:05+00:00",
        digest="",
    )
    return replace(bare, digest=registration_digest(bare))


def test_a_correction_moves_every_point_by_its_shift_and_back(registered: Registration) -> None:
    moved = corrected(registered, SHIFT)
    before, after = (stage_from_pixels(one, POINTS_PX) for one in (registered, moved))
    np.testing.assert_allclose(after - before, np.tile([0.4, -0.2], (3, 1)), atol=1e-12)
    # the lens is inverted by iteration, to some thousandths of a pixel
    np.testing.assert_allclose(pixels_from_stage(moved, after), POINTS_PX, atol=0.01)


def test_a_second_correction_adds_to_the_first_and_is_as_sure_as_itself(registered: Registration) -> None:
    surer = StageShift(0.1, 0.1, ((0.001, 0.0), (0.0, 0.001)), 1e-9, 5000)
    shift = corrected(corrected(registered, SHIFT), surer).shift
    assert shift is not None
    assert (shift.x_mm, shift.y_mm) == pytest.approx((0.5, -0.1))
    assert (shift.covariance_mm2, shift.samples) == (surer.covariance_mm2, 5000)


def test_a_corrected_registration_survives_json_and_has_a_digest_of_its_own(registered: Registration) -> None:
    moved = corrected(registered, SHIFT)
    assert moved.digest != registered.digest
    back = registration_from_dict(json.loads(json.dumps(registration_to_dict(moved))))
    assert back.shift == SHIFT
    assert back.digest == moved.digest


def test_a_registration_without_a_correction_is_written_as_before_there_were_any(registered: Registration) -> None:
    assert "shift" not in registration_to_dict(registered)


def test_a_shift_that_was_altered_is_found_by_the_digest(registered: Registration) -> None:
    record = registration_to_dict(corrected(registered, SHIFT))
    record["shift"]["x_mm"] = 0.5
    with pytest.raises(ValueError, match="does not match its digest"):
        registration_from_dict(record)


def test_the_next_frame_of_the_same_markers_is_corrected_alike(registered: Registration) -> None:
    assert corrected_alike(registered, registered) is registered
    assert corrected_alike(registered, corrected(registered, SHIFT)).shift == SHIFT
