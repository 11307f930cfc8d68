"""The suite's order keeps every test, and spreads those that wait among those that compute."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.order import spread

ROOT = Path("/tests")


@dataclass(frozen=True)
class Case:
    path: Path
    number: int


def made(folder: str, files: int) -> list[Case]:
    return [Case(ROOT / folder / f"test_{file}.py", number) for file in range(files) for number in range(3)]


def folders(ordered: list[Case]) -> list[str]:
    """Of each file, in order."""
    return [test.path.parent.name for test in ordered if test.number == 0]


def test_files_that_wait_are_spread_evenly_among_those_that_compute():
    ordered = spread([*made("instrument", 3), *made("unit", 9)], ROOT)
    where = [place for place, folder in enumerate(folders(ordered)) if folder == "instrument"]
    assert where == [1, 5, 9]


def test_no_test_is_lost_and_those_of_a_file_stay_together_in_their_order():
    given = [*made("faults", 4), *made("unit", 7), *made("replay", 2)]
    ordered = spread(given, ROOT)
    assert sorted(ordered, key=given.index) == given
    assert [test.number for test in ordered] == [0, 1, 2] * 13
    assert all(len({test.path for test in ordered[n : n + 3]}) == 1 for n in range(0, 39, 3))


def test_a_part_of_the_suite_runs_in_its_own_order():
    given = made("protocol", 5)
    assert spread(given, ROOT) == given
