"""What a recording says that each cell received."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.configuration.config import BeamConfig
from edge.dose.limits import photons_per_mm2
from edge.dose.path import counted_s_per_cell, live_s_per_cell, measured_leg_s_per_cell
from edge.dose.repeats import begun_s
from edge.folds.ledger import Ledger
from edge.motion.stage_model import StageModel
from edge.planning.plan import ScanPlan
from edge.record.fold import ScanHistory


@dataclass(frozen=True, slots=True, eq=False)
class DoseMap:
    """Time and, where the flux is known, photons of every cell of the grid, arrays of shape (rows, columns)."""

    live_s: NDArray[np.float32]
    """Live time of the exposures."""
    beam_s: NDArray[np.float32]
    """Time with the beam on: exposures with their dead time, the way between them, and what was cut short."""
    way_s: NDArray[np.float32]
    """Of that, between exposures."""
    counted_s: float
    """Exposures with their dead time, over all cells."""
    cut_short_s: float
    """The most that exposures without a spectrum can have given, over all cells."""
    left_out: int = 0
    """Exposures of the plan that were not made for what their cells had received."""
    photons_per_mm2: NDArray[np.float32] | None = None
    """As `edge.dose.limits.photons_per_mm2` has it; None where the flux or the beam's width is unknown."""

    @property
    def on_the_way_s(self) -> float:
        """Between exposures, over all cells of the grid."""
        return float(self.way_s.sum(dtype=np.float64))

    def datasets(self) -> dict[str, NDArray[np.float32]]:
        """The maps by the names that ``maps.h5`` gives them."""
        maps = {"live_s": self.live_s, "beam_s": self.beam_s}
        return maps if self.photons_per_mm2 is None else maps | {"photons_per_mm2": self.photons_per_mm2}


def dose_map(ledger: Ledger, history: ScanHistory, plan: ScanPlan, stage: StageModel, beam: BeamConfig) -> DoseMap:
    """Fold a recording's exposures and openings into what each cell received.

    Parameters
    ----------
    ledger, history
        Its exposures in the order of recording, and everything else.
    plan
        The latest one.
    stage
        How the stage drives from one exposure to the next.
    """
    grid = plan.grid
    openings = np.searchsorted(np.array(history.received_before), np.arange(len(ledger.live_s)), side="right")
    counted = counted_s_per_cell(ledger.starts_mm, ledger.ends_mm, ledger.real_s, grid)
    legs = measured_leg_s_per_cell(
        ledger.starts_mm,
        ledger.ends_mm,
        ledger.opened_at_s,
        ledger.closed_at_s,
        openings,
        stage=stage,
        grid=grid,
    )
    begun = _cut_short(history, plan)
    seconds = counted + legs + begun
    photons = photons_per_mm2(seconds, grid, beam)
    return DoseMap(
        live_s=counted_s_per_cell(ledger.starts_mm, ledger.ends_mm, ledger.live_s, grid).astype(np.float32),
        beam_s=seconds.astype(np.float32),
        way_s=legs.astype(np.float32),
        counted_s=float(counted.sum()),
        cut_short_s=float(begun.sum()),
        left_out=len(history.left_out),
        photons_per_mm2=None if photons is None else photons.astype(np.float32),
    )


def _cut_short(history: ScanHistory, plan: ScanPlan) -> NDArray[np.float64]:
    """The most that exposures gave to each cell that ended without a spectrum."""
    begun = plan.table.copy()
    begun[:, 4] = begun_s(plan.table, history.received.settled())
    return live_s_per_cell(begun[begun[:, 4] > 0], plan.grid)
