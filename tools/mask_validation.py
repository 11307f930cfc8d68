"""Validation of a mask network as a scan uses it: error diffusion to an exact count, and a converged reconstruction."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edge.reconstruct.harmonic import cycle, fill
from models.binarise import DEFAULT_BINARISER, binarise
from models.density import cells_for_rate, density_from_importance
from models.masks import MaskRequest, make_mask
from models.training.element_like import as_photographed, element_like
from models.training.trainer import NETWORK, ValidationRow

_CYCLES = 10
"""Multigrid cycles: to the rounding of float32."""
_PERFECT = 1e-15
_MOST_DB = 50.0
"""More gains nothing: an empty map must not outweigh all others."""
_BATCH = 64
_SCENE_SEED = 20


PHOTOGRAPHS, ELEMENT_LIKE = "photographs", "element-like"


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What masks are made from, and what is reconstructed from their samples."""

    target: str
    """`PHOTOGRAPHS` or `ELEMENT_LIKE`."""
    seen: NDArray[np.float32]
    """Photographs, shape (n, 3, rows, columns), in [0, 1]."""
    mapped: NDArray[np.float32]
    """Shape (n, maps, rows, columns)."""


def scenes(crops: NDArray[np.float32], element_like_share: float) -> tuple[Scene, ...]:
    """The photographs themselves, element-like maps of them, or both, as a training with that share reconstructs."""
    random = np.random.default_rng(_SCENE_SEED)
    found = []
    if element_like_share < 1:
        found.append(Scene(PHOTOGRAPHS, crops, crops))
    if element_like_share > 0:
        # two by two: an element of a large collection would be missing from most photographs
        mapped = [element_like(crops[n : n + 2], random) for n in range(0, len(crops), 2)]
        found.append(Scene(ELEMENT_LIKE, as_photographed(crops, random), np.concatenate(mapped)))
    return tuple(found)


@dataclass(slots=True)
class MaskValidation:
    """PSNR, mean of each crop's, of a network's masks beside those of rivals on the same crops."""

    scenes: tuple[Scene, ...]
    rates: tuple[float, ...]
    rivals: tuple[str, ...]
    """Names of `models.masks.MASKS`."""
    importance_floor: float = 0.0
    _rival_rows: list[ValidationRow] = field(default_factory=list, init=False)

    def __call__(self, network: nn.Module) -> list[ValidationRow]:
        """Rows of the network, then of the rivals, which are reconstructed once only."""
        own = [
            ValidationRow(scene.target, NETWORK, rate, mean_db(scene.mapped, self._network_masks(network, scene, rate)))
            for scene in self.scenes
            for rate in self.rates
        ]
        if not self._rival_rows:
            self._rival_rows = [
                ValidationRow(scene.target, name, rate, mean_db(scene.mapped, _rival_masks(name, scene, rate)))
                for scene in self.scenes
                for name in self.rivals
                for rate in self.rates
            ]
        return own + self._rival_rows

    def _network_masks(self, network: nn.Module, scene: Scene, rate: float) -> list[NDArray[np.bool_]]:
        device = next(network.parameters()).device
        importance = []
        with torch.inference_mode():
            for start in range(0, len(scene.seen), _BATCH):
                rgb = torch.from_numpy(scene.seen[start : start + _BATCH]).to(device)
                rates = torch.full((rgb.shape[0],), rate, device=device)
                importance.append(network(rgb, rates)[:, 0].float().cpu().numpy())
        return [self._binarised(one, rate, seed) for seed, one in enumerate(np.concatenate(importance))]

    def _binarised(self, importance: NDArray[np.float32], rate: float, seed: int) -> NDArray[np.bool_]:
        allowed = np.ones(importance.shape, np.bool_)
        count = cells_for_rate(rate, importance.size)
        density = density_from_importance(
            importance, count=count, allowed=allowed, origin=NETWORK, floor=self.importance_floor
        )
        mask = binarise(density, count=count, allowed=allowed, binariser=DEFAULT_BINARISER, seed=seed)
        return mask.cells


def _rival_masks(name: str, scene: Scene, rate: float) -> list[NDArray[np.bool_]]:
    masks = []
    for seed, crop in enumerate(scene.seen):
        rgb = crop.transpose(1, 2, 0)
        shape = (rgb.shape[0], rgb.shape[1])
        count = cells_for_rate(rate, shape[0] * shape[1])
        masks.append(make_mask(name, MaskRequest(shape=shape, count=count, rgb=rgb, seed=seed)).mask.cells)
    return masks


def mean_db(mapped: NDArray[np.float32], masks: list[NDArray[np.bool_]]) -> float:
    """Mean PSNR of the converged harmonic reconstruction of each image from the cells of its mask, each at most 50."""
    found = [reconstruction_db(one, mask) for one, mask in zip(mapped, masks, strict=True)]
    return float(np.minimum(found, _MOST_DB).mean())


@dataclass(frozen=True, slots=True)
class InpaintingValidation:
    """PSNR of NetE's reconstructions from random masks with an exact count."""

    crops: NDArray[np.float32]
    """Shape (n, 3, 64, 64), in [0, 1]."""
    rates: tuple[float, ...]

    def __call__(self, network: nn.Module) -> list[ValidationRow]:
        """One row for each rate."""
        device = next(network.parameters()).device
        rows, columns = self.crops.shape[2:]
        rgb = torch.from_numpy(self.crops).to(device)
        found = []
        for rate in self.rates:
            count = cells_for_rate(rate, rows * columns)
            requests = [MaskRequest(shape=(rows, columns), count=count, seed=n) for n in range(len(self.crops))]
            cells = np.stack([make_mask("random", request).mask.cells for request in requests])
            mask = torch.from_numpy(cells)[:, None].to(rgb)
            with torch.inference_mode():
                estimate = (network((2 * rgb - 1) * mask) + 1) / 2
            errors = (estimate - rgb).square().mean((1, 2, 3)).clamp(min=_PERFECT)
            found.append(ValidationRow(PHOTOGRAPHS, NETWORK, rate, float((-10 * torch.log10(errors)).mean())))
        return found


def reconstruction_db(crop: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """PSNR of an image (channels, rows, columns) in [0, 1] after its converged harmonic reconstruction from a mask."""
    image = np.ascontiguousarray(crop.transpose(1, 2, 0))
    estimate = np.where(mask[:, :, None], image, np.float32(0))
    fill(estimate, ~mask)
    cycle(estimate, ~mask, cycles=_CYCLES)
    error = float(np.square(estimate.astype(np.float64) - image).mean())
    return -10 * math.log10(max(error, _PERFECT))
