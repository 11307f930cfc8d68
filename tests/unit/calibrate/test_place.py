"""Before the beam, whatever moved since the plan's photograph is found and named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge.calibrate.place import LastLook, check_place
from edge.cameras import Frame
from edge.faults import SafetyStop
from edge.prepare import Sighting, place, register_frame


@pytest.fixture
def before(photograph, config) -> Sighting:
    frame = photograph()
    return place(frame, config, register_frame(frame, config))


def test_everything_in_its_place_passes_in_another_light(before, photograph, config):
    checked = check_place(before, photograph(seed=12, exposure=0.6, vignetting=0.6), config)
    assert "the object is where it was" in checked.sentence
    assert checked.remarks == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"panel_x_mm": 0.5}, r"the object moved by 0\.\d\d mm since the scan was planned"),
        ({"easel_x_mm": 0.5}, r"markers and object moved together by 0\.\d\d mm.*the easel or the camera"),
        ({"roll_deg": 1.6}, "the easel or the camera was moved"),
        ({"focal_px": 1985.0}, r"the picture's scale changed by \+1\.\d\d %.*focus, zoom or distance"),
        ({"panel_x_mm": 0.8, "easel_x_mm": -0.8}, r"markers moved by 0\.\d\d mm in the picture, and the object by"),
        ({"width_px": 960}, "changed its pictures from 900 x 660 to 960 x 660 pixels: set it back"),
        ({"identity": "another"}, r"of another camera \(another\) than the plan's \(bench\)"),
    ],
)
def test_what_moved_is_told_apart_and_stops_the_scan(before, photograph, config, change, words):
    with pytest.raises(SafetyStop, match=words):
        check_place(before, photograph(seed=12, **change), config)


def test_a_plan_of_before_cameras_were_known_closely_goes_on_with_the_camera_of_today(photograph, config):
    frame = photograph(identity="folder:frames")
    before = place(frame, config, register_frame(frame, config))
    checked = check_place(before, photograph(seed=12, identity="folder:frames (Canon EOS R5 at 50 mm)"), config)
    assert "the object is where it was" in checked.sentence


def test_a_tenth_of_a_millimetre_is_within_half_a_pitch(before, photograph, config):
    checked = check_place(before, photograph(seed=12, panel_x_mm=0.1), config)
    # told to the micrometre: 100, less what noise does to it
    assert 85 <= int(checked.sentence.split("within ")[1].split(" um")[0]) <= 120


def test_a_blurred_picture_is_remarked(before, photograph, config):
    (remark,) = check_place(before, photograph(seed=12, blur_px=2.5), config).remarks
    assert "as sharp as when the scan was planned: focus the camera" in remark


def test_the_same_photograph_again_does_not_pass_for_a_look(before, config):
    checked = check_place(before, before.frame, config)
    assert "cannot show whether the object has moved" in checked.sentence


def test_a_photograph_that_was_looked_at_before_does_not_pass_for_a_look(before, photograph, config):
    frame = photograph(seed=12)
    younger = replace(frame, taken_at="2026-01-02T03:05:05+00:00")
    other = replace(photograph(seed=13), taken_at="2026-01-02T03:05:05+00:00")
    for last, found, words in (
        (LastLook.of(frame), frame, "cannot show whether the object has moved since"),
        # a network camera that froze
        (LastLook.of(frame), younger, "cannot show whether the object has moved since"),
        # taken before an interruption
        (LastLook("2026-01-02T03:06:00+00:00"), other, "cannot show whether the object has moved since"),
        (LastLook.of(frame), other, "the object is where it was"),
    ):
        assert words in check_place(before, found, config, last=last).sentence


def test_what_moved_is_found_in_an_old_photograph_as_well(before, photograph, config):
    frame = photograph(seed=12, panel_x_mm=0.5)
    with pytest.raises(SafetyStop, match="the object moved by"):
        check_place(before, frame, config, last=LastLook.of(frame))


def test_a_covered_object_stops_the_scan(before, photograph, config):
    image = photograph(seed=12).image.copy()
    image[200:460, 260:560] = 40
    with pytest.raises(SafetyStop, match="does not show the object as it was"):
        check_place(before, Frame(image, "bench", "2026-01-02T03:04:05+00:00"), config)


def test_an_object_that_shows_nothing_is_remarked(photograph, config):
    def blank(seed: int) -> Frame:
        image = photograph(seed=seed).image.copy()
        image[160:500, 200:700] = 128
        return Frame(image, "bench", "2026-01-02T03:04:05+00:00")

    frame = blank(11)
    before = place(frame, config, register_frame(frame, config))
    assert np.ptp(before.rgb) < 4
    checked = check_place(before, blank(12), config)
    assert any("could not be checked" in remark for remark in checked.remarks)
