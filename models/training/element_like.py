"""Targets that mimic element maps: few levels, a beam's blur, and shapes that the photograph does not show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LEVELS = (2, 6)
_SPOT_CELLS = (0.3, 1.2)
_HIDDEN_CHANCE = 0.3


def element_like(crops: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """Three maps for each photograph, shape (n, 3, rows, columns) like the photographs, in [0, 1].

    Each map is a random projection of colour, posterised to two to six levels of random strength, where a pigment
    either holds the element or does not; some maps also hold a shape of another photograph, hidden here. Then the
    beam blurs all of them.
    """
    import cv2

    targets = np.empty_like(crops)
    for n, crop in enumerate(crops):
        for k in range(3):
            one = _posterised(crop, random)
            if len(crops) > 1 and random.random() < _HIDDEN_CHANCE:
                other = crops[(n + int(random.integers(1, len(crops)))) % len(crops)]
                hidden = _posterised(other, random, levels=2)
                one = np.maximum(one, float(random.uniform(0.2, 0.8)) * hidden)
            spot_cells = float(random.uniform(*_SPOT_CELLS))
            targets[n, k] = cv2.GaussianBlur(one, (0, 0), spot_cells, borderType=cv2.BORDER_REPLICATE)
    return targets


def _posterised(crop: NDArray[np.float32], random: np.random.Generator, levels: int = 0) -> NDArray[np.float32]:
    direction = random.normal(size=3).astype(np.float32)
    projected = np.tensordot(direction / np.linalg.norm(direction), crop, axes=1)
    count = levels or int(random.integers(_LEVELS[0], _LEVELS[1] + 1))
    cuts = np.quantile(projected, np.sort(random.random(count - 1)))
    strength = np.append(0.0, random.random(count - 1)) if levels == 0 else np.array([0.0, 1.0])
    return np.asarray(random.permutation(strength)[np.digitize(projected, cuts)], np.float32)
