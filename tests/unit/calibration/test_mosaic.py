"""A mosaic lies where its frames lay, without seams; what is wrong with a frame is said in one sentence."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from calibration.mosaic import MosaicRequest, NoMosaic, build_mosaic
from calibration.mosaic.view import HeadView
from calibration.srgb import linear_light
from tests.unit.calibration.head_scene import HEIGHT_MM, STAGE_ERROR_MM, WIDTH_MM, frame_of, painted, taken

HEAD_ERROR = 2e-4
"""Of rotation and scale, as the head's calibration gives them."""


@pytest.fixture(scope="module")
def scene():
    return taken()


@pytest.fixture(scope="module")
def mosaic(scene):
    return build_mosaic(MosaicRequest(scene.frames, scene.view, strain_error=HEAD_ERROR))


def truth_of(mosaic):
    """The plane, linear light, on the mosaic's pixels, and which of them lie on it and are covered."""
    easel = painted()
    rows, columns = mosaic.picture.shape[:2]
    x, y = np.meshgrid(np.arange(columns, dtype=float), np.arange(rows, dtype=float))
    stage = np.stack([x, y], axis=-1) @ mosaic.stage_from_camera[:2, :2].T + mosaic.stage_from_camera[:2, 2]
    at = ((stage - [easel.left_mm, easel.upper_mm]) * easel.px_per_mm - 0.5).astype(np.float32)
    light = cv2.remap(easel.light, at[..., 0].copy(), at[..., 1].copy(), cv2.INTER_LINEAR).astype(float)
    size = np.array(easel.light.shape[1::-1])
    return light, np.all((at > 2) & (at < size - 3), axis=-1) & mosaic.covered


def test_frames_are_moved_to_where_they_truly_lay(scene, mosaic):
    rest = mosaic.adjustment.moves_mm - scene.missed_mm
    # The whole may be off by the mean of the stage's errors; within it a frame is known to a fraction of a pixel.
    within = rest - rest.mean(axis=0)
    assert np.abs(within).max() < scene.view.mm_per_px / 2
    assert np.abs(rest.mean(axis=0)).max() < 3 * STAGE_ERROR_MM / 3


def test_neighbours_agree_once_adjusted(mosaic):
    before = np.array([one.before_mm for one in mosaic.neighbours])
    after = np.array([one.after_mm for one in mosaic.neighbours if one.weight > 0.5])
    # Two places that each err by the stage's error along both axes lie a little more than that apart.
    assert np.median(before) > STAGE_ERROR_MM / 2
    assert np.median(after) < 0.2 * mosaic.mm_per_px


def test_the_mosaic_shows_the_plane_where_its_placement_says(mosaic):
    light, inside = truth_of(mosaic)
    shown = linear_light(mosaic.picture).astype(float)
    shift, _ = cv2.phaseCorrelate(*(np.where(inside, one[..., 1], one[inside].mean()) for one in (light, shown)))
    assert np.hypot(*shift) * mosaic.mm_per_px < 3 * STAGE_ERROR_MM / 3


def unevenness_of(mosaic, *, terms: int) -> float:
    """Slow changes of the mosaic's light against the truth, less a constant (1 term) or a slope over the whole (3)."""
    light, inside = truth_of(mosaic)
    ratio = np.log(np.maximum(linear_light(mosaic.picture).astype(float), 1) / np.maximum(light, 1))[..., 1]
    slow = cv2.GaussianBlur(np.where(inside, ratio, np.median(ratio[inside])), (0, 0), 6)
    y, x = np.nonzero(inside)
    design = np.column_stack([np.ones(x.size), x, y])[:, :terms]
    return float((slow[inside] - design @ np.linalg.lstsq(design, slow[inside], rcond=None)[0]).std())


def test_exposures_and_fall_off_leave_no_seams(mosaic):
    # The frames differ by 5 % in exposure and 30 % from middle to corner; a slope over the whole nobody can tell from
    # exposures that grow along the stage.
    assert unevenness_of(mosaic, terms=3) < 0.015


def test_an_error_of_the_heads_rotation_and_scale_is_found_by_the_frames(scene):
    off = np.array([[0.004, -0.01], [0.01, 0.004]])
    exact = taken(error_mm=0.005)
    found = build_mosaic(MosaicRequest(exact.frames, exact.view.corrected(off), stage_error_mm=0.005))
    corners = np.array([[0.0, 0.0], [319.0, 0.0], [0.0, 239.0]])
    # Stated positions over 25 mm that err by 5 um tell rotation and scale to 4e-4, a few um at a corner.
    assert np.abs(found.view.beam_mm(corners) - exact.view.beam_mm(corners)).max() < 0.01


def test_a_frame_of_something_else_is_left_out_with_a_sentence(scene):
    rng = np.random.default_rng(3)
    noise = cv2.GaussianBlur(rng.integers(0, 255, (240, 320, 3)).astype(np.uint8), (0, 0), 2)
    other = cv2.normalize(noise, None, 20, 230, cv2.NORM_MINMAX)
    frames = [*scene.frames]
    frames[4] = frame_of("frame-4", frames[4].place_mm, other)
    found = build_mosaic(MosaicRequest(frames, scene.view, strain_error=HEAD_ERROR))
    assert "frame-4" not in found.used
    assert len(found.used) == 8
    assert any(note.startswith("frame-4 shows something else") for note in found.notes)


