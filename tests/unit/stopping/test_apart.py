"""What the preview keeps from its maps while exposures arrive, and gives them once it is held out no longer."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from edge.maps import ElementMaps, Samples
from edge.planning.plan import extended
from edge.results import Planned
from edge.stopping.apart import Apart
from edge.stopping.drawing import drawn, with_held_out
from tests.unit.stopping.scans import GRID, cells_by_chance, config_of, plan_of

MASK = cells_by_chance(0.2)
HELD = drawn(~MASK, 30, 1)


@pytest.fixture
def plan():
    return with_held_out(plan_of(MASK), HELD, dwell_s=0.1)


def batch_of(plan, first: int, last: int):
    """Exposures of a plan as the journal gives them, each with its own index as its value."""
    indices = np.arange(first, last)
    cells = GRID.cells_of(plan.table[first:last, :2])
    values = indices[:, None].astype(np.float32)
    batch = SimpleNamespace(indices=indices, live_s=np.full(len(indices), 0.1))
    return batch, Samples(cells[:, 0], cells[:, 1], values, np.zeros_like(values))


def maps_of(mask) -> ElementMaps:
    zeros = np.zeros((*GRID.shape, 1), np.float32)
    return ElementMaps(("Fe",), zeros + 1, zeros, mask, "test")


def planned_of(plan) -> Planned:
    return Planned(config_of(), plan, None, None)


def test_maps_are_shown_every_exposure_but_those_held_out(plan):
    apart, shown = Apart(plan), np.zeros(GRID.shape, np.bool_)
    for first in range(0, len(plan.table), 50):
        samples, live_s = apart.shown(*batch_of(plan, first, min(first + 50, len(plan.table))))
        assert len(samples) == len(live_s)
        shown[samples.rows, samples.columns] = True
    assert np.array_equal(shown, MASK)


def test_no_error_is_told_before_all_that_is_held_out_is_measured(plan):
    apart, planned = Apart(plan), planned_of(plan)
    held = np.flatnonzero(HELD[tuple(GRID.cells_of(plan.table[:, :2]).T)])
    last = int(held[-1])
    apart.shown(*batch_of(plan, 0, last))
    assert apart.figure(maps_of(MASK), planned, last) is None
    apart.shown(*batch_of(plan, last, last + 1))
    figure = apart.figure(maps_of(MASK), planned, last + 1)
    assert figure is not None
    assert (figure.held_out, figure.exposures) == (30, last + 1)


def test_one_that_was_left_out_keeps_no_error_from_being_told(plan):
    apart = Apart(plan)
    held = np.flatnonzero(HELD[tuple(GRID.cells_of(plan.table[:, :2]).T)])
    batch, samples = batch_of(plan, 0, len(plan.table))
    made = batch.indices != held[3]
    apart.shown(SimpleNamespace(indices=batch.indices[made], live_s=batch.live_s[made]), samples.picked(made))
    figure = apart.figure(maps_of(MASK), planned_of(plan), len(plan.table) - 1)
    assert figure is not None
    assert figure.held_out == 29


def test_what_a_plan_that_has_grown_holds_out_no_longer_is_given_to_the_maps_once(plan):
    apart = Apart(plan)
    apart.shown(*batch_of(plan, 0, len(plan.table)))
    chosen = cells_by_chance(0.3, 9) & ~MASK
    grown = extended(plan, chosen)
    assert apart.is_outgrown(batch_of(grown, len(plan.table), len(plan.table) + 1)[0])
    found = apart.released(grown)
    assert found is not None
    released, live_s = found
    assert live_s.tolist() == [0.1] * len(released)
    assert {*zip(released.rows, released.columns, strict=True)} == {*zip(*np.nonzero(HELD & chosen), strict=True)}
    assert apart.released(grown) is None
    figure = apart.figure(maps_of(MASK | chosen), planned_of(grown), len(plan.table))
    assert figure is not None
    assert figure.held_out == int((HELD & ~chosen).sum())


def test_a_plan_that_holds_nothing_out_keeps_nothing():
    plan = plan_of(MASK)
    apart = Apart(plan)
    assert len(apart.shown(*batch_of(plan, 0, len(plan.table)))[0]) == len(plan.table)
    assert apart.figure(maps_of(MASK), planned_of(plan), len(plan.table)) is None
