"""What a cell may receive: checked on plans, and again before anything is repeated."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from edge.configuration.config import BeamConfig, DoseConfig, ScanConfig
from edge.dose.path import live_s_per_cell, planned_leg_s_per_cell
from edge.dose.received import Received
from edge.dose.repeats import beside_s
from edge.faults import SafetyStop
from edge.grid import ScanGrid
from edge.motion.kinematics import ExposureTable
from edge.motion.stage_model import StageModel
from edge.planning.passage import passage_of

Floats = NDArray[np.float64]

ROUNDING = 1e-6
"""Relative slack of sums: live times are written to this, in s."""
_NOTHING_S = 1e-9
"""What differences of sums leave where nothing is."""
_WIDTHS = 2 * math.sqrt(2 * math.log(2))
"""Full widths at half maximum per standard deviation of a Gaussian."""
_REACH = 4.0
"""Standard deviations from its middle up to which the beam is reckoned: beyond lie 0.03 % of it."""


def check_dose(
    table: ExposureTable, grid: ScanGrid, dose: DoseConfig, *, received_s_per_cell: Floats | None = None
) -> None:
    """Refuse exposures that would give a cell more live time than it may receive.

    Parameters
    ----------
    table
        Exposures to come, shape (n, 5); several may lie in one cell.
    received_s_per_cell
        Live time that each cell has received already, shape of the grid; None: none has any.

    Raises
    ------
    SafetyStop
        Names the cell that would receive most, and the remedy.
    """
    per_cell = live_s_per_cell(table, grid)
    before_s = np.zeros(grid.shape) if received_s_per_cell is None else received_s_per_cell
    total_s = per_cell + before_s
    row, column = divmod(int(np.argmax(np.where(per_cell > 0, total_s, -1.0))), grid.columns)
    if total_s[row, column] > dose.max_live_s_per_cell * (1 + ROUNDING):
        among = f", {before_s[row, column]:.4g} s of it received already" if before_s[row, column] > 0 else ""
        raise SafetyStop(
            f"the cell in row {row}, column {column} would receive {total_s[row, column]:.4g} s of beam{among}, above "
            f"dose.max_live_s_per_cell of {dose.max_live_s_per_cell:g} s: shorten the dwell or raise the limit"
        )


def check_fluence(
    table: ExposureTable,
    grid: ScanGrid,
    config: ScanConfig,
    stage: StageModel,
    *,
    received_s_per_cell: Floats | None = None,
) -> None:
    """Refuse exposures that, with the way between them, would bring more photons to a square millimetre than allowed.

    Nothing is checked where ``dose.max_photons_per_mm2`` is not stated.

    Raises
    ------
    SafetyStop
        Names the cell that would receive most, and the remedy.
    """
    most = config.dose.max_photons_per_mm2
    if most is None:
        return
    closed = passage_of(config, stage).closed_legs(table)
    seconds = live_s_per_cell(table, grid) + planned_leg_s_per_cell(table, stage, grid, closed=closed)
    if received_s_per_cell is not None:
        seconds = seconds + received_s_per_cell
    photons = photons_per_mm2(seconds, grid, config.instrument.beam)
    assert photons is not None
    row, column = divmod(int(np.argmax(photons)), grid.columns)
    if photons[row, column] > most * (1 + ROUNDING):
        raise SafetyStop(
            f"the cell in row {row}, column {column} would receive {photons[row, column]:.4g} photons/mm2, the way "
            f"between exposures included, above dose.max_photons_per_mm2 of {most:.4g}: shorten the dwell, visit fewer "
            "cells, lower the tube's current or raise the limit"
        )


def photons_per_mm2(seconds: Floats, grid: ScanGrid, beam: BeamConfig) -> Floats | None:
    """Photons on each square millimetre where the beam rested on cells for so long; None where the flux is unknown.

    The beam is a round Gaussian of ``beam.fwhm_mm``, and the time of a cell is taken to have been spent at its centre,
    where the photons are counted too: where the spot is narrower than a cell that is its peak, and an upper bound for
    what passed elsewhere through the cell.

    Parameters
    ----------
    seconds
        Time with the beam on, shape of the grid.
    """
    import cv2

    if beam.flux_per_s is None or beam.fwhm_mm is None:
        return None
    sigma_cells = beam.fwhm_mm / _WIDTHS / grid.pitch_mm
    reach = min(math.ceil(_REACH * sigma_cells), max(grid.shape))
    along = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / sigma_cells))
    scale = beam.flux_per_s / (2 * math.pi * (sigma_cells * grid.pitch_mm) ** 2)
    spread = cv2.sepFilter2D(np.ascontiguousarray(seconds), cv2.CV_64F, along, along, borderType=cv2.BORDER_CONSTANT)
    return scale * np.asarray(spread, np.float64).reshape(grid.shape)


def with_repeats(table: ExposureTable, received: Received) -> ExposureTable:
    """A plan's exposures with the live time that each has given, or will have given, once all are made.

    What was left out counts with what it gave; what was cut short, with its beginning, which is no longer than the
    whole.

    Parameters
    ----------
    table
        The whole plan's, shape (n, 5).
    """
    whole = table.copy()
    for index in received.left_out:
        whole[index, 4] = 0.0
    whole[:, 4] += beside_s(table, received)
    return whole


def refused_repeats(
    table: ExposureTable,
    lacking: Collection[int],
    received: Received,
    *,
    grid: ScanGrid,
    config: ScanConfig,
    stage: StageModel,
    earlier_s: Floats | None = None,
) -> dict[int, str]:
    """What of a plan must not be made any more, by index with the reason: mostly nothing.

    What was cut short and would be begun again goes first; where that does not make up for it, what else comes to the
    same cell does.

    Parameters
    ----------
    table
        The whole plan's, shape (n, 5).
    lacking
        Indices that are still to be measured, in travel order.
    received
        What each exposure gave so far.
    earlier_s
        Live time that each cell received in other scans, shape of the grid.
    """
    if received.is_plain or not lacking:
        return {}
    received = received.settled()
    left = np.fromiter(lacking, np.intp, len(lacking))
    beside = beside_s(table, received)
    legs_s = _legs_s(table, grid, config, stage)
    live_s = live_s_per_cell(with_repeats(table, received), grid) + (0.0 if earlier_s is None else earlier_s)
    ahead_s = live_s_per_cell(table[left], grid)
    over = _over(live_s, ahead_s, legs_s, grid, config)
    refused: dict[int, str] = {}
    begun = beside[left] > 0
    for index in _crossing(table, np.concatenate([left[begun], left[~begun]]), over, grid):
        alone_s = live_s_per_cell(table[index : index + 1], grid)
        if not (over & (alone_s > 0)).any():
            continue
        refused[index] = _sentence(index, over & (alone_s > 0), float(beside[index]), config.dose, grid)
        live_s, ahead_s = live_s - alone_s, ahead_s - alone_s
        over = _over(live_s, ahead_s, legs_s, grid, config)
        if not over.any():
            break
    return refused


def _legs_s(table: ExposureTable, grid: ScanGrid, config: ScanConfig, stage: StageModel) -> Floats | None:
    """Time of the open beam in each cell on the way between a plan's exposures; None where photons are not limited."""
    if config.dose.max_photons_per_mm2 is None:
        return None
    return planned_leg_s_per_cell(table, stage, grid, closed=passage_of(config, stage).closed_legs(table))


