"""Harmonic inpainting that a network can be trained through.

With confidence c in [0, 1] per cell, samples f and the graph Laplacian L of the grid (no flow through its borders), the
estimate u solves ``c (u - f) + (1 - c) L u = 0``: held where c is 1, harmonic where it is 0 (I. Galic et al. 2008, with
the soft masks of Hoeltgen, Setzer and Weickert 2013). Divided by ``1 - c`` the system is symmetric, so one multigrid
solver serves both the estimate and, by implicit differentiation, its gradient; nothing is kept from the iterations.
On a hard mask the estimate is that of `edge.reconstruct.harmonic`, run to convergence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

DEFAULT_CYCLES = 5
"""Each cycle divides the error by three to five."""
_HELD = 1.0 - 1e-6
"""Confidence from which a cell is held: its weight against its neighbours would leave float32."""


def inpaint(values: Tensor, confidence: Tensor, *, cycles: int = DEFAULT_CYCLES) -> Tensor:
    """Harmonic estimate of all cells.

    Parameters
    ----------
    values
        Samples, shape (n, channels, rows, columns); what stands where the confidence is 0 does not count.
    confidence
        Shape (n, 1, rows, columns), in [0, 1], above 0 somewhere in each image. Hard masks are 0 and 1.
    cycles
        Multigrid cycles, of the estimate and of its gradient each.

    Returns
    -------
    Tensor
        Shape of `values`, differentiable in both arguments; at a hard mask the gradient in a cell's confidence says
        what adding or removing a little of that sample would change.
    """
    estimate: Tensor = _Inpainting.apply(values, confidence, cycles)  # type: ignore[no-untyped-call]
    return estimate


class _Inpainting(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, confidence: Tensor, cycles: int) -> Tensor:
        levels = _levels(confidence)
        top = levels[0]
        weight = torch.where(top.free, confidence / (1 - confidence).clamp(min=1 - _HELD), 0.0)
        load = torch.where(top.free, weight * values + _neighbours(torch.where(top.free, 0.0, values)), 0.0)
        estimate = torch.where(top.free, _solve(levels, load, cycles), values)
        ctx.save_for_backward(values, confidence, estimate)
        ctx.levels, ctx.cycles = levels, cycles
        return estimate

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, Tensor, None]:
        values, confidence, estimate = ctx.saved_tensors
        levels: list[_Level] = ctx.levels
        slope = slope.contiguous()
        adjoint = _solve(levels, torch.where(levels[0].free, slope, 0.0), ctx.cycles)
        # the multiplier of each cell's equation, and the equation's slope in c, each by the form that divides by
        # the larger of c and 1 - c
        sure = confidence > 0.5
        larger = torch.where(sure, confidence, 1 - confidence)
        multiplier = torch.where(sure, slope - _laplacian(adjoint), adjoint) / larger
        change = torch.where(sure, -_laplacian(estimate), estimate - values) / larger
        return confidence * multiplier, -(multiplier * change).sum(1, keepdim=True), None


@dataclass(frozen=True, slots=True, eq=False)
class _Level:
    """Links of one level, shape (n, 1, rows, columns) each; a coarse cell stands for 2 x 2 finer ones."""

    across: Tensor
    """Link to the right neighbour, one column fewer."""
    down: Tensor
    """Link to the lower neighbour, one row fewer."""
    anchor: Tensor
    """Link to what is held: samples and held neighbours."""
    free: Tensor
    even: Tensor
    """One over the diagonal on cells of even parity, 0 on the others."""
    odd: Tensor


def _level(across: Tensor, down: Tensor, anchor: Tensor) -> _Level:
    rows, columns = anchor.shape[2:]
    diagonal = anchor.clone()
    diagonal[..., :-1] += across
    diagonal[..., 1:] += across
    diagonal[..., :-1, :] += down
    diagonal[..., 1:, :] += down
    free = diagonal > 0
    inverse = torch.where(free, 1 / diagonal, 0.0)
    row, column = torch.arange(rows, device=anchor.device), torch.arange(columns, device=anchor.device)
    parity = (row[:, None] + column) % 2 == 0
    return _Level(across, down, anchor, free, torch.where(parity, inverse, 0.0), torch.where(parity, 0.0, inverse))


def _levels(confidence: Tensor) -> list[_Level]:
    free = (confidence < _HELD).to(confidence.dtype)
    weight = free * confidence / (1 - confidence).clamp(min=1 - _HELD)
    levels = [
        _level(
            free[..., :-1] * free[..., 1:],
            free[..., :-1, :] * free[..., 1:, :],
            weight + free * _neighbours(1 - free),
        )
    ]
    while max(levels[-1].anchor.shape[2:]) > 1:
        finer = levels[-1]
        # half: piecewise constant aggregates are twice too stiff (D. Braess 1995)
        across = 0.5 * _sum_pairs(finer.across[..., 1::2], 2)
        down = 0.5 * _sum_pairs(finer.down[..., 1::2, :], 3)
        levels.append(_level(across, down, _sum_blocks(finer.anchor)))
    return levels


def _solve(levels: list[_Level], load: Tensor, cycles: int) -> Tensor:
    """Solve the top level's system by V-cycles from zero."""
    top = levels[0]
    solution = torch.zeros_like(load)
    for cycle in range(cycles):
        _v_cycle(levels, 0, solution, load, from_zero=cycle == 0)
    return solution * top.free


