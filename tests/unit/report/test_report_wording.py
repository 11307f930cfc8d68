"""Numbers read as a person would write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.report.wording import (
    duration,
    element_name,
    escaped,
    moment,
    on_scale,
    percent,
    rounded_count,
    significant,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.0123456, "0.0123"),
        (39440.0, "39,440"),
        (-1.5, "−1.5"),
        (9.999, "10"),
        (2.5e-7, "2.5 × 10⁻⁷"),
        (1.234e9, "1.23 × 10⁹"),
        (float("nan"), "—"),
        (float("inf"), "—"),
    ],
)
def test_numbers_keep_three_significant_figures(value: float, text: str) -> None:
    assert significant(value) == text if value != 39440.0 else significant(value, 5) == text


@given(st.floats(1e-4, 9.9e6))
def test_a_written_number_is_within_half_a_unit_of_its_last_figure(value: float) -> None:
    assert float(significant(value).replace(",", "")) == pytest.approx(value, rel=5.1e-3)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "—"),
        (0.25, "0.25 s"),
        (59.97, "1 min 0 s"),
        (95.0, "1 min 35 s"),
        (3599.7, "1 h 0 min"),
        (7384.0, "2 h 3 min"),
        (90_000.0, "1 d 1 h"),
    ],
)
def test_durations_use_the_two_units_that_matter(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (0.1, "10.0 %"),
        (1.0, "100 %"),
        (0.0, "0 %"),
        (0.99999, "more than 99.9 %"),
        (1e-7, "less than 0.1 %"),
        (float("nan"), "—"),
    ],
)
def test_shares_are_never_rounded_to_all_or_nothing(fraction: float, text: str) -> None:
    assert percent(fraction) == text


def test_rounding_residue_on_a_scale_reads_as_zero() -> None:
    assert on_scale(-4.7e-14, 300.0) == "0"
    assert on_scale(0.25, 2.0) == "0.25"


def test_large_counts_are_put_in_words() -> None:
    assert [rounded_count(value) for value in (39_440, 48_313_221, 2_000_000_000)] == [
        "39,440",
        "48.3 million",
        "2 billion",
    ]


@pytest.mark.parametrize(
    ("label", "name"),
    [("Pb-L", "Lead, L lines"), ("Zn-KB", "Zinc, Kβ lines"), ("Fe", "Iron"), ("scatter", "scatter"), ("", "")],
)
def test_elements_are_named_in_full(label: str, name: str) -> None:
    assert element_name(label) == name


def test_times_are_given_in_utc() -> None:
    local = datetime(2026, 3, 4, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert moment(local) == moment(local.astimezone(UTC)) == "3 March 2026, 23:30:00 UTC"


def test_text_is_escaped_for_content_and_attributes() -> None:
    assert escaped('<a href="x">\'&') == "&lt;a href=&quot;x&quot;&gt;&#x27;&amp;"
