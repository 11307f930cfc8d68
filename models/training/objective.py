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
_FIRST_LEVEL = (-4.0, -1.0)
_OWN_SHARE = 0.5
"""Of the steps, in which errors are those of the network's own masks."""
_SPARSEST = 0.005
"""Density below which errors no longer grow: the nearest samples are elsewhere then."""


@dataclass(frozen=True, slots=True)
class MaskLoss:
    """How a mask network is judged."""

    measure: str = "decibel"
    """``mean-squared-error``; ``decibel``: its logarithm for each map, which is what PSNR averages; or
    ``expected-error``, see `ExpectedErrorObjective`."""
    binarisation: str = "expected"
    """A name of `models.training.binarisation.BINARISATIONS`."""
    cycles: int = 4
    """Multigrid cycles of the harmonic reconstruction and of its gradient each."""
    groups: tuple[int, ...] = (1,)
    """Crops that share one budget and one error, as parts of one photograph would: drawn anew for each step."""
    power: float = 0.7
    """Of the expected error, that an importance is; for ``expected-error`` alone."""
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
        together = int(random.choice(self._loss.groups))
        rate = rate[::together].repeat_interleave(together)
        # mean and reconstruction keep float32 where the network runs in less
        density = _shared_budget(self.network(rgb, rate).float(), rate, together)
        confidence = self._binarise(density, random)
        if self.inpainter is None:
            estimate = inpaint(target, confidence, cycles=self._loss.cycles)
        else:
            estimate = self.inpainter.inpaint(target, confidence).float()
        # each map by itself: an element that is rare counts as much as one that is everywhere
        errors = (estimate - target).square().mean((2, 3))
        errors = errors.reshape(-1, together, errors.shape[1]).mean(1)
        loss = _measured(errors, self._loss.measure)
        if self._loss.coverage_weight:
            shortfall = coverage_penalty(
                density, rate, share=self._loss.coverage_share, radius=self._loss.coverage_radius
            )
            loss = loss + self._loss.coverage_weight * shortfall
        return loss, errors.mean().detach()


class ExpectedErrorObjective(nn.Module):
    """A mask network that foretells the squared error of a harmonic reconstruction from evenly spread samples.

    Where a sample's share of the error falls as A / d with the density d around it, as it does here, errors
    sum to least under a budget where d follows the square root of A. A larger power did a little better
    on validation crops. Nothing is differentiated but the network: masks are error diffused, as a scan's are,
    from even densities and from the network's own in turns, and the error is that of a converged reconstruction. What
    cannot be foretold, such as the place of a contour to a fraction of a cell, spreads the importance around it.
    """

    def __init__(self, network: nn.Module, loss: MaskLoss) -> None:
        super().__init__()
        self.network = network
        self.level = nn.Parameter(torch.tensor(_FIRST_LEVEL))
        """Logarithm of the error at an importance of one and a density of 0.1, and its slope over a decade."""
        self._loss = loss

    def forward(self, rgb: Tensor, target: Tensor, rate: Tensor, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Negative logarithm of the likelihood of the errors, and their mean; see `MaskObjective.forward`.

        The squared errors are taken as exponentially distributed about their expected value, which makes that the mean.
        """
        log_importance = self.network(rgb, rate).float().log()
        with torch.no_grad():
            density = rate[:, None, None, None].expand_as(log_importance).contiguous()
            if random.random() < _OWN_SHARE:
                density = adjust_mean(log_importance.exp(), rate).clamp(min=_SPARSEST)
            cells = BINARISATIONS["error-diffusion"](density, random)
            estimate = inpaint(target, cells, cycles=self._loss.cycles)
            errors = (estimate - target).square().mean(1, keepdim=True)
            guessed = 1 - cells
        log_expected = log_importance / self._loss.power + self.level[0] + self.level[1] * (torch.log10(density) + 1)
        unlikely = log_expected + (errors + _PERFECT) * torch.exp(-log_expected)
        return (unlikely * guessed).sum() / guessed.sum(), errors.mean()


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


def _shared_budget(importance: Tensor, rate: Tensor, together: int) -> Tensor:
    """Density of crops of which each `together` in a row are treated as one photograph."""
    rows, columns = importance.shape[2:]
    joined = importance.reshape(-1, 1, together * rows, columns)
    return adjust_mean(joined, rate[::together]).reshape(importance.shape)


def _measured(errors: Tensor, measure: str) -> Tensor:
    match measure:
        case "mean-squared-error":
            return errors.mean()
        case "decibel":
            return 10 * torch.log10(errors + _PERFECT).mean()
        case _:
            raise ValueError(f"no loss is called {measure!r}: choose mean-squared-error or decibel")
