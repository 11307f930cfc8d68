from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.native.index_ranges import IndexRanges

indices = st.lists(st.integers(0, 60), max_size=80)


@given(indices)
def test_it_holds_what_a_set_holds(added: list[int]) -> None:
    ranges = IndexRanges(added)
    assert list(ranges) == sorted(set(added))
    assert len(ranges) == len(set(added))
    assert all((index in ranges) == (index in set(added)) for index in range(62))


@given(indices)
def test_ranges_neither_touch_nor_overlap(added: list[int]) -> None:
    spans = IndexRanges(added).ranges()
    assert all(before.stop < after.start for before, after in itertools.pairwise(spans))


@given(indices, st.integers(1, 5), st.integers(1, 4))
def test_taking_removes_the_lowest_and_leaves_the_rest(added: list[int], most: int, longest: int) -> None:
    ranges = IndexRanges(added)
    taken = ranges.take(most, longest)
    assert len(taken) <= most
    assert all(1 <= len(span) <= longest for span in taken)
    removed = [index for span in taken for index in span]
    assert removed + list(ranges) == sorted(set(added))


def test_a_million_indices_in_order_are_one_range() -> None:
    ranges = IndexRanges(range(1_000_000))
    assert ranges.ranges() == [range(1_000_000)]
