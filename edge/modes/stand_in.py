"""Maps as the photograph suggests them, for want of better ones: on these, modes are tried before the beam is on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.photograph import photograph_lab

_COLOURS = 6
"""Places in colour space whose shares stand for elements."""
_SOFTNESS = 8.0
"""Distance in Lab at which a colour is shared between two places."""
_SAMPLED = 20_000
"""Cells that the places are found from."""
_ROUNDS = 30
_HIDDEN = 0.4
"""Part of each map that no colour at its place tells: layers below, and paints that look alike."""


@dataclass(frozen=True, slots=True)
class ExpectedRates:
    """What will be counted where an element is strongest, in counts per second of live time."""

    bright_per_s: float = 3_000.0
    """Of the element itself."""
    background_per_s: float = 300.0
    """Under its lines, everywhere."""


def maps_of_colours(rgb: NDArray[Any]) -> NDArray[np.float32]:
    """Shares of a few colours in every cell, shape (rows, columns, colours), from 0 to 1.

    A paint of one colour has its elements in common, and borders of colour are borders of elements. Some part of each
    map has borders like these, but elsewhere: it is the map of another colour, turned by half.
    """
    lab = photograph_lab(rgb, (rgb.shape[0], rgb.shape[1])).reshape(-1, 3).astype(np.float64)
    chance = np.random.default_rng(0)
    some = lab[chance.choice(len(lab), min(_SAMPLED, len(lab)), replace=False)]
    places = _places(some)
    squared = np.square(lab[:, None] - places).sum(axis=2)
    shares = np.exp((squared.min(axis=1, keepdims=True) - squared) / (2 * _SOFTNESS**2))
    shares /= shares.sum(axis=1, keepdims=True)
    visible = shares.reshape(*rgb.shape[:2], len(places))
    hidden = np.roll(visible[::-1, ::-1], 1, axis=2)
    return np.asarray((1 - _HIDDEN) * visible + _HIDDEN * hidden, np.float32)


def _places(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """K-means (S. P. Lloyd 1982), each place begun at the colour furthest from those before; shape (places, 3)."""
    places = [lab.mean(axis=0)]
    for _ in range(_COLOURS - 1):
        squared = np.min([np.square(lab - place).sum(axis=1) for place in places], axis=0)
        places.append(lab[np.argmax(squared)])
    found = np.array(places)
    for _ in range(_ROUNDS):
        nearest = np.square(lab[:, None] - found).sum(axis=2).argmin(axis=1)
        held = np.bincount(nearest, minlength=len(found))
        sums = np.stack([np.bincount(nearest, lab[:, k], len(found)) for k in range(3)], axis=1)
        found = np.where(held[:, None] > 0, sums / np.maximum(held, 1)[:, None], found)
    return found
