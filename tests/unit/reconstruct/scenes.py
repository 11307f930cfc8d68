"""Scenes and masks that the reconstruction's tests share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.maps import Samples
from edge.reconstruct.cells import MeasuredCells, merged


def sampled(maps: NDArray[np.float32], mask: NDArray[np.bool_], variance: NDArray[np.float32] | None = None) -> Samples:
    """The samples that a scan of the mask would have taken; variance unknown unless given as maps."""
    rows, columns = np.nonzero(mask)
    known = np.zeros_like(maps) if variance is None else variance
    return Samples(rows, columns, maps[mask].astype(np.float32), known[mask].astype(np.float32))


def measured(maps: NDArray[np.float32], mask: NDArray[np.bool_]) -> MeasuredCells:
    return merged(sampled(maps, mask), maps.shape[:2], tuple(f"E{e}" for e in range(maps.shape[2])))


def random_mask(allowed: NDArray[np.bool_], rate: float, seed: int = 0) -> NDArray[np.bool_]:
    """Exactly the given fraction of the allowed cells, drawn without replacement."""
    cells = np.flatnonzero(allowed)
    mask = np.zeros(allowed.size, np.bool_)
    mask[np.random.default_rng(seed).choice(cells, round(rate * len(cells)), replace=False)] = True
    return mask.reshape(allowed.shape)


def painted(rows: int = 96, columns: int = 80, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Three maps and the photograph that shows their patches: (rows, columns, 3) each, photograph in [0, 1]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :columns]
    seeds = rng.random((25, 2)) * [rows, columns]
    patch = np.argmin((y[..., None] - seeds[:, 0]) ** 2 + (x[..., None] - seeds[:, 1]) ** 2, axis=2)
    colours = rng.random((25, 3))
    amounts = np.stack([colours[:, 0], 1 - colours[:, 1], colours @ [0.2, 0.3, 0.5]], axis=1)
    return amounts[patch].astype(np.float32), colours[patch].astype(np.float32)


def psnr_db(estimate: NDArray[np.float32], truth: NDArray[np.float32], valid: NDArray[np.bool_]) -> float:
    scale = np.percentile(truth[valid], 99.9, axis=0)
    error = (estimate[valid] - truth[valid]) / scale
    return float(-10 * np.log10((error**2).mean(axis=0)).mean())


def portrait(folder: Path) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Maps, photograph in [0, 1] and valid cells of the aligned pair."""
    with np.load(folder / "maxrf_portrait" / "portrait_811x285.npz") as stack:
        return stack["maps"], (stack["rgb"] / 255).astype(np.float32), stack["valid"]


def hands(folder: Path) -> NDArray[np.float32]:
    """Net line maps of the hands."""
    with np.load(folder / "maxrf_hands" / "prova1_maps.npz") as stack:
        return np.asarray(stack["net"], np.float32)
