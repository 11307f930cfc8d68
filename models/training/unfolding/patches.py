"""Patches of a grid for the discriminator: made ones, projected, and pseudo-real ones, Eq. 14."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.training.faults import TrainingError
from models.training.unfolding.discriminator import PATCH_CELLS
from models.training.unfolding.exposures import Exposures, projected
from models.training.unfolding.lessons import Taught
from models.training.unfolding.losses import pseudo_real

LARGEST_SHARE = 0.9
"""Of beta, drawn evenly from zero."""


class Patches:
    """Patches of one lesson, drawn at random places and of random channels."""

    def __init__(self, lesson: Taught, *, project: bool = True) -> None:
        """`project`: made patches see what was measured, as far as an exposure lies wholly within them.

        Raises
        ------
        TrainingError
            The grid is smaller than a patch.
        """
        if min(lesson.shape) < PATCH_CELLS:
            raise TrainingError(
                f"a grid of {lesson.shape[0]} x {lesson.shape[1]} cells holds no patch of {PATCH_CELLS} x "
                f"{PATCH_CELLS}: leave the adversarial part out, or scan a larger area"
            )
        self._lesson, self._project = lesson, project
        self._corners = _corners(lesson)
        self._alike = most_alike(lesson)

    def drawn(self, count: int, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Cells, shape (count, 1024), and a channel each, shape (count,)."""
        rows, columns = self._lesson.shape
        top = random.integers(0, rows - PATCH_CELLS + 1, count)
        left = random.integers(0, columns - PATCH_CELLS + 1, count)
        within = (np.arange(PATCH_CELLS)[:, None] * columns + np.arange(PATCH_CELLS)).ravel()
        cells = (top * columns + left)[:, None] + within
        device = self._lesson.inputs.device
        channels = random.integers(0, self._lesson.channels, count)
        return torch.as_tensor(cells, device=device), torch.as_tensor(channels, device=device)

    def made(self, network: nn.Module, cells: Tensor, channels: Tensor) -> Tensor:
        """Proj(g(X)) on drawn patches, shape (count, 1, 32, 32)."""
        lesson = self._lesson
        maps = network(lesson.inputs[cells.flatten()])[:, : lesson.channels]
        if self._project:
            inside, which = self._inside(cells)
            maps = projected(maps, inside, lesson.measured[which])
        of_channel = maps.reshape(*cells.shape, -1).gather(2, channels[:, None, None].expand(*cells.shape, 1))
        made: Tensor = of_channel.reshape(-1, 1, PATCH_CELLS, PATCH_CELLS)
        return made

    def pseudo_real(self, count: int, random: np.random.Generator) -> Tensor:
        """Patches in the place of real ones, shape (count, 1, 32, 32), turned over at random."""
        lesson = self._lesson
        cells, channels = self.drawn(count, random)
        maps = lesson.inputs[cells, channels[:, None]]
        colours = lesson.colours[cells, self._alike[channels][:, None]]
        share = torch.as_tensor(random.uniform(0, LARGEST_SHARE, count).astype(np.float32), device=cells.device)
        side = (count, 1, PATCH_CELLS, PATCH_CELLS)
        return turned_over(pseudo_real(maps.reshape(side), colours.reshape(side), share), random)

    def _inside(self, cells: Tensor) -> tuple[Exposures, Tensor]:
        """Exposures that lie wholly in a patch, cells counted through all patches, and which they are."""
        columns = self._lesson.shape[1]
        parts, which = [], []
        side = PATCH_CELLS
        for index, first in enumerate(cells[:, 0].tolist()):
            top, left = divmod(first, columns)
            low_row, high_row, low_column, high_column = self._corners
            inside = (low_row >= top) & (high_row < top + side) & (low_column >= left) & (high_column < left + side)
            (found,) = torch.nonzero(inside, as_tuple=True)
            some = self._lesson.exposures.only(found)
            row, column = some.cell // columns - top, some.cell % columns - left
            parts.append(Exposures(some.first, index * side * side + row * side + column, some.weight))
            which.append(found)
        lengths = torch.cat([part.first.diff() for part in parts])
        first_of = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
        together = Exposures(
            first_of, torch.cat([part.cell for part in parts]), torch.cat([part.weight for part in parts])
        )
        return together, torch.cat(which)


def turned_over(patches: Tensor, random: np.random.Generator) -> Tensor:
    """Each patch as it is or turned over, along its rows, its columns, or both; shape (n, 1, rows, columns)."""
    for axis in (2, 3):
        turn = torch.as_tensor(random.random(len(patches)) < 0.5, device=patches.device)
        patches = torch.where(turn[:, None, None, None], patches.flip(axis), patches)
    return patches


def most_alike(lesson: Taught) -> Tensor:
    """Of each channel, the photograph's channel that is most correlated with it over all cells, shape (channels,)."""
    maps = lesson.inputs[:, : lesson.channels]
    maps = maps - maps.mean(0)
    colours = lesson.colours - lesson.colours.mean(0)
    spread = maps.norm(dim=0)[:, None] * colours.norm(dim=0)
    alike: Tensor = (maps.T @ colours / spread.clamp(min=1e-12)).argmax(1)
    return alike


def _corners(lesson: Taught) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Lowest and highest row, and column, of each exposure."""
    starts = lesson.exposures.first[:-1].cpu().numpy()
    cell: NDArray[np.int64] = lesson.exposures.cell.cpu().numpy()
    found = [
        extreme.reduceat(of, starts)
        for of in (cell // lesson.shape[1], cell % lesson.shape[1])
        for extreme in (np.minimum, np.maximum)
    ]
    low_row, high_row, low_column, high_column = (torch.as_tensor(one, device=lesson.inputs.device) for one in found)
    return low_row, high_row, low_column, high_column
