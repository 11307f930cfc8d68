"""Which cells are held out, and what becomes of them when a plan grows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edge.faults import IntegrityError, UsageError
from edge.planning.plan import extended
from edge.planning.scan_plan import fitted_exposures
from edge.planning.text import plan_from_json, plan_to_json
from edge.stopping.drawing import FEWEST, drawn, held_out_count, with_held_out
from tests.unit.stopping.scans import GRID, cells_by_chance, config_of, plan_of

grids = hnp.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))


@given(free=grids, count=st.integers(0, 50), seed=st.integers(0, 2**63 - 1))
def test_so_many_free_cells_are_drawn_and_no_other(free, count, seed):
    cells = drawn(free, count, seed)
    assert int(cells.sum()) == min(count, int(free.sum()))
    assert not (cells & ~free).any()
    assert np.array_equal(cells, drawn(free, count, seed))


def test_every_free_cell_is_drawn_as_often_as_any_other():
    free = np.ones((4, 5), np.bool_)
    free[1, 2] = False
    draws = 3_000
    often = sum(drawn(free, 5, seed).astype(int) for seed in range(draws))
    # each of 19 cells with a chance of 5/19; five standard deviations of the binomial
    chance = 5 / 19
    assert np.abs(often[free] - draws * chance).max() < 5 * np.sqrt(draws * chance * (1 - chance))
    assert often[1, 2] == 0


@pytest.mark.parametrize(
    ("sampling", "exposures", "count"),
    [
        ({}, 10_000, 200),
        ({}, 400, 25),
        ({}, 299, 0),
        ({"held_out": 0.2}, 200, 40),
        ({"held_out": 0}, 10_000, 0),
        ({"stop": {"error": 0.1}}, 150, 25),
        ({}, 10_000 + 5_000, 300),
        ({}, 19_800, 2_400),
        ({}, 19_980, 0),
    ],
)
def test_a_part_is_held_out_and_never_too_few_to_tell_an_error(sampling, exposures, count):
    assert held_out_count(config_of(**sampling), exposures, 20_000) == count


@given(exposures=st.integers(1, 999), share=st.floats(0.001, 0.5))
def test_enough_are_left_whatever_part_of_the_cells_comes_to_the_maps(exposures, share):
    cells = 1_000
    count = held_out_count(config_of(held_out=share), exposures, cells)
    assert count == 0 or count * (1 - exposures / cells) >= FEWEST - 1e-9
    assert count <= max(exposures / 2, 0)


def test_a_raster_of_every_cell_holds_nothing_out():
    assert held_out_count(config_of(rate=1.0), 1_200, 1_200) == 0


def test_an_error_is_refused_where_every_cell_is_measured():
    with pytest.raises(UsageError, match="holds nothing out"):
        held_out_count(config_of(rate=1.0, stop={"error": 0.1}), 1_200, 1_200)


def test_an_error_is_refused_of_a_scan_too_small_to_tell_it():
    with pytest.raises(UsageError, match=r"takes 26 exposures to tell in this scan of 90 on 1200 cells"):
        held_out_count(config_of(stop={"error": 0.1}), 90, 1_200)


def test_cells_held_out_are_measured_on_the_way_and_come_to_no_mask():
    mask = cells_by_chance(0.2)
    held = drawn(~mask, 30, 1)
    before = plan_of(mask)
    plan = with_held_out(before, held, dwell_s=0.1)
    visited = np.zeros(GRID.shape, int)
    where = GRID.cells_of(plan.table[:, :2])
    np.add.at(visited, (where[:, 0], where[:, 1]), 1)
    assert np.array_equal(visited, (mask | held).astype(int))
    assert np.array_equal(plan.mask.cells, mask)
    # on the way: a tour of a few more cells is little longer than without them
    assert plan.travel_mm < 1.3 * before.travel_mm
    assert int((~fitted_exposures(np.arange(len(plan.table)), plan)).sum()) == 30


@settings(max_examples=4)
@given(share=st.floats(0.05, 0.6), count=st.integers(1, 60), seed=st.integers(0, 1_000))
def test_a_plan_comes_back_from_its_text_with_what_it_holds_out(share, count, seed):
    mask = cells_by_chance(share, seed)
    plan = with_held_out(plan_of(mask), drawn(~mask, count, seed), dwell_s=0.1)
    again = plan_from_json(plan_to_json(plan))
    assert np.array_equal(again.held_out, plan.held_out)
    assert again.digest == plan.digest != plan_of(mask).digest


def test_a_plan_that_holds_nothing_out_says_nothing_of_it():
    text = plan_to_json(plan_of(cells_by_chance(0.2)))
    assert "held_out" not in text
    assert plan_from_json(text).held is None


def test_a_plan_that_holds_out_a_cell_beyond_its_grid_is_refused():
    mask = cells_by_chance(0.2)
    text = plan_to_json(with_held_out(plan_of(mask), drawn(~mask, 3, 1), dwell_s=0.1))
    first = text.index('"held_out": [') + len('"held_out": [')
    with pytest.raises(IntegrityError, match="beyond the grid's 30 x 40"):
        plan_from_json(text[:first] + "1200, " + text[first:])


def test_a_cell_that_is_chosen_though_it_was_held_out_is_not_measured_again_and_is_fitted_from_then_on():
    mask = cells_by_chance(0.2)
    held = drawn(~mask, 30, 1)
    plan = with_held_out(plan_of(mask), held, dwell_s=0.1)
    chosen = cells_by_chance(0.3, 9) & ~mask
    assert (chosen & held).any()
    grown = extended(plan, chosen)
    assert len(grown.table) == len(plan.table) + int((chosen & ~held).sum())
    assert np.array_equal(grown.held, held & ~chosen)
    shown = fitted_exposures(np.arange(len(grown.table)), grown)
    assert int((~shown).sum()) == int((held & ~chosen).sum())
    assert shown[len(plan.table) :].all()


def test_exposures_beyond_a_plan_that_has_grown_since_are_fitted():
    mask = cells_by_chance(0.2)
    plan = with_held_out(plan_of(mask), drawn(~mask, 30, 1), dwell_s=0.1)
    assert fitted_exposures(np.array([len(plan.table), len(plan.table) + 7]), plan).all()
