"""Spectra of a few counts each: electron-microscope cubes of 1, 22 and 20,700 counts a spectrum, thinned further."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.configuration.config import DetectorConfig, TubeConfig
from edge.spectra.model import SpectrumModel
from edge.spectra.rates import ElementRates

CUBES = {
    "jeol_view000_512": ("S", "Fe", "Cu", "Ca", "Cr"),
    "P45_the_default_job": ("Na", "Al", "Si", "K", "Ca", "Fe", "Ti"),
    "30x30_instructively_packed_16bit_compressed": ("Na", "Mg", "Al", "Si", "K", "Ca", "Ti", "Fe"),
}
MOST_SPECTRA = 8_192


@dataclass(frozen=True)
class Cube:
    """Spectra of the first rows of a cube, shape (n, channels), and the model of the whole cube's sum."""

    counts: NDArray[np.uint16]
    model: SpectrumModel

    def thinned(self, share: float, seed: int) -> NDArray[np.uint16]:
        """Each count kept by chance: the same exposures, measured for a shorter time."""
        return np.random.default_rng(seed).binomial(self.counts, share).astype(np.uint16)


@cache
def read_cube(folder: Path, name: str) -> Cube:
    path = folder / "eds_samples" / f"{name}.npz"
    if not path.is_file():
        pytest.skip(f"no cube at {path}")
    with np.load(path) as cube:
        rows, columns, channels = (int(length) for length in cube["shape"])
        cell = cube["y"].astype(int) * columns + cube["x"]
        channel, counts = cube["ch"].astype(int), cube["counts"]
        offset_kev, gain_kev = float(cube["energy_offset_keV"]), float(cube["energy_scale_keV"])
    spectra = np.zeros((min(rows * columns, MOST_SPECTRA), channels), np.uint16)
    taken = cell < len(spectra)
    np.add.at(spectra, (cell[taken], channel[taken]), counts[taken])
    model = SpectrumModel.from_sum_spectrum(
        np.bincount(channel, weights=counts, minlength=channels),
        float(rows * columns),
        detector=DetectorConfig(channels=channels, offset_kev=offset_kev, gain_kev=gain_kev, fwhm_mn_kev=0.135),
        tube=TubeConfig(kv=20.0),
        elements=CUBES[name],
    )
    return Cube(spectra, model)


@pytest.fixture(
    scope="module",
    params=["P45_the_default_job", *(pytest.param(name, marks=pytest.mark.campaign) for name in list(CUBES)[::2])],
)
def any_cube(request: pytest.FixtureRequest, measurement_data: Path) -> Cube:
    return read_cube(measurement_data, request.param)


@pytest.fixture(scope="module")
def glass(measurement_data: Path) -> Cube:
    """22 counts a spectrum."""
    return read_cube(measurement_data, "P45_the_default_job")


@pytest.fixture(scope="module")
def grains(measurement_data: Path) -> Cube:
    """20,700 counts a spectrum, of grains that hold titanium and others that hold none."""
    return read_cube(measurement_data, "30x30_instructively_packed_16bit_compressed")


def error_of_mean(rates: ElementRates) -> NDArray[np.float64]:
    return np.asarray(np.sqrt(rates.variance.sum(axis=0, dtype=float)) / len(rates.variance))


def test_rates_of_single_spectra_average_to_the_rates_of_their_sum(any_cube: Cube) -> None:
    rates = any_cube.model.fit(any_cube.counts, 1.0)
    total = any_cube.counts.sum(axis=0, dtype=np.uint32)[None]
    together = any_cube.model.fit(total, float(len(any_cube.counts))).values[0]
    # Single precision and the few grains unlike the sum (an amplitude held at zero) stay far below the noise.
    assert np.all(
        np.abs(rates.values.mean(axis=0, dtype=float) - together) < 0.05 * error_of_mean(rates) + 1e-3 * together
    )


def test_nothing_is_held_at_zero_for_being_a_lone_count(glass: Cube) -> None:
    thin = glass.thinned(0.1, seed=1)
    values = glass.model.fit(thin, 1.0).values
    counted = thin[:, glass.model.sum_fit.fitted].any(axis=1)
    assert np.all(values[counted] != 0.0)


