"""What visits to a standard say of a scan, and what they are not trusted with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.configuration.config import DetectorConfig, ScanConfig, TubeConfig
from edge.events import FIRST_VISIT, StandardMeasured
from edge.folds.standard_course import StandardCourse, course_of
from edge.record.fold import StandardVisit
from edge.spectra.drift import BlockSums
from edge.spectra.model import SpectrumModel
from edge.spectra.scan_fit import ScanFit, fit_of_scan
from firmware_bridge.messages import ExposureDone, ExposureFlag, StagePose

GLASS = {"Ca": 90.0, "Fe": 130.0, "Cu": 110.0, "Pb": 300.0, "Pb-M": 10.0}
PAINT = {"Ca": 90.0, "Fe": 70.0, "Cu": 30.0, "Pb": 250.0, "Pb-M": 60.0}
ELEMENTS = ("Ca", "Fe", "Cu", "Pb")
PLACE = StagePose(90.0, 20.0)
OUTPUTS, GAINS = np.array([1.0, 0.97, 0.93, 0.90]), np.array([0.0, 0.0015, 0.003, 0.0045])
POSITIONS = (0, 200, 400, 600)
LIVE_S = 4.0
CONFIG = ScanConfig.model_validate(
    {
        "instrument": {
            "controller": {"kind": "native", "port": "port"},
            "camera": {"kind": "folder", "path": "frames"},
            "fiducials": {"markers": [{"id": 0, "x_mm": 0.0, "y_mm": 0.0}]},
            "standard": {"x_mm": PLACE.x_mm, "y_mm": PLACE.y_mm},
        },
        "area": {"x_mm": 10.0, "y_mm": 10.0, "width_mm": 40.0, "height_mm": 30.0, "pitch_mm": 1.0},
    }
)


def visit(number: int, counts: NDArray[Any], live_s: float = 300.0, place: StagePose = PLACE) -> StandardVisit:
    spectrum = counts.astype(np.uint32)
    done = ExposureDone(
        FIRST_VISIT + number, place, place, live_s, live_s, 0.0, live_s, 1.0, 1.0, ExposureFlag.NONE, spectrum
    )
    return StandardVisit(POSITIONS[number], StandardMeasured("2026-01-02T03:04:05.000006+00:00", done))


@pytest.fixture(scope="module")
def visits(painter_of: Callable[..., Any]) -> list[StandardVisit]:
    """Four of 300 s, the tube fading and the gain rising."""
    rng = np.random.default_rng(8)
    return [
        visit(i, rng.poisson(output * 300.0 * painter_of(gain_kev=0.01 * (1.0 + gain)).rates(GLASS, 600)))
        for i, (output, gain) in enumerate(zip(OUTPUTS, GAINS, strict=True))
    ]


@pytest.fixture(scope="module")
def course(visits: list[StandardVisit]) -> StandardCourse:
    return course_of(visits, CONFIG)


@pytest.fixture(scope="module")
def counts(painter_of: Callable[..., Any]) -> NDArray[np.uint32]:
    """600 exposures of 4 s between the visits, gain and output as those found them."""
    rng = np.random.default_rng(2)
    parts = []
    for first in range(0, 600, 20):
        gain, output = np.interp(first + 10, POSITIONS, GAINS), np.interp(first + 10, POSITIONS, OUTPUTS)
        rates = output * painter_of(gain_kev=0.01 * (1.0 + gain)).rates(PAINT, 600)
        parts.append(rng.poisson(np.broadcast_to(LIVE_S * rates, (20, 2048))))
    return np.concatenate(parts).astype(np.uint32)


def learn(total: NDArray[np.float64], live_s: float) -> SpectrumModel:
    return SpectrumModel.from_sum_spectrum(
        total, live_s, detector=DetectorConfig(), tube=TubeConfig(), elements=ELEMENTS
    )


def fitted(counts: NDArray[np.uint32], course: StandardCourse) -> ScanFit:
    blocks = BlockSums(2048)
    blocks.add(counts)
    return fit_of_scan(blocks, LIVE_S * len(counts), learn, course.scale)


@pytest.fixture(scope="module")
def fit(counts: NDArray[np.uint32], course: StandardCourse) -> ScanFit:
    return fitted(counts, course)


def test_output_and_scale_are_told_by_good_visits(course: StandardCourse) -> None:
    assert (course.visits, course.reason) == (4, "")
    assert course.output is not None
    # 400,000 counts a visit: 0.16 %, and the first one's again.
    np.testing.assert_allclose(course.output.factors, OUTPUTS, rtol=0.008)


def test_the_objects_exposures_are_fitted_along_the_standards_scale(
    counts: NDArray[np.uint32], course: StandardCourse, fit: ScanFit
) -> None:
    assert (fit.by, fit.is_along) == ("standard", True)
    # 0.45 % of 10 keV; the scale of each visit is found within 1 eV or so.
    assert fit.range_kev == pytest.approx(0.045, abs=0.004)
    assert course.output is not None
    positions = np.arange(len(counts))
    rates = course.output.normalised(fit.fit(counts, LIVE_S, positions=positions), positions)
    truth = np.array([PAINT[element] for element in ELEMENTS])
    for part in (slice(0, 100), slice(-100, None)):
        np.testing.assert_allclose(rates.values[part].mean(axis=0), truth, rtol=0.04)


def test_a_few_exposures_that_no_lines_could_follow_are_fitted_along_the_standard(
    counts: NDArray[np.uint32], course: StandardCourse
) -> None:
    few = counts[::30]
    assert fitted(few, StandardCourse(0)).by == "nothing"
    assert fitted(few, course).by == "standard"


def test_a_constant_difference_between_the_calibrations_of_standard_and_object_is_no_drift(
    counts: NDArray[np.uint32], course: StandardCourse, fit: ScanFit
) -> None:
    blocks = BlockSums(2048)
    blocks.add(counts)
    sums, middles = blocks.blocks()
    weighted = sums.sum(axis=1) @ fit.drift.at(middles)
    np.testing.assert_allclose(weighted / sums.sum(), 0.0, atol=1e-9)


def test_the_output_is_not_drawn_over_where_the_scan_was_taken_up_again(visits: list[StandardVisit]) -> None:
    course = course_of([visits[0], replace(visits[3], taken_up=600)], CONFIG)
    assert course.output is not None
    assert course.output.at([0, 300, 599]).tolist() == [1.0, 1.0, 1.0]
    assert course.output.at([600])[0] == course.output.factors[1]


def test_two_visits_tell_the_output_and_leave_the_scale_to_the_lines(visits: list[StandardVisit]) -> None:
    course = course_of([visits[0], visits[3]], CONFIG)
    assert course.output is not None
    assert course.scale is None
    assert course.reason == "2 visits to the standard are too few for the scale"


def test_short_visits_leave_the_scale_to_the_lines(visits: list[StandardVisit]) -> None:
    rng = np.random.default_rng(1)
    short = [visit(i, rng.binomial(each.event.done.counts, 0.05), 15.0) for i, each in enumerate(visits)]
    course = course_of(short, CONFIG)
    assert course.output is not None
    assert course.scale is None
    assert "too few for the scale" in course.reason


def test_visits_that_counted_nothing_or_lay_elsewhere_do_not_count(visits: list[StandardVisit]) -> None:
    dark = visit(1, np.zeros(2048))
    astray = visit(2, visits[2].event.done.counts, place=StagePose(93.0, 20.0))
    other = visit(2, visits[2].event.done.counts[:1024])
    course = course_of([visits[0], dark, astray, other], CONFIG)
    assert (course.visits, course.output, course.scale) == (1, None, None)
    assert "fewer than two visits" in course.reason


def test_without_visits_nothing_is_said_of_the_output() -> None:
    course = course_of([], CONFIG)
    assert (course.visits, course.output, course.scale, course.reason) == (0, None, None, "there were no visits")


def test_a_visit_to_another_substance_leaves_the_maps_as_they_were_measured(
    visits: list[StandardVisit], painter_of: Callable[..., Any]
) -> None:
    # The same total rate within a third: the lines alone tell it.
    other = np.random.default_rng(3).poisson(300.0 * painter_of(gain_kev=0.01).rates(PAINT, 600))
    course = course_of([*visits[:2], visit(2, other), visits[3]], CONFIG)
    assert (course.visits, course.output, course.scale) == (4, None, None)
    assert "visit 3 to the standard shows" in course.reason


@pytest.mark.parametrize("share", [0.45])
def test_an_output_that_no_tube_changes_to_is_not_believed(visits: list[StandardVisit], share: float) -> None:
    dimmed = visit(2, np.random.default_rng(5).binomial(visits[2].event.done.counts, share))
    course = course_of([*visits[:2], dimmed], CONFIG)
    assert (course.output, course.scale) == (None, None)
    assert "more than a tube changes" in course.reason


def test_a_visit_that_saw_no_standard_is_told_from_a_weak_tube(
    visits: list[StandardVisit], painter_of: Callable[..., Any]
) -> None:
    scatter = np.random.default_rng(4).poisson(300.0 * painter_of(gain_kev=0.01).rates({"Ca": 1.0}, 1100))
    course = course_of([*visits[:2], visit(2, scatter)], CONFIG)
    assert (course.output, course.scale) == (None, None)
    assert "where it lay" in course.reason
