"""Benches whose scan was started at a terminal, and not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.beam.interrupts import Interrupts
from edge.record.journal import Journal
from tests.unit.control.commanded import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Journal.create(tmp_path / "journal.sqlite") as journal:
        yield Bench(tmp_path, journal, Interrupts())


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[Bench]:
    """Of a scan that nobody started at a terminal."""
    with Journal.create(tmp_path / "journal.sqlite") as journal:
        yield Bench(tmp_path, journal, Interrupts(awaits_arming=True))
