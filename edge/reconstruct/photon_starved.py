"""Maps of a grid that was measured with few photons: every cell noisy, up to four in five missing.

Where photons are all that a cell costs, a short dwell in every cell beats a long one in some. Each map is then full of
counting noise, and what is known of a cell lies in its neighbours, in the other elements, and in the photograph.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.reconstruct.blocks import in_blocks
from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.choice import LEAST_CELLS, LEAST_SHARE
from edge.reconstruct.coregionalization import (
    ExpectedError,
    bands_of,
    expected_error,
    learn_covariance,
    transformed,
)
from edge.reconstruct.holes import completed
from edge.reconstruct.kriging import kriging
from edge.reconstruct.photograph import Alignment, Photograph
from edge.reconstruct.reconstruction import Reconstruction
from edge.reconstruct.self_supervision import Model, Refined, refine

Floats = NDArray[np.float32]
_MOST_CELLS = 500_000
"""That are reconstructed at once, in about 3 kB a cell of 20 elements."""
_BLOCK_CELLS = 384
"""Side of a block of a larger grid."""
_PHOTOGRAPH_NOISE = 0.1
"""Standard deviation of the photograph's own noise relative to its contrast."""
_LEAST_CONTRAST = 0.01
_NOISE_BLUR_CELLS = 2.0
"""The variance of a value is counted from the same photons as the value: it is averaged over about 50 cells."""
_LEAST_NOISE = 0.05
"""Of the mean variance, where hardly a photon was counted."""
_LEAST_GUESS = 1e-4
"""Of an element's variance: a map that is smooth to the last digit has its noise as well."""
_HOLED = (
    "Kriged, as a part of this large grid has too few measured cells for the reconstruction of photon-starved maps."
)
_LEAST_GAIN = 0.3
"""No standard error is taken to fall below the root of this share of the linear estimate's variance."""


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """The elements that vary, scaled so that the mean noise variance of each is 1."""

    values: Floats
    """Shape (rows, columns, elements), mean zero; unmeasured cells are filled."""
    noise: Floats
    """Variance of each value, smoothed, same shape."""
    measured: NDArray[np.bool_]
    mean: Floats
    scale: Floats
    """Root of the mean noise variance, in the samples' unit, shape (elements,)."""


def photon_starved(cells: MeasuredCells, rgb: NDArray[np.float32] | None = None) -> Reconstruction:
    """Maps and standard error from noisy values at all cells, or a good part of them.

    A measured cell does not show its measured value: that is one count of photons among many that bear on it. The
    estimate is the best linear one under a covariance between all elements and the photograph's colours, learned from
    the maps, refined where copies of the maps with independent noise predict each other better. Elements whose variance
    is not known take it from differences between neighbours. No estimate of an element with a positive mean lies below
    zero. The photograph is taken as aligned.

    Large grids are reconstructed in overlapping blocks with a covariance each: memory is bounded, cost goes with cells.

    Where less than a fifth of the cells is measured, fewer than 64, or no variance is known, there is nothing to
    learn the noise or the covariance from: kriging's maps come back, with a remark; so they do of a large grid with a
    block like that.

    Raises
    ------
    UsageError
        When a variance is negative.
    """
    if reason := _why_not(cells):
        return _kriged(cells, rgb, reason)
    if cells.shape[0] * cells.shape[1] <= _MOST_CELLS:
        return _at_once(cells, rgb)
    found = in_blocks(_at_once, cells, rgb, side=_BLOCK_CELLS, accepts=lambda block: not _why_not(block))
    return found or _kriged(cells, rgb, _HOLED)


def _kriged(cells: MeasuredCells, rgb: NDArray[np.float32] | None, reason: str) -> Reconstruction:
    found = kriging(cells, rgb)
    return replace(found, remarks=(reason, *found.remarks), method="kriging")


