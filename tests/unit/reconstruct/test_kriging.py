"""Local kriging: the estimate, its closed-form leave-one-out errors, and what it learns from samples alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, shift

from edge.maps import ElementMaps
from edge.reconstruct import reconstruct, tiles
from edge.reconstruct.covariance import Covariance, Group, Learned
from edge.reconstruct.guide import Guide
from edge.reconstruct.kriging import krige, kriging, learn_parameters
from edge.reconstruct.neighbours import nearest_samples
from edge.reconstruct.photograph import Alignment, Photograph
from edge.reconstruct.tiling import TILE_CELLS, tile_count
from tests.unit.reconstruct.scenes import hands, measured, painted, portrait, psnr_db, random_mask, sampled

LAW = Covariance(noise=0.05, reach=5.0, share=0.4, colour_width=0.2, colour_reach=15.0)


STRETCH = (1.2, 0.3, 0.9)


def stretched(places: NDArray[np.float64], metric: NDArray[np.floating]) -> NDArray[np.float64]:
    """Places whose rows and columns are multiplied by the matrix of which the metric is the upper triangle."""
    matrix = np.array([[metric[0], metric[1]], [metric[1], metric[2]]], np.float64)
    return np.column_stack([places[:, :2] @ matrix, places[:, 2:]])


def correlation(first: NDArray[np.float64], second: NDArray[np.float64], law: Covariance) -> NDArray[np.float64]:
    """The covariance as its docstring states it: the plain reference."""
    distance = np.linalg.norm(first[:, None, :2] - second[None, :, :2], axis=2)
    colour = np.linalg.norm(first[:, None, 2:5] - second[None, :, 2:5], axis=2)
    guided = np.linalg.norm(first[:, None, 5:] - second[None, :, 5:], axis=2)
    blind = 1 / np.sqrt(1 + (distance / law.reach) ** 2)
    alike = 1 / (1 + distance / law.colour_reach + colour**2 / (2 * law.colour_width**2) + guided**2 / 2)
    mixed: NDArray[np.float64] = (1 - law.share) * blind + law.share * alike
    return mixed


def ordinary_kriging(
    places: NDArray[np.float64], values: NDArray[np.float64], wanted: NDArray[np.float64], law: Covariance
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Estimate and variance in units of the sill by the bordered system: the plain reference."""
    count = len(places)
    system = np.ones((count + 1, count + 1))
    system[:count, :count] = correlation(places, places, law) + law.noise * np.eye(count)
    system[count, count] = 0
    right = np.ones((count + 1, len(wanted)))
    right[:count] = correlation(places, wanted, law)
    weights = np.linalg.solve(system, right)
    return weights[:count].T @ values, 1 - (weights * right).sum(axis=0)


