"""The interface: what every method promises, and what bad input gets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.maps import Samples
from edge.reconstruct import APPROXIMATED, METHODS, bpfa, reconstruct
from edge.reconstruct.fusion import method as fusion_method
from edge.reconstruct.fusion.palm import Plan
from edge.reconstruct.super_resolution import solving
from tests.unit.reconstruct.scenes import painted, random_mask, sampled

EVERY_METHOD = pytest.mark.parametrize("method", sorted(METHODS))


@pytest.fixture(autouse=True)
def short_sampling(monkeypatch: pytest.MonkeyPatch) -> None:
    """What every method promises holds after a few of its rounds: nothing need have converged here."""
    for name, value in (("BURN_IN", 5), ("ROUNDS", 15), ("TRIAL_BURN_IN", 5), ("TRIAL_ROUNDS", 15)):
        monkeypatch.setattr(bpfa, name, value)
    monkeypatch.setattr(fusion_method, "PLAN", Plan(most_iterations=20))
    monkeypatch.setattr(solving, "PLAN", Plan(most_iterations=4))


def one_sample(value: float = 5.0) -> Samples:
    return Samples(np.array([1]), np.array([2]), np.array([[value, 0]], np.float32), np.array([[value, 0]], np.float32))


def test_an_unknown_method_is_refused_with_the_names_that_exist() -> None:
    with pytest.raises(UsageError, match=r"'cubic'.*kriging.*harmonic.*linear.*nearest"):
        reconstruct(one_sample(), (4, 5), elements=("Fe", "Pb"), method="cubic")


def test_no_samples_are_refused() -> None:
    nothing = Samples(
        np.empty(0, np.intp), np.empty(0, np.intp), np.empty((0, 2), np.float32), np.empty((0, 2), np.float32)
    )
    with pytest.raises(UsageError, match="measure at least one cell"):
        reconstruct(nothing, (4, 5), elements=("Fe", "Pb"))


def test_samples_without_a_finite_one_are_refused() -> None:
    with pytest.raises(UsageError, match="finite"):
        reconstruct(one_sample(float("nan")), (4, 5), elements=("Fe", "Pb"))


def test_a_sample_outside_the_grid_is_refused() -> None:
    with pytest.raises(UsageError, match="outside the 2 x 2 grid"):
        reconstruct(one_sample(), (2, 2), elements=("Fe", "Pb"))


def test_names_that_do_not_match_the_samples_are_refused() -> None:
    with pytest.raises(UsageError, match="2 elements but 1 names"):
        reconstruct(one_sample(), (4, 5), elements=("Fe",))


def test_a_photograph_of_another_grid_is_refused() -> None:
    with pytest.raises(UsageError, match=r"photograph has shape \(4, 6, 3\), the grid needs \(4, 5, 3\)"):
        reconstruct(one_sample(), (4, 5), elements=("Fe", "Pb"), rgb=np.zeros((4, 6, 3), np.uint8))


def test_a_photograph_in_floating_point_beyond_one_is_refused() -> None:
    with pytest.raises(UsageError, match="outside 0 to 1"):
        reconstruct(one_sample(), (4, 5), elements=("Fe", "Pb"), rgb=np.full((4, 5, 3), 200.0))


@EVERY_METHOD
def test_one_sample_fills_the_maps(method: str) -> None:
    result = reconstruct(one_sample(), (4, 5), elements=("Fe", "Pb"), method=method)
    np.testing.assert_array_equal(result.maps[:, :, 0], 5)
    assert result.standard_error[0, 0, 0] > result.standard_error[1, 2, 0]
    assert result.measured.sum() == 1


@EVERY_METHOD
def test_measured_cells_keep_their_values_and_counting_errors(method: str) -> None:
    maps, rgb = painted(48, 40)
    mask = random_mask(np.ones(maps.shape[:2], np.bool_), 0.1)
    result = reconstruct(
        sampled(maps, mask, 0.01 * maps), maps.shape[:2], elements=("a", "b", "c"), rgb=rgb, method=method
    )
    np.testing.assert_array_equal(result.maps[mask], maps[mask])
    np.testing.assert_allclose(result.standard_error[mask], np.sqrt(0.01 * maps[mask]), rtol=1e-6)
    np.testing.assert_array_equal(result.measured, mask)


@EVERY_METHOD
def test_a_full_raster_comes_back_as_it_is(method: str) -> None:
    maps, rgb = painted(17, 23)
    result = reconstruct(
        sampled(maps, np.ones((17, 23), np.bool_)), (17, 23), elements=("a", "b", "c"), rgb=rgb, method=method
    )
    np.testing.assert_array_equal(result.maps, maps)


@EVERY_METHOD
def test_a_dead_element_stays_zero_and_does_not_disturb_the_others(method: str) -> None:
    maps, rgb = painted(48, 40)
    with_dead = np.concatenate([maps, np.zeros_like(maps[:, :, :1])], axis=2)
    mask = random_mask(np.ones(maps.shape[:2], np.bool_), 0.1)
    alone = reconstruct(sampled(maps, mask), maps.shape[:2], elements=("a", "b", "c"), rgb=rgb, method=method)
    beside = reconstruct(
        sampled(with_dead, mask), maps.shape[:2], elements=("a", "b", "c", "d"), rgb=rgb, method=method
    )
    assert not beside.maps[:, :, 3].any()
    np.testing.assert_allclose(beside.maps[:, :, :3], alone.maps, atol=1e-4)


@EVERY_METHOD
def test_an_exposure_with_a_value_that_is_not_finite_counts_as_not_measured(method: str) -> None:
    maps, _ = painted(20, 30)
    mask = random_mask(np.ones((20, 30), np.bool_), 0.2)
    clean = sampled(maps, mask)
    broken = Samples(
        np.append(clean.rows, 3),
        np.append(clean.columns, 4),
        np.vstack([clean.values, [[np.nan, 1, 1]]]).astype(np.float32),
        np.vstack([clean.variance, [[0, 0, 0]]]).astype(np.float32),
    )
    expected = reconstruct(clean, (20, 30), elements=("a", "b", "c"), method=method)
    result = reconstruct(broken, (20, 30), elements=("a", "b", "c"), method=method)
    np.testing.assert_array_equal(result.maps, expected.maps)
    np.testing.assert_array_equal(result.measured, expected.measured)


@EVERY_METHOD
def test_the_same_samples_give_the_same_maps_to_the_bit(method: str) -> None:
    maps, rgb = painted(40, 32)
    samples = sampled(maps, random_mask(np.ones(maps.shape[:2], np.bool_), 0.1))
    first, second = (
        reconstruct(samples, maps.shape[:2], elements=("a", "b", "c"), rgb=rgb, method=method) for _ in range(2)
    )
    np.testing.assert_array_equal(first.maps, second.maps)
    np.testing.assert_array_equal(first.standard_error, second.standard_error)


def patchy(seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """An element in a few patches of an empty panel, and its Poisson counts over a background that was taken off."""
    y, x = np.mgrid[:100, :100]
    inside = (np.hypot(y - 27, x - 33) < 12) | (np.hypot(y - 73, x - 63) < 15)
    truth = np.where(inside, 400 * (1 + 0.5 * np.sin(x / 6)), 0).astype(np.float32)[:, :, None]
    return truth, np.random.default_rng(seed).poisson(truth + 900).astype(np.float32) - 900


@EVERY_METHOD
def test_a_noisy_and_mostly_absent_element_gets_an_error_that_covers_what_it_inherits(method: str) -> None:
    truth, counted = patchy()
    mask = random_mask(np.ones(truth.shape[:2], np.bool_), 0.1)
    result = reconstruct(sampled(counted, mask, truth + 900), truth.shape[:2], elements=("Zn",), method=method)
    off = (np.abs(result.maps - truth) / result.standard_error)[~mask]
    # where nothing is, the noise of the nearest sample is most of the error: its share of 68 % scatters little
    assert (off <= 1).mean() > 0.6
    assert (off <= 2).mean() > 0.85
    # inside an error of interpolation at the patches' edges cannot be told from the empty panel's
    assert np.sqrt(np.square(off).mean()) < 4


@EVERY_METHOD
def test_an_element_absent_from_most_samples_is_not_certain_in_between(method: str) -> None:
    maps = np.zeros((60, 60, 1), np.float32)
    maps[20:28, 30:38] = 100
    mask = random_mask(np.ones((60, 60), np.bool_), 0.1)
    result = reconstruct(sampled(maps, mask), (60, 60), elements=("Cr",), method=method)
    assert (result.standard_error[~mask] > 0).all()


@EVERY_METHOD
def test_the_method_holds_its_own_error_against_samples_left_out(method: str) -> None:
    maps, rgb = painted(80, 72)
    mask = random_mask(np.ones(maps.shape[:2], np.bool_), 0.13)
    noisy = maps + np.random.default_rng(0).normal(0, 0.05, maps.shape).astype(np.float32)
    variance = np.full_like(maps, 0.05**2)
    first = reconstruct(
        sampled(noisy, mask, variance), maps.shape[:2], elements=("a", "b", "c"), rgb=rgb, method=method
    )
    # a power of two, so that not even a sampler's draws, which turn on rounding, differ
    larger = reconstruct(
        sampled(1024 * noisy, mask, 1024**2 * variance),
        maps.shape[:2],
        elements=("a", "b", "c"),
        rgb=rgb,
        method=method,
    )
    assert first.left_out is not None
    assert larger.left_out is not None
    assert first.left_out.exposures >= 200
    # what is left out is noisy itself, so that no prediction can come closer on the whole than its noise
    # but for chance: the root mean square of 256 draws errs by a twenty-third, and three elements are looked at
    assert (first.left_out.rms > 0.05 * (1 - 2.5 / np.sqrt(2 * first.left_out.exposures))).all()
    np.testing.assert_allclose(larger.left_out.rms, 1024 * first.left_out.rms, rtol=0.02)
    assert (np.abs(first.left_out.within_one - 0.7) < 0.1).all(), first.left_out.within_one
    assert (first.left_out.within_one < first.left_out.within_two).all()


@EVERY_METHOD
def test_one_sample_cannot_be_checked(method: str) -> None:
    assert reconstruct(one_sample(), (4, 5), elements=("Fe", "Pb"), method=method).left_out is None


def test_the_maps_are_read_only() -> None:
    result = reconstruct(one_sample(), (4, 5), elements=("Fe", "Pb"), method="nearest")
    with pytest.raises(ValueError, match="read-only"):
        result.maps[0, 0, 0] = 1


@EVERY_METHOD
@settings(max_examples=10, deadline=None)
@given(
    shape=st.sampled_from([(1, 1), (1, 2), (1, 17), (17, 1), (3, 5), (2, 2), (9, 8), (8, 16), (13, 31)]),
    rate=st.floats(0.02, 1.0),
    elements=st.integers(1, 5),
    coloured=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_any_shape_and_rate_gives_finite_maps_and_errors(
    method: str, shape: tuple[int, int], rate: float, elements: int, coloured: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    maps = rng.gamma(2.0, 10.0, (*shape, elements)).astype(np.float32)
    mask = rng.random(shape) < rate
    mask[rng.integers(shape[0]), rng.integers(shape[1])] = True
    rgb = rng.random((*shape, 3)) if coloured else None
    result = reconstruct(
        sampled(maps, mask), shape, elements=tuple(f"E{e}" for e in range(elements)), rgb=rgb, method=method
    )
    assert result.maps.shape == result.standard_error.shape == maps.shape
    assert result.maps.dtype == result.standard_error.dtype == np.float32
    assert np.isfinite(result.maps).all()
    assert np.isfinite(result.standard_error).all()
    assert (result.standard_error >= 0).all()


def test_every_approximation_stated_is_of_a_method_there_is_and_says_so():
    assert {"bpfa", "mumford-shah", "biharmonic"} <= APPROXIMATED.keys() <= METHODS.keys()
    assert all(sentence.startswith("approximated: ") for sentence in APPROXIMATED.values())
