"""The unfolded network of a sampling mask: what it learns is how far to believe each of several looks, cell by cell.

Layers are those of Verinaz-Jadan et al. (Eq. 7); K steps of learned sparse coding, sigmoid, a threshold for each atom.
The synthesis layer differs. A mask leaves some thousand cells to learn from, of which few lie at edges, where all of
the error is: a dictionary of element values learned from these alone falls behind kriging. So the atoms here hold
weights of the looks' differences from kriging's map, and one network serves all elements, which multiplies what it
learns from by their number. Before it has learned anything, the maps are kriging's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.training.faults import UnknownNetwork

COLOURS = 3
_LEAST_ERROR = 1e-4
"""Of full scale: the standard error is zero where an element never varied."""
_MOST_DIFFERENCE = 8.0
"""Standard errors by which a look may differ from kriging's; one that goes further is no longer believed more."""
_SMALL, _SMALL_STEEPNESS = 0.02, 0.05
"""Added before logarithms, in standard errors."""
_MOST_LEVEL = 3.0
_DOUBTED_CELLS = 1000
"""Of a network at work, the correction counts n / (n + this), n cells having been learned from: what half a thousand of
cells teach is half chance. From panels made by code."""
_FAR_SHARE = 0.01
"""Of the cells to learn from lie beyond each bound of a feature; elsewhere features are clipped there, for between the
cells of a grid distances are such as none that is left out has."""


@dataclass(frozen=True, slots=True)
class MixingOptions:
    """Everything that decides the form of a mixing network."""

    channels: int
    """B, elements."""
    looks: int
    """How many maps of each element come in, kriging's first; at least 2."""
    atoms: int = 32
    """M."""
    layers: int = 5
    """K."""

    def __post_init__(self) -> None:
        if min(self.channels, self.atoms, self.layers) < 1 or self.looks < 2:
            raise UnknownNetwork(
                f"a mixing network of {self.channels} channels, {self.looks} looks, {self.atoms} atoms and "
                f"{self.layers} layers cannot be: give at least 1 of each, and 2 looks"
            )

    @property
    def output(self) -> str:
        """As `UnfoldedOptions` has it: no sigmoid to begin at the mean of."""
        return "correction"

    @property
    def inputs(self) -> int:
        """Of a cell: the looks, the photograph, standard error and steepness."""
        return self.channels * (self.looks + 2) + COLOURS


