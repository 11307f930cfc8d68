"""The unfolded network: each layer one learned step of sparse coding, each cell by itself.

H. Verinaz-Jadan, S. Yan, C. Higgitt and P. L. Dragotti, "Adversarial Deep-Unfolding Network for MA-XRF Super-Resolution
on Old Master Paintings Using Minimal Training Data", and by the same "Cross-Modal Self-Supervised Adversarial Learning
for MA-XRF Super-Resolution"; their Eq. 7 to 9, in both papers. Their 1 x 1 convolutions are matrix products over cells
here: cells in rows, channels in columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.training.faults import UnknownNetwork

ACTIVATIONS = ("sigmoid", "leaky-relu")
OUTPUTS = ("sigmoid", "linear", "correction")
DICTIONARIES = ("free", "squared")
COLOURS = 3
"""b, channels of the photograph."""
_LEAK = 0.01
_LARGEST_WEIGHT = 1.0


@dataclass(frozen=True, slots=True)
class UnfoldedOptions:
    """Everything that decides the form of an unfolded network."""

    channels: int
    """B, channels of the maps."""
    inputs: int
    """Channels of X; as published, the interpolated maps and the photograph: ``channels + 3``."""
    atoms: int = 64
    """M."""
    layers: int = 5
    """K."""
    activation: str = "sigmoid"
    """A name of `ACTIVATIONS`, of the layers."""
    output: str = "sigmoid"
    """``sigmoid`` as published; ``linear``: neither sigmoid nor bias; ``correction``: linear for the maps, and added to
    the first channels of the input."""
    dictionary: str = "free"
    """``squared``: what the synthesis layer multiplies by is the square of its weights, and so nowhere negative."""

    def __post_init__(self) -> None:
        if min(self.channels, self.atoms, self.layers) < 1 or self.inputs < self.channels:
            raise UnknownNetwork(
                f"an unfolded network of {self.channels} channels, {self.inputs} inputs, {self.atoms} atoms and "
                f"{self.layers} layers cannot be: give at least 1 of each, and no fewer inputs than channels"
            )
        for name, known in (("activation", ACTIVATIONS), ("output", OUTPUTS), ("dictionary", DICTIONARIES)):
            if getattr(self, name) not in known:
                raise UnknownNetwork(f"{name} {getattr(self, name)!r} is not known: choose one of {', '.join(known)}")


class UnfoldedNetwork(nn.Module):
    """K learned steps of sparse coding from zero abundances, and a synthesis layer."""

    def __init__(self, options: UnfoldedOptions) -> None:
        """Xavier uniform weights (X. Glorot and Y. Bengio 2010), as the later paper begins, and no bias."""
        super().__init__()
        self.options = options
        self.is_output_bounded = options.output == "sigmoid"
        """Whether the sigmoid of Eq. 8 is applied; the earlier paper leaves it out while it pre-trains."""
        atoms = options.atoms
        self.analyses = nn.ModuleList(nn.Linear(options.inputs, atoms, bias=False) for _ in range(options.layers))
        # abundances begin at zero: the first layer has nothing to mix
        self.mixings = nn.ModuleList(nn.Linear(atoms, atoms, bias=False) for _ in range(options.layers - 1))
        self.thresholds = nn.ParameterList(nn.Parameter(torch.zeros(atoms)) for _ in range(options.layers))
        self.dictionary = nn.Parameter(torch.empty(options.channels + COLOURS, atoms))
        self.offset = nn.Parameter(torch.zeros(options.channels + COLOURS))
        for layer in (*self.analyses, *self.mixings):
            nn.init.xavier_uniform_(layer.weight)
        nn.init.xavier_uniform_(self.dictionary)
        if options.output == "correction":
            nn.init.zeros_(self.dictionary)
        if options.output == "linear":
            self.offset.requires_grad_(False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Maps and photograph of each cell, before any projection.

        Parameters
        ----------
        inputs
            X, shape (cells, inputs): maps in [0, 1] as interpolated, then what else is known of the cell.

        Returns
        -------
        Tensor
            Shape (cells, channels + 3), Eq. 8: maps, then photograph, Eq. 9. In (0, 1) under a sigmoid.
        """
        synthesised = functional.linear(self.abundances(inputs), self.atoms()) - self.offset
        if self.options.output == "correction":
            channels = self.options.channels
            return torch.cat([inputs[:, :channels] + synthesised[:, :channels], synthesised[:, channels:]], dim=1)
        return torch.sigmoid(synthesised) if self.is_output_bounded else synthesised

    def abundances(self, inputs: Tensor) -> Tensor:
        """A of the last layer, shape (cells, atoms), by Eq. 7."""
        activate = torch.sigmoid if self.options.activation == "sigmoid" else _leaky
        found = activate(self.analyses[0](inputs) - self.thresholds[0])
        for analysis, mixing, threshold in zip(self.analyses[1:], self.mixings, self.thresholds[1:], strict=True):
            found = activate(found - mixing(found) + analysis(inputs) - threshold)
        return found

    def atoms(self) -> Tensor:
        """D, shape (channels + 3, atoms)."""
        return self.dictionary.square() if self.options.dictionary == "squared" else self.dictionary

    @torch.no_grad()
    def keep_weights_below_one(self) -> None:
        """Bring every weight, biases apart, back into [-1, 1], as the earlier paper does while it pre-trains."""
        for weight in (*(layer.weight for layer in (*self.analyses, *self.mixings)), self.dictionary):
            weight.clamp_(-_LARGEST_WEIGHT, _LARGEST_WEIGHT)


def _leaky(values: Tensor) -> Tensor:
    return functional.leaky_relu(values, _LEAK)
