"""Scenes and masks that the reconstruction's tests share."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.maps import Samples
from edge.reconstruct.cells import MeasuredCells, merged
from edge.simulate.emission import PaintLayer, paint_rates
from edge.simulate.painted import PaintedPanel, paint_panel

PENTIMENTO_SHAPE = (120, 160)
PENTIMENTO_LINES = ("Hg-L", "Pb-L", "Ca-K", "Fe-K")


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


@cache
def pentimento() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Line maps of a panel, how much of them is owed to what lies under its surface, and its photograph in [0, 1]."""
    panel = paint_panel(3, 80, 60)
    nothing = PaintLayer(np.zeros_like(panel.hidden.masses_mg_cm2))
    maps, bare = _line_maps(panel, panel.hidden), _line_maps(panel, nothing)
    photograph = cv2.resize(panel.rgb, PENTIMENTO_SHAPE[::-1], interpolation=cv2.INTER_AREA)
    return maps, maps - bare, (photograph / 255).astype(np.float32)


def _line_maps(panel: PaintedPanel, hidden: PaintLayer) -> NDArray[np.float32]:
    rates = paint_rates([panel.surface, hidden, panel.ground], tube_rate_hz=6, matrix_rate_hz=9000)
    maps = np.stack([rates.of(line) for line in PENTIMENTO_LINES], axis=2)
    return np.asarray(cv2.resize(maps, PENTIMENTO_SHAPE[::-1], interpolation=cv2.INTER_AREA), np.float32)


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
