"""What a reviewed plan is held against before it is carried out: the object now, and the stage that is connected."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from edge.calibrate.place import PlaceCheck
from edge.cameras import FileCamera
from edge.configuration.config import ScanConfig, load_scan_config
from edge.faults import SafetyStop
from edge.planning.folder import ReviewedPlan, read_reviewed
from edge.planning.reviewed_plan import admit
from edge.prepare import Sighting, sight
from firmware_bridge.messages import Capabilities
from tests.unit.desk.panel import Desk

CAPABILITIES = Capabilities("twin", 1, 1, (0.0, 150.0), (0.0, 150.0), 50.0, 500.0, 1024, 64, 0.5)


class Review:
    """A plan from a desk, and what the camera shows when it is to be carried out."""

    def __init__(self, desk: Desk, *more: str) -> None:
        assert desk.plan(*more).code == 0
        self.desk = desk
        self.config: ScanConfig = load_scan_config(desk.config)
        self.reviewed: ReviewedPlan = read_reviewed(desk.out, self.config)

    def seen(self, *, moved_px: int = 0, camera: str | None = None) -> Sighting:
        """By a photograph in which the panel lies elsewhere against the markers."""
        frame = cv2.imread(str(self.desk.frame))
        inside = (slice(260, 640), slice(330, 880))
        frame[inside] = np.roll(frame[inside], moved_px, axis=1)
        # another exposure is another picture
        assert cv2.imwrite(str(self.desk.frame), cv2.add(frame, 1))
        now = sight(FileCamera(self.desk.frame), self.config)
        identity = camera or self.reviewed.sighting.frame.identity
        return replace(now, frame=replace(now.frame, identity=identity))

    def admitted(self, now: Sighting, **capabilities: float) -> PlaceCheck:
        return admit(self.reviewed, now, self.config, replace(CAPABILITIES, **capabilities))


@pytest.fixture
def review(desk: Desk) -> Review:
    return Review(desk)


@pytest.fixture
def by_file(desk: Desk) -> Review:
    """A plan from a photograph that was given in the camera's place."""
    picture = desk.frame.with_name("given.png")
    picture.write_bytes(desk.frame.read_bytes())
    return Review(desk, "--photograph", str(picture))


def test_an_object_that_lies_where_it_lay_is_told_to(review: Review) -> None:
    admitted = review.admitted(review.seen())
    assert admitted.sentence.startswith("beside the reviewed plan's photograph: the object is where it was (within ")
    assert admitted.remarks == ()


def test_an_object_that_moved_by_a_cell_is_refused(review: Review) -> None:
    # 13 px to the mm: 2 mm
    with pytest.raises(SafetyStop, match=r"the object moved by 1\.9\d mm since the scan was planned"):
        review.admitted(review.seen(moved_px=25))


def test_a_photograph_by_another_camera_than_the_plans_is_refused(review: Review) -> None:
    with pytest.raises(SafetyStop, match=r"the photograph is of another camera \(http://elsewhere\)"):
        review.admitted(review.seen(camera="http://elsewhere"))


def test_of_a_photograph_given_as_a_file_the_object_is_compared_and_the_camera_is_not(by_file: Review) -> None:
    admitted = by_file.admitted(by_file.seen(camera="uvc:1234:5678:90"))
    assert admitted.sentence.startswith("the object is where it was when it was reviewed (within ")
    (remark,) = admitted.remarks
    assert remark.startswith("the plan's photograph was given as a file, so it cannot be told whether the camera was")


def test_an_object_that_moved_since_a_photograph_was_given_as_a_file_is_refused(by_file: Review) -> None:
    with pytest.raises(SafetyStop, match=r"the object moved by 1\.9\d mm"):
        by_file.admitted(by_file.seen(moved_px=25, camera="uvc:1234:5678:90"))


def test_the_plans_own_photograph_passes_for_no_look(review: Review) -> None:
    said = review.admitted(review.reviewed.sighting).sentence
    assert "gave the plan's own photograph again, which cannot show whether the object has moved" in said


def test_a_stage_that_takes_a_little_longer_than_was_reviewed_is_told(review: Review) -> None:
    (said,) = review.admitted(review.reviewed.sighting, max_acceleration_mm_s2=250.0).remarks
    assert said.startswith("the plan was reviewed as one of 1 min ")
    assert said.endswith(" on this stage")


def test_a_stage_that_takes_much_longer_than_was_reviewed_is_refused(review: Review) -> None:
    with pytest.raises(SafetyStop, match=r"takes \d+ min \d+ s on this stage: state its limits"):
        review.admitted(review.reviewed.sighting, max_speed_mm_s=1.0)


def test_a_stage_that_does_not_reach_the_area_is_refused(review: Review) -> None:
    short = replace(CAPABILITIES, x_limits_mm=(0.0, 80.0))
    with pytest.raises(SafetyStop, match="outside its travel"):
        admit(review.reviewed, review.reviewed.sighting, review.config, short)


def test_a_dwell_that_the_plan_does_not_keep_to_is_told(review: Review) -> None:
    review.desk.scan["sampling"] |= {"dwell_s": 0.3}
    review.desk.write()
    review.config = load_scan_config(review.desk.config)
    (said,) = review.admitted(review.reviewed.sighting).remarks
    assert said == "the plan's exposures last 0.1 s; sampling.dwell_s of 0.3 s is not used for them"
