"""Test modules are made ready once for all processes of a run, each of which begins with a share of its own.

Rewriting every assertion takes a process half a minute. What one has rewritten, the others find beside the source.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import pytest

Thing = TypeVar("Thing")


def keep_bytecode() -> None:
    """Here, and in every process that a test starts, whatever the environment says: some hundred compile it else."""
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def share(things: Sequence[Thing], number: int, of: int) -> list[Thing]:
    """Those that one process makes ready: each falls to exactly one.

    Parameters
    ----------
    number
        Of the process, from 0.
    of
        How many processes there are.
    """
    return list(things[len(things) * number // of : len(things) * (number + 1) // of])


class Shares:
    """The plugin, of one process among several that collect the whole suite."""

    def __init__(self, tests: Path, number: int, of: int) -> None:
        self._tests = tests
        self._number = number
        self._of = of

    def pytest_collection(self) -> None:
        files = sorted(self._tests.rglob("test_*.py"))
        for file in share(files, self._number, self._of):
            # whatever is wrong with a module is said when it is collected
            with contextlib.suppress(Exception, pytest.skip.Exception):
                importlib.import_module(".".join(file.relative_to(self._tests.parent).with_suffix("").parts))
