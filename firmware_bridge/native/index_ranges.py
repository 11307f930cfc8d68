"""A set of exposure indices that stays small while they come roughly in order."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator


class IndexRanges:
    """Non-negative integers kept as sorted, disjoint, non-touching ranges."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, indices: Iterable[int] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for index in indices:
            self.add(index)

    def __contains__(self, index: int) -> bool:
        position = bisect_right(self._starts, index) - 1
        return position >= 0 and index < self._ends[position]

    def __len__(self) -> int:
        return sum(self._ends) - sum(self._starts)

    def __bool__(self) -> bool:
        return bool(self._starts)

    def __iter__(self) -> Iterator[int]:
        for span in self.ranges():
            yield from span

    def ranges(self) -> list[range]:
        """The ranges, ascending."""
        return [range(start, end) for start, end in zip(self._starts, self._ends, strict=True)]

    def add(self, index: int) -> None:
        """Include an index; harmless where it is included already."""
        position = bisect_right(self._starts, index)
        joins_left = position > 0 and self._ends[position - 1] >= index
        if joins_left and index < self._ends[position - 1]:
            return
        joins_right = position < len(self._starts) and self._starts[position] == index + 1
        if joins_left and joins_right:
            self._ends[position - 1] = self._ends.pop(position)
            self._starts.pop(position)
        elif joins_left:
            self._ends[position - 1] = index + 1
        elif joins_right:
            self._starts[position] = index
        else:
            self._starts.insert(position, index)
            self._ends.insert(position, index + 1)

    def take(self, most: int, longest: int) -> tuple[range, ...]:
        """Remove and return up to ``most`` of the lowest ranges, none longer than ``longest``."""
        taken: list[range] = []
        while self._starts and len(taken) < most:
            start, end = self._starts[0], self._ends[0]
            cut = min(end, start + longest)
            taken.append(range(start, cut))
            if cut == end:
                del self._starts[0], self._ends[0]
            else:
                self._starts[0] = cut
        return tuple(taken)
