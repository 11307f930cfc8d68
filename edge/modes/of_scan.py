"""A scan's mode: which one its time is spent in, and the plan's first part."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.configuration.config import ScanConfig
from edge.dose.earlier import earlier_s_per_cell
from edge.faults import UsageError
from edge.grid import ScanGrid
from edge.modes.competition import best_of, compete
from edge.modes.planning import plan_of_pieces
from edge.modes.pricing import points_within
from edge.modes.registry import AUTOMATIC, MODES
from edge.modes.setting import Setting
from edge.modes.stand_in import ExpectedRates
from edge.motion.kinematics import StageModel
from edge.planning.area import allowed_cells
from edge.planning.passage import passage_of
from edge.planning.scan_plan import ScanPlan, Way
from edge.stopping.drawing import held_out_count

if TYPE_CHECKING:
    from edge.prepare import Sighting


_TRIES, _FITS, _MOST = 3, 1.02, 1.25
"""So often a plan past keep-outs is made anew for taking more than so many times its time; and what is too much."""


def setting_of(sighting: Sighting, config: ScanConfig, stage: StageModel) -> Setting:
    """What a mode knows of a scan."""
    grid, sampling = sighting.grid, config.sampling
    allowed = np.ones(grid.shape, np.bool_) if config.area.is_whole else allowed_cells(config, grid)
    return Setting(
        grid,
        stage,
        sampling.dwell_s,
        allowed,
        rgb=sighting.rgb,
        seed=sampling.seed,
        binariser=sampling.binariser,
        max_hole=None if sampling.max_hole_mm is None else sampling.max_hole_mm / grid.pitch_mm,
        model=None if sampling.model is None else Path(sampling.model),
        bearable_s=_bearable_s(config, grid),
    )


def _bearable_s(config: ScanConfig, grid: ScanGrid) -> NDArray[np.float64]:
    """Live time that each cell may still receive, less what it did in earlier recordings."""
    most_s = np.full(grid.shape, config.dose.max_live_s_per_cell)
    return most_s - earlier_s_per_cell(config.dose.earlier, grid) if config.dose.earlier else most_s


def require_known_mode(config: ScanConfig) -> None:
    """The mode that is asked for must exist.

    Raises
    ------
    UsageError
        It does not; the text names those that do.
    """
    name = config.sampling.mode
    if name != AUTOMATIC and name not in MODES:
        raise UsageError(f"sampling.mode: there is no {name!r}: choose one of {', '.join([AUTOMATIC, *MODES])}")


def expected_rates(config: ScanConfig) -> ExpectedRates:
    """What the object will count, as its dwell test says, if there is one."""
    path = config.sampling.stop.dwell_test
    if path is None:
        return ExpectedRates()
    from edge.dwell_test.expected import read_dwell_test

    return read_dwell_test(Path(path)).alike


def way_of(setting: Setting, config: ScanConfig) -> Way:
    """The mode that the scan's time is spent in.

    Raises
    ------
    UsageError
        No mode can do anything in the time; the text says what it could do with more.
    """
    time_s, mode = config.sampling.time_s, config.sampling.mode
    assert time_s is not None
    if mode != AUTOMATIC:
        MODES[mode].parts(setting, time_s)
        return Way(mode, time_s)
    predicted = compete(setting, expected_rates(config), [time_s])
    best = best_of(predicted)
    if best is None:
        raise UsageError(f"sampling.time_s of {time_s:g} s is too short for any mode; {predicted[0].reason}")
    return Way(best.mode, time_s)


def first_plan(sighting: Sighting, config: ScanConfig, stage: StageModel) -> ScanPlan:
    """The plan of what is known beforehand.

    Raises
    ------
    UsageError
        The time is too short.
    """
    setting = setting_of(sighting, config, stage)
    way = way_of(setting, config)
    mode, passage = MODES[way.mode], passage_of(config, stage)
    part_s, *rest_s = mode.parts(setting, way.budget_s)

    def planned(time_s: float) -> ScanPlan:
        return plan_of_pieces(
            mode.first(setting, time_s),
            grid=sighting.grid,
            stage=stage,
            way=way,
            allowed=setting.allowed,
            seed=config.sampling.seed,
            registration_digest=sighting.registration.digest,
            passage=passage,
        )

    def within(time_s: float) -> ScanPlan:
        return _within(time_s, planned, way) if passage else planned(time_s)

    if rest_s:
        return within(part_s)
    # what is held out has its time in the only part, unless that leaves no cell to hold out
    plan = within((1 - held_out_share(setting, config)) * part_s)
    return within(part_s) if plan.mask.cells[setting.allowed].all() else plan


def held_out_share(setting: Setting, config: ScanConfig) -> float:
    """Part of a time that exposures held out of the maps take, as if all of it went to points."""
    return held_out_in_time(setting, config) / max(_points_within(setting, config), 1)


def held_out_in_time(setting: Setting, config: ScanConfig) -> int:
    """How many exposures are held out of the maps: as many as if all were points, which cost far more time than cells
    in motion."""
    return held_out_count(config, _points_within(setting, config), int(setting.allowed.sum()))


def _points_within(setting: Setting, config: ScanConfig) -> int:
    assert config.sampling.time_s is not None
    return points_within(config.sampling.time_s, setting.dwell_s, setting.stage, area_mm2=setting.area_mm2)


def _within(part_s: float, planned: Callable[[float], ScanPlan], way: Way) -> ScanPlan:
    """A plan of so much time past keep-outs, of which no mode knows.

    Cells beside them are measured at rest, and the shutter is closed on the way. So less time is asked for.
    """
    best = planned(part_s)
    share = 1.0
    for _ in range(_TRIES):
        if best.predicted_s <= _FITS * part_s:
            break
        share *= part_s / best.predicted_s
        with suppress(UsageError):
            best = min(best, planned(share * part_s), key=lambda plan: plan.predicted_s)
    if best.predicted_s > _MOST * part_s:
        raise UsageError(
            f"past the keep-outs, the mode {way.mode!r} takes {best.predicted_s:.4g} s for what it was to do in "
            f"{part_s:.4g} s of sampling.time_s: give {best.predicted_s / part_s * way.budget_s:.0f} s, or choose "
            "another sampling.mode"
        )
    return best
