"""The bench of masks: what it times, and what its limit is made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.unit.models.tiny_onnx import write_network
from tools.bench import mask
from tools.bench.mask import Candidate, candidates, fastest_s, matrix_product_flop_per_s, rows_of


def test_the_fastest_of_the_repeats_counts_and_the_first_run_does_not() -> None:
    runs: list[int] = []
    assert 0 <= fastest_s(lambda: runs.append(1), 3) < 1
    assert len(runs) == 4


def test_without_weights_and_exporter_there_is_no_network_to_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mask, "SHIPPED", tmp_path / "netm.onnx")
    monkeypatch.setattr(mask, "find_spec", lambda _: None)
    assert list(candidates(tmp_path)) == []
    monkeypatch.setattr(mask, "SHIPPED", write_network(tmp_path))
    assert [candidate.name for candidate in candidates(tmp_path)] == ["shipped"]


def test_a_networks_rows_hold_its_arithmetic_and_the_target(tmp_path: Path) -> None:
    photograph = np.zeros((*mask.SHAPE, 3), np.uint8)
    rows = rows_of(Candidate("tiny", write_network(tmp_path)), photograph, "any", flop_per_s=1e9, repeats=1)
    assert [row.what for row in rows] == [
        "tiny: opening",
        "tiny: network alone, 1 thread",
        "tiny: network alone, 2 threads",
        "tiny: mask",
    ]
    # the manifest's 56 operations a cell at a milliard a second
    one_core_s = 56 * 680 * 580 / 1e9
    assert [row.limit for row in rows] == [None, *map(pytest.approx, (one_core_s, one_core_s / 2, one_core_s / 2))]
    assert rows[-1].target == 0.05


def test_the_matrix_product_that_limits_is_measured() -> None:
    # a slow core busy with other work, and more than any core has
    assert 1e8 < matrix_product_flop_per_s() < 1e13