def _over(
    live_s: Floats, ahead_s: Floats, legs_s: Floats | None, grid: ScanGrid, config: ScanConfig
) -> NDArray[np.bool_]:
    """Cells that would receive too much, and something of it from what is still to be measured."""
    over = live_s > config.dose.max_live_s_per_cell * (1 + ROUNDING)
    if legs_s is not None and config.dose.max_photons_per_mm2 is not None:
        photons = photons_per_mm2(live_s + legs_s, grid, config.instrument.beam)
        assert photons is not None
        over |= photons > config.dose.max_photons_per_mm2 * (1 + ROUNDING)
    return np.asarray(over & (ahead_s > _NOTHING_S))


def _crossing(table: ExposureTable, indices: NDArray[np.intp], cells: NDArray[np.bool_], grid: ScanGrid) -> list[int]:
    """Those of some exposures that may pass through one of some cells, in the order given."""
    rows = table[indices]
    first, last = np.sort(np.stack([grid.cells_of(rows[:, 0:2]), grid.cells_of(rows[:, 2:4])]), axis=0)
    limit = np.array(grid.shape)
    first, last = np.clip(first, 0, limit), np.clip(last + 1, 0, limit)
    # how many of them lie in the box that a stroke spans, by sums over the upper left
    sums = np.pad(np.cumsum(np.cumsum(cells, axis=0), axis=1), ((1, 0), (1, 0)))
    held = sums[last[:, 0], last[:, 1]] - sums[first[:, 0], last[:, 1]]
    held += sums[first[:, 0], first[:, 1]] - sums[last[:, 0], first[:, 1]]
    return [int(index) for index in indices[held > 0]]


def _sentence(index: int, cells: NDArray[np.bool_], begun_s: float, dose: DoseConfig, grid: ScanGrid) -> str:
    row, column = divmod(int(np.argmax(cells)), grid.columns)
    begun = f"was cut short after {begun_s:.3g} s at the most and" if begun_s > 0 else "comes to a cell that"
    limit = (
        f"dose.max_live_s_per_cell of {dose.max_live_s_per_cell:g} s"
        if dose.max_photons_per_mm2 is None
        else f"dose ({dose.max_live_s_per_cell:g} s, {dose.max_photons_per_mm2:.4g} photons/mm2)"
    )
    rest = "is not made again" if begun_s > 0 else "has received enough, and is not made"
    return (
        f"exposure {index} {begun} {rest}: the cell in row {row}, column {column} would receive more than "
        f"{limit} allows"
    )
