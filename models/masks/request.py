"""What every mask method is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.binarise import DEFAULT_BINARISER
from models.faults import UnusableRequest
from models.sampling import SamplingDensity, SamplingMask

MAX_CELLS = 20_000_000


@dataclass(frozen=True, slots=True, eq=False)
class MaskRequest:
    """One mask, wanted."""

    shape: tuple[int, int]
    """The scan grid's (rows, columns)."""
    count: int
    """Cells to visit; exactly this many are chosen."""
    rgb: NDArray[Any] | None = None
    """Photograph on the scan grid, see `models.photograph.photograph_lab`; needed by methods that look at it."""
    allowed: NDArray[np.bool_] | None = None
    """Cells that may be visited, shape (rows, columns); None for all."""
    binariser: str = DEFAULT_BINARISER
    """A name of `models.binarise.BINARISERS`; methods that choose cells by themselves ignore it."""
    seed: int = 0
    max_hole: float | None = None
    """Coverage floor: no allowed cell further than this from a chosen one, in cells; None for none."""
    model: Path | None = None
    """A mask network's ONNX file, its manifest beside it; None for the shipped one. For `netm` alone."""

    def allowed_cells(self) -> NDArray[np.bool_]:
        """The allowed cells as an array, checked, together with everything else that can be wrong with a request.

        Raises
        ------
        UnusableRequest
            A shape, count, seed or set of allowed cells that no mask can satisfy.
        """
        rows, columns = self.shape
        if rows < 1 or columns < 1 or rows * columns > MAX_CELLS:
            raise UnusableRequest(f"a grid of {rows} x {columns} cells is empty or above {MAX_CELLS}: change the pitch")
        allowed = np.ones(self.shape, np.bool_) if self.allowed is None else np.asarray(self.allowed)
        if allowed.shape != self.shape or allowed.dtype != np.bool_:
            raise UnusableRequest(
                f"the allowed cells are {allowed.dtype} of shape {allowed.shape} and the grid is {rows} x {columns}: "
                "give one boolean per cell"
            )
        available = int(np.count_nonzero(allowed))
        if not 1 <= self.count <= available:
            raise UnusableRequest(
                f"{self.count} cells are asked and {available} may be visited: choose a rate above 0 and at most 1"
            )
        if self.seed < 0:
            raise UnusableRequest(f"a seed of {self.seed} is negative: give a whole number from 0")
        return allowed

    def photograph(self, method: str) -> NDArray[Any]:
        """The photograph, for a method that cannot do without.

        Raises
        ------
        UnusableRequest
            There is none.
        """
        if self.rgb is None:
            raise UnusableRequest(f"the {method} mask needs a photograph: take one, or choose a mask that needs none")
        return self.rgb


@dataclass(frozen=True, slots=True, eq=False)
class MaskResult:
    """One mask, and the density that it realises."""

    density: SamplingDensity
    mask: SamplingMask


MaskMethod = Callable[[MaskRequest], MaskResult]
"""Raises a `ModelsError` when the request cannot be met."""
