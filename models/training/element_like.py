"""Targets that mimic element maps: abundances of paints, a beam's blur, a place off by a little, and hidden shapes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.training.networks import OPPONENT

MAPS = 3
"""Elements that are mapped."""
_PAINTS = (1, 5)
"""Paints that hold an element."""
_STRENGTH = (0.3, 1.0)
"""Of an element's lines from a paint that holds it."""
_LIKENESS = (0.1, 0.6)
"""Distance in lightness, white being 1, at which a colour counts as another paint."""
_HUE_WEIGHT = (2.0, 6.0)
"""Of a distance in hue against one in lightness: shading changes a paint's lightness, and its hue hardly."""
_SPOT_CELLS = (0.3, 1.0)
"""Standard deviation of the beam's blur."""
_HIDDEN_CHANCE = 0.2
_OFF_CELLS = 0.4
"""Standard deviation of the registration's error along each axis; a scan demands half a cell."""
_GRAIN = (0.0, 0.06)
"""Standard deviation of the canvas' weave, cracks and the camera's noise, of white: no element map shows them."""
_GRAIN_CELLS = (0.0, 1.5)
"""Standard deviation of the blur that makes grain of noise."""
_GREY_GRAIN = 0.8
"""Share of the grain's variance that all three colours have in common: relief and cracks change the light alone."""
_TEXTURE_CELLS = (1, 7)
"""Side of the window whose median counts as the paint's colour: brush strokes finer than it change no element."""


@dataclass(frozen=True, slots=True, eq=False)
class _Paint:
    colour: NDArray[np.float32]
    strength: float
    likeness: float
    hue_weight: float


def element_like(crops: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """Maps of the same three elements for all photographs, shape (n, 3, rows, columns) like them, in [0, 1].

    An element is held by some paints, each strongest at the colour of some pixel of some photograph and weaker the less
    a colour resembles it: maps change where colours do, by amounts that the colours do not tell, not at every change,
    and not with a paint's texture. Some maps also hold a shape of another photograph, hidden here. Then the beam
    blurs all of them, and the registration's error shifts those of one photograph together.
    """
    import cv2

    rows, columns = crops.shape[2:]
    painted = np.stack([_untextured(crop, random) for crop in crops])
    elements = [_paints(painted, random) for _ in range(MAPS)]
    spots_cells = random.uniform(*_SPOT_CELLS, MAPS)
    targets = np.empty((len(crops), MAPS, rows, columns), np.float32)
    for n, crop in enumerate(painted):
        shift = random.normal(0.0, _OFF_CELLS, 2)
        place = np.array([[1.0, 0.0, shift[0]], [0.0, 1.0, shift[1]]])
        for k, paints in enumerate(elements):
            one = _abundance(crop, paints)
            if len(crops) > 1 and random.random() < _HIDDEN_CHANCE:
                other = painted[(n + int(random.integers(1, len(crops)))) % len(crops)]
                one = np.maximum(one, float(random.uniform(0.2, 0.8)) * _abundance(other, paints))
            blurred = cv2.GaussianBlur(one, (0, 0), spots_cells[k], borderType=cv2.BORDER_REPLICATE)
            targets[n, k] = cv2.warpAffine(blurred, place, (columns, rows), borderMode=cv2.BORDER_REPLICATE)
    return targets


def as_photographed(crops: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """The photographs with grain that their element maps do not have; same shape, in [0, 1]."""
    import cv2

    seen = np.empty_like(crops)
    for n, crop in enumerate(crops):
        noise = random.standard_normal((*crop.shape[1:], 4), np.float32)
        soft = cv2.GaussianBlur(noise, (0, 0), max(random.uniform(*_GRAIN_CELLS), 0.1), borderType=cv2.BORDER_REFLECT)
        grain = _GREY_GRAIN**0.5 * soft[..., 3:] + (1 - _GREY_GRAIN) ** 0.5 * soft[..., :3]
        seen[n] = crop + (random.uniform(*_GRAIN) / grain.std()) * grain.transpose(2, 0, 1)
    return seen.clip(0, 1)


def _untextured(crop: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    import cv2

    side = int(random.integers(_TEXTURE_CELLS[0], _TEXTURE_CELLS[1] + 1)) | 1
    eight_bits = np.ascontiguousarray((crop.transpose(1, 2, 0) * 255).round(), np.float32).astype(np.uint8)
    return np.asarray(cv2.medianBlur(eight_bits, side), np.float32).transpose(2, 0, 1) / np.float32(255)


def _paints(crops: NDArray[np.float32], random: np.random.Generator) -> list[_Paint]:
    count, _, rows, columns = crops.shape
    paints = []
    for _ in range(int(random.integers(_PAINTS[0], _PAINTS[1] + 1))):
        place = (int(random.integers(count)), slice(None), int(random.integers(rows)), int(random.integers(columns)))
        likeness, hue_weight = (float(np.exp(random.uniform(*np.log(span)))) for span in (_LIKENESS, _HUE_WEIGHT))
        paints.append(_Paint(crops[place], float(random.uniform(*_STRENGTH)), likeness, hue_weight))
    return paints


def _abundance(crop: NDArray[np.float32], paints: list[_Paint]) -> NDArray[np.float32]:
    total = np.zeros(crop.shape[1:], np.float32)
    for paint in paints:
        apart = np.tensordot(np.array(OPPONENT, np.float32), crop - paint.colour[:, None, None], axes=1)
        distance = np.square(apart[0]) + paint.hue_weight**2 * np.square(apart[1:]).sum(0)
        total = np.maximum(total, paint.strength * np.exp(-0.5 * distance / paint.likeness**2))
    return total
