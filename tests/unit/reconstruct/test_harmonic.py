"""Harmonic inpainting: the Laplace equation with the samples held."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import coo_array, diags_array
from scipy.sparse.linalg import spsolve

from edge.reconstruct.harmonic import cycle, fill, harmonic, hold, largest_residual
from tests.unit.reconstruct.scenes import hands, measured, painted, portrait, psnr_db, random_mask


def solved_directly(maps: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Sparse LU of the graph Laplacian on the cells that are not held: the plain reference."""
    index = np.arange(mask.size).reshape(mask.shape)
    ends = np.concatenate(
        [np.stack([index[:, :-1].ravel(), index[:, 1:].ravel()]), np.stack([index[:-1].ravel(), index[1:].ravel()])],
        axis=1,
    )
    links = coo_array((np.ones(2 * ends.shape[1]), (np.r_[ends[0], ends[1]], np.r_[ends[1], ends[0]])))
    laplacian = (diags_array(links.tocsr().sum(axis=1)) - links).tocsr()
    known, free = np.flatnonzero(mask), np.flatnonzero(~mask)
    field = maps.reshape(mask.size, -1).astype(np.float64)
    field[free] = spsolve(laplacian[free][:, free].tocsc(), -laplacian[free][:, known] @ field[known]).reshape(
        len(free), -1
    )
    return field.reshape(maps.shape)


def converged(maps: NDArray[np.float32], mask: NDArray[np.bool_], cycles: int) -> NDArray[np.float32]:
    cells = measured(maps, mask)
    field, free = hold(cells, np.ones(len(cells), np.bool_))
    fill(field, free)
    cycle(field, free, cycles=cycles)
    return field


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (33, 50), (64, 64), (7, 5)])
@pytest.mark.parametrize("rate", [0.02, 0.1, 0.6])
def test_run_to_convergence_it_equals_the_direct_solution(shape: tuple[int, int], rate: float) -> None:
    rng = np.random.default_rng(0)
    maps = rng.random((*shape, 3), dtype=np.float32)
    mask = rng.random(shape) < rate
    mask[0, 0] = True
    # float32 carries 1e-7; the largest hole's conditioning, its width squared, costs two to three digits
    np.testing.assert_allclose(converged(maps, mask, 25), solved_directly(maps, mask), atol=2e-4)


def test_each_cycle_divides_the_defect_by_three_or_more() -> None:
    maps, _ = painted(200, 180)
    cells = measured(maps, random_mask(np.ones((200, 180), np.bool_), 0.1))
    field, free = hold(cells, np.ones(len(cells), np.bool_))
    fill(field, free)
    defects = []
    for _ in range(5):
        cycle(field, free, cycles=1)
        defects.append(float(largest_residual(field, free).max()))
    assert all(later < earlier / 3 for earlier, later in pairwise(defects))


def test_the_default_leaves_a_defect_below_a_tenth_of_the_largest_value() -> None:
    maps, _ = painted(200, 180)
    mask = random_mask(np.ones((200, 180), np.bool_), 0.1)
    field = harmonic(measured(maps, mask)).maps
    assert float((largest_residual(field, ~mask) / maps.max(axis=(0, 1))).max()) < 0.1


@settings(max_examples=30, deadline=None)
@given(
    rows=st.integers(1, 40),
    columns=st.integers(1, 40),
    rate=st.floats(0.001, 0.9),
    cycles=st.sampled_from([0, 1, 10]),
    seed=st.integers(0, 2**16),
)
def test_a_constant_is_reproduced_at_any_shape_and_mask(
    rows: int, columns: int, rate: float, cycles: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((rows, columns)) < rate
    mask[rng.integers(rows), rng.integers(columns)] = True
    maps = np.full((rows, columns, 2), 3.25, np.float32)
    np.testing.assert_allclose(converged(maps, mask, cycles), 3.25, rtol=1e-5)


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(1, 40), columns=st.integers(1, 40), rate=st.floats(0.01, 0.9), seed=st.integers(0, 2**16))
def test_no_cell_leaves_the_range_of_the_samples(rows: int, columns: int, rate: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    maps = rng.random((rows, columns, 2), dtype=np.float32)
    mask = rng.random((rows, columns)) < rate
    mask[rng.integers(rows), rng.integers(columns)] = True
    field = harmonic(measured(maps, mask)).maps
    assert (field >= maps[mask].min(axis=0) - 1e-6).all()
    assert (field <= maps[mask].max(axis=0) + 1e-6).all()


def test_a_hole_as_wide_as_three_quarters_of_the_scan_is_filled() -> None:
    y, x = np.mgrid[:200, :160]
    maps = (1 + y + 2 * x)[:, :, None].astype(np.float32)
    mask = random_mask((y < 50) & (x < 40), 0.1)
    field = harmonic(measured(maps, mask), cycles=20).maps
    np.testing.assert_allclose(field, solved_directly(maps, mask), rtol=2e-3)


def test_stopped_early_it_is_no_worse_than_converged_on_real_maps(measurement_data: Path) -> None:
    maps, _, valid = portrait(measurement_data)
    cells = measured(maps, random_mask(valid, 0.1))
    early, exact = harmonic(cells).maps, harmonic(cells, cycles=10).maps
    assert psnr_db(early, maps, valid) > psnr_db(exact, maps, valid) + 0.2


@pytest.mark.parametrize("specimen", ["portrait", "hands"])
def test_one_standard_error_covers_about_two_thirds_of_what_was_not_measured(
    measurement_data: Path, specimen: str
) -> None:
    if specimen == "portrait":
        maps, _, valid = portrait(measurement_data)
    else:
        maps = hands(measurement_data)
        valid = np.ones(maps.shape[:2], np.bool_)
    mask = random_mask(valid, 0.1)
    found = harmonic(measured(maps, mask))
    covered = (np.abs(found.maps - maps) <= found.standard_error)[valid & ~mask].mean(axis=0)
    # on the hands 240 samples set the scale: the share that they cover scatters by 3 %, neighbours' errors go together
    assert abs(covered.mean() - 0.68) < 0.06, covered
    assert (np.abs(covered - 0.68) < 0.15).all(), covered
