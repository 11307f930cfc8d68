"""What exposures see of cells, in torch: the measurement of Eq. 2 and the projection of Eq. 10, for any footprints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Exposures:
    """Exposures one after another, each a weighted mean of cells: points, strokes, areas, or a mask's cells."""

    first: Tensor
    """Where each exposure's entries begin, and where the last one's end; integers, shape (exposures + 1,)."""
    cell: Tensor
    """Index of each cell seen, integers, shape (entries,)."""
    weight: Tensor
    """Its share of the exposure, shape (entries,); an exposure's add up to 1."""

    @classmethod
    def of(
        cls, first: NDArray[np.integer], cell: NDArray[np.integer], weight: NDArray[np.floating], device: str = "cpu"
    ) -> Exposures:
        """From arrays of the same meaning, as `edge.reconstruct.exposure_operator.ExposureOperator` has them."""
        return cls(
            torch.as_tensor(np.asarray(first, np.int64), device=device),
            torch.as_tensor(np.asarray(cell, np.int64), device=device),
            torch.as_tensor(np.asarray(weight, np.float32), device=device),
        )

    def __len__(self) -> int:
        return len(self.first) - 1

    def of_entries(self) -> Tensor:
        """To which exposure each entry belongs, shape (entries,)."""
        counts = self.first.diff()
        return torch.repeat_interleave(torch.arange(len(self), device=self.first.device), counts)

    def only(self, which: Tensor) -> Exposures:
        """Some of the exposures, in the order given; cells keep their indices."""
        starts, counts = self.first[which], self.first.diff()[which]
        first = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        of = torch.repeat_interleave(torch.arange(len(which), device=first.device), counts)
        entry = starts[of] + torch.arange(int(first[-1]), device=first.device) - first[of]
        return Exposures(first, self.cell[entry], self.weight[entry])

    def seen(self, at_entries: Tensor) -> Tensor:
        """Values of exposures, shape (exposures, channels), from values at each entry's cell, (entries, channels)."""
        seen = at_entries.new_zeros(len(self), at_entries.shape[1])
        return seen.index_add(0, self.of_entries(), self.weight[:, None] * at_entries)

    def are_disjoint(self) -> bool:
        """Whether no cell is seen twice, so that U U^T is diagonal."""
        return len(torch.unique(self.cell)) == len(self.cell)


def projected(maps: Tensor, exposures: Exposures, measured: Tensor) -> Tensor:
    """The nearest maps, in the least-squares sense, of which the exposures see exactly what was measured.

    Eq. 10 hands the residual back by U^T, which is exact only where U U^T is the identity: here it is
    U^T (U U^T)^-1, so that Proj(Y) U equals the measurement for every operator (C. D. Meyer, *Matrix Analysis and
    Applied Linear Algebra*). An area of n cells gives each of them the whole residual.

    Parameters
    ----------
    maps
        Shape (cells, channels).
    measured
        Shape (exposures, channels).

    Returns
    -------
    Tensor
        Shape (cells, channels).
    """
    residual = measured - exposures.seen(maps[exposures.cell])
    of = exposures.of_entries()
    if exposures.are_disjoint():
        share = torch.zeros_like(residual[:, 0]).index_add(0, of, exposures.weight.square())
        handed = residual / share[:, None]
    else:
        rows = torch.zeros(len(exposures), len(maps), dtype=maps.dtype, device=maps.device)
        rows.index_put_((of, exposures.cell), exposures.weight, accumulate=True)
        # exposures that see the same cells alike leave a matrix without an inverse
        handed = torch.linalg.pinv(rows @ rows.T, hermitian=True) @ residual
    return maps.index_add(0, exposures.cell, exposures.weight[:, None] * handed[of])
