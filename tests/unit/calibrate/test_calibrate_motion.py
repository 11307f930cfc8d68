"""Where a motion calibration sends the stage, what it keeps, and when it is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.motion_calibration import KIND, MotionCalibration, MovedBy, motion_from_dict, motion_to_dict
from calibration.motion_legs import Motion
from calibration.stored import DamagedCalibration, store
from edge.calibrate.age import examine_ages
from edge.calibrate.motion import calibrate_motion, calibration_from
from edge.calibrate.motion_plan import Room, Strokes, motion_table, room_in
from edge.calibrate.show import described
from edge.configuration.config import ScanConfig, load_scan_config
from edge.console import Console
from edge.dose.path import live_s_per_cell
from edge.events import Measured, Opened, Planned, Registered
from edge.faults import EdgeError, SafetyStop, UsageError
from edge.grid import ScanGrid
from edge.motion.kinematics import StageModel, run_starts, stroke_ramps, widened
from edge.motion.stage_known import examine_motion, read_motion_calibration, stage_of
from edge.planning.passage import passage_of
from edge.planning.plan import make_plan, plan_to_json
from edge.prepare import grid_of
from edge.record.folder import create_recording
from edge.record.journal import Journal
from firmware_bridge.messages import Capabilities, ExposureDone, ExposureFlag
from models.sampling import SamplingMask

MADE_AT = "2026-03-01T10:20:30+00:00"
HAS = Capabilities("twin 1", 1, 7, (0.0, 150.0), (0.0, 150.0), 50.0, 500.0, 2048, 64, 0.5)
FOUND = MotionCalibration(
    motion=Motion((39.0, 61.0), (305.0, 305.0), True, False, 9_000.0, 0.004, 0.02, 0.03, 0.5, 0.2),
    errors={"speed": 0.1, "jerk": 50.0},
    scatter_s=0.0003,
    difference=-0.001,
    legs=60,
    left_out=1,
    dwell_step_s=0.05,
    stroke_factor=1.02,
    backlash_mm=(0.01, -0.002),
    backlash_error_mm=(0.001, 0.001),
    moved_by=MovedBy("twin 1", 50.0, 500.0),
    recording="20260301T102000Z-motion",
    made_at=MADE_AT,
    notes=("There were no runs",),
)


def config_in(folder: Path, *, instrument: dict[str, Any] | None = None, **others: Any) -> ScanConfig:
    area = {"x_mm": 10, "y_mm": 10, "width_mm": 60, "height_mm": 50, "pitch_mm": 0.5}
    content = {
        "instrument": {
            "controller": {"kind": "native", "port": "port"},
            "camera": {"kind": "folder", "path": "frames"},
            **(instrument or {}),
        },
        "area": area,
        "elements": ["Fe"],
    }
    path = folder / "scan.yaml"
    path.write_text(yaml.safe_dump(content | others))
    return load_scan_config(path)


def kept_in(folder: Path, **changes: Any) -> Path:
    return store(folder, KIND, motion_to_dict(FOUND) | changes, made_at=MADE_AT)


rooms = st.builds(Room, st.floats(20, 60), st.floats(20, 60), st.floats(3, 60), st.floats(3, 60))


@settings(max_examples=40)
@given(rooms, st.floats(0.1, 0.6), st.floats(0.05, 60), st.sampled_from([0.0, 0.1, 1.0]), st.floats(0, 0.5))
def test_every_exposure_stays_in_the_room_and_within_the_dose(
    room: Room, pitch_mm: float, most_live_s: float, stroke_s: float, lead_s: float
) -> None:
    grid = ScanGrid(room.x_mm, room.y_mm, pitch_mm, int(room.height_mm / pitch_mm), int(room.width_mm / pitch_mm))
    stage = StageModel(50.0, 500.0, lead_s=lead_s, margin_mm=0.2)
    table = motion_table(room, grid, stage, HAS, strokes=Strokes(stroke_s), most_live_s=most_live_s)
    low, high = np.array([room.x_mm, room.y_mm]), np.array([room.x_mm + room.width_mm, room.y_mm + room.height_mm])
    for poses in (table[:, 0:2], table[:, 2:4]):
        assert ((poses >= low - 1e-9) & (poses <= high + 1e-9)).all()
    assert live_s_per_cell(table, grid).max() <= max(most_live_s, 0.02)
    # run-ups stay within the travel, the lead of pairs included
    moving = stage.lead_s * np.hypot(*(table[:, 2:4] - table[:, 0:2]).T) / table[:, 4]
    entries, exits = widened(table, 1.25 * stroke_ramps(table, 500.0)[1] + moving)
    for poses in (entries, exits):
        assert ((poses >= -1e-9) & (poses <= 150 + 1e-9)).all()


def test_the_moves_are_of_many_lengths_and_directions_and_some_dwells_are_made_twice() -> None:
    grid = ScanGrid(46.0, 43.0, 0.5, 64, 96)
    table = motion_table(
        Room(46.0, 43.0, 48.0, 32.0), grid, StageModel(50, 500), HAS, strokes=Strokes(0.1), most_live_s=60.0
    )
    rests = (table[:, 0:2] == table[:, 2:4]).all(axis=1)
    steps = np.diff(table[rests, 0:2], axis=0)
    lengths = np.hypot(*steps.T)
    assert lengths.max() > 40
    assert (lengths == 0).sum() >= 5
    assert len(np.unique(np.round(lengths, 2))) >= 25
    angles = np.round(np.degrees(np.arctan2(*steps[lengths > 1e-6].T))) % 180
    assert all((np.abs(angles - wanted) < 1).sum() >= 4 for wanted in (0, 45, 90, 135))
    assert run_starts(table)[~rests].sum() == 12, "three speeds, twice to and twice fro"


def test_the_room_is_the_largest_rectangle_without_a_keep_out(tmp_path: Path) -> None:
    area = {"x_mm": 10, "y_mm": 10, "width_mm": 60, "height_mm": 50, "pitch_mm": 0.5}
    hole = [[30, 20], [32, 20], [32, 22], [30, 22]]
    config = config_in(tmp_path, area={**area, "keep_out": [{"name": "seal", "polygon": hole}]})
    room = room_in(config, grid_of(config.area))
    assert room.x_mm >= 32 or room.x_mm + room.width_mm <= 30 or room.y_mm >= 22 or room.y_mm + room.height_mm <= 20
    assert room.width_mm * room.height_mm >= 37 * 50
    whole = config_in(tmp_path)
    assert room_in(whole, grid_of(whole.area)) == Room(10, 10, 60, 50)
    narrow = config_in(tmp_path, area={**area, "height_mm": 1.5})
    with pytest.raises(SafetyStop, match="leaves no room to calibrate"):
        room_in(narrow, grid_of(narrow.area))


@pytest.mark.parametrize("acceleration_mm_s2", [50.0, 100.0, 500.0])
def test_runs_are_flown_no_faster_than_a_keep_out_beside_the_room_lets_them_run_out(
    tmp_path: Path, acceleration_mm_s2: float
) -> None:
    area = {"x_mm": 10, "y_mm": 10, "width_mm": 48, "height_mm": 32, "pitch_mm": 0.5}
    seal = [[26, 10], [42, 10], [42, 42], [26, 42]]
    config = config_in(tmp_path, area={**area, "keep_out": [{"name": "seal", "polygon": seal}]})
    grid, stage = grid_of(config.area), StageModel(50.0, acceleration_mm_s2)
    way = passage_of(config, stage)
    room = room_in(config, grid)
    alone = motion_table(room, grid, stage, HAS, strokes=Strokes(0.1), most_live_s=60.0)
    beside = motion_table(room, grid, stage, HAS, strokes=Strokes(0.1), most_live_s=60.0, passage=way)
    assert way.trespass(beside) is None
    assert run_starts(beside)[(beside[:, 0:2] != beside[:, 2:4]).any(axis=1)].sum() == 12
    if acceleration_mm_s2 < 500:
        assert way.trespass(alone) is not None, "or this shows nothing"


def test_rows_that_share_their_cells_give_them_no_more_than_allowed_together() -> None:
    grid = ScanGrid(46.0, 43.0, 0.5, 4, 16)
    room = Room(46.0, 43.0, 8.0, 2.0)
    table = motion_table(room, grid, StageModel(50, 500), HAS, strokes=Strokes(0.1), most_live_s=0.1)
    assert live_s_per_cell(table, grid).max() <= 0.1
    assert (table[:, 0:2] != table[:, 2:4]).any(), "some are flown"


def test_a_calibration_survives_its_file_and_is_shown(tmp_path: Path) -> None:
    path = kept_in(tmp_path)
    again = read_motion_calibration(path)
    assert motion_to_dict(again) == motion_to_dict(FOUND)
    assert again.digest
    lines = "\n".join(described(path))
    assert "motion calibration of" in lines
    assert "jerk_mm_s3: 9000" in lines
    assert "speed_of_x_and_y_mm_s: [39, 61]" in lines


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"speed_of_x_and_y_mm_s": [0.0, 10.0]}, "speed is 0"),
        ({"acceleration_of_x_and_y_mm_s2": [-1.0, 10.0]}, "acceleration is -1"),
        ({"jerk_mm_s3": -5.0}, "jerk is -5"),
        ({"settle_s": -0.1}, "less than no time"),
        ({"strokes_take_longer_by_the_factor": 0.0}, "factor of strokes is 0"),
        ({"speed_of_x_and_y_mm_s": "fast"}, "not whole"),
        ({"moves": None}, "not whole"),
    ],
)
def test_a_file_of_kinematics_that_no_stage_has_is_refused(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UsageError, match=f"(?s)({reason}).*calibrate the motion again"):
        read_motion_calibration(kept_in(tmp_path, **changes))
    content = motion_to_dict(FOUND)
    del content["scatter_s"]
    with pytest.raises(DamagedCalibration, match="not whole"):
        motion_from_dict(content)


def test_a_calibration_of_another_kind_or_none_is_refused(tmp_path: Path) -> None:
    other = store(tmp_path, "stage", {"x": 1}, made_at=MADE_AT)
    with pytest.raises(UsageError, match="of the kind 'stage', not 'motion'"):
        read_motion_calibration(other)
    with pytest.raises(UsageError, match="cannot be read"):
        read_motion_calibration(tmp_path / "none.yaml")


def test_plans_are_priced_by_the_calibration_within_the_controllers_limits(tmp_path: Path) -> None:
    path = kept_in(tmp_path)
    config = config_in(tmp_path, instrument={"motion_calibration": path.name})
    stage = stage_of(config, 50.0, 500.0)
    assert stage.axis_speeds_mm_s == (39.0, 50.0)
    assert (stage.speed_mm_s, stage.acceleration_mm_s2, stage.jerk_mm_s3) == (39.0, 305.0, 9_000.0)
    assert (stage.settle_s, stage.overhead_s, stage.run_overhead_s) == (0.004, 0.02, 0.03)
    assert (stage.dwell_step_s, stage.stroke_factor, stage.lead_s) == (0.05, 1.02, 0.5)
    assert MADE_AT in stage.origin
    assert stage_of(config, 30.0, 100.0).speed_mm_s == 30.0


@pytest.mark.parametrize(
    ("errors", "is_known"), [({"speed": 0.1, "acceleration": 4.0}, True), ({"speed": 0.1, "jerk": 50.0}, False)]
)
def test_ramps_are_known_by_a_calibration_that_tells_the_acceleration(
    tmp_path: Path, errors: dict[str, float], is_known: bool
) -> None:
    path = kept_in(tmp_path, standard_errors=errors)
    stage = stage_of(config_in(tmp_path, instrument={"motion_calibration": path.name}))
    assert stage.are_ramps_measured is is_known
    assert not stage_of(config_in(tmp_path)).are_ramps_measured


def test_without_a_calibration_the_stage_is_as_stated(tmp_path: Path) -> None:
    stated = {"speed_mm_s": 20, "overhead_s": 0.1, "jerk_mm_s3": 4000, "readout_s": 0.02, "shortest_stroke_s": 0.03}
    stage = stage_of(config_in(tmp_path, instrument={"stage": stated}))
    assert stage == StageModel(20, 500, 0.0, 0.1, jerk_mm_s3=4000, readout_s=0.02, shortest_stroke_s=0.03)


def test_a_pair_is_known_to_lead_in_and_to_land_now_and_then(tmp_path: Path) -> None:
    pair = {
        "kind": "paired",
        "stage": {"kind": "grbl", "port": "a", "gate": "M8"},
        "spectrometer": {"kind": "dp5", "port": "b"},
    }
    stage = stage_of(config_in(tmp_path, instrument={"controller": pair}))
    assert (stage.lead_s, stage.most_run_cells, stage.longest_run_s) == (0.5, 64, 20.0)


@pytest.mark.parametrize("values", [{"speed_mm_s": 0}, {"acceleration_mm_s2": -1}, {"jerk_mm_s3": 0}, {"settle_s": -1}])
def test_a_configured_stage_of_nonsense_is_refused_by_its_key(tmp_path: Path, values: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=f"instrument.stage.{next(iter(values))}"):
        config_in(tmp_path, instrument={"stage": values})


@pytest.mark.parametrize(
    ("moved_by", "words"),
    [
        ({"firmware": "twin 2"}, "twin 1 now, twin 2 then"),
        ({"announced_speed_mm_s": 80.0}, "50 mm/s now, 80 mm/s then"),
        ({"announced_acceleration_mm_s2": 300.0}, "500 mm/s² now, 300 mm/s² then"),
    ],
)
def test_a_calibration_of_another_controller_is_refused(tmp_path: Path, moved_by: dict[str, Any], words: str) -> None:
    kept_in(tmp_path)
    (tmp_path / "fits").mkdir()
    other = kept_in(tmp_path / "fits", **moved_by)
    config = config_in(tmp_path, instrument={"motion_calibration": str(other)})
    (finding,) = examine_motion(config, HAS)
    assert not finding.passed
    assert words in finding.line()
    assert "calibrate the motion again" in finding.line()


def test_a_calibration_that_fits_or_does_not_know_the_limits_passes(tmp_path: Path) -> None:
    assert not list(examine_motion(config_in(tmp_path), HAS))
    unknown = kept_in(tmp_path, announced_speed_mm_s=None, announced_acceleration_mm_s2=None)
    config = config_in(tmp_path, instrument={"motion_calibration": unknown.name})
    (finding,) = examine_motion(config, HAS)
    assert finding.passed


def test_its_age_is_told_and_limited(tmp_path: Path) -> None:
    path = kept_in(tmp_path)
    config = config_in(tmp_path, instrument={"motion_calibration": path.name}, checks={"max_age_days": 1})
    (finding,) = examine_ages(config)
    assert not finding.passed
    assert "motion calibration" in finding.line()


def test_a_configuration_and_a_recording_exclude_each_other(tmp_path: Path) -> None:
    console = Console(quiet=True, log_level="info")
    for path, recording in ((None, None), (tmp_path / "scan.yaml", tmp_path)):
        with pytest.raises(UsageError, match=r"either a configuration.*or --recording"):
            calibrate_motion(path, recording=recording, out=None, console=console)


def test_a_recording_without_measurements_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EdgeError, match="no such folder"):
        calibration_from(tmp_path / "nowhere")
    paths = create_recording(tmp_path / "empty")
    Journal.create(paths.journal).close()
    with pytest.raises(UsageError, match="nothing moved"):
        calibration_from(tmp_path / "empty")


def test_a_recording_that_is_too_short_is_refused_with_the_remedy(tmp_path: Path) -> None:
    config = config_in(tmp_path)
    grid = grid_of(config.area)
    cells = np.zeros(grid.shape, np.bool_)
    cells[::20, ::40] = True
    mask = SamplingMask(cells, float(cells.mean()), "grid", "none", 0)
    plan = make_plan(grid=grid, mask=mask, dwell_s=0.1, stage=StageModel(50, 500), registration_digest="d")
    paths = create_recording(tmp_path / "short")
    done = [
        ExposureDone(
            each.index, each.start, each.end, 0.1, 0.1, 1.0 * number, 1.0 * number + 0.1, 0.0, 0.0, ExposureFlag.NONE,
            np.zeros(64, np.uint32),
        )
        for number, each in enumerate(plan.exposures)
    ]  # fmt: skip
    with Journal.create(paths.journal) as journal:
        journal.append([Opened(MADE_AT, "s", (tmp_path / "scan.yaml").read_text(), (("firmware", "twin 1"),), 1)])
        journal.append([Registered(MADE_AT, "{}", "f"), Planned(MADE_AT, plan_to_json(plan), plan.digest)])
        journal.append([Measured(MADE_AT, each) for each in done[:10]])
    with pytest.raises(UsageError, match=r"9 moves are too few.*give the recording of a longer scan"):
        calibration_from(tmp_path / "short")
