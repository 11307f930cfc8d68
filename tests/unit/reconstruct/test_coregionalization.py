"""The covariance between maps: learned without the share of the noise, and used for the best estimate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.reconstruct.coregionalization import (
    bands_of,
    estimated,
    expected_error,
    learn_covariance,
    log_posterior,
    transformed,
)

SHAPE = (48, 64)


def field(seed: int, distance: float = 3.0, shape: tuple[int, int] = SHAPE) -> NDArray[np.float32]:
    """A Gaussian field of variance 1 that varies over the given distance, in cells, mean taken off."""
    from scipy.fft import idctn

    rows, columns = (np.arange(length) / length for length in shape)
    spectrum = (1 + (np.pi * distance) ** 2 * (rows[:, None] ** 2 + columns**2)) ** -1.5
    spectrum[0, 0] = 0
    drawn = np.random.default_rng(seed).standard_normal(shape) * np.sqrt(spectrum / spectrum.mean())
    return np.asarray(idctn(drawn, norm="ortho"), np.float32)


def noise(seed: int, channels: int, shape: tuple[int, int] = SHAPE) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((*shape, channels)).astype(np.float32)


@given(rows=st.integers(1, 40), columns=st.integers(1, 40))
@settings(max_examples=30, deadline=None)
def test_every_frequency_is_in_one_band_and_the_mean_alone_in_the_first(rows: int, columns: int) -> None:
    bands = bands_of((rows, columns))
    assert sorted(bands.order.tolist()) == list(range(rows * columns))
    assert bands.sizes.sum() == rows * columns
    assert bands.order[0] == 0
    assert bands.sizes[0] == 1


def test_no_round_makes_the_covariance_less_likely() -> None:
    maps = np.stack([3 * field(0), field(1) + field(0)], axis=2) + noise(2, 2)
    transform, bands = transformed(maps), bands_of(SHAPE)
    found = [log_posterior(transform, bands, learn_covariance(transform, bands, rounds)) for rounds in range(0, 12)]
    assert (np.diff(found) > -1e-3).all()
    assert found[-1] > found[0] + 100


def test_noise_alone_is_taken_for_noise() -> None:
    # 3,072 coefficients of variance 1 leave its estimate a standard deviation of 2.6 %; the fields may use some of that
    transform, bands = transformed(noise(3, 4)), bands_of(SHAPE)
    error = expected_error(bands, learn_covariance(transform, bands))
    assert np.diag(error.covariance).max() < 0.05


def test_the_expected_error_is_the_one_made() -> None:
    truth = np.stack([2 * field(4), 2 * field(4) + field(5), 0.5 * field(6)], axis=2)
    measured = truth + noise(7, 3)
    transform, bands = transformed(measured), bands_of(SHAPE)
    signal = learn_covariance(transform, bands)
    made = estimated(transform, bands, signal, np.ones(3, np.float32)) - truth
    # a mean square over some hundred independent patches of error is known to about a tenth
    np.testing.assert_allclose(
        np.square(made).mean(axis=(0, 1)), np.diag(expected_error(bands, signal).covariance), rtol=0.25
    )


def test_a_map_that_another_one_shows_more_clearly_is_estimated_better_beside_it() -> None:
    faint, clear = 0.5 * field(8), 5 * field(8)
    both, bands = np.stack([faint, clear], axis=2) + noise(9, 2), bands_of(SHAPE)

    def error_of(maps: NDArray[np.float32]) -> float:
        transform = transformed(maps)
        signal = learn_covariance(transform, bands)
        made = estimated(transform, bands, signal, np.ones(maps.shape[2], np.float32))[:, :, 0] - faint
        return float(np.square(made).mean())

    assert error_of(both) < 0.5 * error_of(both[:, :, :1])


def test_without_noise_the_estimate_is_the_measurement() -> None:
    maps = np.stack([30 * field(10), 30 * field(11)], axis=2)
    transform, bands = transformed(maps), bands_of(SHAPE)
    signal = learn_covariance(transform, bands)
    made = estimated(transform, bands, signal, np.full(2, 1e-9, np.float32))
    np.testing.assert_allclose(made, maps, atol=1e-3)  # float32 transforms of values near 100


@pytest.mark.parametrize("shape", [(1, 80), (80, 1), (8, 8)])
def test_a_grid_of_any_form_has_a_covariance(shape: tuple[int, int]) -> None:
    maps = noise(12, 2, shape)
    signal = learn_covariance(transformed(maps), bands_of(shape))
    assert np.isfinite(signal).all()
    assert (np.linalg.eigvalsh(signal) > -1e-9).all()
