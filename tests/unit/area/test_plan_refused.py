"""A plan that was made for another area, from whatever file, is refused before anything moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge.faults import SafetyStop
from edge.motion.kinematics import StageModel, predict_duration
from edge.planning.passage import Passage, passage_of
from edge.planning.plan import check_plan, check_rest, check_without_controller, make_plan, plan_from_json, plan_to_json
from edge.planning.scan_plan import frozen_table
from edge.planning.text import sealed
from firmware_bridge.messages import Capabilities
from models.sampling import SamplingMask
from tests.unit.area.test_area import GRID, config, keep_out

STAGE = StageModel(50.0, 500.0, shutter_s=0.5)
SQUARE = [[8.0, 8.0], [12.0, 8.0], [12.0, 12.0], [8.0, 12.0]]


def plan_of(*places, passage: Passage | None = None):
    cells = np.zeros(GRID.shape, np.bool_)
    for row, column in places:
        cells[row, column] = True
    mask = SamplingMask(cells, float(cells.mean()), "random", "none", 0)
    return make_plan(grid=GRID, mask=mask, dwell_s=0.1, stage=STAGE, registration_digest="", passage=passage)


def read_again(plan):
    return plan_from_json(plan_to_json(plan))


def test_a_plan_that_keeps_off_is_let_through():
    check_without_controller(read_again(plan_of((0, 0), (20, 15), (30, 30))), config(keep_out=[keep_out(SQUARE)]))


@pytest.mark.parametrize("cell", [(20, 20), (16, 16), (23, 23)])
def test_a_dwell_in_a_keep_out_is_named(cell):
    with pytest.raises(SafetyStop, match=r"exposure \d at .* brings the beam onto the keep-out 'seal'"):
        check_without_controller(read_again(plan_of((0, 0), cell)), config(keep_out=[keep_out(SQUARE)]))


def test_a_dwell_outside_the_polygon_is_named():
    with pytest.raises(SafetyStop, match="row 2, column 30, which lies outside area"):
        check_without_controller(
            read_again(plan_of((2, 2), (2, 30))), config(polygon=[[0.0, 0.0], [10.0, 0.0], [10.0, 20.0], [0.0, 20.0]])
        )


def test_a_stroke_is_refused_for_its_run_out_alone():
    flown = np.array([[1.0, 10.0, 2.0, 10.0, 0.1], [5.0, 10.0, 7.0, 10.0, 0.04]])
    plan = read_again(sealed(replace(plan_of((20, 2)), table=frozen_table(flown))))
    with pytest.raises(SafetyStop, match=r"exposure 1 .* or its run-up or run-out does"):
        check_without_controller(plan, config(keep_out=[keep_out(SQUARE)]))


def test_a_stroke_is_refused_for_the_run_out_of_the_stage_that_is_connected():
    # at 25 mm/s, 0.16 mm with the 2,000 mm/s2 that the plan was made for, and 3.1 mm with 100 mm/s2
    flown = np.array([[4.0, 10.0, 6.0, 10.0, 0.08]])
    desk = StageModel(50.0, 2_000.0)
    plan = read_again(sealed(replace(plan_of((20, 10)), table=frozen_table(flown), stage=desk)))
    stated = config(keep_out=[keep_out(SQUARE)])
    as_stated = stated.instrument.stage.model_copy(update={"acceleration_mm_s2": 2_000.0})
    stated = stated.model_copy(update={"instrument": stated.instrument.model_copy(update={"stage": as_stated})})
    quick = Capabilities("twin", 1, 1, (-20.0, 50.0), (-20.0, 50.0), 50.0, 2_000.0, 1024, 64, 0.5)
    check_plan(plan, stated, quick)
    with pytest.raises(SafetyStop, match=r"exposure 0 .* or its run-up or run-out does"):
        check_plan(plan, stated, replace(quick, max_acceleration_mm_s2=100.0))


def test_the_rest_of_a_scan_is_priced_with_the_ways_that_are_then_left():
    stated = config(keep_out=[keep_out(SQUARE)])
    passage = passage_of(stated, STAGE)
    # round the keep-out there are three exposures; without the middle ones the way left goes across
    plan = plan_of((20, 2), (4, 2), (4, 37), (20, 37), passage=passage)
    assert not passage.closed_legs(plan.table).any()
    middle = {k for k in range(4) if plan.table[k, 1] < 5}
    rest = plan.table[sorted(set(range(4)) - middle)]
    assert passage.closed_legs(rest).sum() == 1
    received_s = stated.dose.max_beam_s - predict_duration(rest, STAGE).total_s - STAGE.shutter_s / 2
    check_rest(plan, middle, received_s, stated.dose, STAGE)
    with pytest.raises(SafetyStop, match="together above"):
        check_rest(plan, middle, received_s, stated.dose, STAGE, passage)
