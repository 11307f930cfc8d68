"""Photon-starved maps with cells missing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.choice import method_for, method_in_motion
from edge.reconstruct.coregionalization import bands_of, estimated, learn_covariance, transformed
from edge.reconstruct.holes import completed, estimated_with_holes
from edge.reconstruct.kriging import kriging
from edge.reconstruct.photon_starved import photon_starved

SHAPE = (64, 80)


def smooth_maps(shape: tuple[int, int], elements: int, *, seed: int) -> np.ndarray:
    """Fields of mean 0 and variance 1 that vary over five cells, two of every three of them alike."""
    chance = np.random.default_rng(seed)
    fields = np.stack([gaussian_filter(chance.standard_normal(shape), 3) for _ in range(elements)], axis=2)
    fields[:, :, 1] = fields[:, :, 0] + 0.3 * fields[:, :, 1]
    return fields / fields.std(axis=(0, 1))


def noisy(chance: np.random.Generator, elements: int = 3) -> np.ndarray:
    return (3 * smooth_maps(SHAPE, elements, seed=4) + chance.standard_normal((*SHAPE, elements))).astype(np.float32)


def test_without_holes_the_estimate_is_that_of_a_full_grid() -> None:
    maps, bands = noisy(np.random.default_rng(1)), bands_of(SHAPE)
    signal = learn_covariance(transformed(maps), bands)
    # the least variance that keeps inverses within reach is part of both
    least = signal + 1e-2 * np.eye(3)
    full = estimated(transformed(maps), bands, least, np.ones(3, np.float32))
    assert np.allclose(estimated_with_holes(maps, np.ones(maps.shape, np.bool_), bands, signal), full, atol=1e-4)


def test_the_estimate_with_holes_does_not_depend_on_what_they_hold() -> None:
    chance = np.random.default_rng(2)
    maps, bands = noisy(chance), bands_of(SHAPE)
    signal = learn_covariance(transformed(maps), bands)
    known = np.repeat((chance.random(SHAPE) < 0.6)[:, :, None], 3, axis=2)
    guesses = [np.where(known, maps, guess).astype(np.float32) for guess in (0.0, maps + 1)]
    one, other = (estimated_with_holes(guess, known, bands, signal) for guess in guesses)
    # eight steps of conjugate gradients leave a few thousandths of the noise
    assert np.abs(one - other).mean() < 0.02


def test_holes_are_filled_and_measured_cells_are_kept() -> None:
    chance = np.random.default_rng(3)
    maps, bands = noisy(chance), bands_of(SHAPE)
    measured = chance.random(SHAPE) < 0.5
    guess = np.where(measured[:, :, None], maps, 0).astype(np.float32)
    nothing = np.zeros((*SHAPE, 0), np.float32)
    signal = learn_covariance(transformed(guess), bands)
    filled, _ = completed(guess, measured, nothing, bands, signal)
    truth = 3 * smooth_maps(SHAPE, 3, seed=4)
    assert np.array_equal(filled[measured], maps[measured])
    assert np.square(filled - truth)[~measured].mean() < 0.3 * np.square(maps - truth)[measured].mean()


@pytest.mark.parametrize("every", [1, 2])
def test_lines_of_few_counts_are_better_estimated_together_than_kriged(every: int) -> None:
    chance = np.random.default_rng(5)
    rates = 20 * (1.2 + smooth_maps(SHAPE, 4, seed=6))
    rows, columns = (part.ravel() for part in np.mgrid[0 : SHAPE[0] : every, 0 : SHAPE[1]])
    counts = chance.poisson(np.maximum(rates[rows, columns], 0)).astype(np.float32)
    cells = MeasuredCells(SHAPE, rows, columns, counts, counts + 0.1, ("a", "b", "c", "d"))
    together, kriged = photon_starved(cells), kriging(cells)
    assert together.method is None
    assert np.square(together.maps - rates).mean() < 0.7 * np.square(kriged.maps - rates).mean()
    assert method_in_motion(cells) == "photon-starved"
    assert every == 1 or method_for(cells) == "kriging"


def test_lines_far_apart_are_kriged_with_the_reason() -> None:
    rows, columns = (part.ravel() for part in np.mgrid[0 : SHAPE[0] : 6, 0 : SHAPE[1]])
    counts = np.random.default_rng(7).poisson(5, (len(rows), 2)).astype(np.float32)
    cells = MeasuredCells(SHAPE, rows, columns, counts, counts + 0.1, ("a", "b"))
    found = photon_starved(cells)
    assert found.method == "kriging"
    assert "needs 20% of them" in found.remarks[0]
