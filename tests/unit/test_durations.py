"""Durations that people write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.configuration.durations import seconds_of
from edge.faults import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2h", 7_200),
        ("1 h 30 min", 5_400),
        ("90min", 5_400),
        ("45 s", 45),
        ("3600", 3_600),
        ("1.5H", 5_400),
        ("2m", 120),
    ],
)
def test_a_duration_is_read_as_people_write_it(text: str, seconds: float) -> None:
    assert seconds_of(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "h", "soon", "2 weeks", "-2h", "0", "2h30x", "1e9999", "2 mins", "9" * 400])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="give one as 2h"):
        seconds_of(text)


@given(st.integers(0, 99), st.integers(0, 59), st.integers(1, 59))
def test_hours_minutes_and_seconds_add_up(hours: int, minutes: int, seconds: int) -> None:
    assert seconds_of(f"{hours}h{minutes}min {seconds}s") == pytest.approx(3_600 * hours + 60 * minutes + seconds)


@pytest.mark.parametrize("text", ["2h30", "2h 30", "30 2h", "5 5", "30min 2h", "2h 2h", "1m 30min"])
def test_what_may_mean_two_durations_is_refused_and_not_guessed(text: str) -> None:
    with pytest.raises(UsageError, match="is no duration: give one as 2h, 90min, 1h 30min"):
        seconds_of(text)


def test_a_duration_beyond_any_scan_is_refused_with_the_longest() -> None:
    assert seconds_of("115d") == 115 * 86_400
    with pytest.raises(UsageError, match="longer than 10,000,000 s, about 115 days"):
        seconds_of("200d")