def _v_cycle(levels: list[_Level], depth: int, solution: Tensor, load: Tensor, *, from_zero: bool) -> None:
    here = levels[depth]
    _relax(here, solution, load, from_zero=from_zero)
    if depth + 1 < len(levels):
        coarse_load = _sum_blocks(_residual(here, solution, load))
        error = torch.zeros_like(coarse_load)
        _v_cycle(levels, depth + 1, error, coarse_load, from_zero=True)
        rows, columns = solution.shape[2:]
        fine = functional.interpolate(error, scale_factor=2, mode="bilinear", align_corners=False)
        solution.addcmul_(fine[..., :rows, :columns], here.free.to(fine.dtype))
    _relax(here, solution, load, from_zero=False)


def _relax(level: _Level, solution: Tensor, load: Tensor, *, from_zero: bool) -> None:
    """One red-black Gauss-Seidel sweep, in place."""
    for n, (chosen, others) in enumerate(((level.even, level.odd), (level.odd, level.even))):
        if from_zero and n == 0:
            torch.mul(load, chosen, out=solution)
            continue
        # cells that are not free are zero in every field, so `others > 0` keeps all that has to be kept
        total = _add_linked(level, solution, load.clone())
        solution.mul_((others > 0).to(solution.dtype)).addcmul_(total, chosen)


def _residual(level: _Level, solution: Tensor, load: Tensor) -> Tensor:
    # load + links - diagonal x solution, on free cells
    diagonal = torch.where(level.free, 1 / (level.even + level.odd), 0.0)
    return _add_linked(level, solution, load.clone()).addcmul_(solution, diagonal, value=-1.0) * level.free


def _add_linked(level: _Level, solution: Tensor, total: Tensor) -> Tensor:
    """Add to `total`, in place, what a cell's neighbours send through its links."""
    total[..., :-1].addcmul_(solution[..., 1:], level.across)
    total[..., 1:].addcmul_(solution[..., :-1], level.across)
    total[..., :-1, :].addcmul_(solution[..., 1:, :], level.down)
    total[..., 1:, :].addcmul_(solution[..., :-1, :], level.down)
    return total


def _neighbours(field: Tensor) -> Tensor:
    """Sum of each cell's neighbours inside the grid."""
    total = torch.zeros_like(field)
    total[..., :-1] += field[..., 1:]
    total[..., 1:] += field[..., :-1]
    total[..., :-1, :] += field[..., 1:, :]
    total[..., 1:, :] += field[..., :-1, :]
    return total


def _laplacian(field: Tensor) -> Tensor:
    """Number of neighbours times the cell, less their sum."""
    rows, columns = field.shape[2:]
    count = _neighbours(torch.ones((1, 1, rows, columns), dtype=field.dtype, device=field.device))
    return count * field - _neighbours(field)


def _sum_blocks(field: Tensor) -> Tensor:
    rows, columns = field.shape[2:]
    padded = functional.pad(field, (0, columns % 2, 0, rows % 2))
    return 4 * functional.avg_pool2d(padded, 2)


def _sum_pairs(links: Tensor, dimension: int) -> Tensor:
    """Sum pairs of rows (dimension 2) or columns (3), an odd last one alone."""
    count = links.shape[dimension]
    padding = (0, 0, 0, count % 2) if dimension == 2 else (0, count % 2)
    padded = functional.pad(links, padding)
    if dimension == 2:
        return padded[..., ::2, :] + padded[..., 1::2, :]
    return padded[..., ::2] + padded[..., 1::2]