@pytest.mark.parametrize("share", [0.5, 0.05])
def test_the_variance_of_few_counts_is_the_one_observed_between_repeats(glass: Cube, share: float) -> None:
    # Parts of one spectrum's counts, taken apart by chance, are independent repeats of its exposure.
    first = glass.thinned(share, seed=2)
    rest = glass.counts - first
    second = np.random.default_rng(3).binomial(rest, share / (1 - share)).astype(np.uint16)
    a, b = glass.model.fit(first, share), glass.model.fit(second, share)
    observed = np.square(a.values - b.values)
    stated = (a.variance + b.variance).mean(axis=0)
    # Squares of so few counts scatter: four of their own standard errors, and 5 % that the shrunken expectation is off.
    slack = 4.0 * observed.std(axis=0) / np.sqrt(len(observed)) + 0.05 * stated
    assert np.all(np.abs(observed.mean(axis=0) - stated) < slack)


def test_errors_of_blocks_of_few_counts_cover_as_normal_errors_do(glass: Cube) -> None:
    first = glass.thinned(0.5, seed=4)
    a, b = glass.model.fit(first, 0.5), glass.model.fit(glass.counts - first, 0.5)

    def blocks(values: NDArray[np.float32]) -> NDArray[np.float64]:
        return values.astype(float).reshape(15, 5, 20, 5, -1).sum(axis=(1, 3)).reshape(300, -1)

    pulls = blocks(a.values - b.values) / np.sqrt(blocks(a.variance + b.variance))
    # 2,100 pulls: shares of 68.3 and 95.4 % are known to within 1.0 and 0.5 points; three times that.
    assert abs(np.mean(np.abs(pulls) < 1.0) - 0.683) < 0.03
    assert abs(np.mean(np.abs(pulls) < 2.0) - 0.954) < 0.015


@pytest.mark.parametrize("counts", [2.0, pytest.param(20.0, marks=pytest.mark.campaign)])
def test_where_an_element_is_absent_few_counts_average_to_what_many_say(grains: Cube, counts: float) -> None:
    titanium = grains.model.elements.index("Ti-K")
    many = grains.model.fit(grains.counts, 1.0)
    absent = many.values[:, titanium] < 3.0 * np.sqrt(many.variance[:, titanium])
    assert absent.sum() > 100
    share = counts / grains.counts.sum(axis=1).mean()
    repeats = np.concatenate([grains.thinned(share, seed)[absent] for seed in range(10)])
    few = grains.model.fit(repeats, share).values[:, titanium]
    error = few.std() / np.sqrt(len(few))
    assert abs(few.mean() - many.values[absent, titanium].mean()) < 3.0 * error
    assert np.mean(few < 0) > 0.1


def test_fixed_weights_lose_little_to_the_best_that_any_unbiased_fit_can_do(glass: Cube) -> None:
    # Cramér and Rao's bound for Poisson counts of the mixture that each block of 25 spectra holds.
    model, inside = glass.model, glass.model.sum_fit.fitted
    spectra = glass.counts.reshape(15, 5, 20, 5, -1).sum(axis=(1, 3)).reshape(300, -1)[::10, inside].astype(float)
    amplitudes = np.maximum(np.linalg.solve(model.gram, model.weighted.astype(float) @ spectra.T).T, 0.0)
    filters = np.linalg.solve(model.gram, model.weighted.astype(float))
    mean = model.mean_rates @ model.design
    efficiency = []
    for block, spectrum in zip(amplitudes, spectra, strict=True):
        expected = np.maximum(block @ model.design, 1e-3 * mean * spectrum.sum() / mean.sum())
        information = (model.design / expected) @ model.design.T
        bound = np.diag(np.linalg.pinv(information, rcond=1e-12, hermitian=True))
        efficiency.append((bound / (np.square(filters) @ expected))[: len(model.elements)])
    assert np.all(np.median(efficiency, axis=0) > 0.9)
