"""A fitted map is as good as it says, tells the axes and the backlash, and refuses what gives no map."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.lens import Lens, without_distortion
from calibration.map_error import GroupError, covariance_of, sensitivity, standard_errors_mm
from calibration.projection import apply_homography
from calibration.stage_axes import axes_of, described_axes
from calibration.stage_calibration import calibration_of, placed_by, stage_from_dict, stage_to_dict
from calibration.stage_fit import MapKind, NotFitted, PointPairs, StageFit, fit_stage
from calibration.stage_picture import error_picture
from calibration.stored import DamagedCalibration

SIZE = {"width_px": 4000, "height_px": 3000}
MATRIX = np.array([[4200.0, 0, 1990.0], [0, 4200.0, 1510.0], [0, 0, 1.0]])
GRID = np.array([(x, y) for y in np.linspace(0, 360, 4) for x in np.linspace(0, 500, 5)])
INSIDE = np.array([(x, y) for y in (40.0, 170.0, 330.0) for x in (30.0, 250.0, 480.0)])


def camera_from_stage(
    tilt_x: float = 20.0, tilt_y: float = -12.0, roll: float = 3.0, axes: np.ndarray | None = None
) -> np.ndarray:
    """A camera 640 mm before the middle of the stage; `axes` has the stage's unit vectors in space as columns."""
    a, b, c = np.deg2rad([tilt_x, tilt_y, roll])
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    rotation = about_z @ about_x @ about_y
    plane = rotation[:, :2] @ (np.eye(2) if axes is None else axes)
    middle = np.array([0, 0, 640.0]) - plane @ np.array([250.0, 180.0])
    homography = MATRIX @ np.column_stack([plane, middle])
    return homography / homography[2, 2]


def pairs_of(view: np.ndarray, stage: np.ndarray, rng: np.random.Generator | None = None, noise_px=0.1) -> PointPairs:
    pixels = apply_homography(view, stage)
    if rng is not None:
        pixels = pixels + rng.normal(0, noise_px, pixels.shape)
    return PointPairs(pixels, stage, np.arange(len(stage)), np.zeros_like(stage))


def fitted(pairs: PointPairs, lens: Lens | None = None) -> StageFit:
    fit = fit_stage(pairs, lens, **SIZE)
    assert isinstance(fit, StageFit), fit
    return fit


@given(st.floats(-30, 30), st.floats(-30, 30), st.floats(-180, 180), st.booleans())
@settings(max_examples=6, deadline=None)
def test_exact_points_give_the_exact_map_however_camera_and_axes_lie(tilt_x, tilt_y, roll, is_flipped):
    axes = np.diag([1.0, -1.0]) if is_flipped else np.eye(2)
    view = camera_from_stage(tilt_x, tilt_y, roll, axes)
    fit = fitted(pairs_of(view, GRID))
    # The pixels are exact to 1e-12 of 4000; the map's condition loses a few digits.
    np.testing.assert_allclose(
        apply_homography(fit.stage_from_camera, apply_homography(view, INSIDE)), INSIDE, atol=1e-6
    )


@pytest.mark.campaign
def test_the_predicted_error_covers_the_actual_one_over_many_trials():
    inside = []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        view = camera_from_stage(*rng.uniform(-30, 30, 2), rng.uniform(-180, 180))
        fit = fitted(pairs_of(view, GRID, rng))
        pixels = apply_homography(view, INSIDE)
        actual = apply_homography(fit.stage_from_camera, pixels) - INSIDE
        inside.append(np.mean(np.abs(actual) < 2 * standard_errors_mm(fit.stage_from_camera, fit.covariance, pixels)))
    # 25 maps, of which each has about eight independent errors: the share's own deviation is about 0.015.
    assert 0.91 < np.mean(inside) <= 1.0


def test_a_grossly_wrong_point_is_left_out():
    pairs = pairs_of(camera_from_stage(), GRID, np.random.default_rng(2))
    wrong = pairs.points_mm.copy()
    wrong[7] += [9.0, -4.0]
    fit = fitted(replace(pairs, points_mm=wrong))
    assert np.flatnonzero(~fit.used).tolist() == [7]


FEW = {
    "six": GRID[[0, 4, 7, 12, 15, 19]],
    "eight around": GRID[[0, 2, 4, 5, 9, 15, 17, 19]],
    "nine": GRID[[0, 2, 4, 5, 7, 9, 15, 17, 19]],
}


