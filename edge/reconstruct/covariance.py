"""How alike two places are: the law that kriging works with, and all that is learned about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.maps import LeftOut
from edge.reconstruct.guide import Guide
from edge.reconstruct.photograph import Alignment


@dataclass(frozen=True, slots=True)
class Covariance:
    """Covariance of two places, in units of the sill, at distance d in cells and colour distance c in Lab / 100.

    (1 - share) / sqrt(1 + d² / reach²) + share / (1 + d / colour_reach + c² / (2 colour_width²) + g² / 2), plus `noise`
    where the places are one sample; g is the distance in the guide's colours, 0 without one. The first term, an inverse
    multiquadric (Hardy 1971), is blind to colour; the second, a mixture of exponentials in d and Gaussians in c and g
    (a generalised Cauchy covariance, Gneiting and Schlather 2004), follows it. Both are positive definite, and neither
    needs an exponential function.
    """

    noise: float = 0.02
    reach: float = 4.0
    share: float = 0.0
    colour_width: float = 0.12
    colour_reach: float = 20.0

    def as_array(self) -> NDArray[np.float32]:
        return np.array([self.noise, self.reach, self.share, self.colour_width, self.colour_reach], np.float32)


BOUNDS = {
    "noise": (0.001, 3.0),
    "reach": (0.7, 40.0),
    "share": (0.0, 0.95),
    "colour_width": (0.02, 0.5),
    "colour_reach": (3.0, 200.0),
}


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Elements that share a covariance, and so one factorisation for each tile."""

    elements: NDArray[np.intp]
    covariance: Covariance
    follows_colour: bool = False
    """Whether the photograph helped; else every place counts as of one colour."""
    follows_guide: bool = True
    """Whether the guide's colours helped, where there is a guide; its metric serves all groups."""


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """Everything that kriging needs beyond the samples."""

    groups: tuple[Group, ...]
    alignment: Alignment
    sill: NDArray[np.float32]
    """Variance of each element's field at unit covariance, in units of the normalised values; shape (elements,)."""
    unresolved: NDArray[np.float32]
    """Part of each element's nugget that is true variation from cell to cell, in units of the sill."""
    calibration: NDArray[np.float32]
    """Factor on each element's kriging deviation, so that one, with counting, covers 68 % of the errors of samples
    left out."""
    level_power: NDArray[np.float32]
    """Power, 0, 0.5 or 1, of the level above its lowest sample with which each element's error grows."""
    lowest: NDArray[np.float32]
    """Lowest sample of each element, normalised."""
    guide: Guide | None = None
    """What a first look showed; None where there were too few samples for one."""
    left_out: LeftOut | None = None
    """How the calibrated deviation compares with these errors, normalised; None where there were too few samples."""

    @property
    def follows_colour(self) -> bool:
        """Whether the photograph helped to predict any element."""
        return any(group.follows_colour for group in self.groups)
