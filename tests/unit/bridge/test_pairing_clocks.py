"""When spectra ended, from requests, answers and the device's own real times; and where a stage was, from reports."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.faults import ControllerFault, ProtocolViolation
from firmware_bridge.pairing.clocks import Ending, moments_of
from firmware_bridge.pairing.track import Report, require_track, track_of

LATENCIES = st.floats(0.0, 0.6)


@st.composite
def heard(draw: st.DrawFn) -> tuple[list[float], list[Ending]]:
    """True moments, and what a host hears of them from a device whose clock drifts and rounds down."""
    drift = draw(st.floats(-4e-4, 4e-4))
    true_s = [draw(st.floats(0.0, 100.0))]
    for _ in range(draw(st.integers(0, 20))):
        true_s.append(true_s[-1] + draw(st.floats(0.02, 3.0)))
    endings, before_s = [], true_s[0] - 1.0
    for at_s in true_s:
        real_s = math.floor((at_s - before_s) * (1 + drift) * 1000) / 1000
        endings.append(Ending(at_s - draw(LATENCIES), at_s + draw(LATENCIES), real_s))
        before_s = at_s
    return true_s, endings


@given(heard())
def test_true_moments_lie_within_what_is_stated_whatever_the_latencies(case: tuple[list[float], list[Ending]]) -> None:
    true_s, endings = case
    for moment, at_s in zip(moments_of(endings), true_s, strict=True):
        assert abs(moment.at_s - at_s) <= math.sqrt(3) * moment.uncertainty_s + 1e-6


@given(heard())
def test_no_moment_is_less_certain_than_its_own_request_and_answer(case: tuple[list[float], list[Ending]]) -> None:
    _, endings = case
    for moment, ending in zip(moments_of(endings), endings, strict=True):
        assert moment.uncertainty_s <= (ending.latest_s - ending.earliest_s) / 2 / math.sqrt(3) + 1e-9


def test_one_quick_answer_makes_its_neighbours_certain() -> None:
    endings = [Ending(0.0, 0.5, 9.0), Ending(1.0, 1.002, 0.9), Ending(1.6, 2.5, 0.9)]
    first, second, third = moments_of(endings, rounding_s=0.0, drift=0.0)
    assert (first.at_s, second.at_s, third.at_s) == pytest.approx((0.101, 1.001, 1.901))
    assert first.uncertainty_s == pytest.approx(0.001 / math.sqrt(3))


@pytest.mark.parametrize("real_s", [0.5, 1.5, 20.0])
def test_real_times_that_no_moment_explains_are_named(real_s: float) -> None:
    endings = [Ending(0.0, 0.1, 0.0), Ending(1.0, 1.1, real_s)]
    with pytest.raises(ProtocolViolation, match="contradict this computer's clock"):
        moments_of(endings)


@given(
    st.floats(0.1, 50.0),
    st.floats(-20.0, 200.0),
    st.lists(st.floats(0.0, 20.0), min_size=2, max_size=30, unique_by=lambda at_s: round(at_s, 1)),
)
def test_a_flight_at_constant_speed_is_found_again(speed_mm_s: float, way_mm: float, times_s: list[float]) -> None:
    reports = [Report(at_s, way_mm + speed_mm_s * at_s, 0.001) for at_s in times_s]
    track = track_of(reports, 0.005)
    assert track is not None
    assert track.speed_mm_s == pytest.approx(speed_mm_s, rel=1e-6)
    assert track.passes_s(way_mm) == pytest.approx(0.0, abs=1e-6 + 1e-6 / speed_mm_s)
    assert track.is_at_mm(3.0) == pytest.approx(way_mm + 3.0 * speed_mm_s, abs=1e-6)


def test_what_all_reports_have_in_common_is_not_averaged_away() -> None:
    reports = [Report(0.2 * number, 2.0 * number, 0.002) for number in range(100)]
    track = track_of(reports, 0.001)
    assert track is not None
    assert track.uncertainty_mm(10.0) >= 10.0 * 0.002


def test_beyond_its_reports_a_track_is_less_certain() -> None:
    track = track_of([Report(0.0, 0.0, 0.001), Report(0.2, 2.0, 0.001), Report(0.4, 4.01, 0.001)], 0.005)
    assert track is not None
    assert track.uncertainty_mm(0.2) < track.uncertainty_mm(1.0) < track.uncertainty_mm(5.0)


def test_too_few_reports_are_named() -> None:
    with pytest.raises(ControllerFault, match="too seldom"):
        require_track([Report(0.0, 0.0, 0.001)], 0.005, 10.0)


def test_a_flight_at_another_speed_is_named() -> None:
    with pytest.raises(ControllerFault, match="instead of 10 mm/s"):
        require_track([Report(0.0, 0.0, 0.001), Report(0.1, 2.0, 0.001)], 0.005, 10.0)