@pytest.mark.parametrize("places", FEW.values(), ids=FEW)
def test_few_good_places_are_kept_and_their_error_covers_the_actual_one(places):
    inside, dropped = [], 0
    for seed in range(20):
        rng = np.random.default_rng([seed, 7])
        view = camera_from_stage(*rng.uniform(-25, 25, 2), rng.uniform(-180, 180))
        fit = fitted(pairs_of(view, places, rng, noise_px=1.0))
        dropped += int((~fit.used).any())
        pixels = apply_homography(view, INSIDE)
        off = apply_homography(fit.stage_from_camera, pixels) - INSIDE
        inside.append(np.mean(np.abs(off) < 2 * standard_errors_mm(fit.stage_from_camera, fit.covariance, pixels)))
    # One in a hundred may lose a good place: more than two of twenty come once in a thousand such tests.
    assert dropped <= 2
    # The shares of 20 maps scatter by 0.2 or less each, as nine points of one map err together: three deviations.
    assert np.mean(inside) > 0.95 - 3 * 0.2 / np.sqrt(20)


def test_four_places_reached_from_both_sides_give_a_map():
    corners = GRID[[0, 4, 15, 19]]
    way = np.repeat([[1.0, 1.0], [-1.0, -1.0]], 4, axis=0)
    sent = np.vstack([corners, corners])
    pixels = apply_homography(camera_from_stage(), sent - way / 2 * [0.15, 0.06])
    pixels += np.random.default_rng(1).normal(0, 0.1, sent.shape)
    fit = fitted(PointPairs(pixels, sent, np.tile(np.arange(4), 2), way))
    assert fit.used.all()


@pytest.mark.parametrize("wrong", [[4], [0, 7]], ids=["one", "two"])
def test_wrong_places_among_nine_are_left_out(wrong):
    places = FEW["nine"]
    pairs = pairs_of(camera_from_stage(), places, np.random.default_rng(2), noise_px=0.5)
    stated = pairs.points_mm.copy()
    stated[wrong] += [9.0, -4.0]
    fit = fitted(replace(pairs, points_mm=stated), Lens(MATRIX, np.zeros(5), 4000, 3000))
    assert np.flatnonzero(~fit.used).tolist() == wrong


def test_five_places_of_which_one_is_wrong_keep_it_in_their_error():
    places = GRID[[0, 4, 7, 15, 19]]
    pairs = pairs_of(camera_from_stage(), places)
    stated = pairs.points_mm.copy()
    stated[2] += [6.0, 0.0]
    fit = fitted(replace(pairs, points_mm=stated))
    pixels = apply_homography(camera_from_stage(), places)
    errors = standard_errors_mm(fit.stage_from_camera, fit.covariance, pixels)
    # Nothing tells which of five is wrong, as any four fit exactly; the error must say so.
    assert fit.used.all()
    assert np.all(errors[:, 0] > 2.0)


def test_many_places_that_disagree_are_a_lens_that_is_missing():
    rng = np.random.default_rng(0)
    pairs = pairs_of(camera_from_stage(), GRID, rng)
    stated = pairs.points_mm.copy()
    stated[[1, 8, 13, 16]] += rng.normal(0, 9, (4, 2))
    outcome = fit_stage(replace(pairs, points_mm=stated), None, **SIZE)
    assert isinstance(outcome, NotFitted)
    assert "4 of 20 places disagree" in outcome.reason
    assert fit_stage(replace(pairs, points_mm=stated), Lens(MATRIX, np.zeros(5), 4000, 3000), **SIZE)


def both_sides(view: np.ndarray, backlash_mm: np.ndarray, rng: np.random.Generator) -> PointPairs:
    """Every place reached from below and from above; the stage stays behind by half the backlash each way."""
    way = np.repeat([[1.0, 1.0], [-1.0, -1.0]], len(GRID), axis=0)
    sent = np.vstack([GRID, GRID])
    pixels = apply_homography(view, sent - way / 2 * backlash_mm) + rng.normal(0, 0.1, sent.shape)
    return PointPairs(pixels, sent, np.tile(np.arange(len(GRID)), 2), way)


