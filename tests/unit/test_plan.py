"""A plan holds what the mask asks, survives its text, and is refused when it breaks a limit."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from edge.configuration.config import ScanConfig
from edge.faults import IntegrityError, SafetyStop, UsageError
from edge.grid import ScanGrid
from edge.motion.kinematics import StageModel, predict_duration
from edge.planning.plan import (
    ScanPlan,
    check_plan,
    check_without_controller,
    live_s_per_cell,
    make_plan,
    plan_from_json,
    plan_to_json,
    remaining,
)
from edge.planning.scan_plan import frozen_table
from edge.planning.text import sealed
from edge.prepare import grid_of, uncovered_mm
from firmware_bridge.messages import Capabilities, Exposure, StagePose
from models.sampling import SamplingMask

STAGE = StageModel(50, 500, settle_s=0.01)
GRID = ScanGrid(10, 20, 0.5, 8, 12)


def _mask(cells: NDArray[np.bool_]) -> SamplingMask:
    return SamplingMask(cells, float(cells.mean()), "random", "bernoulli", 7)


def _plan(cells: NDArray[np.bool_] | None = None, *, grid: ScanGrid = GRID, dwell_s: float = 0.1) -> ScanPlan:
    if cells is None:
        cells = np.random.default_rng(3).random(grid.shape) < 0.3
    return make_plan(grid=grid, mask=_mask(cells), dwell_s=dwell_s, stage=STAGE, registration_digest="ab" * 32)


def _with_table(rows: list[list[float]]) -> ScanPlan:
    return sealed(replace(_plan(), table=frozen_table(np.array(rows, float))))


def _config(**dose: float) -> ScanConfig:
    return ScanConfig.model_validate(
        {
            "instrument": {
                "controller": {"kind": "native", "port": "/dev/null"},
                "camera": {"kind": "file", "path": "frame.png"},
                "fiducials": {"markers": [{"id": 0, "x_mm": 0.0, "y_mm": 0.0}]},
            },
            "area": {"x_mm": 10.0, "y_mm": 20.0, "width_mm": 6.0, "height_mm": 4.0, "pitch_mm": 0.5},
            "dose": dose,
        }
    )


CAPABILITIES = Capabilities("twin", 1, 1, (0.0, 100.0), (0.0, 100.0), 50.0, 500.0, 1024, 64, 0.5)

grids = st.builds(
    ScanGrid,
    st.floats(-1000, 1000),
    st.floats(-1000, 1000),
    st.floats(0.01, 5),
    st.integers(1, 17),
    st.integers(1, 17),
)


@st.composite
def plans(draw: st.DrawFn) -> ScanPlan:
    grid = draw(grids)
    return _plan(draw(arrays(np.bool_, grid.shape)), grid=grid, dwell_s=draw(st.floats(0.001, 100)))


@given(plans())
def test_every_cell_of_the_mask_is_visited_once_at_its_centre(plan: ScanPlan) -> None:
    cells = plan.grid.cells_of(plan.table[:, :2])
    visited = np.zeros(plan.grid.shape, int)
    np.add.at(visited, (cells[:, 0], cells[:, 1]), 1)
    assert (visited == plan.mask.cells).all()
    assert all(exposure.is_dwell for exposure in plan.exposures)
    assert [exposure.index for exposure in plan.exposures] == list(range(len(plan.table)))
    # written to the nanometre
    assert plan.table[:, :2] == pytest.approx(plan.grid.centres_mm(cells[:, 0], cells[:, 1]), abs=1e-6)


@given(plans())
def test_a_plan_survives_its_text_whole(plan: ScanPlan) -> None:
    text = plan_to_json(plan)
    again = plan_from_json(text)
    assert plan_to_json(again) == text
    assert (again.digest, again.grid, again.predicted_s) == (plan.digest, plan.grid, plan.predicted_s)
    assert (again.table == plan.table).all()
    assert (again.mask.cells == plan.mask.cells).all()
    assert tuple(again.exposures) == tuple(plan.exposures)


@pytest.mark.parametrize(
    ("width_mm", "height_mm", "rest_mm"), [(6.0, 4.0, (0.0, 0.0)), (6.3, 4.0, (0.3, 0.0)), (6.0, 4.49, (0.0, 0.49))]
)
def test_what_whole_cells_leave_of_the_area_is_known(
    width_mm: float, height_mm: float, rest_mm: tuple[float, float]
) -> None:
    area = _config().area.model_copy(update={"width_mm": width_mm, "height_mm": height_mm})
    assert uncovered_mm(area, grid_of(area)) == pytest.approx(rest_mm, abs=1e-9)


FITTED = StageModel(
    48.5,
    460.0,
    0.004,
    0.07,
    axis_speeds_mm_s=(48.5, 60.0),
    axis_accelerations_mm_s2=(460.0, 500.0),
    jerk_mm_s3=9_000.0,
    run_overhead_s=0.4,
    lead_s=0.5,
    margin_mm=0.2,
    dwell_step_s=0.05,
    readout_s=0.01,
    shortest_stroke_s=0.03,
    shutter_s=0.2,
    stroke_factor=1.02,
    most_run_cells=64,
    longest_run_s=20.0,
    origin="by the motion calibration made at 2026-03-04T09:00:00+00:00",
)


@pytest.mark.parametrize("stage", [STAGE, FITTED, None])
def test_a_plan_keeps_the_stage_that_it_was_priced_with(stage: StageModel | None) -> None:
    plan = sealed(replace(_plan(), stage=stage))
    assert plan_from_json(plan_to_json(plan)).stage == stage
    assert _plan().stage == STAGE


def test_a_plan_whose_stage_was_changed_is_refused() -> None:
    text = plan_to_json(_plan()).replace('"speed_mm_s": 50.0', '"speed_mm_s": 60.0')
    with pytest.raises(IntegrityError, match="was changed"):
        plan_from_json(text)


def test_a_plan_is_predicted_to_last_as_its_table_does() -> None:
    plan = _plan()
    assert plan.predicted_s == predict_duration(plan.table, STAGE).total_s
    assert plan.beam_s == pytest.approx(0.1 * len(plan.table))
    assert 0 < plan.longest_move_s < plan.predicted_s


def test_the_same_mask_gives_the_same_digest_and_another_dwell_another() -> None:
    assert _plan().digest == _plan().digest
    assert _plan().digest != _plan(dwell_s=0.2).digest


def test_the_path_begins_at_the_end_that_is_nearer_to_the_stage() -> None:
    cells = np.zeros(GRID.shape, np.bool_)
    cells[3] = True
    ends = [
        make_plan(
            grid=GRID, mask=_mask(cells), dwell_s=0.1, stage=STAGE, registration_digest="", start=StagePose(x, 21)
        )
        .exposures[0]
        .start.x_mm
        for x in (0, 100)
    ]
    assert ends == [10.25, 15.75]


def test_exposures_are_one_a_line_and_dwells_are_short() -> None:
    text = plan_to_json(_with_table([[10.25, 20.25, 10.25, 20.25, 0.1], [11, 20.25, 14, 20.25, 0.5]]))
    assert text.endswith('"exposures": [\n[10.25, 20.25, 0.1],\n[11.0, 20.25, 14.0, 20.25, 0.5]\n]\n}\n')


def test_strokes_survive_the_text() -> None:
    plan = _with_table([[11, 20.25, 14, 20.25, 0.5]])
    (stroke,) = plan_from_json(plan_to_json(plan)).exposures
    assert stroke == Exposure(0, StagePose(11, 20.25), StagePose(14, 20.25), 0.5)


def test_a_plan_says_no_more_of_a_plain_stage_than_it_has_to() -> None:
    assert list(_stage_text(STAGE)) == ["speed_mm_s", "acceleration_mm_s2", "settle_s", "overhead_s"]


def _stage_text(stage: StageModel) -> dict[str, Any]:
    text: dict[str, Any] = json.loads(plan_to_json(sealed(replace(_plan(), stage=stage))))["stage"]
    return text


def _altered(**changes: Any) -> str:
    return json.dumps({**json.loads(plan_to_json(_plan())), **changes})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        (_altered(beam_s=1.0), "digest does not match"),
        (_altered(exposures=[]), "digest does not match"),
        (_altered(note="hello"), "note: extra"),
        (_altered(version=2), "version"),
        (_altered(predicted_s=float("nan")), "predicted_s"),
        (_altered(stage={**_stage_text(STAGE), "axis_speeds_mm_s": [40, 60]}), "above the 40.0 of an axis"),
        (_altered(exposures=[[1.0, 2.0]]), "exposures.0"),
        (_altered(exposures=[[1.0, 2.0, 3.0, 4.0]]), "neither dwell nor stroke"),
        (_altered(exposures=[["1", 2.0, 3.0]]), "exposures.0.0"),
        (_altered(grid={**json.loads(plan_to_json(_plan()))["grid"], "rows": 10**9}), "grid"),
        (_altered(grid={**json.loads(plan_to_json(_plan()))["grid"], "rows": 19_000_000}), "cells"),
        (_altered(grid={**json.loads(plan_to_json(_plan()))["grid"], "rows": 9}), "9 x 12 cells"),
        (_altered(mask={**json.loads(plan_to_json(_plan()))["mask"], "rows": ["zzzz"] * 8}), "hexadecimal"),
        (_altered(mask={**json.loads(plan_to_json(_plan()))["mask"], "rows": ["a  b"] * 8}), "hexadecimal"),
    ],
)
def test_a_damaged_or_foreign_plan_is_refused_with_the_remedy(text: str, reason: str) -> None:
    with pytest.raises(IntegrityError, match=f"(?s){reason}.*make it anew"):
        plan_from_json(text)


@given(st.data())
def test_no_changed_character_goes_unnoticed(data: st.DataObject) -> None:
    plan = _plan()
    text = plan_to_json(plan)
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from('0123456789abcdef.-[]{},": \n'))
    try:
        read = plan_from_json(text[:place] + letter + text[place + 1 :])
    except IntegrityError:
        return
    # white space and equal spellings of a number are the same plan
    assert plan_to_json(read) == text


def test_what_is_done_is_not_planned_again() -> None:
    plan = _plan()
    left = remaining(plan, {0, 2, len(plan.table) - 1})
    assert [exposure.index for exposure in left] == [1, *range(3, len(plan.table) - 1)]
    assert left[0] == plan.exposures[1]
    assert remaining(plan, range(len(plan.table))) == ()


@pytest.mark.parametrize("index", [-1, 10_000])
def test_a_measured_exposure_that_the_plan_lacks_is_refused(index: int) -> None:
    with pytest.raises(IntegrityError, match="belongs to another plan"):
        remaining(_plan(), [index])


def test_exposures_can_be_sliced_and_counted_from_the_end() -> None:
    plan = _plan()
    assert plan.exposures[-1].index == len(plan.exposures) - 1
    assert [exposure.index for exposure in plan.exposures[2:5]] == [2, 3, 4]
    with pytest.raises(IndexError):
        plan.exposures[len(plan.exposures)]


def test_a_plan_within_all_limits_passes() -> None:
    check_plan(_plan(), _config(), CAPABILITIES)


def test_dose_adds_up_over_visits_and_along_strokes() -> None:
    table = np.array([[10.25, 20.25, 10.25, 20.25, 1.0], [10.25, 20.25, 10.25, 20.25, 2.0], [10, 21.25, 16, 21.25, 12]])
    dose = live_s_per_cell(table, GRID)
    assert dose[0, 0] == pytest.approx(3)
    assert dose[2] == pytest.approx(np.ones(12))
    assert dose.sum() == pytest.approx(table[:, 4].sum())


@pytest.mark.parametrize(
    ("plan", "config", "capabilities", "reason"),
    [
        (_plan(np.zeros(GRID.shape, np.bool_)), _config(), CAPABILITIES, "holds no exposure"),
        (_with_table([[12, 22, 12, 22, 0.1], [17, 22, 17, 22, 0.1]]), _config(), CAPABILITIES, "exposure 1 at .* area"),
        (_with_table([[12, 22, 12, 25, 0.1]]), _config(), CAPABILITIES, "exposure 0 at .* outside the planned area"),
        (_plan(), _config(), replace(CAPABILITIES, x_limits_mm=(0.0, 14.0)), "outside its travel x 0 to 14"),
        (_plan(), _config(), replace(CAPABILITIES, y_limits_mm=(22.0, 99.0)), "outside its travel .* y 22 to 99"),
        (_with_table([[10, 22, 16, 22, 0.1]]), _config(), CAPABILITIES, "stroke at 60 mm/s and the stage reaches 50"),
        (
            _with_table([[10, 22, 16, 22, 0.15]]),
            _config(),
            replace(CAPABILITIES, x_limits_mm=(9.0, 99.0)),
            "needs the stage at",
        ),
        (_plan(dwell_s=0.2), _config(max_live_s_per_cell=0.15), CAPABILITIES, "row .* above dose.max_live_s_per_cell"),
        (_plan(), _config(max_beam_s=1.0), CAPABILITIES, "in all, above dose.max_beam_s of 1 s"),
        (_with_table([[12, 22, 12, 22, 0.0]]), _config(), CAPABILITIES, "no live time above 0"),
        (_with_table([[12, 22, np.nan, 22, 1.0]]), _config(), CAPABILITIES, "no finite pose"),
    ],
)
def test_a_plan_that_breaks_a_limit_is_refused_by_the_first_violation(
    plan: ScanPlan, config: ScanConfig, capabilities: Capabilities, reason: str
) -> None:
    with pytest.raises(SafetyStop, match=reason):
        check_plan(plan, config, capabilities)


def test_without_a_controller_no_stage_is_asked_and_dose_and_area_are() -> None:
    far = _with_table([[10, 22, 16, 22, 0.001]])
    with pytest.raises(SafetyStop, match="the stage reaches 50"):
        check_plan(far, _config(), CAPABILITIES)
    check_without_controller(far, _config())
    with pytest.raises(SafetyStop, match="holds no exposure"):
        check_without_controller(_plan(np.zeros(GRID.shape, np.bool_)), _config())
    with pytest.raises(SafetyStop, match=r"above dose\.max_live_s_per_cell"):
        check_without_controller(_plan(dwell_s=0.2), _config(max_live_s_per_cell=0.15))
    with pytest.raises(SafetyStop, match="outside the planned area"):
        check_without_controller(_with_table([[12, 22, 12, 25, 0.1]]), _config())


def test_a_mask_of_another_shape_is_refused() -> None:
    with pytest.raises(UsageError, match="make the mask for this grid"):
        _plan(np.ones((3, 3), np.bool_))


@pytest.mark.parametrize("dwell_s", [0.0, -1.0, float("nan"), float("inf")])
def test_a_dwell_that_measures_nothing_is_refused(dwell_s: float) -> None:
    with pytest.raises(UsageError, match="measures nothing"):
        _plan(dwell_s=dwell_s)
