"""Results are kept as they come, found by what they depend on, and never mixed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge.faults import UsageError
from edge.replay_matrix.result_cache import MaskRow, RowFile, packed, unpacked
from models.faults import UnusableRequest
from tools.reproduce.estimators import Estimator
from tools.reproduce.faults import ReproductionError
from tools.reproduce.masks import MaskCandidate
from tools.reproduce.measuring import Plan, measured
from tools.reproduce.page import closing
from tools.reproduce.subjects import Subject

SIDE = 12


def subject(name, seed=0):
    rgb = np.random.default_rng(seed).random((SIDE, SIDE, 3), np.float32)
    return Subject(name, rgb, rgb, np.ones((SIDE, SIDE), np.bool_), seed, "colours")


class Counted:
    """Takes the first cells of a row-major order from a place on, and counts how often it is asked for a whole."""

    def __init__(self, start=0, fail_on=None):
        self.asked, self.start, self.fail_on = [], start, fail_on

    def __call__(self, one, count):
        if one.name == self.fail_on:
            raise KeyboardInterrupt
        self.asked.append(one.name)
        cells = np.zeros(one.shape, np.bool_)
        cells.flat[self.start : self.start + count] = True
        return cells


def mean_everywhere(one, cells):
    return np.broadcast_to(one.values[cells].mean(axis=0), one.values.shape)


MEAN = Estimator("mean", "1", mean_everywhere)


def plan(*masks, methods=(MEAN,), subjects=3, **more):
    return Plan(masks, methods, (0.1, 0.2), [subject(f"s{n}", n) for n in range(subjects)], **more)


def as_asked(choose):
    """Calls that count: the corner of one subject to warm up on comes first."""
    return choose.asked[1:]


def test_nothing_is_measured_twice(tmp_path):
    first = measured(plan(MaskCandidate("m", "1", Counted())), tmp_path, jobs=1)
    again = Counted()
    second = measured(plan(MaskCandidate("m", "1", again)), tmp_path, jobs=1)
    assert again.asked == []
    assert second.db("m", "mean", 0.1) == first.db("m", "mean", 0.1)


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        measured(plan(MaskCandidate("m", "1", Counted(fail_on="s2"))), tmp_path, jobs=1)
    later = Counted()
    results = measured(plan(MaskCandidate("m", "1", later)), tmp_path, jobs=1)
    # of the first rate, two subjects were done when the third was interrupted
    assert sorted(set(later.asked)) == ["s0", "s1", "s2"]
    assert len(results.mask_seconds("m", 0.1)) == len(results.mask_seconds("m", 0.2)) == 3
    assert later.asked.count("s0") + later.asked.count("s1") <= 2


def test_a_method_that_is_added_does_not_make_the_masks_again(tmp_path):
    measured(plan(MaskCandidate("m", "1", Counted())), tmp_path, jobs=1)
    again = Counted()
    methods = (MEAN, Estimator("other", "1", mean_everywhere))
    results = measured(plan(MaskCandidate("m", "1", again), methods=methods), tmp_path, jobs=1)
    assert again.asked == []
    assert len(results.db("m", "other", 0.2)) == 3


def test_another_network_is_measured_anew_and_the_old_rows_are_not_shown(tmp_path):
    old = measured(plan(MaskCandidate("netm", "code-digest1", Counted())), tmp_path, jobs=1)
    changed = Counted(start=60)
    new = measured(plan(MaskCandidate("netm", "code-digest2", changed)), tmp_path, jobs=1)
    assert len(as_asked(changed)) == 6
    fresh = measured(plan(MaskCandidate("netm", "code-digest2", Counted(start=60))), tmp_path / "fresh", jobs=1)
    assert new.db("netm", "mean", 0.1) == fresh.db("netm", "mean", 0.1)
    assert new.db("netm", "mean", 0.1) != old.db("netm", "mean", 0.1)
    back = Counted()
    assert measured(plan(MaskCandidate("netm", "code-digest1", back)), tmp_path, jobs=1).scores == old.scores
    assert back.asked == []


def test_another_version_of_a_reconstruction_is_measured_anew(tmp_path):
    measured(plan(MaskCandidate("m", "1", Counted())), tmp_path, jobs=1)
    zeros = Estimator("mean", "2", lambda one, cells: np.zeros_like(one.values))
    results = measured(plan(MaskCandidate("m", "1", Counted()), methods=(zeros,)), tmp_path, jobs=1)
    fresh = measured(plan(MaskCandidate("m", "1", Counted()), methods=(zeros,)), tmp_path / "fresh", jobs=1)
    assert results.db("m", "mean", 0.1) == fresh.db("m", "mean", 0.1)


def test_a_subject_that_changed_under_its_name_is_measured_anew(tmp_path):
    before = plan(MaskCandidate("m", "1", Counted()))
    measured(before, tmp_path, jobs=1)
    changed = replace(before, subjects=[subject(f"s{n}", n + 10) for n in range(3)])
    anew = measured(changed, tmp_path, jobs=1)
    fresh = measured(changed, tmp_path / "fresh", jobs=1)
    assert anew.db("m", "mean", 0.1) == fresh.db("m", "mean", 0.1)


def test_a_cap_leaves_the_first_subjects_of_a_slow_mask_or_method(tmp_path):
    masks = MaskCandidate("slow", "1", Counted()), MaskCandidate("fast", "1", Counted())
    methods = (MEAN, Estimator("long", "1", mean_everywhere))
    results = measured(plan(*masks, methods=methods, caps={"slow": 2, "long": 1}), tmp_path, jobs=1)
    found = {
        (mask, method): list(results.db(mask, method, 0.1)) for mask in ("slow", "fast") for method in ("mean", "long")
    }
    assert found == {
        ("slow", "mean"): ["s0", "s1"],
        ("fast", "mean"): ["s0", "s1", "s2"],
        ("slow", "long"): ["s0"],
        ("fast", "long"): ["s0"],
    }


def test_a_mask_that_refuses_is_said_to_and_the_others_are_measured(tmp_path):
    def refuse(one, count):
        raise UnusableRequest("too large a grid: take a smaller one")

    results = measured(plan(MaskCandidate("no", "1", refuse), MaskCandidate("m", "1", Counted())), tmp_path, jobs=1)
    assert closing([results], [], images="")[2:4] == [
        "- no at 10%, 3 times: too large a grid: take a smaller one.",
        "- no at 20%, 3 times: too large a grid: take a smaller one.",
    ]
    assert results.db("no", "mean", 0.1) == {}
    assert len(results.db("m", "mean", 0.1)) == 3


def test_an_estimate_that_is_not_finite_is_no_result_and_the_others_are_measured(tmp_path):
    def holed(one, cells):
        return np.where(cells[:, :, None], one.values, np.float32(np.nan))

    asked = plan(MaskCandidate("m", "1", Counted()), methods=(Estimator("holed", "1", holed), MEAN))
    results = measured(asked, tmp_path, jobs=1)
    assert results.db("m", "holed", 0.1) == {}
    assert len(results.db("m", "mean", 0.1)) == 3
    # 14 of 144 cells are measured
    assert closing([results], [], images="")[2].startswith(
        "- holed of m at 10%, 3 times: the estimate is not finite at 130 of 144 cells: "
    )


def test_a_mask_of_another_count_than_asked_is_no_result(tmp_path):
    with pytest.raises(ReproductionError, match="chose 13 cells of s0 where 14"):
        measured(plan(MaskCandidate("m", "1", lambda one, count: Counted()(one, count - 1))), tmp_path, jobs=1)


def row(name, seconds=0.5):
    return MaskRow("subject", name, 0.1, "version", seconds, "a processor, with a comma", packed(np.ones((3, 5), bool)))


def test_a_row_is_read_as_it_was_written(tmp_path):
    RowFile(tmp_path / "rows.csv", MaskRow).append([row("a"), row("b")])
    assert list(RowFile(tmp_path / "rows.csv", MaskRow).rows.values()) == [row("a"), row("b")]


def test_a_line_that_was_cut_short_costs_itself_alone(tmp_path):
    path = tmp_path / "rows.csv"
    RowFile(path, MaskRow).append([row("a"), row("b")])
    path.write_text(path.read_text()[:-9])
    again = RowFile(path, MaskRow)
    assert list(again.rows.values()) == [row("a")]
    again.append([row("b"), row("c")])
    assert list(RowFile(path, MaskRow).rows.values()) == [row("a"), row("b"), row("c")]


def test_two_writers_of_one_file_lose_nothing(tmp_path):
    one, other = RowFile(tmp_path / "rows.csv", MaskRow), RowFile(tmp_path / "rows.csv", MaskRow)
    one.append([row("a")])
    other.append([row("b")])
    one.append([row("c")])
    assert list(RowFile(tmp_path / "rows.csv", MaskRow).rows.values()) == [row("a"), row("b"), row("c")]


def test_a_row_whose_figure_is_no_number_counts_as_not_there(tmp_path):
    RowFile(tmp_path / "rows.csv", MaskRow).append([row("a", seconds=float("nan")), row("b")])
    assert list(RowFile(tmp_path / "rows.csv", MaskRow).rows.values()) == [row("b")]


def test_a_row_that_cannot_be_kept_ends_in_one_sentence(tmp_path):
    rows = RowFile(tmp_path / "rows.csv", MaskRow)
    (tmp_path / "rows.csv").unlink()
    (tmp_path / "rows.csv").mkdir()
    with pytest.raises(UsageError, match=r"rows.csv: cannot be written \(Is a directory\): mend that and give"):
        rows.append([row("a")])
    assert rows.rows == {}


def test_a_file_of_other_columns_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "rows.csv").write_text("something,else\n1,2\n")
    with pytest.raises(UsageError, match="other columns than this version writes: move it, or delete it"):
        RowFile(tmp_path / "rows.csv", MaskRow)


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (64, 64)])
def test_a_mask_comes_back_from_its_text(shape):
    cells = np.random.default_rng(2).random(shape) < 0.3
    assert np.array_equal(unpacked(packed(cells), shape), cells)


@pytest.mark.parametrize("text", ["", "not base64 !", "AAAA", packed(np.ones((9, 9), bool))])
def test_a_text_that_is_no_mask_of_the_shape_is_none(text):
    assert unpacked(text, (3, 5)) is None
