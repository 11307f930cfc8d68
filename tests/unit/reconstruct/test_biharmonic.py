"""Biharmonic inpainting: the thin plate through the samples, its borders free."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_array, kron
from scipy.sparse.linalg import spsolve
from skimage.restoration import inpaint_biharmonic

from edge.reconstruct import biharmonic as module
from edge.reconstruct.biharmonic import bent, biharmonic
from edge.reconstruct.harmonic import harmonic
from edge.reconstruct.thin_plate import bending, plate_load, stretching
from tests.unit.reconstruct.photographs import crops, photograph_psnr_db
from tests.unit.reconstruct.scenes import hands, measured, painted, portrait, psnr_db, random_mask

EVERYWHERE = np.ones((64, 64), np.bool_)
Restored = Callable[[str], tuple[Any, ...]]


def plate_operator(rows: int, columns: int) -> csr_array:
    """Derivative of half the bending energy, built from its second steps: the plain reference."""
    steps_down, steps_across = (np.diff(np.eye(length), axis=0) for length in (rows, columns))
    down, across = (np.diff(np.eye(length), 2, axis=0) for length in (rows, columns))
    energy = csr_array(kron(np.eye(rows), across.T @ across)) + csr_array(kron(down.T @ down, np.eye(columns)))
    return energy + 2 * csr_array(kron(steps_down.T @ steps_down, steps_across.T @ steps_across))


def solved_directly(maps: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    operator = plate_operator(*mask.shape)
    known, free = np.flatnonzero(mask), np.flatnonzero(~mask)
    field = maps.reshape(mask.size, -1).astype(np.float64)
    solution = spsolve(operator[free][:, free].tocsc(), -operator[free][:, known] @ field[known])
    field[free] = solution.reshape(len(free), -1)
    return field.reshape(maps.shape)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (1, 9), (2, 2), (3, 4), (5, 13), (14, 30), (40, 3)])
def test_the_stencil_is_the_derivative_of_the_bending_energy(shape: tuple[int, int]) -> None:
    field = np.random.default_rng(0).random((*shape, 2), dtype=np.float32)
    load = np.empty_like(field)
    plate_load(
        field,
        np.ones(shape, np.bool_),
        bending(shape[0]),
        bending(shape[1]),
        stretching(shape[0]),
        stretching(shape[1]),
        load,
    )
    expected = plate_operator(*shape) @ field.reshape(-1, 2).astype(np.float64)
    # 25 products of up to 20 in float32
    np.testing.assert_allclose(load.reshape(-1, 2), expected, atol=2e-5)


@pytest.mark.parametrize("shape", [(33, 50), (64, 64), (2, 40)])
@pytest.mark.parametrize("rate", [0.05, 0.1, 0.6])
def test_run_to_convergence_it_equals_the_direct_solution(shape: tuple[int, int], rate: float) -> None:
    y, x = np.mgrid[: shape[0], : shape[1]]
    maps = np.stack([np.sin(x / 5) * np.cos(y / 7), (x > shape[1] / 2) + 0.01 * y], axis=2).astype(np.float32)
    mask = random_mask(np.ones(shape, np.bool_), rate)
    mask[[0, 0, -1, -1], [0, -1, 0, -1]] = True
    cells = measured(maps, mask)
    found = bent(cells, np.ones(len(cells), np.bool_), tolerance=1e-6)
    expected = np.clip(solved_directly(maps, mask), maps[mask].min(axis=0), maps[mask].max(axis=0))
    # float32 carries 1e-7; a hole's conditioning, the fourth power of its width, costs four digits
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_away_from_the_borders_it_agrees_with_scikit_image(measurement_data: Path) -> None:
    for seed, crop in enumerate(crops(measurement_data, 2)):
        mask = random_mask(EVERYWHERE, 0.2, seed)
        peer = inpaint_biharmonic(np.where(mask[:, :, None], crop, 0), ~mask, channel_axis=-1)
        cells = measured(crop, mask)
        ours = bent(cells, np.ones(len(cells), np.bool_), tolerance=1e-5)
        apart = np.abs(ours - peer)
        # both bend the plate least; they treat its borders differently, which is felt some samples' spacing inwards
        assert apart[10:-10, 10:-10].max() < 1e-3
        # that difference at the borders is of the size of the error itself at most
        assert np.sqrt(np.square(apart).mean()) < 0.15 * np.sqrt(np.square(ours - crop).mean())


@settings(max_examples=10)
@given(
    rows=st.integers(2, 24),
    columns=st.integers(2, 24),
    down=st.floats(-2, 2),
    across=st.floats(-2, 2),
    seed=st.integers(0, 2**16),
)
def test_a_plane_is_reproduced_between_samples_that_reach_its_corners(
    rows: int, columns: int, down: float, across: float, seed: int
) -> None:
    y, x = np.mgrid[:rows, :columns]
    plane = (5 + down * y + across * x)[:, :, None].astype(np.float32)
    mask = np.random.default_rng(seed).random((rows, columns)) < 0.1
    mask[[0, 0, -1, -1], [0, -1, 0, -1]] = True
    # the tolerance leaves 0.3 % of what harmonic inpainting is off, which is less than the plane's range
    np.testing.assert_allclose(biharmonic(measured(plane, mask)).maps, plane, atol=5e-3 * max(float(np.ptp(plane)), 1))


@settings(max_examples=10)
@given(rows=st.integers(1, 24), columns=st.integers(1, 24), rate=st.floats(0.01, 0.9), seed=st.integers(0, 2**16))
def test_no_cell_leaves_the_range_of_the_samples(rows: int, columns: int, rate: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    maps = rng.random((rows, columns, 2), dtype=np.float32)
    mask = rng.random((rows, columns)) < rate
    mask[rng.integers(rows), rng.integers(columns)] = True
    field = biharmonic(measured(maps, mask)).maps
    assert (field >= maps[mask].min(axis=0) - 1e-6).all()
    assert (field <= maps[mask].max(axis=0) + 1e-6).all()


@pytest.mark.parametrize("places", [[(5, 5)], [(5, 5), (20, 9)], [(3, 3), (10, 10), (20, 20), (27, 27)]])
def test_samples_that_determine_no_plane_are_filled_harmonically(places: list[tuple[int, int]]) -> None:
    maps = np.random.default_rng(0).random((32, 32, 2), dtype=np.float32)
    mask = np.zeros((32, 32), np.bool_)
    mask[tuple(np.transpose(places))] = True
    cells = measured(maps, mask)
    np.testing.assert_array_equal(biharmonic(cells).maps, harmonic(cells).maps)


def test_elements_taken_one_at_a_time_come_out_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    maps, _ = painted()
    cells = measured(maps, random_mask(np.ones(maps.shape[:2], np.bool_), 0.1))
    together = biharmonic(cells).maps
    monkeypatch.setattr(module, "WORKING_BYTES", 1)
    # sums of float32 are added up in another order
    np.testing.assert_allclose(biharmonic(cells).maps, together, atol=1e-4)


def test_a_tenfold_finer_tolerance_changes_a_photograph_by_less_than_a_twentieth_of_a_decibel(
    measurement_data: Path,
) -> None:
    for seed, crop in enumerate(crops(measurement_data, 3)):
        for rate in (0.05, 0.2):
            cells = measured(crop, random_mask(EVERYWHERE, rate, seed))
            finer = bent(cells, np.ones(len(cells), np.bool_), tolerance=3e-4)
            difference = photograph_psnr_db(biharmonic(cells).maps, crop) - photograph_psnr_db(finer, crop)
            assert abs(difference) < 0.05


@pytest.fixture(scope="module")
def restored(measurement_data: Path) -> Restored:
    """Of a specimen: maps from a tenth of its cells, measured maps, their valid cells, and that tenth."""

    @cache
    def of(specimen: str) -> tuple[Any, ...]:
        if specimen == "portrait":
            maps, _, valid = (part[300:500] for part in portrait(measurement_data))
        else:
            maps = hands(measurement_data)
            valid = np.ones(maps.shape[:2], np.bool_)
        mask = random_mask(valid, 0.1)
        return biharmonic(measured(maps, mask)), maps, valid, mask

    return of


def test_on_real_maps_it_is_ahead_of_converged_harmonic(restored: Restored) -> None:
    found, maps, valid, mask = restored("portrait")
    usual = harmonic(measured(maps, mask), cycles=10).maps
    # measured 2.4 dB
    assert psnr_db(found.maps, maps, valid) > psnr_db(usual, maps, valid) + 2


@pytest.mark.parametrize("specimen", ["portrait", "hands"])
def test_one_standard_error_covers_about_two_thirds_of_what_was_not_measured(restored: Restored, specimen: str) -> None:
    found, maps, valid, mask = restored(specimen)
    covered = (np.abs(found.maps - maps) <= found.standard_error)[valid & ~mask].mean(axis=0)
    # on the hands 240 samples set the scale: the share that they cover scatters by 3 %, neighbours' errors go together
    assert abs(covered.mean() - 0.68) < 0.06, covered
    assert (np.abs(covered - 0.68) < 0.15).all(), covered