def test_backlash_is_told_within_its_error_and_does_not_shift_the_map():
    view, backlash = camera_from_stage(), np.array([0.15, 0.06])
    fit = fitted(both_sides(view, backlash, np.random.default_rng(3)))
    assert fit.backlash_mm is not None
    assert np.all(np.abs(np.array(fit.backlash_mm) - backlash) < 4 * np.array(fit.backlash_error_mm))
    # 40 visits with 0.1 px of 0.15 mm each, eight parameters: about 0.007 mm.
    shift = apply_homography(fit.stage_from_camera, apply_homography(view, INSIDE)) - INSIDE
    assert np.abs(shift).max() < 0.03


def test_bending_that_the_map_leaves_out_enters_the_expected_error():
    view = camera_from_stage(0.0, 0.0, 0.0)
    pairs = both_sides(view, np.zeros(2), np.random.default_rng(5))
    bent = Lens(MATRIX, np.array([-0.02, 0, 0, 0, 0]), 4000, 3000).distort_points(pairs.points_px)
    fit, straight = fitted(replace(pairs, points_px=bent)), fitted(pairs)
    assert fit.spread.group_mm > 10 * straight.spread.point_mm
    assert straight.spread.group_mm < straight.spread.point_mm


def test_held_out_residuals_are_those_of_fits_without_the_place():
    pairs = pairs_of(camera_from_stage(), GRID, np.random.default_rng(8))
    fit = fitted(pairs)
    for place in (0, 7, 19):
        rest = fitted(pairs.only(pairs.group_of != place))
        seen = apply_homography(rest.stage_from_camera, pairs.points_px[[place]])[0]
        # To first order in the residuals of 0.02 mm, and up to Huber's weights, which differ between the fits.
        np.testing.assert_allclose(fit.held_out_mm[place], seen - GRID[place], atol=0.006)


def test_four_places_give_an_affine_map_and_say_why():
    corners = GRID[[0, 4, 15, 19]]
    fit = fitted(pairs_of(camera_from_stage(0, 0, 5), corners, np.random.default_rng(1)))
    assert fit.kind is MapKind.AFFINE
    assert "too few" in fit.kind_because
    np.testing.assert_array_equal(fit.stage_from_camera[2], [0, 0, 1])


def test_a_small_field_gives_an_affine_map_and_says_why():
    small = [250.0, 180.0] + (GRID - [250.0, 180.0]) * 0.12
    fit = fitted(pairs_of(camera_from_stage(0.3, -0.2), small, np.random.default_rng(1)))
    assert fit.kind is MapKind.AFFINE
    assert "too small a field" in fit.kind_because


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        (GRID[[0, 4, 15]], "only 3 places"),
        (np.column_stack([np.linspace(0, 400, 9), np.linspace(10, 330, 9)]), "on a line"),
        (np.full((6, 2), 100.0), "on a line"),
        (np.where(np.arange(40).reshape(20, 2) == 6, np.nan, GRID), "not finite"),
    ],
    ids=["three", "collinear", "one-place", "not-finite"],
)
def test_points_that_give_no_map_are_refused(stage, words):
    view = camera_from_stage()
    outcome = fit_stage(pairs_of(view, stage, np.random.default_rng(0)), None, **SIZE)
    assert isinstance(outcome, NotFitted)
    assert not outcome
    assert words in outcome.reason


def test_the_directions_of_the_axes_are_told():
    swapped = np.array([[0.0, 1.0], [1.0, 0.0]])
    fit = fitted(pairs_of(camera_from_stage(0, 0, 0, swapped), GRID))
    axes = axes_of(fit.stage_from_camera, fit.covariance, np.array([2000.0, 1500.0]), None)
    assert axes.are_swapped
    assert axes.is_mirrored
    assert axes.x_deg == pytest.approx(90, abs=0.1)
    assert axes.y_deg == pytest.approx(0, abs=0.1)
    assert axes.skew_deg is None
    assert "neither" in axes.judged_by


def leaning(skew_deg: float, x_scale: float = 1.0, y_scale: float = 1.0) -> np.ndarray:
    angle = np.deg2rad(90 + skew_deg)
    return np.array([[x_scale, y_scale * np.cos(angle)], [0.0, y_scale * np.sin(angle)]])


