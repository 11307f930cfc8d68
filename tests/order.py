"""The order of the suite: files that wait for devices spread among those that compute.

Tests of devices wait for clocks half their time, and are the worse for every process beside them: several at once leave
processors idle and yet hold each other up.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar

_DEVICES = ("browser", "faults", "instrument", "protocol")
"""Below `tests/`."""


class InFile(Protocol):
    """A test, as far as its place in the order goes."""

    path: Path


Test = TypeVar("Test", bound=InFile)


def spread(tests: Sequence[Test], root: Path) -> list[Test]:
    """The same tests, those of a file still together and in their order.

    Parameters
    ----------
    root
        The folder `tests/`.
    """
    files: dict[Path, list[Test]] = {}
    for test in tests:
        files.setdefault(test.path, []).append(test)
    waiting = [path for path in files if any(path.is_relative_to(root / folder) for folder in _DEVICES)]
    computing = [path for path in files if path not in waiting]
    places = {path: (n + 0.5) / len(group) for group in (waiting, computing) for n, path in enumerate(group)}
    return [test for path in sorted(files, key=places.__getitem__) for test in files[path]]