def _at_once(cells: MeasuredCells, rgb: NDArray[np.float32] | None) -> Reconstruction:
    variance, guessed = _known_variance(cells)
    alive = (cells.values.std(axis=0) > 0) & (variance.mean(axis=0) > 0)
    maps = np.broadcast_to(cells.values.mean(axis=0), (*cells.shape, cells.elements)).astype(np.float32)
    error = np.broadcast_to(np.sqrt(variance.mean(axis=0) / len(cells)), maps.shape).astype(np.float32)
    remarks = _remarks(cells, guessed)
    if alive.any():
        photograph, remark = _channels(rgb, cells.shape)
        grid, model = _modelled(_on_grid(cells, variance, alive), photograph)
        refined = refine(grid.values, photograph, grid.noise, grid.measured, model)
        estimate = refined.estimate * grid.scale + grid.mean
        maps[:, :, alive] = np.where(grid.mean >= 0, np.maximum(estimate, 0), estimate)
        error[:, :, alive] = _standard_error(grid, refined, model.error) * grid.scale
        remarks += remark
    return Reconstruction(maps, error, None, tuple(remarks))


def _why_not(cells: MeasuredCells) -> str:
    """What keeps the method from these cells, a sentence, or nothing."""
    total = cells.shape[0] * cells.shape[1]
    if len(cells) < max(LEAST_SHARE * total, LEAST_CELLS):
        return (
            f"Kriged, as {len(cells)} of {total} cells are measured and the reconstruction of photon-starved maps "
            f"needs {LEAST_SHARE:.0%} of them, and at least {LEAST_CELLS}."
        )
    if not cells.variance.any():
        return "Kriged, as no value's variance is known and the reconstruction of photon-starved maps rests on it."
    return ""


def _known_variance(cells: MeasuredCells) -> tuple[Floats, NDArray[np.bool_]]:
    """Variance of each value, and for which elements it had to be taken from neighbours."""
    negative: NDArray[np.bool_] = np.asarray((cells.variance < 0).any(axis=0))
    if negative.any():
        names = ", ".join(name for name, bad in zip(cells.names, negative, strict=True) if bad)
        raise UsageError(f"the variance of {names} is negative in some cell: give what counting says, or zero")
    unknown = ~(cells.variance > 0).any(axis=0) & (cells.values.std(axis=0) > 0)
    variance = cells.variance.copy()
    if unknown.any():
        least = _LEAST_GUESS * cells.values.var(axis=0)
        variance[:, unknown] = np.maximum(_variance_of_neighbours(cells), least)[unknown]
    return variance, unknown


def _variance_of_neighbours(cells: MeasuredCells) -> Floats:
    """Noise variance of each element from what neighbouring cells differ by beyond a slope, shape (elements,).

    Mean square of the mixed second difference over four cells in a square (after J. Immerkær 1996).
    """
    grid = np.full((*cells.shape, cells.elements), np.nan, np.float32)
    grid[cells.rows, cells.columns] = cells.values
    mixed = grid[1:, 1:] - grid[1:, :-1] - grid[:-1, 1:] + grid[:-1, :-1]
    if mixed.size == 0:
        return np.asarray(np.square(np.diff(cells.values, axis=0)).mean(axis=0) / 2, np.float32)
    return np.asarray(np.nanmean(np.square(mixed), axis=(0, 1)) / 4, np.float32)


def _remarks(cells: MeasuredCells, guessed: NDArray[np.bool_]) -> list[str]:
    if not guessed.any():
        return []
    names = ", ".join(name for name, is_guessed in zip(cells.names, guessed, strict=True) if is_guessed)
    return [f"The noise of {names} is not known and was taken from differences between neighbouring cells."]


