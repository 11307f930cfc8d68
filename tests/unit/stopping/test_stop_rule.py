"""When a scan is over, and what is said of it."""

from __future__ import annotations

import pytest

from edge.stopping.config import StopConfig
from edge.stopping.figure import ErrorFigure, Estimate
from edge.stopping.rule import below_floor, not_mapped, reason_to_stop


def estimate(rmse: float, *, floor: float = 0.0) -> Estimate:
    return Estimate(rmse, 0.9 * rmse, 1.1 * rmse, floor)


def figure(overall: float = 0.04, *, held_out: int = 40, floor: float = 0.0, **elements: float) -> ErrorFigure:
    told = tuple((name.replace("_", "-"), estimate(rmse, floor=floor)) for name, rmse in elements.items())
    return ErrorFigure(500, held_out, estimate(overall, floor=floor), told, 0.7, 0.95)


def why(stop: StopConfig, of: ErrorFigure | None = None, *, running_s: float = 0.0, live_s: float = 0.0) -> str:
    return reason_to_stop(stop, of, running_s=running_s, live_s=live_s)


def test_a_scan_without_a_rule_never_stops():
    assert why(StopConfig(), figure(1e-9), running_s=1e9, live_s=1e9) == ""


def test_an_error_is_reached_when_the_upper_end_is_below_it_and_not_before():
    stop = StopConfig(error=0.05)
    assert why(stop, figure(0.046)) == ""  # upper end 0.0506
    reason = why(stop, figure(0.045))
    assert "0.045 (0.0405 to 0.0495), asked for 0.05" in reason
    assert "40 exposures held out" in reason
    assert why(stop) == ""


def test_an_error_told_by_too_few_does_not_stop_a_scan():
    assert why(StopConfig(error=0.05), figure(0.001, held_out=15)) == ""
    assert why(StopConfig(error=0.05), figure(0.001, held_out=16))


def test_all_that_is_asked_for_has_to_be_reached():
    stop = StopConfig(error=0.05, elements={"Pb": 0.1})
    assert why(stop, figure(0.04, Pb_L=0.2)) == ""
    assert why(stop, figure(0.06, Pb_L=0.05)) == ""
    assert why(stop, figure(0.04, Pb_L=0.05, Fe=0.9))


def test_an_element_means_each_of_its_line_groups():
    stop = StopConfig(elements={"Pb": 0.1})
    assert why(stop, figure(Pb_L=0.05, Pb_M=0.2)) == ""
    assert why(stop, figure(Pb_L=0.05, Pb_M=0.06))
    assert why(StopConfig(elements={"Pb-L": 0.1}), figure(Pb_L=0.05, Pb_M=0.2))


def test_an_element_that_is_not_mapped_keeps_the_scan_going_and_is_named():
    stop = StopConfig(elements={"Au": 0.1})
    assert why(stop, figure(Fe=0.01)) == ""
    assert "asked for Au, which the spectra do not show: there are maps of Fe" in not_mapped(stop, figure(Fe=0.01))
    assert not_mapped(StopConfig(elements={"Fe": 0.1}), figure(Fe=0.01)) == ""


@pytest.mark.parametrize(("key", "running_s", "live_s"), [("time_s", 60.0, 0.0), ("live_s", 0.0, 60.0)])
def test_time_and_live_time_stop_a_scan_whatever_its_error_is(key, running_s, live_s):
    stop = StopConfig.model_validate({key: 60.0, "error": 0.01})
    assert "1 min 00 s, is spent" in why(stop, running_s=running_s, live_s=live_s)
    assert why(stop, running_s=0.99 * running_s, live_s=0.99 * live_s) == ""


def test_a_target_below_what_counting_leaves_is_named_with_it():
    said = below_floor(StopConfig(error=0.03, elements={"Fe": 0.2}), figure(0.06, floor=0.045, Fe=0.1))
    assert "0.03 for all elements, where it leaves 0.045" in said
    assert "Fe" not in said
    assert below_floor(StopConfig(error=0.05), figure(0.06, floor=0.045)) == ""
