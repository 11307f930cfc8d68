"""What a training makes small: the error of a reconstruction from the mask that a network asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from models.training.binarisation import BINARISATIONS, adjust_mean, coverage_penalty
from models.training.harmonic import inpaint
from models.training.published import NetE

Reconstruct = Callable[[Tensor, Tensor], Tensor]
"""(target, confidence) to estimate."""

_PERFECT = 1e-5
"""Mean squared error below which the decibel loss gains nothing: 50 dB."""


@dataclass(frozen=True, slots=True)
class MaskLoss:
    """How a mask network is judged."""

    measure: str = "decibel"
    """``mean-squared-error``, or ``decibel``: its logarithm for each image, which is what PSNR averages."""
    binarisation: str = "expected"
    """A name of `models.training.binarisation.BINARISATIONS`."""
    cycles: int = 4
    """Multigrid cycles of the harmonic reconstruction and of its gradient each."""
    coverage_weight: float = 1.0
    coverage_share: float = 0.2
    """Of the rate, that the density is to keep in every window."""
    coverage_radius: int = 8
    """Of that window, in cells."""


class MaskObjective(nn.Module):
    """A mask network before a reconstruction: harmonic, or NetE, frozen or trained along."""

    def __init__(self, network: nn.Module, loss: MaskLoss, *, inpainter: NetE | None = None, joint: bool = False):
        super().__init__()
        self.network = network
        self.inpainter = inpainter
        self._loss = loss
        self._binarise = BINARISATIONS[loss.binarisation]
        self._frozen = inpainter is not None and not joint
        if inpainter is not None and not joint:
            inpainter.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> MaskObjective:
        super().train(mode)
        if self._frozen and self.inpainter is not None:
            self.inpainter.eval()
        return self

    def forward(self, rgb: Tensor, target: Tensor, rate: Tensor, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Loss, and mean squared error of the reconstruction without the rest of the loss.

        Parameters
        ----------
        rgb, target
            What the network sees and what is reconstructed, shape (n, 3, rows, columns), in [0, 1].
        rate
            Shape (n,).
        random
            Of the binarisation.
        """
        # mean and reconstruction keep float32 where the network runs in less
        density = adjust_mean(self.network(rgb, rate).float(), rate)
        confidence = self._binarise(density, random)
        if self.inpainter is None:
            estimate = inpaint(target, confidence, cycles=self._loss.cycles)
        else:
            estimate = self.inpainter.inpaint(target, confidence).float()
        errors = (estimate - target).square().mean((1, 2, 3))
        loss = _measured(errors, self._loss.measure)
        if self._loss.coverage_weight:
            shortfall = coverage_penalty(
                density, rate, share=self._loss.coverage_share, radius=self._loss.coverage_radius
            )
            loss = loss + self._loss.coverage_weight * shortfall
        return loss, errors.mean().detach()


class InpaintingObjective(nn.Module):
    """NetE before random masks: the first of the two trainings of Dai et al."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, rgb: Tensor, target: Tensor, rate: Tensor, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Mean squared error of the reconstruction, twice; see `MaskObjective.forward`."""
        density = rate[:, None, None, None].expand(-1, 1, *rgb.shape[2:])
        mask = BINARISATIONS["bernoulli"](density, random)
        estimate = (self.network((2 * target - 1) * mask).float() + 1) / 2
        error = (estimate - target).square().mean()
        return error, error.detach()


def _measured(errors: Tensor, measure: str) -> Tensor:
    match measure:
        case "mean-squared-error":
            return errors.mean()
        case "decibel":
            return 10 * torch.log10(errors + _PERFECT).mean()
        case _:
            raise ValueError(f"no loss is called {measure!r}: choose mean-squared-error or decibel")
