"""A registration is as good as it says, and a refusal says why."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from calibration.expected_error import expected_error_mm, standard_errors_at
from calibration.fiducials import Fiducial
from calibration.lens import Lens
from calibration.projection import apply_homography, pixels_from_stage, stage_from_pixels
from calibration.register import register, register_seen
from calibration.registration import NotRegistered, Registration
from calibration.registration_record import registration_digest, registration_from_dict, registration_to_dict
from firmware_bridge.messages import StagePose

ELSEWHERE = np.array([(x, y) for x in (20.0, 45.0, 75.0, 100.0) for y in (20.0, 45.0, 70.0)])


def attempt(image, fiducials, lens=None, tolerance_mm=0.25):
    """Register with the names that these tests share."""
    return register(
        image,
        fiducials,
        lens=lens,
        dictionary="DICT_4X4_50",
        camera_identity="bench",
        registered_at="2026-01-02T03:04:05+00:00",
        tolerance_mm=tolerance_mm,
    )


def moved(fiducial: Fiducial, dx: float, dy: float) -> Fiducial:
    """The same marker, stated somewhere else."""
    return replace(fiducial, centre=StagePose(fiducial.centre.x_mm + dx, fiducial.centre.y_mm + dy))


def largest_error_mm(registration: Registration, view) -> float:
    """Largest distance at points that were no fiducials."""
    return float(np.linalg.norm(stage_from_pixels(registration, view.pixels(ELSEWHERE)) - ELSEWHERE, axis=1).max())


@pytest.fixture(scope="module")
def registered(draw, eight, lens) -> Registration:
    outcome = attempt(draw(eight), eight, lens)
    assert isinstance(outcome, Registration)
    return outcome


def test_points_between_the_fiducials_are_placed_within_a_hundredth_of_a_millimetre(registered, view):
    assert largest_error_mm(registered, view) < 0.01


def test_without_a_lens_eight_fiducials_find_its_main_distortion(draw, eight, view):
    outcome = attempt(draw(eight), eight)
    assert isinstance(outcome, Registration)
    assert outcome.distortion[0] != 0
    assert largest_error_mm(outcome, view) < 0.05


def test_without_a_lens_four_fiducials_give_a_plain_homography(draw, eight):
    outcome = attempt(draw(eight), [eight[i] for i in (0, 2, 4, 6)])
    assert isinstance(outcome, Registration)
    assert not outcome.distortion.any()
    assert outcome.fiducials == (0, 2, 4, 6)


def test_stage_and_pixels_are_inverses(registered):
    there = pixels_from_stage(registered, ELSEWHERE)
    np.testing.assert_allclose(stage_from_pixels(registered, there), ELSEWHERE, atol=1e-6)


def test_residuals_are_those_of_fiducials_left_out(draw, eight, lens):
    five = [eight[i] for i in (0, 2, 4, 6, 7)]
    outcome = attempt(draw(eight), [moved(five[0], 0.05, 0.0), *five[1:]], lens)
    assert isinstance(outcome, Registration)
    assert outcome.fiducials == (0, 2, 4, 6, 7)
    held_out_mm = outcome.residuals_mm.reshape(-1, 4)[0].mean()
    assert held_out_mm > 0.045, "a fit that includes the marker would take most of its 0.05 mm up"


def test_a_misplaced_marker_is_left_out_with_a_note(draw, eight, lens, view):
    outcome = attempt(draw(eight), [*eight[:3], moved(eight[3], 7.0, 0.0), *eight[4:]], lens)
    assert isinstance(outcome, Registration)
    assert outcome.fiducials == (0, 1, 2, 4, 5, 6, 7)
    assert len(outcome.notes) == 1
    assert "fiducial 3 was left out" in outcome.notes[0]
    assert largest_error_mm(outcome, view) < 0.02


def test_three_markers_are_too_few_and_the_missing_ones_are_named(draw, eight, lens):
    outcome = attempt(draw(eight[:3]), eight, lens)
    assert isinstance(outcome, NotRegistered)
    assert not outcome
    assert "3 of 8 fiducials seen, at least 4 needed (missing: 3, 4, 5, 6, 7)" in outcome.reason


def test_a_mirrored_picture_is_called_mirrored(draw, eight, lens):
    outcome = attempt(np.ascontiguousarray(draw(eight)[:, ::-1]), eight, lens)
    assert isinstance(outcome, NotRegistered)
    assert "mirror" in outcome.reason


def test_stated_places_with_a_wrong_sign_are_called_a_mirror_image(draw, eight, lens):
    flipped = [replace(f, centre=StagePose(-f.centre.x_mm, f.centre.y_mm)) for f in eight]
    outcome = attempt(draw(eight), flipped, lens)
    assert isinstance(outcome, NotRegistered)
    assert "mirror image" in outcome.reason


def test_markers_on_a_line_are_refused(draw, lens):
    row = tuple(Fiducial(i, StagePose(10.0 + 25 * i, 45.0), 10.0) for i in range(5))
    outcome = attempt(draw(row), row, lens)
    assert isinstance(outcome, NotRegistered)
    assert "on a line" in outcome.reason


def test_a_marker_seen_twice_is_refused(draw, eight, lens):
    twin = Fiducial(3, StagePose(60.0, 45.0), 10.0)
    outcome = attempt(draw((*eight, twin)), eight, lens)
    assert isinstance(outcome, NotRegistered)
    assert "marker 3 is seen twice" in outcome.reason


def test_a_wrong_printed_size_is_above_the_tolerance(draw, eight, lens):
    outcome = attempt(draw(eight), [replace(f, side_mm=12.0) for f in eight], lens)
    assert isinstance(outcome, NotRegistered)
    assert "above the 0.25 mm accepted" in outcome.reason


def test_places_that_fit_no_plane_are_refused(draw, eight, lens):
    rng = np.random.default_rng(5)
    scattered = [moved(f, *rng.uniform(-15, 15, 2)) for f in eight]
    assert isinstance(attempt(draw(eight), scattered, lens), NotRegistered)


def test_a_lens_of_another_picture_size_is_refused(draw, eight, lens):
    outcome = attempt(draw(eight)[:-10], eight, lens)
    assert isinstance(outcome, NotRegistered)
    assert "1200 x 890 pixels but the lens was calibrated at 1200 x 900" in outcome.reason


def test_an_empty_picture_is_refused(eight):
    outcome = attempt(np.full((900, 1200, 3), 128, np.uint8), eight)
    assert isinstance(outcome, NotRegistered)
    assert outcome.reason.startswith("0 of 8")


def test_a_registration_survives_json_bit_for_bit(registered):
    back = registration_from_dict(json.loads(json.dumps(registration_to_dict(registered))))
    assert back.digest == registered.digest
    assert (back.stage_from_camera == registered.stage_from_camera).all()
    assert (back.residuals_mm == registered.residuals_mm).all()


@pytest.mark.parametrize("key", ["stage_from_camera", "residuals_mm", "fiducials", "camera_identity", "notes"])
def test_a_changed_record_is_told_by_its_digest(registered, key):
    record = registration_to_dict(registered)
    match record[key]:
        case str() as text:
            record[key] = text + "x"
        case list() as values if key == "stage_from_camera":
            values[0][0] += 1e-9
        case list() as values:
            values.append("1" if key == "notes" else 1)
    with pytest.raises(ValueError, match="register again"):
        registration_from_dict(record)


def test_a_record_without_a_key_is_refused(registered):
    record = registration_to_dict(registered)
    del record["camera_matrix"]
    with pytest.raises(ValueError, match="camera_matrix"):
        registration_from_dict(record)


def test_the_expected_error_covers_the_actual_one_between_the_fiducials(registered, view):
    actual = stage_from_pixels(registered, view.pixels(ELSEWHERE)) - ELSEWHERE
    errors = standard_errors_at(registered, ELSEWHERE)
    assert errors is not None
    # Twelve points of one map are nearly one sample: none may be far outside.
    assert np.all(np.abs(actual) < 4 * errors)
    assert float(errors.max()) < 0.05


def test_a_lens_that_was_badly_calibrated_enters_the_expected_error(draw, eight, lens, registered):
    outcome = attempt(draw(eight), eight, replace(lens, bending_px=5 * lens.bending_px))
    assert isinstance(outcome, Registration)
    assert outcome.misfit_mm == pytest.approx(5 * registered.misfit_mm)


def test_four_fiducials_alone_do_not_claim_the_precision_of_eight(draw, eight, lens, registered):
    few = attempt(draw(eight), [eight[i] for i in (0, 2, 4, 6)], lens)
    assert isinstance(few, Registration)
    four, all_eight = expected_error_mm(few, ELSEWHERE), expected_error_mm(registered, ELSEWHERE)
    assert four is not None
    assert all_eight is not None
    assert np.all(four > 1.3 * all_eight)


def test_the_expected_error_grows_with_the_fiducials_own_misplacement(draw, eight, lens, registered):
    rng = np.random.default_rng(4)
    outcome = attempt(draw(eight), [moved(one, *rng.normal(0, 0.1, 2)) for one in eight], lens)
    assert isinstance(outcome, Registration)
    misplaced, exact = expected_error_mm(outcome, ELSEWHERE), expected_error_mm(registered, ELSEWHERE)
    assert misplaced is not None
    assert exact is not None
    assert np.all(misplaced > 3 * exact)


def test_a_record_without_an_error_opens_and_says_that_it_is_not_known(registered):
    bare = replace(registered, covariance=None, misfit_mm=0.0, digest="")
    bare = replace(bare, digest=registration_digest(bare))
    record = registration_to_dict(bare)
    assert "covariance" not in record
    again = registration_from_dict(record)
    assert again.covariance is None
    assert expected_error_mm(again, ELSEWHERE) is None


def test_the_error_survives_its_record(registered):
    again = registration_from_dict(json.loads(json.dumps(registration_to_dict(registered))))
    np.testing.assert_array_equal(again.covariance, registered.covariance)


WIDE_MM = (500.0, 350.0)
BENT = Lens(np.array([[4200.0, 0, 1999.5], [0, 4200.0, 1499.5], [0, 0, 1]]), np.array([-0.08, 0, 0, 0, 0]), 4000, 3000)
"""Bends the corners of the picture by 70 pixels."""
WIDE_INSIDE = np.array([(x, y) for x in (30.0, 150.0, 350.0, 470.0) for y in (40.0, 170.0, 310.0)])


def around(count: int) -> list[Fiducial]:
    """Markers in the corners of a field of 500 x 350 mm, then between them."""
    x, y = WIDE_MM
    places = [(0, 0), (x, 0), (x, y), (0, y), (x / 2, 0), (x / 2, y), (0, y / 2), (x, y / 2)]
    places += [(x / 4, 0), (3 * x / 4, 0), (x / 4, y), (3 * x / 4, y)]
    return [Fiducial(i, StagePose(*place), 12.0) for i, place in enumerate(places[:count])]


def without_lens(fiducials: list[Fiducial], bent: Lens, stated: list[Fiducial] | None = None):
    """Register markers that a camera 640 mm away sees through a lens that nobody calibrated."""
    view = np.array([[6.5, 0.2, 380.0], [-0.2, 6.6, 350.0], [2e-5, -1e-5, 1.0]])
    rng = np.random.default_rng(3)
    seen = {}
    for one in fiducials:
        pixels = bent.distort_points(apply_homography(view, one.corners_mm))
        seen[one.id] = pixels + rng.normal(0, 0.05, (4, 2))
    outcome = register_seen(
        np.broadcast_to(np.uint8(0), (3000, 4000, 1)),
        seen,
        stated or fiducials,
        lens=None,
        dictionary="DICT_4X4_50",
        camera_identity="bench",
        registered_at="2026-01-02T03:04:05+00:00",
        tolerance_mm=0.25,
    )
    return outcome, bent.distort_points(apply_homography(view, WIDE_INSIDE))


@pytest.mark.parametrize("corner_px", [20, 70])
@pytest.mark.parametrize("count", [5, 6, 7])
def test_without_a_lens_few_good_markers_are_not_left_out_as_wrong(count, corner_px):
    bent = replace(BENT, distortion=BENT.distortion * corner_px / 70)
    outcome, _ = without_lens(around(count), bent)
    assert isinstance(outcome, NotRegistered)
    assert "calibrate" in outcome.reason
    assert "lens" in outcome.reason


@pytest.mark.parametrize("corner_px", [20, 70])
@pytest.mark.parametrize("count", [8, 12])
def test_without_a_lens_enough_markers_keep_all_and_cover_their_error(count, corner_px):
    bent = replace(BENT, distortion=BENT.distortion * corner_px / 70)
    outcome, pixels = without_lens(around(count), bent)
    assert isinstance(outcome, Registration), outcome
    assert len(outcome.fiducials) == count
    errors = standard_errors_at(outcome, WIDE_INSIDE)
    assert np.all(np.abs(stage_from_pixels(outcome, pixels) - WIDE_INSIDE) < 4 * errors)
    assert float(errors.max()) < 0.1


def test_without_a_lens_a_marker_that_was_left_out_enters_the_expected_error():
    six = around(6)
    straight = replace(BENT, distortion=np.zeros(5))
    outcome, _ = without_lens(six, straight, [*six[:5], moved(six[5], 5.0, 0.0)])
    assert isinstance(outcome, Registration), outcome
    assert outcome.fiducials == (0, 1, 2, 3, 4)
    # 5 mm of one marker in six, along one axis of two.
    assert outcome.misfit_mm == pytest.approx(5 / np.sqrt(12), rel=0.05)
