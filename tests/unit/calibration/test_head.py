"""Offset, turn and scale of a camera on the head, with errors that cover the truth; refused with a reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration.head import HeadFit, NoHead, fit_head
from calibration.head_points import Anchor, Spots, Tracks
from calibration.head_texture import texture_tracks
from edge.calibrate.head import fitted_to
from edge.simulate.config import SimulatedHeadCameraConfig
from edge.simulate.head_camera import true_head_view
from tests.unit.calibration.head_scene import frame_of, taken

NOISE_PX = 0.05
STAGE_MM = 0.01
CORNERS = np.array([[60.0, 40.0], [68.0, 40.0], [68.0, 48.0], [60.0, 48.0]])


def view(**changes):
    return true_head_view(SimulatedHeadCameraConfig(**changes))


def tracks(truth, *, seed=0, steps=(-6.0, 0.0, 6.0), stage_mm=STAGE_MM):
    """A marker's corners, seen from a grid of places that the stage misses a little."""
    rng = np.random.default_rng(seed)
    centre = CORNERS.mean(axis=0) - truth.centre_mm
    places, pixels, numbers = [], [], []
    for y in steps:
        for x in steps:
            place = centre + np.array([x, y])
            seen = truth.pixels(CORNERS - place - rng.normal(0, stage_mm, 2))
            for number, point in enumerate(seen):
                places.append(place)
                pixels.append(point + rng.normal(0, NOISE_PX, 2))
                numbers.append(number)
    return Tracks(np.array(places), np.array(pixels), np.array(numbers))


def spot_of(truth, *, seed=0, error_px=0.1):
    rng = np.random.default_rng([seed, 1])
    return Spots(truth.pixels(np.zeros((1, 2))) + rng.normal(0, error_px, (1, 2)), np.full((1, 2), error_px))


MARKER = Anchor((0, 1, 2, 3), 64.0, 44.0)
NEAR = {"offset_x_mm": 9.0, "offset_y_mm": -6.0}
"""The spot is seen: the beam lies within the picture."""


@pytest.mark.parametrize("turn_deg", [0.0, 2.3, 90.0, -170.0])
def test_offset_turn_and_scale_come_out_of_a_marker_of_known_place(turn_deg):
    truth = view(turn_deg=turn_deg)
    fit = fit_head(tracks(truth), truth.lens, anchors=[MARKER])
    assert isinstance(fit, HeadFit), fit.reason
    # The stated place is exact and seen amid the picture: what is left is the mean of nine visits.
    assert fit.offset_x_mm.value == pytest.approx(22.0, abs=4 * STAGE_MM / 3)
    assert abs((fit.turn_deg.value - turn_deg + 180) % 360 - 180) < 5 * fit.turn_deg.error
    assert fit.mm_per_px.value == pytest.approx(0.03, abs=5 * fit.mm_per_px.error)
    assert not fit.is_mirrored
    assert fit.origin == "marker"


def test_the_spot_alone_tells_where_the_beam_is():
    truth = view(**NEAR)
    fit = fit_head(tracks(truth), truth.lens, spots=spot_of(truth))
    assert fit.origin == "spot"
    # A tenth of a pixel of the spot, and what rotation and scale leave over 11 mm.
    assert np.hypot(fit.offset_x_mm.value - 9.0, fit.offset_y_mm.value + 6.0) < 0.02


def test_standard_errors_cover_the_truth():
    truth = view(**NEAR)
    off = []
    for seed in range(16):
        fit = fit_head(tracks(truth, seed=seed), truth.lens, spots=spot_of(truth, seed=seed))
        off.append((fit.turn_deg.value - 2.3) / fit.turn_deg.error)
        off.append((fit.offset_x_mm.value - 9.0) / fit.offset_x_mm.error)
    # 95 % within two standard errors, less three standard errors of that share over 32 draws.
    assert np.mean(np.abs(off) < 2) > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 32)


def test_a_tilt_is_found_where_there_is_one_and_not_where_there_is_none():
    tilted, straight = view(tilt_x_deg=8.0), view()
    exact = {"stage_mm": 0.001}
    assert fit_head(tracks(tilted, **exact), tilted.lens, anchors=[MARKER]).is_tilted
    assert not fit_head(tracks(straight, **exact), straight.lens, anchors=[MARKER]).is_tilted


def test_a_stage_that_runs_the_other_way_gives_a_mirrored_view():
    truth = view()
    seen = tracks(truth)
    flipped = Tracks(seen.places_mm * [1, -1], seen.points_px, seen.tracks)
    assert fit_head(flipped, truth.lens, anchors=[Anchor((0, 1, 2, 3), 64.0, -44.0)]).is_mirrored


