"""How far an unfolded network's maps err: learned from exposures that neither it nor its inputs had seen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.maps import LeftOut
from edge.reconstruct.exposure_operator import ExposureOperator
from edge.reconstruct.exposure_projection import are_disjoint
from edge.reconstruct.reconstruction import held_against, quantile_of_columns

Floats = NDArray[np.float32]

_ONE_STANDARD_ERROR = 0.6827
_LEAST = 1e-4
"""Of the span; below the rounding of what is measured."""
_RESCALED = (0.7, 1.5)
"""Between which such a factor stays: some dozens of exposures say no more."""


@dataclass(frozen=True, slots=True, eq=False)
class ErrorLaw:
    """A standard error that grows with contrast: its square is floor² + share² contrast²."""

    floor: Floats
    """Of each element, in the maps' unit."""
    share: Floats
    """Of each element."""
    left_out: LeftOut
    """How the errors that it was learned from compare with it."""

    def standard_error(self, contrast: Floats) -> Floats:
        """Of contrasts of any shape that ends in elements."""
        found: Floats = np.sqrt(np.square(self.floor) + np.square(self.share * contrast)).astype(np.float32)
        return found


def contrast_of(maps: Floats, exposures: int) -> Floats:
    """Standard deviation of each map within about an exposure's distance, (rows, columns, elements)."""
    from cv2 import GaussianBlur

    sigma = max(math.sqrt(maps.shape[0] * maps.shape[1] / exposures) / 2, 0.5)
    found = np.empty_like(maps)
    for element in range(maps.shape[2]):
        plane = np.ascontiguousarray(maps[:, :, element])
        # around its mean, lest the difference of two squares be all rounding
        plane = plane - plane.mean()
        mean = np.asarray(GaussianBlur(plane, (0, 0), sigma))
        square = np.asarray(GaussianBlur(plane * plane, (0, 0), sigma))
        found[:, :, element] = np.sqrt(np.maximum(square - mean * mean, 0))
    return found


def learned_law(error: Floats, contrast: Floats, noise: Floats) -> ErrorLaw:
    """The law under which 68 % of the errors lie within one standard error, their own counting error included.

    Parameters
    ----------
    error, contrast
        Of exposures left out, shape (exposures, elements): what was predicted less what was measured, and the mean
        contrast of what they see.
    noise
        Counting variance of the measurements, same shape.
    """
    floor, share = (np.zeros(error.shape[1], np.float32) for _ in range(2))
    for element in range(error.shape[1]):
        floor[element], share[element] = _grown(error[:, element], contrast[:, element], noise[:, element])
    shape = np.square(floor) + np.square(share * contrast)
    factor = quantile_of_columns(
        ((np.square(error) - noise) / np.maximum(shape, np.square(np.float32(_LEAST)))).astype(np.float32),
        _ONE_STANDARD_ERROR,
    )
    scale = np.sqrt(np.maximum(factor, 0.01))
    floor, share = np.maximum(floor * scale, _LEAST).astype(np.float32), (share * scale).astype(np.float32)
    expected = np.sqrt(np.square(floor) + np.square(share * contrast) + noise).astype(np.float32)
    return ErrorLaw(floor, share, held_against(error, expected))


def rescaled_law(before: Floats, after: Floats, stated: Floats, noise: Floats) -> ErrorLaw:
    """The law of maps that a network made of others whose standard error is known: that one, times a factor.

    The factor is by how much smaller the errors became that 68 % of the exposures left out stay below. The known
    standard error is calibrated already, with weights that undo how a mask prefers some places.

    Parameters
    ----------
    before, after
        Errors of the others and of the network's, at exposures left out, shape (exposures, elements).
    stated
        Standard error of the others there; noise is the counting variance of the measurements.
    """
    spread = []
    for error in (before, after):
        excess = (np.square(error) - noise) / np.maximum(np.square(stated), _LEAST**2)
        spread.append(np.maximum(quantile_of_columns(excess.astype(np.float32), _ONE_STANDARD_ERROR), 1e-6))
    share = np.clip(np.sqrt(spread[1] / spread[0]), *_RESCALED).astype(np.float32)
    expected = np.sqrt(np.square(share * stated) + noise).astype(np.float32)
    return ErrorLaw(np.zeros_like(share), share, held_against(after, expected))


def carried_noise(operator: ExposureOperator, variance: Floats) -> Floats:
    """Counting variance that a projection hands on to cells, (rows, columns, elements).

    Exact where no cell is seen twice: a cell of weight w among w_i takes (w / sum of w_i²)² of the exposure's variance.
    Elsewhere it is added up as if it were.
    """
    own = np.add.reduceat(np.square(operator.weight), operator.first[:-1])
    of = np.repeat(np.arange(len(operator)), np.diff(operator.first))
    part = np.square(operator.weight / own[of])
    cells = operator.shape[0] * operator.shape[1]
    total = np.empty((cells, variance.shape[1]), np.float32)
    times = 1 if are_disjoint(operator) else np.maximum(np.bincount(operator.cell, minlength=cells), 1)
    for element in range(variance.shape[1]):
        total[:, element] = np.bincount(operator.cell, part * variance[of, element], cells) / times
    return total.reshape(*operator.shape, variance.shape[1])


def _grown(error: Floats, contrast: Floats, noise: Floats) -> tuple[float, float]:
    """Floor and share by least squares of squared errors, neither below zero."""
    from scipy.optimize import nnls

    excess = np.maximum(np.square(error) - noise, 0)
    unit = max(float(excess.mean()), _LEAST**2)
    columns = np.stack([np.ones(len(error)), np.square(contrast) / max(float(np.square(contrast).mean()), 1e-12)], 1)
    found, _ = nnls(columns, excess / unit)
    mean_square = max(float(np.square(contrast).mean()), 1e-12)
    return max(math.sqrt(found[0] * unit), _LEAST), math.sqrt(found[1] * unit / mean_square)