@pytest.mark.parametrize("tilt", [(0.0, 0.0), (22.0, -14.0)])
def test_a_calibrated_lens_tells_axes_that_are_not_square_and_their_ratio(tilt):
    view = camera_from_stage(*tilt, 4.0, leaning(0.4, x_scale=1.003))
    fit = fitted(pairs_of(view, GRID, np.random.default_rng(4)))
    lens = Lens(MATRIX, np.zeros(5), 4000, 3000)
    axes = axes_of(fit.stage_from_camera, fit.covariance, np.array([2000.0, 1500.0]), lens)
    assert axes.skew_deg is not None
    assert axes.x_over_y is not None
    assert axes.skew_deg.error < 0.05
    assert abs(axes.skew_deg.value - 0.4) < 4 * axes.skew_deg.error
    assert abs(axes.x_over_y.value - 0.003) < 4 * axes.x_over_y.error


def test_prints_of_known_size_tell_the_scale_of_each_axis():
    space = leaning(0.3, x_scale=1.004, y_scale=0.997)
    view = camera_from_stage(axes=space)
    rng = np.random.default_rng(6)
    fit = fitted(pairs_of(view, GRID, rng, noise_px=0.02))
    corners = 10.0 * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    turn = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    in_space = np.array([space @ place + corners @ turn.T for place in GRID])
    seen = apply_homography(view, (in_space @ np.linalg.inv(space).T).reshape(-1, 2)) + rng.normal(0, 0.02, (80, 2))
    axes = axes_of(
        fit.stage_from_camera, fit.covariance, np.array([2000.0, 1500.0]), None, (seen.reshape(-1, 4, 2), 20.0)
    )
    assert axes.judged_by == "prints"
    for found, truth in ((axes.x_scale_error, 0.004), (axes.y_scale_error, -0.003), (axes.skew_deg, 0.3)):
        assert found is not None
        assert abs(found.value - truth) < 4 * found.error


def test_the_maps_own_error_is_in_the_scale_that_prints_tell():
    view = camera_from_stage()
    fit = fitted(pairs_of(view, GRID, np.random.default_rng(6), noise_px=0.02))
    corners = GRID[:, None, :] + 10.0 * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    squares = (apply_homography(view, corners.reshape(-1, 2)).reshape(-1, 4, 2), 20.0)
    middle = np.array([2000.0, 1500.0])
    sure, unsure = (
        axes_of(fit.stage_from_camera, times * fit.covariance, middle, None, squares).x_scale_error
        for times in (1.0, 100.0)
    )
    # The prints are seen exactly, so that nearly all of the error is the map's: tenfold, of a hundredfold variance.
    assert unsure.error > 3 * sure.error
    axes = axes_of(fit.stage_from_camera, fit.covariance, middle, None, squares)
    assert "if the prints are truly as large as stated" in "\n".join(described_axes(axes))


def test_groups_that_err_together_do_not_count_as_many():
    rng = np.random.default_rng(9)
    fit = fitted(pairs_of(camera_from_stage(), GRID))
    pixels = np.repeat(apply_homography(camera_from_stage(), GRID), 4, axis=0)
    groups = np.repeat(np.arange(len(GRID)), 4)
    common = np.repeat(rng.normal(0, 0.1, GRID.shape), 4, axis=0)
    design = sensitivity(fit.stage_from_camera, pixels)
    residuals = common + rng.normal(0, 0.01, common.shape)
    grouped, spread = covariance_of(design, residuals, groups)
    alone, _ = covariance_of(design, residuals, np.arange(len(pixels)))
    assert spread.group_mm == pytest.approx(0.1, rel=0.5)
    # Four points that err as one are worth one: twice the standard error.
    assert np.sqrt(grouped[2, 2] / alone[2, 2]) == pytest.approx(2.0, rel=0.35)


def test_what_is_known_beforehand_stands_in_where_few_groups_cannot_tell():
    corners = np.repeat(GRID[[0, 4, 15, 19]], 4, axis=0) + np.tile([[-5, -5], [5, -5], [5, 5], [-5, 5]], (4, 1))
    view = camera_from_stage()
    pixels = apply_homography(view, corners)
    design = sensitivity(np.linalg.inv(view) / np.linalg.inv(view)[2, 2], pixels)
    residuals = np.random.default_rng(1).normal(0, 0.001, corners.shape)
    groups = np.repeat(np.arange(4), 4)
    told, spread = covariance_of(design, residuals, groups, GroupError(0.05, 4.0))
    bare, _ = covariance_of(design, residuals, groups)
    assert spread.group_mm > 0.03
    assert told[2, 2] > 10 * bare[2, 2]


