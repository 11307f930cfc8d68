"""How a long scan's memory is judged."""

from __future__ import annotations

import math

import pytest

from tools.bench.ten_hours import HOURS, KEPT_BYTES, SLACK_MB, at_hour, rows_of

EXPOSURES = 40_000


def memory(grown_mb: float) -> list[tuple[float, float]]:
    """Of a process that holds 100 MB for two hours, and the more the longer from then on."""
    return [(i / 1_000, 100.0 + max(0.0, i / 1_000 - 0.2) * grown_mb / 0.75) for i in range(1_000)]


@pytest.mark.parametrize("name", KEPT_BYTES)
def test_what_an_exposure_leaves_for_good_may_stay_and_twice_the_slack_may_not(name: str) -> None:
    allowed = KEPT_BYTES[name] * EXPOSURES * 0.8 / 1e6 + SLACK_MB[name]
    for grown_mb, is_met in ((0.9 * allowed, True), (allowed + SLACK_MB[name], False)):
        rows = {row.what: row for row in rows_of({name: memory(grown_mb)}, EXPOSURES, 1.0)}
        assert rows[f"the {name} has grown"].met is is_met


def test_a_process_that_was_gone_in_the_tenth_hour_does_not_pass() -> None:
    rows = {row.what: row for row in rows_of({"page": memory(0.0)[:500]}, EXPOSURES, 1.0)}
    assert math.isnan(at_hour(memory(0.0)[:500], HOURS - 1))
    assert rows["the page has grown"].met is False