class MixingNetwork(nn.Module):
    """K learned steps of sparse coding for each element of a cell, and weights of looks in place of a dictionary.

    While it trains, corrections count in full; evaluated, they are drawn back towards kriging's maps, the more the
    fewer cells it learned from.
    """

    centre: Tensor
    spread: Tensor
    low: Tensor
    high: Tensor
    level: Tensor
    deviation: Tensor
    belief: Tensor

    def __init__(self, options: MixingOptions) -> None:
        """Xavier uniform weights and no weight of any look."""
        super().__init__()
        self.options = options
        self.is_output_bounded = False
        features, atoms = options.looks + 3 + options.channels, options.atoms
        self.analyses = nn.ModuleList(nn.Linear(features, atoms, bias=False) for _ in range(options.layers))
        self.mixings = nn.ModuleList(nn.Linear(atoms, atoms, bias=False) for _ in range(options.layers - 1))
        self.thresholds = nn.ParameterList(nn.Parameter(torch.zeros(atoms)) for _ in range(options.layers))
        self.dictionary = nn.Parameter(torch.zeros(options.looks - 1, atoms))
        self.offset = nn.Parameter(torch.zeros(options.looks - 1))
        for layer in (*self.analyses, *self.mixings):
            nn.init.xavier_uniform_(layer.weight)
        described = options.looks + 3
        for name, value in (("centre", 0.0), ("spread", 1.0), ("low", -torch.inf), ("high", torch.inf)):
            self.register_buffer(name, torch.full((described,), value))
        for name, value in (("level", 0.0), ("deviation", 1.0)):
            self.register_buffer(name, torch.full((options.channels,), value))
        self.register_buffer("belief", torch.ones(()))

    @torch.no_grad()
    def get_used_to(self, inputs: Tensor) -> None:
        """Centre, scale and clip features by what the cells to learn from, shape (cells, inputs), show."""
        kriged = inputs[:, : self.options.channels]
        self.belief.fill_(len(inputs) / (len(inputs) + _DOUBTED_CELLS))
        self.level.copy_(kriged.mean(0))
        self.deviation.copy_(kriged.std(0).clamp(min=_LEAST_ERROR))
        seen = self._described(*self._parts(inputs)).flatten(0, 1)
        bounds = torch.quantile(seen[torch.randperm(len(seen), generator=_drawn())[:100_000]], _both_ends(), dim=0)
        self.low.copy_(bounds[0])
        self.high.copy_(bounds[1])
        self.centre.copy_(seen.mean(0))
        self.spread.copy_(seen.std(0).clamp(min=1e-6))

    def forward(self, inputs: Tensor) -> Tensor:
        """Maps and photograph of each cell.

        Parameters
        ----------
        inputs
            X, shape (cells, inputs): kriging's maps; the photograph, 3; each further look's maps; kriging's standard
            error; the length of its maps' gradient. Maps span 1.

        Returns
        -------
        Tensor
            Shape (cells, channels + 3): maps, then the photograph as it came.
        """
        kriged, differences, error, steepness = self._parts(inputs)
        described = (self._described(kriged, differences, error, steepness) - self.centre) / self.spread
        # an exported network is of any number of cells: broadcast, not expanded to their count
        element = torch.eye(self.options.channels, dtype=inputs.dtype, device=inputs.device)
        features = torch.cat([described, element + torch.zeros_like(described[:, :, :1])], dim=2)
        weights = functional.linear(self.abundances(features), self.dictionary, -self.offset)
        correction = (weights * differences).sum(2)
        maps = kriged + error * (correction if self.training else self.belief * correction)
        return torch.cat([maps, inputs[:, self.options.channels : self.options.channels + COLOURS]], dim=1)

    def abundances(self, features: Tensor) -> Tensor:
        """A of the last layer, shape (cells, channels, atoms), by Eq. 7."""
        found = torch.sigmoid(self.analyses[0](features) - self.thresholds[0])
        for analysis, mixing, threshold in zip(self.analyses[1:], self.mixings, self.thresholds[1:], strict=True):
            found = torch.sigmoid(found - mixing(found) + analysis(features) - threshold)
        return found

    def _parts(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Kriging's maps, differences of the looks in standard errors (last axis), standard error, steepness."""
        channels, looks = self.options.channels, self.options.looks
        kriged = inputs[:, :channels]
        rest = inputs[:, channels + COLOURS :].reshape(-1, looks + 1, channels)
        error = rest[:, looks - 1].clamp(min=_LEAST_ERROR)
        differences = (rest[:, : looks - 1] - kriged[:, None]) / error[:, None]
        return kriged, differences.clamp(-_MOST_DIFFERENCE, _MOST_DIFFERENCE).transpose(1, 2), error, rest[:, looks]

    def _described(self, kriged: Tensor, differences: Tensor, error: Tensor, steepness: Tensor) -> Tensor:
        """What is known of an element at a cell, shape (cells, channels, looks + 3)."""
        apart = (differences.abs().mean(2) + _SMALL).log()
        level = ((kriged - self.level) / self.deviation).clamp(-_MOST_LEVEL, _MOST_LEVEL)
        steep = (steepness / error + _SMALL_STEEPNESS).log()
        together = apart.mean(1, keepdim=True).expand(-1, self.options.channels)
        known = torch.stack([steep, apart, level, together], dim=2)
        return torch.maximum(torch.minimum(torch.cat([known, torch.tanh(differences / 2)], 2), self.high), self.low)


def _both_ends() -> Tensor:
    return torch.tensor([_FAR_SHARE, 1 - _FAR_SHARE])


def _drawn() -> torch.Generator:
    return torch.Generator().manual_seed(0)