def test_held_out_places_fit_as_well_as_the_noise_allows():
    truth = view()
    fit = fit_head(tracks(truth), truth.lens, anchors=[MARKER])
    assert fit.rms_mm < fit.held_out_rms_mm < 4 * STAGE_MM


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda seen: (Tracks(seen.places_mm[:8], seen.points_px[:8], seen.tracks[:8]), [MARKER]), "from 2 places"),
        (lambda seen: (Tracks(seen.places_mm @ [[1, 0], [0.3, 0]], *_rest(seen)), [MARKER]), "on a line"),
        (lambda seen: (seen, []), "nothing tells where the beam is"),
        (lambda seen: (Tracks(seen.places_mm, seen.points_px * 1e-3, seen.tracks), [MARKER]), "does not move"),
        (lambda seen: (Tracks(seen.places_mm * 1e-3, seen.points_px, seen.tracks), [MARKER]), "further between frames"),
        (
            lambda seen: (
                Tracks(seen.places_mm + np.random.default_rng(0).normal(0, 1, seen.places_mm.shape), *_rest(seen)),
                [MARKER],
            ),
            "do not agree",
        ),
    ],
    ids=["few", "line", "no-origin", "still", "near", "loose"],
)
def test_what_cannot_be_calibrated_is_refused_with_a_reason(spoil, says):
    truth = view()
    seen, anchors = spoil(tracks(truth))
    refused = fit_head(seen, truth.lens, anchors=anchors)
    assert isinstance(refused, NoHead)
    assert not refused
    assert says in refused.reason


def _rest(seen):
    return seen.points_px, seen.tracks


def test_a_marker_and_a_spot_that_disagree_are_refused():
    truth = view(**NEAR)
    wrong = Anchor((0, 1, 2, 3), 65.5, 44.0)
    refused = fit_head(tracks(truth), truth.lens, anchors=[wrong], spots=spot_of(truth))
    assert "differ by 1.4" in refused.reason


SECOND = np.array([3.0, 2.0])


def two_markers(truth, *, seed=0):
    """A second marker beside the first, seen from the same places."""
    first = tracks(truth, seed=seed)
    second = truth.pixels(CORNERS[first.tracks] + SECOND - first.places_mm)
    return Tracks(
        np.vstack([first.places_mm, first.places_mm]),
        np.vstack([first.points_px, second]),
        np.concatenate([first.tracks, first.tracks + 4]),
    )


def second_anchor(off_mm):
    return Anchor((4, 5, 6, 7), 64.0 + SECOND[0] + off_mm, 44.0 + SECOND[1], name="marker 8")


@pytest.mark.parametrize("off_mm", [0.3, 0.6])
def test_markers_that_contradict_each_other_are_refused_by_name(off_mm):
    truth = view()
    anchors = [replace(MARKER, name="marker 5"), second_anchor(off_mm)]
    refused = fit_head(two_markers(truth), truth.lens, anchors=anchors)
    assert isinstance(refused, NoHead)
    assert f"of marker 5 and marker 8 differ by {off_mm:.1f}" in refused.reason
    assert "laser" not in refused.reason


def test_the_offsets_error_grows_with_how_far_markers_disagree():
    truth = view()
    agreed = fit_head(two_markers(truth), truth.lens, anchors=[MARKER, second_anchor(0.0)])
    apart = fit_head(two_markers(truth), truth.lens, anchors=[MARKER, second_anchor(0.24)])
    assert agreed.offset_x_mm.error < 0.05
    # Half of 0.24 mm is what the offset is wrong by.
    assert abs(apart.offset_x_mm.value - 22.0) > 0.1
    assert abs(apart.offset_x_mm.value - 22.0) < 2 * apart.offset_x_mm.error


@pytest.mark.parametrize(("off_mm", "origin", "lines"), [(0.0, "marker and spot", 0), (1.5, "spot", 1)])
def test_a_marker_beside_the_spot_is_used_or_called_contrary(off_mm, origin, lines):
    truth = view(**NEAR)
    said = []
    marker = Anchor((0, 1, 2, 3), 64.0 + off_mm, 44.0, name="marker 5")
    fit = fitted_to(tracks(truth), truth.lens, [marker], spot_of(truth), said.append)
    assert fit.origin == origin
    assert len(said) == lines
    assert all("marker 5's stated place and the laser's spot differ by 1." in line for line in said)
    assert np.hypot(fit.offset_x_mm.value - 9.0, fit.offset_y_mm.value + 6.0) < 0.02


def test_texture_alone_tells_turn_and_scale():
    scene = taken(
        columns=3, rows=3, step_mm=(3.0, 2.4), error_mm=STAGE_MM, turn_deg=5.0, offset_x_mm=4.0, offset_y_mm=3.0
    )
    lens = scene.view.lens
    fit = fit_head(texture_tracks(scene.frames), lens, spots=spot_of(scene.view))
    assert isinstance(fit, HeadFit), fit.reason
    # Places that err by 0.01 mm over 6 mm tell rotation and scale to 1e-3.
    assert fit.turn_deg.value == pytest.approx(5.0, abs=np.rad2deg(3e-3))
    assert fit.mm_per_px.value == pytest.approx(0.04, rel=3e-3)


def test_frames_without_texture_have_nothing_in_common():
    grey = np.full((240, 320, 3), 128, np.uint8)
    tracked = texture_tracks([frame_of(str(k), (float(k), 0.0), grey) for k in range(4)])
    assert tracked.tracks.size == 0
