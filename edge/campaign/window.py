"""What one placement of a campaign visits: its window of the whole's mask, less what others have visited."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.campaign.config import CampaignConfig, PlacedScanConfig
from edge.campaign.whole import Whole, load_whole, placed_in
from edge.configuration.config import ScanConfig
from edge.faults import SafetyStop, UsageError
from edge.grid import ScanGrid
from edge.planning.area import allowed_cells, keep_outs_of
from edge.prepare import Sighting
from edge.record.folder import RecordingPaths, open_recording
from edge.results import Planned, read_planned
from models.sampling import SamplingMask


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The exposures of one placement."""

    mask: SamplingMask
    """Cells of the placement's own grid that hold one, on its stage."""
    poses_mm: NDArray[np.float64]
    """Centres of the object's cells on the stage, (x, y), shape (n, 2): where the beam goes."""


def window_of(sighting: Sighting, config: ScanConfig) -> Window:
    """Cut the whole's mask to what this placement reaches.

    Each exposure is at the centre of one of the *object's* cells, wherever that lies on this stage. Cells that another
    placement visits are left out, but for a share of them that is visited again to check registration and intensity,
    where ``dose.max_live_s_per_cell`` allows both.

    Raises
    ------
    UsageError
        The campaign cannot be used, or does not belong to this configuration.
    SafetyStop
        The placement cannot be found in the photograph of the whole, or has nothing left to visit.
    """
    part = config.placement
    assert part is not None
    whole = load_whole(Path(part.campaign))
    require_one_campaign(whole.config, config, part.name)
    placed = placed_in(whole, sighting, part.name)
    mask, grid = whole.mask(), whole.grid
    rows, columns = np.nonzero(mask.cells)
    poses_mm = placed.part_from_whole(grid.centres_mm(rows, columns))
    reached = _inside(poses_mm, sighting.grid)
    reached[reached] = may_be_visited(poses_mm[reached], sighting.grid, config)
    others = [one for one in whole.config.placements if one.name != part.name]
    received_s = live_s_elsewhere(whole, others)[rows, columns]
    visited = reached & (received_s > 0)
    random = np.random.default_rng([mask.seed, *part.name.encode()])
    bearable = received_s + config.sampling.dwell_s <= config.dose.max_live_s_per_cell
    again = visited & bearable & (random.random(len(rows)) < whole.config.check_share)
    chosen = poses_mm[(reached & ~visited) | again]
    if not len(chosen):
        raise SafetyStop(
            f"the placement {part.name!r} reaches no cell of the object that is still to be visited: move the scanner, "
            "or enlarge its area"
        )
    cells = sighting.grid.cells_of(chosen)
    own = np.zeros(sighting.grid.shape, np.bool_)
    own[cells[:, 0], cells[:, 1]] = True
    own.setflags(write=False)
    rate = float(own.sum() / own.size)
    return Window(SamplingMask(own, rate, f"campaign {mask.origin}", mask.binariser, mask.seed), chosen)


def live_s_elsewhere(whole: Whole, others: list[PlacedScanConfig]) -> NDArray[np.float64]:
    """Live time that other placements' plans give each of the object's cells, as far as they are planned.

    Shape (rows, columns), in s.
    """
    live_s = np.zeros(whole.grid.shape)
    for other in others:
        planned = _planned(Path(other.recording))
        if planned is not None:
            table = planned.plan.table
            poses_mm = placed_in(whole, planned.sighting, other.name).whole_from_part(table[:, :2])
            cells, inside = cells_in(whole.grid, poses_mm)
            np.add.at(live_s, (cells[inside, 0], cells[inside, 1]), table[inside, 4])
    return live_s


def cells_in(grid: ScanGrid, points_mm: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Cells that hold the points, shape (n, 2), and which of them are cells of the grid."""
    cells = grid.cells_of(points_mm)
    inside = np.all((cells >= 0) & (cells < np.array(grid.shape)), axis=1)
    return cells, np.asarray(inside, np.bool_)


def _planned(folder: Path) -> Planned | None:
    if not RecordingPaths(folder).journal.is_file():
        return None
    with open_recording(folder) as recording:
        return read_planned(recording) if recording.history.plan_json else None


def may_be_visited(poses_mm: NDArray[np.float64], grid: ScanGrid, config: ScanConfig) -> NDArray[np.bool_]:
    """Which poses lie in cells of this placement that may be visited, and keep the beam off what it must not touch."""
    if config.area.is_whole:
        return np.ones(len(poses_mm), np.bool_)
    cells = grid.cells_of(poses_mm)
    return allowed_cells(config, grid)[cells[:, 0], cells[:, 1]] & keep_outs_of(config).clear(poses_mm)


def _inside(poses_mm: NDArray[np.float64], grid: ScanGrid) -> NDArray[np.bool_]:
    return cells_in(grid, poses_mm)[1]


def require_one_campaign(campaign: CampaignConfig, config: ScanConfig, name: str) -> None:
    """The placement's own configuration must fit the campaign.

    Raises
    ------
    UsageError
        It does not; the text names the key.
    """
    if name not in {one.name for one in campaign.placements}:
        known = ", ".join(one.name for one in campaign.placements)
        raise UsageError(f"placement.name: the campaign has no placement {name!r}: choose one of {known}")
    if config.area.pitch_mm != campaign.area.pitch_mm:
        raise UsageError(
            f"area.pitch_mm is {config.area.pitch_mm:g} and the campaign's {campaign.area.pitch_mm:g}: give all "
            "placements the campaign's"
        )
    if config.elements != campaign.elements:
        raise UsageError("elements: the placement's are not the campaign's: list the same in the same order")
