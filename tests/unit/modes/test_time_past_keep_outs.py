"""A time that is given holds past keep-outs too, of which the modes know nothing."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from edge.faults import UsageError
from edge.modes.of_scan import _within
from edge.planning.scan_plan import Way

WAY = Way("rows", 200.0)


def costing(more):
    """Plans of a time that turn out to take as long as a function of it says."""
    return lambda time_s: SimpleNamespace(predicted_s=more(time_s))


def test_a_plan_that_fits_is_taken_as_it_is():
    asked = []

    def planned(time_s):
        asked.append(time_s)
        return SimpleNamespace(predicted_s=time_s)

    assert _within(100.0, planned, WAY).predicted_s == 100.0
    assert asked == [100.0]


def test_less_is_asked_for_until_what_keep_outs_cost_besides_fits():
    assert _within(100.0, costing(lambda time_s: 1.1 * time_s + 15), WAY).predicted_s <= 102.0


def test_what_never_fits_is_refused_with_the_time_that_it_would_take():
    with pytest.raises(UsageError, match=r"takes 130 s for what it was to do in 100 s .* give 260 s, or choose"):
        _within(100.0, costing(lambda time_s: 230 - time_s), WAY)


def test_a_mode_that_can_do_nothing_in_less_keeps_its_plan():
    def planned(time_s):
        if time_s < 100:
            raise UsageError("too short")
        return SimpleNamespace(predicted_s=110.0)

    assert _within(100.0, planned, WAY).predicted_s == 110.0
