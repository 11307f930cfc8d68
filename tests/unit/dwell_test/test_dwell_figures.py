"""What long measurements say of shorter ones, as a table and as a file."""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.dwell_test.expected import dwell_test_to_dict, read_dwell_test, write_dwell_test
from edge.dwell_test.figures import DwellTest, detection_limit_per_s
from edge.dwell_test.points import DwellPoint
from edge.dwell_test.telling import lines_of
from edge.faults import EdgeError, IntegrityError, UsageError

LEAD, IRON, GOLD = range(3)
TEST = DwellTest(
    elements=("Pb-L", "Fe-K", "Au-L"),
    points=(DwellPoint(3, 4, 0.75, (50.0, 0.0, 0.0)), DwellPoint(8, 9, 0.25, (20.0, 30.0, 0.0))),
    poses_mm=np.array([[12.0, 21.0], [14.5, 24.0]]),
    live_s=np.array([4.0, 4.0]),
    real_s=np.array([5.0, 4.0]),
    counts=np.array([40_000.0, 20_000.0]),
    rates_per_s=np.array([[1_000.0, 20.0, -1.0], [200.0, 100.0, 1.0]]),
    variances_per_s=np.array([[1_100.0, 220.0, 90.0], [300.0, 300.0, 90.0]]),
    backgrounds_per_s=np.array([[100.0, 200.0, 90.0], [100.0, 200.0, 90.0]]),
)


def test_scatter_falls_with_the_root_of_the_dwell() -> None:
    assert TEST.scatter(1.0)[0, LEAD] == pytest.approx(np.sqrt(1_100) / 1_000)
    assert TEST.scatter(0.01) == pytest.approx(10 * TEST.scatter(1.0))
    assert TEST.scatter(1.0)[0, GOLD] == np.inf


def test_the_dwell_for_a_scatter_gives_that_scatter() -> None:
    dwell_s = float(TEST.dwell_for(0.05)[1, IRON])
    assert TEST.scatter(dwell_s)[1, IRON] == pytest.approx(0.05)


def test_the_area_weighs_each_point_by_the_cells_that_it_stands_for() -> None:
    assert TEST.mean_per_s == pytest.approx([0.75 * 1_000 + 0.25 * 200, 0.75 * 20 + 0.25 * 100, 0.0])
    assert TEST.bright_per_s == pytest.approx([1_000, 100, 1])


def test_an_element_is_seen_when_it_stands_out_at_one_point() -> None:
    # Its error is sqrt(90 / 4) counts/s: one count a second is nothing.
    assert TEST.seen.tolist() == [True, True, False]


def test_a_rate_at_the_detection_limit_is_told_from_none_in_95_of_100_cases() -> None:
    """Currie's limit by simulation: background known, decision at 1.645 standard deviations of it."""
    chance = np.random.default_rng(4)
    background_per_s, dwell_s, trials = 250.0, 0.4, 40_000
    limit_counts = detection_limit_per_s(background_per_s, dwell_s) * dwell_s
    expected = background_per_s * dwell_s
    decision = 1.645 * np.sqrt(expected)
    missed = (chance.poisson(expected + limit_counts, trials) - expected <= decision).mean()
    feigned = (chance.poisson(expected, trials) - expected > decision).mean()
    # Counts are whole: at 100 of them one count is 0.004 of a probability of 0.05 either way, and more with their skew.
    assert missed == pytest.approx(0.05, abs=0.015)
    assert feigned == pytest.approx(0.05, abs=0.015)


def test_with_few_counts_the_limit_is_never_below_three_counts() -> None:
    assert detection_limit_per_s(0.1, 0.001) * 0.001 > 2.7


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "dwell-test.json"
    write_dwell_test(path, TEST)
    rates = read_dwell_test(path)
    assert rates.elements == ("Pb-L", "Fe-K")
    assert rates.bright_per_s == pytest.approx([1_000, 100])
    assert rates.mean_per_s == pytest.approx([800, 40])
    assert rates.background_per_s == pytest.approx([100, 200])
    assert rates.point_rates_per_s == pytest.approx(np.array([[1_000, 20], [200, 100]]))
    assert rates.point_lab == pytest.approx(np.array([[50, 0, 0], [20, 30, 0]]))


def test_one_rate_stands_for_all_with_the_same_mean_scatter(tmp_path: Path) -> None:
    write_dwell_test(tmp_path / "dwell-test.json", TEST)
    one = read_dwell_test(tmp_path / "dwell-test.json").alike
    for share in (0.0, 0.3, 1.0):
        scatter = np.mean([share / 1_000 + 100 / 1_000**2, share / 100 + 200 / 100**2])
        assert share / one.bright_per_s + one.background_per_s / one.bright_per_s**2 == pytest.approx(scatter)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"format": "other"}, "not a dwell test"),
        ({"version": 2}, "written in version 2, newer than 1: upgrade"),
        ({"points": []}, "damaged (points: "),
        ({"surplus": 1}, "damaged (surplus: "),
    ],
)
def test_a_foreign_newer_or_damaged_file_is_refused(tmp_path: Path, change: dict, sentence: str) -> None:
    path = tmp_path / "dwell-test.json"
    path.write_text(json.dumps(dwell_test_to_dict(TEST) | change))
    with pytest.raises(IntegrityError) as refused:
        read_dwell_test(path)
    assert sentence in str(refused.value)


@given(st.integers(0, 5_000), st.binary(max_size=12), st.integers(0, 12))
def test_whatever_bytes_are_changed_the_file_is_read_or_refused(start: int, written: bytes, dropped: int) -> None:
    whole = json.dumps(dwell_test_to_dict(TEST)).encode()
    at = start % len(whole)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dwell-test.json"
        path.write_bytes(whole[:at] + written + whole[at + dropped :])
        with suppress(EdgeError):
            assert read_dwell_test(path).alike.bright_per_s >= 0


@pytest.mark.parametrize("text", ["", "[]", '{"format": ', "\xff"])
def test_what_is_no_json_object_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "dwell-test.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(IntegrityError, match="not a dwell test"):
        read_dwell_test(path)


def test_rates_that_are_not_one_for_each_element_are_refused(tmp_path: Path) -> None:
    content = json.loads(json.dumps(dwell_test_to_dict(TEST)))
    content["points"][1]["rates_per_s"].pop()
    path = tmp_path / "dwell-test.json"
    path.write_text(json.dumps(content))
    with pytest.raises(IntegrityError, match="not one for each element"):
        read_dwell_test(path)


def test_a_test_that_saw_nothing_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "dwell-test.json"
    with pytest.raises(UsageError, match="no such file"):
        read_dwell_test(path)
    write_dwell_test(path, replace(TEST, rates_per_s=np.zeros((2, 3))))
    with pytest.raises(UsageError, match="no element was seen at any point: measure longer"):
        read_dwell_test(path)


def test_the_operator_reads_points_dwells_and_what_was_not_seen() -> None:
    said = "\n".join(lines_of(TEST))
    assert "1: (12.00, 21.00) mm, 75 %, 1e+04 counts/s in all, 80 % live" in said
    # 1,100 counts of variance a second over 1,000 squared, a hundred and four hundred times.
    assert "110 ms     440 ms" in said
    assert "Net counts where strongest" in said
    assert "Not seen at any point: Au-L (below " in said