@pytest.fixture(scope="module")
def calibration():
    pairs = both_sides(camera_from_stage(), np.array([0.1, 0.05]), np.random.default_rng(3))
    fit = fitted(pairs)
    lens = Lens(MATRIX, np.zeros(5), 4000, 3000)
    return calibration_of(
        fit,
        pairs,
        lens=lens,
        has_calibrated_lens=True,
        method="spot",
        axes=axes_of(fit.stage_from_camera, fit.covariance, np.array([2000.0, 1500.0]), lens),
        camera_identity="bench",
        made_at="2026-01-02T03:04:05+00:00",
        notes=("nothing of note",),
    )


def test_a_calibration_survives_its_record(calibration):
    again = stage_from_dict(stage_to_dict(calibration), "abc")
    assert stage_to_dict(again) == stage_to_dict(calibration)
    np.testing.assert_array_equal(again.expected_error_mm(INSIDE), calibration.expected_error_mm(INSIDE))


@pytest.mark.parametrize("key", ["covariance_of_first_eight_elements", "axes", "lens", "points_mm"])
def test_a_record_without_a_part_is_called_damaged(calibration, key):
    content = stage_to_dict(calibration)
    del content[key]
    with pytest.raises(DamagedCalibration, match="calibrate the stage again"):
        stage_from_dict(content)


def test_without_a_lens_what_it_bends_enters_the_expected_error():
    bent = Lens(MATRIX, np.array([-0.08, 0, 0, 0, 0]), 4000, 3000)
    x, y = np.meshgrid(np.linspace(0, 500, 5), np.linspace(0, 360, 3))
    around = np.column_stack([x.ravel(), y.ravel()])[[0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14]]
    view = camera_from_stage(5, -4, 2)
    straight = pairs_of(view, around, np.random.default_rng(1))
    pairs = replace(straight, points_px=bent.distort_points(straight.points_px))
    fit = fitted(pairs)
    found = calibration_of(
        fit,
        pairs,
        lens=without_distortion(4000, 3000),
        has_calibrated_lens=False,
        method="points",
        axes=axes_of(fit.stage_from_camera, fit.covariance, np.array([2000.0, 1500.0]), None),
        camera_identity="bench",
        made_at="2026-01-02T03:04:05+00:00",
    )
    seen = bent.distort_points(apply_homography(view, INSIDE))
    off = np.linalg.norm(apply_homography(found.stage_from_camera, seen) - INSIDE, axis=1)
    # Twice the root mean square distance holds 98 % of distances.
    assert off.max() > 0.5
    assert np.all(off < 2 * found.expected_error_mm(INSIDE))


PLACE = {"camera_identity": "bench", "width_px": 4000, "height_px": 3000, "taken_at": "2026-01-03T00:00:00+00:00"}


def test_a_frame_of_the_same_camera_is_placed(calibration):
    registration = placed_by(calibration, **PLACE)
    assert registration
    np.testing.assert_array_equal(registration.stage_from_camera, calibration.stage_from_camera)
    assert registration.rms_mm == pytest.approx(calibration.rms_mm)
    assert registration.digest


@pytest.mark.parametrize(
    ("change", "words"),
    [({"camera_identity": "other"}, "of the camera other"), ({"width_px": 2000}, "2000 x 3000 pixels")],
    ids=["camera", "resolution"],
)
def test_a_frame_of_another_camera_or_resolution_is_refused(calibration, change, words):
    outcome = placed_by(calibration, **(PLACE | change))
    assert not outcome
    assert words in outcome.reason


def test_the_picture_of_the_error_is_red_where_the_points_do_not_reach(calibration):
    drawn = error_picture(calibration, np.full((3000, 4000, 3), 120, np.uint8))
    assert drawn.shape == (900, 1200, 3)
    middle, corner = drawn[440:470, 560:640].mean(axis=(0, 1)), drawn[:12, -12:].mean(axis=(0, 1))
    assert corner[0] - corner[2] > middle[0] - middle[2]
