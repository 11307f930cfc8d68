"""A stage whose kinematics nobody told the planner: calibrated by a short run, then predicted over a whole scan."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest

from edge.app import record
from edge.beam.scan import RunOutcome
from edge.calibrate.motion import calibration_from
from edge.configuration.config import load_scan_config
from edge.console import Console
from edge.dose.path import live_s_per_cell
from edge.folds.ledger import read_ledger
from edge.motion.kinematics import ExposureTable, predict_duration
from edge.motion.refit import seen_in
from edge.motion.seen import Held, held_against
from edge.motion.stage_known import read_motion_calibration, stage_of
from edge.planning.plan import ScanPlan, check_plan, plan_from_json
from edge.planning.scan_plan import frozen_table
from edge.planning.text import sealed
from edge.prepare import Sighting
from edge.record.folder import open_recording
from firmware_bridge.messages import Capabilities
from models.sampling import SamplingMask
from tests.instrument.conftest import Bench

SPEED, ACCELERATION, JERK, SETTLE_S, OVERHEAD_S = 0.78 * 50, 0.61 * 500, 9_000.0, 0.013, 0.021


def calibrate(bench: Bench, *arguments: str) -> Path:
    """The command, and the configuration that plans by what it found."""
    ended = bench.run("calibrate", "motion", str(bench.config), *arguments)
    assert ended.returncode == 0, ended.stderr
    assert "no cell is measured for more than" in ended.stdout
    (found,) = (bench.folder / "calibrations").glob("motion-*.yaml")
    bench.scan["instrument"]["motion_calibration"] = f"calibrations/{found.name}"
    bench.write()
    return found


def scanned(bench: Bench, table_of) -> tuple[Held, Held]:
    """Scan a table of exposures by the calibration; the prediction, and one without it, held against what it took."""
    with contextlib.chdir(bench.folder):
        config = load_scan_config(bench.config)

        def planner(sighting: Sighting, _, capabilities: Capabilities) -> ScanPlan:
            stage = stage_of(config, capabilities.max_speed_mm_s, capabilities.max_acceleration_mm_s2)
            return plan_of(table_of(), sighting, config, capabilities, stage)

        outcome, paths = record(config, bench.recording, Console(quiet=True, log_level="info"), planner=planner)
        assert outcome is RunOutcome.FINISHED
    with open_recording(paths.folder) as recording:
        plan = plan_from_json(recording.history.plan_json)
        ledger = read_ledger(recording.reader, plan.grid)
        seen = seen_in(ledger, plan.table, recording.history.received_before)
    assert "by the motion calibration" in plan.stage.origin
    stated = stage_of(config.model_copy(update={"instrument": without_calibration(config)}))
    return held_against(seen, plan.stage), held_against(seen, stated)


def without_calibration(config):
    return config.instrument.model_copy(update={"motion_calibration": None})


def plan_of(table: ExposureTable, sighting: Sighting, config, capabilities: Capabilities, stage) -> ScanPlan:
    table = frozen_table(table)
    cells = live_s_per_cell(table, sighting.grid) > 0
    cells.flags.writeable = False
    expected = predict_duration(table, stage)
    plan = ScanPlan(
        grid=sighting.grid,
        table=table,
        mask=SamplingMask(cells, float(cells.mean()), "test", "none", 0),
        registration_digest=sighting.registration.digest,
        predicted_s=expected.total_s,
        travel_mm=expected.travel_mm,
        beam_s=expected.beam_s,
        longest_move_s=expected.longest_move_s,
        digest="",
        stage=stage,
    )
    check_plan(plan, config, capabilities)
    return sealed(plan)


def dwells(count: int, live_s: float) -> ExposureTable:
    """Here and there, near and far."""
    rng = np.random.default_rng(11)
    places = np.vstack([rng.uniform((47, 44), (93, 74), (count // 3, 2)), rng.uniform((60, 50), (66, 56), (count, 2))])
    return np.column_stack([places, places, np.full(len(places), live_s)])


def rows(count: int, cells: int, cell_s: float, *, pitch_mm: float = 0.5) -> ExposureTable:
    """To and fro in the middle of the area, a stroke a cell."""
    table = []
    edges = 70 + pitch_mm * (np.arange(cells + 1) - cells / 2)
    for row in range(count):
        along = edges if row % 2 == 0 else edges[::-1]
        level = np.full(cells, 52.25 + 0.5 * row)
        table.append(np.column_stack([along[:-1], level, along[1:], level, np.full(cells, cell_s)]))
    return np.vstack(table)


def test_a_whole_scan_lasts_as_predicted_on_a_stage_that_nobody_described(bench: Bench) -> None:
    bench.instrument["twin"] |= {
        "clock_factor": 20.0,
        "queue_length": 2_000,  # nothing waits for this computer, whose delays the fast clock would magnify
        "speed_factor": SPEED / 50,
        "acceleration_factor": ACCELERATION / 500,
        "jerk_mm_s3": JERK,
        "settle_s": SETTLE_S,
        "overhead_s": OVERHEAD_S,
    }
    with bench.running():
        found = read_motion_calibration(calibrate(bench))
        calibrated, stated = scanned(bench, lambda: np.vstack([dwells(90, 0.03), rows(5, 30, 0.05)]))
        events = bench.twin_events()
    # The same from its recording, without the instrument.
    (run,) = (bench.folder / "runs").iterdir()
    again = calibration_from(run)
    assert (again.motion, again.moved_by.max_speed_mm_s) == (found.motion, None)
    motion = found.motion
    assert motion.speeds_mm_s == pytest.approx((SPEED, SPEED), rel=0.02)
    assert motion.accelerations_mm_s2 == pytest.approx((ACCELERATION, ACCELERATION), rel=0.03)
    assert motion.jerk_mm_s3 == pytest.approx(JERK, rel=0.1)
    assert motion.settle_s == pytest.approx(SETTLE_S, abs=0.003)
    assert motion.overhead_s == pytest.approx(OVERHEAD_S, abs=0.003)
    assert calibrated.stretches >= 100
    assert abs(calibrated.difference) < 0.03
    assert stated.difference > 0.05, "without the calibration the stage would have been thought faster"
    # The beam is off at the end of the calibration and of the scan.
    names = [event["event"] for event in events if event["event"].startswith("shutter_")]
    assert names.count("shutter_opened") >= 2
    assert names[-1] == "shutter_closed"


PAIR = {"kind": "paired", "spectrometer": {"kind": "dp5", "port": "mca"}}


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("stage", "gate", "twin", "table"),
    [
        # a GRBL stage flies as slowly as its clock, so that its speed is perturbed no further than a pair accepts
        ("grbl", "M8", {"speed_factor": 0.97, "acceleration_factor": 0.6}, lambda: dwells(120, 0.1)),
        ("grbl", "M8", {"speed_factor": 0.97, "acceleration_factor": 0.6}, lambda: rows(5, 70, 0.25)),
        ("marlin", "P57", {"speed_factor": 0.75, "acceleration_factor": 0.6}, lambda: dwells(120, 0.1)),
    ],
)
def test_a_whole_scan_of_a_pair_lasts_as_predicted(bench: Bench, stage, gate, twin, table) -> None:
    bench.instrument |= {"link": "stage", "pair": {"stage": stage, "spectrometer": "dp5", "spectrometer_link": "mca"}}
    bench.instrument["twin"] |= {"clock_factor": 1.0, **twin}
    bench.scan["instrument"]["controller"] = PAIR | {"stage": {"kind": stage, "port": "stage", "gate": gate}}
    bench.ready = "mca"
    with bench.running():
        calibrate(bench)
        calibrated, stated = scanned(bench, table)
    assert abs(calibrated.difference) < 0.03, (calibrated, stated)
    assert abs(calibrated.difference) < abs(stated.difference)