def _on_grid(cells: MeasuredCells, variance: Floats, alive: NDArray[np.bool_]) -> _Grid:
    """Values of the varying elements on the grid, an unmeasured cell like its nearest measured one."""
    import cv2
    from scipy.ndimage import distance_transform_edt

    measured = np.zeros(cells.shape, np.bool_)
    measured[cells.rows, cells.columns] = True
    mean = cells.values[:, alive].mean(axis=0, dtype=np.float64).astype(np.float32)
    mean_variance = variance[:, alive].mean(axis=0, dtype=np.float64).astype(np.float32)
    values = np.zeros((*cells.shape, int(alive.sum())), np.float32)
    values[cells.rows, cells.columns] = (cells.values[:, alive] - mean) / np.sqrt(mean_variance)
    noise = np.ones_like(values)
    noise[cells.rows, cells.columns] = variance[:, alive] / mean_variance
    if not measured.all():
        nearest = distance_transform_edt(~measured, return_distances=False, return_indices=True)
        values, noise = values[tuple(nearest)], noise[tuple(nearest)]
    for element in range(noise.shape[2]):
        one = np.ascontiguousarray(noise[:, :, element])
        smooth = cv2.GaussianBlur(one, (0, 0), _NOISE_BLUR_CELLS, borderType=cv2.BORDER_REFLECT)
        noise[:, :, element] = np.maximum(smooth, _LEAST_NOISE)
    return _Grid(values, noise, measured, mean, np.sqrt(mean_variance))


def _channels(rgb: Floats | None, shape: tuple[int, int]) -> tuple[Floats, list[str]]:
    """The photograph's colours as further channels with unit noise, and what became of it."""
    if rgb is None:
        return np.zeros((*shape, 0), np.float32), []
    photograph = Photograph(rgb)
    if photograph.contrast() < _LEAST_CONTRAST:
        return np.zeros((*shape, 0), np.float32), ["The photograph was not used: it shows one colour only."]
    colours = photograph.blurred(Alignment().blur)
    centred = colours - colours.mean(axis=(0, 1))
    contrast = float(centred.std(axis=(0, 1)).max())
    used = "The photograph was used as far as its colours vary together with the elements."
    return np.ascontiguousarray(centred / np.float32(_PHOTOGRAPH_NOISE * contrast)), [used]


def _modelled(grid: _Grid, photograph: Floats) -> tuple[_Grid, Model]:
    """The covariance; unmeasured cells become what the others say, the fixed point of filling in and estimating."""
    bands, elements = bands_of(grid.measured.shape), grid.values.shape[2]
    values = grid.values
    signal = learn_covariance(transformed(np.concatenate([values, photograph], axis=2)), bands)
    if not grid.measured.all():
        values, signal = completed(values, grid.measured, photograph, bands, signal)
    filled = _Grid(values, grid.noise, grid.measured, grid.mean, grid.scale)
    return filled, Model(bands, signal, expected_error(bands, signal), elements)


def _standard_error(grid: _Grid, refined: Refined, expected: ExpectedError) -> Floats:
    """One standard deviation of the estimate's error, in units of the noise."""
    elements = grid.values.shape[2]
    variance = np.diag(expected.covariance)[:elements]
    smoothing = expected.smoothing[:elements]
    kept = np.clip(1 - refined.gained / np.maximum(variance, 1e-12), _LEAST_GAIN, 1)
    local = smoothing * refined.smoothing[:, :, None] + np.maximum(variance - smoothing, 0) * grid.noise
    squared = kept * local * expected.learning
    # cells that differ from all that surrounds them are no part of the model, but copies show their error
    squared *= np.maximum(refined.least_error / np.maximum(squared[grid.measured].mean(axis=0), 1e-12), 1)
    if not grid.measured.all():
        excess = np.maximum(expected.unmeasured[:elements] - variance, 0)
        squared += excess * _relative_distance(grid.measured)[:, :, None]
    return np.sqrt(np.maximum(squared, 0)).astype(np.float32)


def _relative_distance(measured: NDArray[np.bool_]) -> Floats:
    """From the nearest measured cell, relative to the mean over unmeasured ones, shape (rows, columns)."""
    import cv2

    away = cv2.distanceTransform(np.where(measured, np.uint8(0), np.uint8(1)), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(away / away[~measured].mean(), np.float32)
