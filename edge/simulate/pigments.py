"""Historic pigments: what they are made of, how dense they are, and what colour they give.

Compositions are stoichiometric where the mineral is, and typical of analyses where it is an earth or a glass.
Colours are masstones, chosen by eye.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.srgb import decoded

Mixture = Mapping[str, float]
"""Volume fractions by pigment; they need not sum to 1."""


@dataclass(frozen=True, slots=True)
class Pigment:
    """One powder."""

    name: str
    composition: Mapping[str, float]
    """Mass fraction by element; the rest is hydrogen and the like."""
    density_g_cm3: float
    srgb: tuple[int, int, int]
    tinting: float
    """Colouring power relative to lead white."""


PIGMENTS = (
    Pigment("lead white", {"Pb": 0.80, "O": 0.165, "C": 0.031}, 6.8, (240, 236, 226), 1.0),
    Pigment("vermilion", {"Hg": 0.86, "S": 0.138}, 8.1, (190, 44, 30), 2.0),
    Pigment("azurite", {"Cu": 0.553, "O": 0.37, "C": 0.07}, 3.8, (38, 82, 148), 1.6),
    Pigment("malachite", {"Cu": 0.575, "O": 0.36, "C": 0.054}, 4.0, (52, 112, 74), 1.4),
    Pigment("red ochre", {"Fe": 0.33, "Si": 0.16, "Al": 0.09, "O": 0.40, "Ti": 0.004}, 3.6, (138, 64, 42), 2.2),
    Pigment(
        "yellow ochre",
        {"Fe": 0.24, "Si": 0.18, "Al": 0.10, "Ca": 0.015, "K": 0.012, "O": 0.43},
        3.3,
        (190, 140, 66),
        1.6,
    ),
    Pigment("umber", {"Fe": 0.30, "Mn": 0.085, "Si": 0.14, "Al": 0.07, "Ca": 0.03, "O": 0.37}, 3.5, (78, 56, 38), 2.4),
    Pigment("lead-tin yellow", {"Pb": 0.71, "Sn": 0.20, "O": 0.09}, 8.4, (232, 206, 96), 1.4),
    Pigment(
        "smalt",
        {"Si": 0.31, "K": 0.125, "Co": 0.050, "As": 0.028, "Ni": 0.009, "Fe": 0.012, "Bi": 0.004, "O": 0.44},
        2.6,
        (86, 104, 150),
        0.7,
    ),
    Pigment("bone black", {"Ca": 0.32, "P": 0.145, "O": 0.32, "C": 0.15}, 2.4, (30, 28, 28), 3.5),
    Pigment("chalk", {"Ca": 0.40, "O": 0.48, "C": 0.12, "Sr": 0.0006}, 2.7, (232, 226, 208), 0.15),
    Pigment(
        "ultramarine", {"Al": 0.16, "Si": 0.18, "S": 0.10, "Na": 0.15, "Ca": 0.02, "O": 0.38}, 2.4, (28, 44, 132), 2.0
    ),
    Pigment("red lake", {"Al": 0.05, "K": 0.008, "S": 0.01, "C": 0.55, "O": 0.33}, 1.6, (112, 18, 36), 1.6),
    Pigment("titanium white", {"Ti": 0.59, "O": 0.40}, 4.2, (246, 246, 242), 2.6),
    Pigment("zinc white", {"Zn": 0.80, "O": 0.19}, 5.6, (242, 243, 238), 0.9),
)
PIGMENT_NAMES = tuple(pigment.name for pigment in PIGMENTS)
ELEMENTS = tuple(sorted({element for pigment in PIGMENTS for element in pigment.composition}))
PIGMENT_VOLUME_FRACTION = 0.4
"""Share of pigment in the volume of a dry oil paint film; the rest is binder."""

_INDEX = {name: i for i, name in enumerate(PIGMENT_NAMES)}


def mixture_vector(mixture: Mixture) -> NDArray[np.float32]:
    """Volume fractions in the order of `PIGMENTS`, shape (pigments,), sum 1.

    Raises
    ------
    KeyError
        A name that is no pigment.
    """
    vector = np.zeros(len(PIGMENTS), dtype=np.float32)
    for name, fraction in mixture.items():
        vector[_INDEX[name]] = fraction
    return np.asarray(vector / vector.sum(), dtype=np.float32)


def areal_density_per_um() -> NDArray[np.float32]:
    """Element mass in a film one micrometre thick of each pigment in oil, mg/cm2, shape (pigments, elements)."""
    masses = np.zeros((len(PIGMENTS), len(ELEMENTS)), dtype=np.float32)
    for i, pigment in enumerate(PIGMENTS):
        film_mg_cm2 = 0.1 * PIGMENT_VOLUME_FRACTION * pigment.density_g_cm3
        for element, fraction in pigment.composition.items():
            masses[i, ELEMENTS.index(element)] = fraction * film_mg_cm2
    return masses


def reflectance(mixtures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Linear-light RGB of opaque paint, shape (..., 3), of mixtures of shape (..., pigments).

    The geometric mean of the masstones weighted by volume and tinting power: subtractive, as paint mixes.
    """
    tinting = np.array([pigment.tinting for pigment in PIGMENTS], dtype=np.float32)
    masstones = np.array([pigment.srgb for pigment in PIGMENTS], dtype=np.float32) / 255
    linear = decoded(masstones)
    weighted = mixtures * tinting
    total = np.maximum(weighted.sum(axis=-1, keepdims=True), 1e-6)
    return np.asarray(np.exp((weighted @ np.log(linear).astype(np.float32)) / total), dtype=np.float32)
