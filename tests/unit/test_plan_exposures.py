"""A plan's exposures as lines: long plans are read piece by piece, and what is no plan is refused in little memory."""

from __future__ import annotations

import tracemalloc
from functools import cache

import numpy as np
import pytest

from edge.faults import IntegrityError
from edge.grid import ScanGrid
from edge.planning.exposures import exposure_lines, read_exposures
from edge.planning.scan_plan import ScanPlan, frozen_table
from edge.planning.text import plan_from_json, plan_to_json, sealed
from models.sampling import SamplingMask

COUNT = 40_000


@cache
def long_plan() -> ScanPlan:
    """Dwells and strokes in turn, more of them than one piece holds."""
    rng = np.random.default_rng(0)
    starts = rng.uniform(0, 200, (COUNT, 2))
    ends = starts + np.where(np.arange(COUNT)[:, None] % 3, 0.0, 1.5)
    cells = rng.random((40, 50)) < 0.5
    return sealed(
        ScanPlan(
            grid=ScanGrid(0.0, 0.0, 1.0, 40, 50),
            table=frozen_table(np.column_stack([starts, ends, rng.uniform(0.01, 1, COUNT)])),
            mask=SamplingMask(cells, 0.5, "gradient", "exact", 0),
            registration_digest="",
            predicted_s=1.0,
            travel_mm=1.0,
            beam_s=1.0,
            longest_move_s=1.0,
            digest="",
        )
    )


def test_a_long_plan_comes_back_exactly() -> None:
    plan = long_plan()
    text = plan_to_json(plan)
    read = plan_from_json(text)
    assert np.array_equal(read.table, plan.table)
    assert plan_to_json(read) == text


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("[1.0, 2.0]", "holds 2 numbers, neither dwell nor stroke"),
        ("[1.0, 2.0, true]", "is no list of numbers"),
        ("[1.0, 2.0, NaN]", "not finite"),
        ("[1.0, 2.0, 1e999]", "not finite"),
        ('{"x": 1}', "is no list of numbers"),
        ("[1.0, 2.0, [3.0]]", "is no list of numbers"),
        ("[[[[[[", "no list of numbers"),
        (f"[1.0, 2.0, 1{'0' * 400}]", "too large"),
        (f"[1.0, 2.0, 1{'0' * 9_000}]", "no list of numbers"),
    ],
)
def test_a_line_that_is_no_exposure_is_refused(line: str, reason: str) -> None:
    lines = ",\n".join(exposure_lines(long_plan().table)).split(",\n")
    lines[-1] = line
    with pytest.raises(ValueError, match=reason):
        read_exposures(",\n".join(lines), at_most=10**6)


def test_more_exposures_than_a_plan_may_hold_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 10"):
        read_exposures(",\n".join(exposure_lines(long_plan().table)), at_most=10)


def test_a_line_without_an_end_is_refused() -> None:
    with pytest.raises(ValueError, match="a line is too long"):
        read_exposures("[1.0, 2.0, 3.0" + "0" * 2_000_000, at_most=10)


HEAD, _, _ = plan_to_json(long_plan()).partition('"exposures"')
SMALL_THINGS = {
    "lists": '{"exposures": [' + "[]," * 500_000 + "[]]}",
    "lists in lines": HEAD + '"exposures": [\n' + "[],\n" * 500_000 + "[]\n]\n}\n",
    "keys": "{" + "".join(f'"{i}": 1,' for i in range(200_000)) + '"exposures": [\n[1.0, 2.0, 3.0]\n]\n}\n',
    "rows": HEAD.replace('"rows": [\n', '"rows": [\n' + '"",\n' * 600_000) + '"exposures": [\n[1.0, 2.0, 3.0]\n]\n}\n',
}


@pytest.mark.parametrize("text", SMALL_THINGS.values(), ids=SMALL_THINGS)
def test_many_small_things_in_place_of_a_plan_take_no_more_memory_than_a_plan(text: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(IntegrityError, match="make it anew"):
            plan_from_json(text)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # of the text itself some copies; each small thing would take fifty bytes and more
    assert most < 5 * len(text) + 50 * 1024 * 1024
