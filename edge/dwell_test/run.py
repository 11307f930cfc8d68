"""`pointillist plan --dwell-test`: a few points measured long, as a recording of its own, and what they say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge.beam.scan import RunOutcome
from edge.calibrate.age import examine_ages
from edge.configuration.config import SamplingConfig, ScanConfig, load_scan_config
from edge.console import Console
from edge.dwell_test.expected import write_dwell_test
from edge.dwell_test.figures import dwell_test_of
from edge.dwell_test.points import cells_at, cells_by_colour
from edge.dwell_test.telling import lines_of
from edge.faults import ScanStopped, UsageError
from edge.motion.stage_known import stage_of
from edge.planning.area import allowed_cells
from edge.planning.plan import ScanPlan, check_plan, make_plan
from edge.prepare import Sighting, grid_of, require_known_names
from edge.readiness.doctor import examine_disk, examine_installation, require
from edge.record.folder import new_folder, open_recording, refuse_taken
from edge.results import read_planned
from firmware_bridge.messages import Capabilities
from models.sampling import SamplingMask

LIVE_S = 5.0
"""What every point is measured for, where nobody says: a tenth of a second's rates are known seven times as well."""
NAME = "dwell-test.json"
_ORIGIN = "dwell-test"


def run_dwell_test(
    path: Path, *, out: Path | None, at: Sequence[str] = (), live_s: float | None = None, console: Console
) -> Path:
    """Measure a few points of a scan's area for long, and tell what each dwell would give; gives the written file.

    The shutter opens as for a scan: typing the command is the arming. The recording is one of a scan: it can be
    resumed, reported, and counted as dose of another (``dose.earlier``).

    Parameters
    ----------
    path
        The scan's configuration.
    out
        Folder of the recording; None: a new one under ``runs/``.
    at
        Where to measure, ``X,Y`` in stage mm each; none: a point in each of the photograph's colours.
    live_s
        Live time of every point; None: `LIVE_S`, or less where the dose limit asks for it.

    Raises
    ------
    EdgeError, BridgeError
        With one sentence and its exit code; the shutter is closed and everything measured is in the journal.
    """
    from edge.app import record

    config = load_scan_config(path)
    require_known_names(config)
    test = _config_of_test(config, _checked(live_s, config), at)
    grid = grid_of(config.area)
    named = cells_at(at, allowed_cells(config, grid), grid=grid, area=config.area)
    folder = out or new_folder(config.object.identifier, suffix="-dwell-test")
    refuse_taken(folder)
    require([*examine_installation(), *examine_disk(test, folder), *examine_ages(test)])

    def planner(sighting: Sighting, config: ScanConfig, capabilities: Capabilities) -> ScanPlan:
        cells = named or cells_by_colour(sighting.rgb, allowed_cells(config, sighting.grid))
        return plan_of_cells(cells, sighting, config, capabilities)

    outcome, paths = record(test, folder, console, planner=planner)
    written = paths.folder / NAME
    with open_recording(paths.folder) as recording:
        if recording.history.exposures:
            result = dwell_test_of(recording, read_planned(recording))
            for line in lines_of(result):
                console.say(line)
            write_dwell_test(written, result)
            console.say(f"Kept in {written}; to have these points count as dose of the scan: dose.earlier: [{folder}]")
    if outcome is RunOutcome.ENDED_EARLY and not written.is_file():
        raise ScanStopped(f"ended before a point was measured: nothing is told; the recording is in {paths.folder}")
    if outcome in (RunOutcome.STOPPED, RunOutcome.CUT_OFF):
        raise ScanStopped(f"stopped before all points were measured; the recording is in {paths.folder}")
    return written


def plan_of_cells(
    cells: Sequence[tuple[int, int]], sighting: Sighting, config: ScanConfig, capabilities: Capabilities
) -> ScanPlan:
    """One dwell on each cell, given by row and column, checked against limits and dose.

    Raises
    ------
    SafetyStop
        The plan breaks a limit.
    """
    grid = sighting.grid
    chosen = np.zeros(grid.shape, np.bool_)
    chosen[tuple(np.array(cells).T)] = True
    chosen.flags.writeable = False
    plan = make_plan(
        grid=grid,
        mask=SamplingMask(chosen, float(chosen.mean()), _ORIGIN, "none", config.sampling.seed),
        dwell_s=config.sampling.dwell_s,
        stage=stage_of(config, capabilities.max_speed_mm_s, capabilities.max_acceleration_mm_s2),
        registration_digest=sighting.registration.digest,
    )
    check_plan(plan, config, capabilities)
    return plan


def _checked(live_s: float | None, config: ScanConfig) -> float:
    most_s = config.dose.max_live_s_per_cell
    if live_s is None:
        return min(LIVE_S, most_s)
    if not (np.isfinite(live_s) and 0.001 <= live_s <= 3_600):
        raise UsageError(f"--live-s {live_s:g}: give 0.001 to 3600 seconds")
    if live_s > most_s:
        raise UsageError(
            f"--live-s {live_s:g} is above dose.max_live_s_per_cell, {most_s:g} s: measure for less, or raise the limit"
        )
    return live_s


def _config_of_test(config: ScanConfig, live_s: float, at: Sequence[str]) -> ScanConfig:
    """The scan's configuration with what is asked of the points in place of its sampling; no standard is visited."""
    grid = grid_of(config.area)
    rate = min(1.0, max(1, len(at)) / (grid.rows * grid.columns))
    sampling = SamplingConfig(rate=rate, mask="grid", dwell_s=live_s, seed=config.sampling.seed, held_out=0)
    instrument = config.instrument.model_copy(update={"standard": None})
    return config.model_copy(update={"sampling": sampling, "instrument": instrument, "placement": None})
