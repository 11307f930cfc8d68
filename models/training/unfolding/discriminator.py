"""The discriminator: does a patch of one channel look like a measured map?

The papers show its layers in a figure that their texts do not repeat, so these are ours: four convolutions of stride 2,
each halving the patch, and a linear answer, in the manner of X. Mao et al. (2017), without normalisation, which would
let one patch of a batch change the answer for another.
"""

from __future__ import annotations

from torch import Tensor, nn

PATCH_CELLS = 32
"""Rows and columns of a patch, in both papers."""
_HALVINGS = 4
_LEAK = 0.2


class Discriminator(nn.Module):
    """32 x 32 patches of one channel to one answer: 1 for measured, -1 for made."""

    def __init__(self, *, width: int = 16) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        coming = 1
        for halving in range(_HALVINGS):
            going = width * 2**halving
            layers += [nn.Conv2d(coming, going, 4, stride=2, padding=1), nn.LeakyReLU(_LEAK)]
            coming = going
        side = PATCH_CELLS // 2**_HALVINGS
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(coming * side * side, 1))

    def forward(self, patches: Tensor) -> Tensor:
        """Answers, shape (n,), to patches of shape (n, 1, 32, 32)."""
        answers: Tensor = self.layers(patches)
        return answers[:, 0]
