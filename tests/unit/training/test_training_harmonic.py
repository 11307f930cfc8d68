"""The reconstruction that networks are trained through is the one that a scan uses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge.reconstruct.harmonic import cycle, fill
from models.training.harmonic import inpaint


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def scene(shape: tuple[int, int], rate: float) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    random = np.random.default_rng(0)
    maps, mask = random.random((*shape, 3), dtype=np.float32), random.random(shape) < rate
    mask[0, 0] = True
    return maps, mask


def edge_estimate(maps: NDArray[np.float32], mask: NDArray[np.bool_], cycles: int) -> NDArray[np.float32]:
    field = np.where(mask[:, :, None], maps, np.float32(0))
    fill(field, ~mask)
    cycle(field, ~mask, cycles=cycles)
    return field


def torch_estimate(maps: NDArray[np.float32], mask: NDArray[np.bool_], cycles: int) -> NDArray[np.float32]:
    values = torch.from_numpy(maps).permute(2, 0, 1)[None]
    confidence = torch.from_numpy(mask.astype(np.float32))[None, None]
    return inpaint(values, confidence, cycles=cycles)[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("shape", [(64, 64), (33, 50), (1, 40), (40, 1), (7, 5)])
@pytest.mark.parametrize("rate", [0.02, 0.1, 0.6])
def test_on_a_hard_mask_it_equals_the_scanners_own_harmonic(shape: tuple[int, int], rate: float) -> None:
    maps, mask = scene(shape, rate)
    # both converged; float32 carries 1e-7 and the largest hole's conditioning costs two digits
    np.testing.assert_allclose(torch_estimate(maps, mask, 25), edge_estimate(maps, mask, 25), atol=1e-5)


def test_a_measured_cell_keeps_its_value_to_the_bit() -> None:
    maps, mask = scene((32, 32), 0.1)
    assert (torch_estimate(maps, mask, 3)[mask] == maps[mask]).all()


def test_the_cycles_of_a_training_are_within_a_hundredth_of_the_converged_estimate() -> None:
    maps, mask = scene((64, 64), 0.05)
    assert np.abs(torch_estimate(maps, mask, 4) - torch_estimate(maps, mask, 25)).max() < 0.01


def soft_scene() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(2, 1, 5, 4, generator=generator, dtype=torch.float64)
    confidence = 0.9 * torch.rand(2, 1, 5, 4, generator=generator, dtype=torch.float64)
    confidence[0, 0, 2, 3], confidence[0, 0, 4, 2], confidence[1, 0, 3] = 0.0, 0.99, 0.01
    return values, confidence


def test_a_soft_mask_satisfies_the_equation_that_defines_its_estimate() -> None:
    values, confidence = soft_scene()
    estimate = inpaint(values, confidence, cycles=40)
    padded = torch.nn.functional.pad(estimate, (1, 1, 1, 1), mode="replicate")
    neighbours = padded[..., 1:-1, :-2] + padded[..., 1:-1, 2:] + padded[..., :-2, 1:-1] + padded[..., 2:, 1:-1]
    defect = confidence * (estimate - values) + (1 - confidence) * (4 * estimate - neighbours)
    # double precision, values and stencil of order one
    assert float(defect.abs().max()) < 1e-12


def test_the_gradient_of_a_soft_mask_equals_finite_differences() -> None:
    values, confidence = soft_scene()
    arguments = (values.requires_grad_(True), confidence.requires_grad_(True))
    # central differences of step 1e-6 in double precision, along random directions: truncation 1e-12, rounding 1e-10
    # times the conditioning
    assert torch.autograd.gradcheck(lambda v, c: inpaint(v, c, cycles=40), arguments, atol=1e-6, fast_mode=True)


def test_the_gradient_at_a_hard_mask_is_the_limit_of_that_of_softer_ones() -> None:
    values, confidence = soft_scene()
    hard = (confidence > 0.6).double()
    hard[:, :, 0, 0] = 1.0
    softer = hard.clamp(1e-5, 1 - 1e-5)
    slopes = []
    for mask in (hard, softer):
        mask.requires_grad_(True)
        (slope,) = torch.autograd.grad((inpaint(values, mask, cycles=40) - values).square().sum(), mask)
        slopes.append(slope)
    # the gradient is smooth: a step of 1e-5 changes it by that times its own slope, at most some hundreds here
    torch.testing.assert_close(slopes[0], slopes[1], atol=1e-2, rtol=1e-2)