def test_what_a_missing_frame_leaves_bare_is_named_by_its_place(scene):
    frames = [frame for k, frame in enumerate(scene.frames) if k != 4]
    found = build_mosaic(MosaicRequest(frames, scene.view, strain_error=HEAD_ERROR))
    x, y = np.array(scene.frames[4].place_mm) + scene.view.centre_mm
    assert any("no frame covers" in note and f"({x:.0f}" in note for note in found.notes), (found.notes, x, y)
    assert not found.picture[~found.covered].any()


def test_a_blurred_frame_is_left_out_with_a_sentence(scene):
    blurred = cv2.GaussianBlur(scene.frames[2].read(), (0, 0), 2.5)
    frames = [*scene.frames]
    frames[2] = frame_of("frame-2", frames[2].place_mm, blurred)
    found = build_mosaic(MosaicRequest(frames, scene.view, strain_error=HEAD_ERROR))
    assert "frame-2" not in found.used
    assert any(note.startswith("frame-2 is blurred") for note in found.notes)


def test_a_frame_whose_stated_place_is_wrong_is_placed_by_its_neighbours(scene):
    frames = [*scene.frames]
    x, y = frames[4].place_mm
    frames[4] = replace(frames[4], place_mm=(x + 0.9, y - 0.6))
    found = build_mosaic(MosaicRequest(frames, scene.view, strain_error=HEAD_ERROR))
    moved = found.adjustment.moves_mm[4] - scene.missed_mm[4]
    assert np.allclose(moved, (-0.9, 0.6), atol=0.1)
    assert any(note.startswith("frame-4 lies ") for note in found.notes)


def test_frames_that_do_not_overlap_make_no_mosaic(scene):
    frames = [replace(f, place_mm=(100.0 * k, 0.0)) for k, f in enumerate(scene.frames[:3])]
    found = build_mosaic(MosaicRequest(frames, scene.view))
    assert isinstance(found, NoMosaic)
    assert not found
    assert "overlaps another" in found.reason


def test_two_frames_of_different_things_make_no_mosaic(scene):
    swapped = [frame_of("a", scene.frames[0].place_mm, scene.frames[0].read())]
    swapped += [frame_of("b", scene.frames[1].place_mm, scene.frames[8].read())]
    found = build_mosaic(MosaicRequest(swapped, scene.view))
    assert not found
    assert "a and b show different things" in found.reason


def test_a_single_frame_makes_no_mosaic(scene):
    assert "two frames" in build_mosaic(MosaicRequest(scene.frames[:1], scene.view)).reason


def test_a_frame_of_another_size_is_refused_by_name(scene):
    frames = [*scene.frames[:2], frame_of("odd", scene.frames[2].place_mm, scene.frames[2].read()[:200])]
    assert "odd: 320 x 200 pixels" in build_mosaic(MosaicRequest(frames, scene.view)).reason


def test_a_picture_finer_than_can_be_kept_is_refused_with_the_finest_possible(scene):
    found = build_mosaic(MosaicRequest(scene.frames, scene.view, mm_per_px=1e-3))
    assert "million pixels" in found.reason


def test_16_bits_stay_16_bits(scene):
    frames = [frame_of(f.name, f.place_mm, f.read().astype(np.uint16) * 257) for f in scene.frames[:2]]
    assert build_mosaic(MosaicRequest(frames, scene.view, mm_per_px=0.1)).picture.dtype == np.uint16


def test_a_card_in_place_of_the_estimate_gives_the_same_light(scene):
    white = replace(painted(), light=np.full_like(painted().light, 40000))
    card = linear_light(taken(columns=1, rows=1, easel=white, exposure_drift=0.0).frames[0].read())
    found = build_mosaic(MosaicRequest(scene.frames, scene.view, strain_error=HEAD_ERROR, card=card))
    assert unevenness_of(found, terms=1) < 0.015


def test_a_clipped_card_is_refused(scene):
    card = np.full((240, 320, 3), 65535, np.uint16)
    assert "clipped" in build_mosaic(MosaicRequest(scene.frames, scene.view, card=card)).reason


def test_a_frame_through_the_lens_and_back_is_the_same_place(scene):
    view: HeadView = scene.view
    points = np.array([[3.0, 5.0], [300.0, 20.0], [160.0, 230.0]])
    assert np.allclose(view.pixels(view.beam_mm(points)), points, atol=1e-5)


@pytest.mark.parametrize("name", ["renoir_pont_neuf.jpg", "mondrian_composition.jpg", "monet_water_lilies_1919.jpg"])
def test_frames_of_a_real_painting_are_moved_to_where_they_lay(measurement_data, name):
    path = measurement_data / "paintings" / name
    if not path.is_file():
        pytest.skip(f"no {path}")
    picture = np.ascontiguousarray(cv2.imread(str(path))[:, :, ::-1])
    scale = max(WIDTH_MM / picture.shape[1], HEIGHT_MM / picture.shape[0])
    easel = replace(painted(), light=linear_light(picture), px_per_mm=1 / scale)
    real = taken(easel=easel)
    found = build_mosaic(MosaicRequest(real.frames, real.view, strain_error=HEAD_ERROR))
    rest = found.adjustment.moves_mm - real.missed_mm
    # Where paint is plain in both neighbours the stage alone tells; elsewhere a fraction of a pixel.
    assert np.median(np.abs(rest - np.median(rest, axis=0))) < real.view.mm_per_px / 4
    assert np.abs(rest).max() < 3.5 * STAGE_ERROR_MM
