"""What the exposures of a recording add up to: time, travel, dose and counts; strokes count for their middle cell."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from edge.grid import ScanGrid
from edge.record.reader import JournalReader
from edge.results import cells_of, portions


@dataclass(frozen=True, slots=True, eq=False)
class Ledger:
    """Every exposure of a recording, without its spectrum, in the order of recording.

    Truncated exposures, and their repetitions, are among them: the beam was there.
    """

    indices: NDArray[np.int64]
    """Which exposure of the plan each is, shape (n,)."""
    flags: NDArray[np.int64]
    """`firmware_bridge.messages.ExposureFlag` of each."""
    cells: NDArray[np.intp]
    """Row and column that the maps count each exposure for, shape (n, 2)."""
    starts_mm: NDArray[np.float64]
    """Measured (x, y) at opening, shape (n, 2)."""
    ends_mm: NDArray[np.float64]
    real_s: NDArray[np.float64]
    """Shape (n,)."""
    live_s: NDArray[np.float64]
    opened_at_s: NDArray[np.float64]
    """Controller time, shape (n,)."""
    closed_at_s: NDArray[np.float64]
    pose_uncertainty_mm: NDArray[np.float64]
    """Standard uncertainty of the measured positions along the beam's way, shape (n,), NaN where none was stated."""
    counts: NDArray[np.int64]
    """Counts of each spectrum, shape (n,)."""


def read_ledger(reader: JournalReader, grid: ScanGrid) -> Ledger:
    """Read the exposures of a journal that holds at least one."""
    parts = [
        Ledger(
            indices=portion.indices,
            flags=portion.flags,
            cells=cells_of(portion, grid),
            starts_mm=portion.starts_mm,
            ends_mm=portion.ends_mm,
            real_s=portion.real_s,
            live_s=portion.live_s,
            opened_at_s=portion.opened_at_s,
            closed_at_s=portion.closed_at_s,
            pose_uncertainty_mm=portion.pose_uncertainty_mm,
            counts=portion.counts.sum(axis=1, dtype=np.int64),
        )
        for portion in portions(reader)
    ]
    return Ledger(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Ledger)))


def running_s(opened_at_s: NDArray[np.float64], closed_at_s: NDArray[np.float64], longest_move_s: float) -> float:
    """Time for exposures and the moves between them, on the controller's clock, in s.

    Where the clock goes backwards the controller was started again: both stretches count, what lay between is
    unknown. A gap that no move explains (a pause, an expired lease, an interruption) is left out.

    Parameters
    ----------
    opened_at_s, closed_at_s
        Of each exposure, in the order of recording, shape (n,).
    longest_move_s
        The longest gap that counts as a move.
    """
    gaps_s = opened_at_s[1:] - closed_at_s[:-1]
    restarted = opened_at_s[1:] < opened_at_s[:-1]
    moves_s = gaps_s[~restarted & (gaps_s > 0) & (gaps_s <= longest_move_s)]
    return float((closed_at_s - opened_at_s).sum() + moves_s.sum())


def travel_mm(starts_mm: NDArray[np.float64], ends_mm: NDArray[np.float64]) -> float:
    """Length of the straight lines from the end of each exposure to the start of the next one, in mm.

    Parameters
    ----------
    starts_mm, ends_mm
        Measured positions in the order of recording, shape (n, 2).
    """
    return float(np.hypot(*(starts_mm[1:] - ends_mm[:-1]).T).sum())


def uncertainty_mm(stated_mm: NDArray[np.float64]) -> tuple[float, float] | None:
    """Median and largest of what was stated of the positions' uncertainty, NaN left out; None where nothing was."""
    known = stated_mm[~np.isnan(stated_mm)]
    return (float(np.median(known)), float(known.max())) if known.size else None


def seconds_per_cell(
    cells: NDArray[np.intp], seconds: NDArray[np.float64], shape: tuple[int, int]
) -> NDArray[np.float64]:
    """Sum over the exposures of each visited cell, in row-major order, shape (visited cells,)."""
    flat = np.ravel_multi_index((cells[:, 0], cells[:, 1]), shape)
    _, place = np.unique(flat, return_inverse=True)
    return np.bincount(place, weights=seconds).astype(np.float64)