def neighbourhood(count: int, elements: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    places = np.column_stack(
        [rng.choice(400, count, replace=False) // 20, rng.permutation(count), rng.random((count, 6))]
    )
    return places.astype(np.float32), rng.standard_normal((count, elements)).astype(np.float32)


@pytest.mark.parametrize(("count", "elements", "centres"), [(32, 3, 6), (9, 1, 9), (2, 2, 2), (13, 20, 4)])
def test_the_closed_form_equals_leaving_each_sample_out(count: int, elements: int, centres: int) -> None:
    places, values = neighbourhood(count, elements, seed=1)
    residual, rest = np.empty((centres, elements), np.float32), np.empty((centres, elements), np.float32)
    variance = np.empty(centres, np.float32)
    tiles.leave_one_out(
        np.arange(count, dtype=np.int32)[None], centres, places, values, np.ones(count, np.float32),
        np.array([STRETCH], np.float32), LAW.as_array(), residual, variance, rest,
    )  # fmt: skip
    for left_out in range(centres):
        others = np.arange(count) != left_out
        exact = stretched(places.astype(np.float64), np.array(STRETCH))
        estimate, spread = ordinary_kriging(
            exact[others], values[others].astype(np.float64), exact[left_out : left_out + 1], LAW
        )
        # float32 with a condition number near 32 / 0.05: five to six digits less three
        np.testing.assert_allclose(residual[left_out], values[left_out] - estimate[0], atol=2e-3)
        np.testing.assert_allclose(variance[left_out], spread[0] + LAW.noise, rtol=2e-3)


def test_a_tile_equals_the_bordered_system_of_its_neighbours() -> None:
    maps, rgb = painted(24, 24)
    cells = measured(maps, random_mask(np.ones((24, 24), np.bool_), 0.15))
    photograph = Photograph(rgb)
    rng = np.random.default_rng(2)
    guide = Guide(rng.random((24, 24, 3), dtype=np.float32), rng.random((24, 24, 3), dtype=np.float32))
    ones = np.ones(3, np.float32)
    groups = (Group(np.arange(3), LAW, follows_colour=True),)
    learned = Learned(groups, Alignment(), ones, LAW.noise * ones, ones, 0 * ones, -3 * ones, guide)
    estimate, standard_error = np.zeros_like(maps), np.zeros_like(maps)
    krige(cells, learned, photograph, which=np.array([4]), maps=estimate, standard_error=standard_error)
    near = nearest_samples(cells.rows, cells.columns, np.array([[11.5, 11.5]], np.float32), 32)[0]
    colours = np.concatenate([photograph.aligned(Alignment()), guide.colours], axis=2).astype(np.float64)
    y, x = (grid.ravel() for grid in np.mgrid[8:16, 8:16])
    places = np.column_stack([cells.rows[near], cells.columns[near], colours[cells.rows[near], cells.columns[near]]])
    metric = guide.metric(np.array([12]), np.array([12]))[0]
    expected, _ = ordinary_kriging(
        stretched(places, metric),
        cells.values[near].astype(np.float64),
        stretched(np.column_stack([y, x, colours[y, x]]), metric),
        LAW,
    )
    np.testing.assert_allclose(estimate[8:16, 8:16].reshape(64, 3), np.maximum(expected, 0), atol=2e-3)
    assert not estimate[:8].any()
    assert not standard_error[16:].any()


def test_without_noise_the_estimate_passes_through_the_samples() -> None:
    maps, _ = painted(40, 40)
    cells = measured(maps, random_mask(np.ones((40, 40), np.bool_), 0.05))
    learned = Learned(
        (Group(np.arange(3), replace(LAW, noise=0.0, share=0.0)),),
        Alignment(),
        np.ones(3, np.float32),
        np.zeros(3, np.float32),
        np.ones(3, np.float32),
        np.zeros(3, np.float32),
        np.full(3, -3, np.float32),
    )
    estimate, standard_error = np.empty_like(maps), np.empty_like(maps)
    everywhere = np.arange(tile_count((40, 40)))
    krige(cells, learned, None, which=everywhere, maps=estimate, standard_error=standard_error)
    own = (cells.rows // TILE_CELLS, cells.columns // TILE_CELLS)
    near = nearest_samples(cells.rows, cells.columns, (np.column_stack(own) * TILE_CELLS + 3.5).astype(np.float32), 32)
    heard = (near == np.arange(len(cells))[:, None]).any(axis=1)
    assert heard.mean() > 0.95
    np.testing.assert_allclose(estimate[cells.rows[heard], cells.columns[heard]], cells.values[heard], atol=5e-3)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(1, 60),
    columns=st.integers(1, 60),
    rate=st.floats(0.01, 1.0),
    count=st.integers(1, 32),
    seed=st.integers(0, 2**16),
)
def test_neighbours_are_distinct_and_nearest_unless_a_quadrant_speaks_up(
    rows: int, columns: int, rate: float, count: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((rows, columns)) < rate
    mask[0, 0] = True
    y, x = np.nonzero(mask)
    count = min(count, len(y))
    centres = (rng.random((5, 2)) * [rows, columns]).astype(np.float32)
    chosen = nearest_samples(y, x, centres, count)
    for centre, own in zip(centres, chosen, strict=True):
        assert len(set(own.tolist())) == count
        square = (y - centre[0]) ** 2 + (x - centre[1]) ** 2
        quadrant = 2 * (y >= centre[0]) + (x >= centre[1])
        farthest_own = np.sort(square)[count - 1]
        for outsider in own[square[own] > farthest_own * 1.0001]:
            nearer = (quadrant == quadrant[outsider]) & (square < square[outsider])
            assert nearer.sum() < max(1, count // 8)


def test_between_two_scanned_rows_both_are_heard() -> None:
    mask = np.zeros((60, 200), np.bool_)
    mask[[20, 40]] = True
    y, x = np.nonzero(mask)
    chosen = nearest_samples(y, x, np.array([[22.0, 100.0]], np.float32), 32)[0]
    assert set(y[chosen].tolist()) == {20, 40}


def test_scanned_rows_are_bridged_better_than_by_straight_lines() -> None:
    maps, rgb = painted(80, 80)
    mask = np.zeros((80, 80), np.bool_)
    mask[::6] = True
    quality = {
        method: psnr_db(
            reconstruct(sampled(maps, mask), (80, 80), elements=("a", "b", "c"), rgb=rgb, method=method).maps,
            maps,
            ~mask,
        )
        for method in ("kriging", "linear")
    }
    assert quality["kriging"] > quality["linear"] + 3


def test_a_photograph_that_shows_the_paint_is_used() -> None:
    maps, rgb = painted()
    mask = random_mask(np.ones(maps.shape[:2], np.bool_), 0.1)
    with_colour, without = kriging(measured(maps, mask), rgb).maps, kriging(measured(maps, mask)).maps
    assert psnr_db(with_colour, maps, ~mask) > psnr_db(without, maps, ~mask) + 3


def test_a_photograph_that_lies_askew_is_moved_to_where_the_samples_say() -> None:
    texture = gaussian_filter(np.random.default_rng(0).random((120, 120, 3)), (2, 2, 0), mode="wrap")
    rgb = ((texture - texture.min()) / np.ptp(texture)).astype(np.float32)
    cells = measured(rgb**2, random_mask(np.ones((120, 120), np.bool_), 0.05))
    learned = learn_parameters(cells, Photograph(np.roll(rgb, (2, -1), axis=(0, 1))))
    assert abs(learned.alignment.down + 2) <= 0.2
    assert abs(learned.alignment.right - 1) <= 0.2


@pytest.mark.campaign
@pytest.mark.parametrize("rate", [0.02, 0.2])
def test_the_portraits_photograph_moved_by_two_cells_is_moved_back_to_a_fifth_of_a_cell(
    measurement_data: Path, rate: float
) -> None:
    maps, rgb, valid = portrait(measurement_data)
    cells = measured(maps, random_mask(valid, rate))
    askew = shift(rgb, (2, -1.4, 0), order=1, mode="nearest")
    # where it truly lies nobody knows: it must be found at the same place both times
    true, found = (learn_parameters(cells, Photograph(one)).alignment for one in (rgb, askew))
    assert abs(found.down + 2 - true.down) <= 0.2
    assert abs(found.right - 1.4 - true.right) <= 0.2


def test_an_element_that_the_photograph_does_not_show_gets_a_law_of_its_own() -> None:
    maps, rgb = painted(120, 120)
    hidden, _ = painted(120, 120, seed=5)
    both = np.concatenate([maps, hidden], axis=2)
    cells = measured(both, random_mask(np.ones((120, 120), np.bool_), 0.1))
    share = np.empty(6)
    for group in learn_parameters(cells, Photograph(rgb)).groups:
        share[group.elements] = group.covariance.share if group.follows_colour else 0
    assert (share[:3] > 0.3).all()
    assert (share[3:] < 0.2).all()


@pytest.fixture(scope="module")
def blind(measurement_data: Path) -> Callable[[float], NDArray[np.float32]]:
    """The portrait's maps at a rate, without a photograph."""
    maps, _, valid = portrait(measurement_data)
    return cache(lambda rate: kriging(measured(maps, random_mask(valid, rate))).maps)


@pytest.mark.parametrize("rate", [0.05, pytest.param(0.2, marks=pytest.mark.campaign)])
@pytest.mark.parametrize("wrong", [pytest.param("turned round", marks=pytest.mark.campaign), "another painting"])
def test_a_wrong_photograph_costs_less_than_a_third_of_a_decibel(
    measurement_data: Path, blind: Callable[[float], NDArray[np.float32]], rate: float, wrong: str
) -> None:
    maps, rgb, valid = portrait(measurement_data)
    other = rgb[::-1, ::-1] if wrong == "turned round" else np.repeat(np.repeat(painted(102, 36)[1], 8, 0), 8, 1)
    mask = random_mask(valid, rate)
    misled = kriging(measured(maps, mask), np.ascontiguousarray(other[: maps.shape[0], : maps.shape[1]])).maps
    assert psnr_db(misled, maps, valid) > psnr_db(blind(rate), maps, valid) - 0.3


@pytest.fixture(scope="module")
def sighted(measurement_data: Path) -> Callable[[float], ElementMaps]:
    """The portrait's maps at a rate, with its photograph."""
    maps, rgb, valid = portrait(measurement_data)
    return cache(
        lambda rate: reconstruct(
            sampled(maps, random_mask(valid, rate)), valid.shape, elements=tuple("abcdef"), rgb=rgb
        )
    )


@pytest.mark.parametrize(
    ("rate", "least_db"),
    [
        pytest.param(0.05, 31.4, marks=pytest.mark.campaign),
        (0.1, 33.75),
        pytest.param(0.2, 36.5, marks=pytest.mark.campaign),
    ],
)
def test_the_portrait_is_recovered_as_well_as_ever(
    measurement_data: Path, sighted: Callable[[float], ElementMaps], rate: float, least_db: float
) -> None:
    maps, _, valid = portrait(measurement_data)
    assert psnr_db(sighted(rate).maps, maps, valid) > least_db


def covered_share(result: ElementMaps, maps: NDArray[np.float32], hidden: NDArray[np.bool_]) -> NDArray[np.float64]:
    share: NDArray[np.float64] = (np.abs(result.maps - maps) <= result.standard_error)[hidden].mean(axis=0)
    return share


@pytest.mark.parametrize(
    "rate", [pytest.param(0.05, marks=pytest.mark.campaign), 0.1, pytest.param(0.2, marks=pytest.mark.campaign)]
)
def test_one_standard_error_covers_two_thirds_of_the_portrait(
    measurement_data: Path, sighted: Callable[[float], ElementMaps], rate: float
) -> None:
    maps, _, valid = portrait(measurement_data)
    share = covered_share(sighted(rate), maps, valid & ~random_mask(valid, rate))
    # 400 neighbourhoods of 6 samples set the scale; if only the neighbourhoods were independent: 0.68 +- 0.02
    mostly_absent = (maps[valid] == 0).mean(axis=0) > 0.5
    assert (np.abs(share - 0.68) < 0.06)[~mostly_absent].all(), share
    # most errors are zero there: the standard error, held up by the few that are not, covers more
    assert (share > 0.62)[mostly_absent].all(), share


@pytest.mark.parametrize("rate", [0.1, 0.2])
def test_one_standard_error_covers_two_thirds_of_the_hands(measurement_data: Path, rate: float) -> None:
    maps = hands(measurement_data)
    mask = random_mask(np.ones(maps.shape[:2], np.bool_), rate)
    elements = tuple(f"E{e}" for e in range(maps.shape[2]))
    share = covered_share(reconstruct(sampled(maps, mask), mask.shape, elements=elements), maps, ~mask)
    # 720 samples that overlap in their neighbourhoods
    assert abs(share.mean() - 0.68) < 0.05, share
    assert (np.abs(share - 0.68) < 0.1).all(), share


@pytest.mark.parametrize("rate", [0.3, pytest.param(0.5, marks=pytest.mark.campaign)])
def test_held_out_exposures_of_the_hands_lie_within_one_and_two_standard_errors_as_often_as_they_should(
    measurement_data: Path, rate: float
) -> None:
    with np.load(measurement_data / "maxrf_hands" / "prova1_maps.npz") as stack:
        counts = np.asarray(stack["gross"], np.float32)
    elements = tuple(f"E{e}" for e in range(counts.shape[2]))
    one, two = [], []
    for seed in range(4):
        mask = random_mask(np.ones(counts.shape[:2], np.bool_), rate, seed)
        assert (~mask).sum() >= 2000
        result = reconstruct(sampled(counts, mask, variance=np.maximum(counts, 1)), mask.shape, elements=elements)
        # of a held-out exposure its own counting is expected beside the error of the map
        expected = np.sqrt(np.square(result.standard_error) + np.maximum(counts, 1))[~mask]
        miss = np.abs(result.maps - counts)[~mask]
        one.append((miss <= expected).mean(axis=0))
        two.append((miss <= 2 * expected).mean(axis=0))
    assert (np.abs(np.mean(one, axis=0) - 0.68) < 0.03).all(), np.mean(one, axis=0)
    assert (np.abs(np.mean(two, axis=0) - 0.95) < 0.03).all(), np.mean(two, axis=0)


def test_errors_that_grow_with_the_level_are_given_larger_standard_errors_there() -> None:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:100, :100]
    smooth = (1 + 0.9 * np.sin(x / 20) * np.cos(y / 25))[:, :, None]
    maps = (smooth * rng.gamma(25, 1 / 25, smooth.shape)).astype(np.float32)
    mask = random_mask(np.ones((100, 100), np.bool_), 0.3)
    result = reconstruct(sampled(maps, mask), (100, 100), elements=("Fe",))
    error, strong = result.standard_error[:, :, 0], smooth[:, :, 0] > 1.6
    weak = smooth[:, :, 0] < 0.4
    assert np.median(error[strong & ~mask]) > 2 * np.median(error[weak & ~mask])
    within = (np.abs(result.maps - maps) <= 2 * result.standard_error)[:, :, 0]
    assert abs(within[strong & ~mask].mean() - within[weak & ~mask].mean()) < 0.12


def test_known_counting_noise_is_not_counted_as_an_error_of_the_map() -> None:
    rng = np.random.default_rng(0)
    smooth = 50 + 30 * np.sin(np.mgrid[:100, :100].sum(axis=0) / 15)[:, :, None]
    mask = random_mask(np.ones((100, 100), np.bool_), 0.3)
    counted = rng.poisson(smooth).astype(np.float32)
    result = reconstruct(
        sampled(counted, mask, variance=smooth.astype(np.float32)), (100, 100), elements=("Fe",), method="kriging"
    )
    error = result.maps[~mask] - smooth[~mask]
    assert np.sqrt((error**2).mean()) < 0.5 * np.sqrt(smooth.mean())
    assert 0.5 < (np.abs(error) <= result.standard_error[~mask]).mean() < 0.95


def test_no_estimate_undershoots_what_counting_noise_explains() -> None:
    rng = np.random.default_rng(0)
    truth = np.where(np.mgrid[:80, :80][1] < 40, 0, 3000).astype(np.float32)[:, :, None]
    noise = rng.normal(0, 20, truth.shape).astype(np.float32)
    mask = random_mask(np.ones((80, 80), np.bool_), 0.1)
    samples = sampled(truth + noise, mask, np.full_like(truth, 400))
    result = reconstruct(samples, (80, 80), elements=("Hg",), method="kriging")
    assert result.maps.min() == pytest.approx(samples.values.min(), rel=1e-4)
    positive = reconstruct(sampled(truth, mask), (80, 80), elements=("Hg",), method="kriging")
    assert positive.maps.min() == 0


def textured(seed: int = 0) -> NDArray[np.float32]:
    texture = gaussian_filter(np.random.default_rng(seed).random((120, 120, 3)), (2, 2, 0), mode="wrap")
    scaled: NDArray[np.float32] = ((texture - texture.min()) / np.ptp(texture)).astype(np.float32)
    return scaled


def remarks(maps: NDArray[np.float32], rgb: NDArray[np.float32] | None, rate: float = 0.05) -> tuple[str, ...]:
    mask = random_mask(np.ones(maps.shape[:2], np.bool_), rate)
    return reconstruct(sampled(maps, mask), maps.shape[:2], elements=("Fe", "Cu", "Pb"), rgb=rgb).remarks


def test_moving_the_photograph_and_following_its_colour_is_said() -> None:
    rgb = textured()
    moved, followed = remarks(rgb**2, np.roll(rgb, (2, -1), axis=(0, 1)))
    assert moved == (
        "The photograph was moved by 2.0 cells up and 1.0 cells right, where it predicts best what was measured."
    )
    assert followed.endswith("% of the variation of Fe, Cu and Pb is taken to follow the photograph's colour.")


def test_an_element_that_does_not_follow_the_photograph_is_named() -> None:
    rgb = textured()
    maps = np.concatenate([rgb[:, :, :2] ** 2, textured(1)[:, :, :1]], axis=2)
    assert "The variation of Pb is taken not to follow it." in remarks(maps, rgb, 0.1)


@pytest.mark.parametrize(
    ("rgb", "reason"),
    [
        (textured(9), "its colours did not help"),
        (np.full((120, 120, 3), 0.4, np.float32), "it shows one colour only"),
    ],
)
def test_a_photograph_that_was_not_used_is_said_so(rgb: NDArray[np.float32], reason: str) -> None:
    (only,) = remarks(painted(120, 120)[0], rgb, 0.1)
    assert only.startswith("The photograph was not used: ")
    assert reason in only


def test_without_a_photograph_there_is_nothing_to_remark() -> None:
    assert remarks(textured(), None) == ()
