"""From importance to a mask that a gradient passes through."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

Binarise = Callable[[Tensor, np.random.Generator], Tensor]
"""(density, random) to confidence, both (n, 1, rows, columns): what the reconstruction is trained with."""

_TEMPERATURE = 0.3
_EDGE = 1e-6
_NEGLIGIBLE = 1e-12
"""Importance below this share of an image's largest counts as equal: such cells share what the others cannot take."""


def adjust_mean(importance: Tensor, rate: Tensor) -> Tensor:
    """Scale each image to ``min(1, s L)`` with the one ``s`` that makes its mean the rate.

    The same clamp and rescale, repeated until it has converged, as `models.density.adjust_mean`; the gradient is that
    of the converged result: saturated cells have none, the others share what the rate leaves.

    Parameters
    ----------
    importance
        Shape (n, 1, rows, columns), above 0.
    rate
        Wanted mean of each image, shape (n,), in (0, 1].

    Returns
    -------
    Tensor
        Shape (n, 1, rows, columns), in [0, 1].
    """
    cells = importance.shape[2] * importance.shape[3]
    weight = importance.flatten(1).double()
    weight = (weight / weight.amax(1, keepdim=True).detach()).clamp(min=_NEGLIGIBLE)
    wanted = (rate.to(weight.dtype) * cells)[:, None]
    saturated = torch.zeros_like(weight, dtype=torch.bool)
    with torch.no_grad():
        while True:
            reached = saturated | (weight * _scale(weight, saturated, wanted) >= 1)
            if torch.equal(reached, saturated):
                break
            saturated = reached
    density = torch.where(saturated, 1.0, weight * _scale(weight, saturated, wanted))
    return density.clamp(max=1.0).to(importance.dtype).reshape(importance.shape)


def _scale(weight: Tensor, saturated: Tensor, wanted: Tensor) -> Tensor:
    rest = torch.where(saturated, 0.0, weight).sum(1, keepdim=True)
    left = (wanted - saturated.sum(1, keepdim=True)).clamp(min=0)
    return left / rest.clamp(min=torch.finfo(weight.dtype).tiny)


def expected(density: Tensor, random: np.random.Generator) -> Tensor:
    """The density itself in the mask's place, as Dai et al. train."""
    del random
    return density


def bernoulli(density: Tensor, random: np.random.Generator) -> Tensor:
    """Independent draws; the gradient goes straight through (Y. Bengio, N. Leonard, A. Courville 2013)."""
    drawn = (_uniform(density, random) < density).to(density.dtype)
    return _straight_through(density, _never_empty(drawn, density))


def relaxed(density: Tensor, random: np.random.Generator) -> Tensor:
    """Draws between 0 and 1 that a gradient passes through (Maddison, Mnih, Teh 2017), at a temperature of 0.3."""
    chance = density.clamp(_EDGE, 1 - _EDGE)
    draw = _uniform(density, random).clamp(_EDGE, 1 - _EDGE)
    return torch.sigmoid((torch.logit(chance) + torch.logit(draw)) / _TEMPERATURE)


def diffused(density: Tensor, random: np.random.Generator) -> Tensor:
    """Error diffusion as a scan binarises, but for the exact count; the gradient goes straight through."""
    from models.binarise import THRESHOLD_NOISE
    from models.error_diffusion import diffuse

    plain = density.detach().to(device="cpu", dtype=torch.float64).numpy()[:, 0]
    allowed = np.ones(plain.shape[1:], np.bool_)
    drawn = np.empty(plain.shape, np.bool_)
    for n, one in enumerate(plain):
        noise = random.uniform(-THRESHOLD_NOISE, THRESHOLD_NOISE, one.shape)
        drawn[n] = diffuse(np.ascontiguousarray(one), allowed, noise, random.uniform(-0.5, 0.5, one.shape[1]))
    cells = torch.from_numpy(drawn)[:, None].to(density)
    return _straight_through(density, _never_empty(cells, density))


BINARISATIONS: dict[str, Binarise] = {
    "expected": expected,
    "bernoulli": bernoulli,
    "relaxed": relaxed,
    "error-diffusion": diffused,
}


def coverage_penalty(density: Tensor, rate: Tensor, *, share: float, radius: int) -> Tensor:
    """How far local means of the density fall below a share of the rate: zero while no region is abandoned.

    Parameters
    ----------
    density
        Shape (n, 1, rows, columns).
    rate
        Shape (n,).
    share
        Of the rate, that every window is to have at least.
    radius
        Of the square window, in cells.

    Returns
    -------
    Tensor
        Scalar: mean squared shortfall in units of the rate.
    """
    rows, columns = density.shape[2:]
    side = 2 * min(radius, (min(rows, columns) - 1) // 2) + 1
    local = functional.avg_pool2d(density, side, stride=1, padding=side // 2, count_include_pad=False)
    return functional.relu(share - local / rate[:, None, None, None]).square().mean()


def _straight_through(density: Tensor, cells: Tensor) -> Tensor:
    # the value is exactly that of the cells: a held cell must be held
    return _StraightThrough.apply(density, cells)  # type: ignore[no-any-return, no-untyped-call]


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, density: Tensor, cells: Tensor) -> Tensor:
        del ctx, density
        return cells.clone()

    @staticmethod
    def backward(ctx: object, slope: Tensor) -> tuple[Tensor, None]:
        del ctx
        return slope, None


def _never_empty(cells: Tensor, density: Tensor) -> Tensor:
    """Take the densest cell of an image that drew none: it could not be reconstructed."""
    flat = cells.flatten(1)
    densest = functional.one_hot(density.detach().flatten(1).argmax(1), flat.shape[1]).to(flat)
    empty = (flat.sum(1, keepdim=True) == 0).to(flat)
    return torch.maximum(flat, empty * densest).reshape(cells.shape)


def _uniform(density: Tensor, random: np.random.Generator) -> Tensor:
    return torch.from_numpy(random.random(tuple(density.shape), dtype=np.float32)).to(density)
