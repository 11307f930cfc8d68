"""Crops of the test photographs, and the samples that Table I of Dai et al. (2017) takes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.training.photographs import open_photographs

SIDE = 64


def crops(folder: Path, count: int, seed: int = 0) -> list[NDArray[np.float32]]:
    """Random crops, (64, 64, 3) in [0, 1], each of another photograph."""
    photographs = open_photographs(folder / "photos_test" / "dev_400_256px_jpg.tar")
    random, found = np.random.default_rng(seed), []
    for index in random.permutation(len(photographs)):
        if len(found) == count:
            break
        rgb = photographs.read(int(index))
        if rgb is not None and min(rgb.shape[:2]) >= SIDE:
            top, left = (int(random.integers(length - SIDE + 1)) for length in rgb.shape[:2])
            found.append((rgb[top : top + SIDE, left : left + SIDE] / 255).astype(np.float32))
    return found


def photograph_psnr_db(estimate: NDArray[np.float32], truth: NDArray[np.float32]) -> float:
    """Of one photograph over its three colours, clipped to [0, 1]."""
    return float(-10 * np.log10(np.square(estimate.clip(0, 1) - truth).mean()))
