"""The search for the cells themselves: its bookkeeping is exact, and what it finds beats what a formula finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.reconstruct.harmonic import cycle, fill
from models.exchange import exchange, sparsify
from models.faults import UnusableRequest
from models.green import Inpainting, hold, let_go, squared_error, wholly_held
from models.masks import MaskRequest, make_mask


def _photograph(rows: int, columns: int) -> NDArray[np.float32]:
    """Soft blobs of colour with one hard edge, in [0, 1]."""
    y, x = np.mgrid[:rows, :columns]
    image = np.stack([np.sin(x / 5 + y / 9), np.cos(x / 11 - y / 4), np.where(x + y > rows, 1.0, -1.0)], axis=2)
    return (0.5 + 0.4 * image).astype(np.float32)


def _converged(photograph: NDArray[np.float32], held: NDArray[np.bool_]) -> NDArray[np.float32]:
    """What `edge` makes of the held cells."""
    field = np.where(held[:, :, None], photograph, np.float32(0))
    fill(field, ~held)
    cycle(field, ~held, cycles=25)
    return field


def _filled(photograph: NDArray[np.float32], inpainting: Inpainting) -> NDArray[np.float64]:
    return photograph - inpainting.error.T.reshape(photograph.shape)


@settings(max_examples=10)
@given(
    st.integers(1, 14),
    st.integers(2, 14),
    st.lists(st.integers(0, 13 * 14), max_size=400),
    st.integers(0, 2**32),
)
def test_after_any_cells_are_let_go_and_held_the_error_is_that_of_the_converged_reconstruction(
    rows: int, columns: int, flips: list[int], seed: int
) -> None:
    photograph = np.random.default_rng(seed).random((rows, columns, 3), np.float32)
    inpainting = wholly_held(photograph, np.ones((rows, columns), np.bool_))
    for flip in flips:
        cell = flip % (rows * columns)
        if not inpainting.held[cell]:
            hold(inpainting, cell)
        elif np.count_nonzero(inpainting.held) > 1:
            let_go(inpainting, cell)
    held = inpainting.held.reshape(rows, columns)
    # float32 carries 1e-7; the largest hole's conditioning, its width squared, costs two to three digits
    np.testing.assert_allclose(_filled(photograph, inpainting), _converged(photograph, held), atol=1e-4)


def test_after_a_search_the_bookkeeping_still_agrees_with_the_converged_reconstruction() -> None:
    photograph = _photograph(30, 36)
    random = np.random.default_rng(3)
    inpainting = wholly_held(photograph, np.ones((30, 36), np.bool_))
    sparsify(inpainting, 54, random)
    assert exchange(inpainting, 20, random) > 10
    np.testing.assert_allclose(
        _filled(photograph, inpainting), _converged(photograph, inpainting.held.reshape(30, 36)), atol=2e-4
    )


def test_the_greens_matrix_stays_the_inverse_of_the_laplacian_among_the_free_cells() -> None:
    photograph = _photograph(9, 12)
    inpainting = wholly_held(photograph, np.ones((9, 12), np.bool_))
    sparsify(inpainting, 20, np.random.default_rng(0))
    exchange(inpainting, 10, np.random.default_rng(0))
    across = np.abs(np.subtract.outer(*[np.arange(108)] * 2))
    row = np.arange(108) // 12
    linked = (across == 12) | ((across == 1) & np.equal.outer(row, row))
    laplacian = np.diag(linked.sum(1)) - linked.astype(np.float64)
    free = ~inpainting.held
    # hundreds of updates, each leaving out at most 1e-9
    np.testing.assert_allclose(
        inpainting.green[np.ix_(free, free)], np.linalg.inv(laplacian[np.ix_(free, free)]), atol=1e-6
    )
    assert not inpainting.green[~free].any()


def test_every_exchange_lowers_the_squared_error() -> None:
    inpainting = wholly_held(_photograph(24, 24), np.ones((24, 24), np.bool_))
    random = np.random.default_rng(1)
    sparsify(inpainting, 40, random)
    errors = [squared_error(inpainting)]
    for _ in range(12):
        exchanged = exchange(inpainting, 1, random)
        errors.append(squared_error(inpainting))
        assert errors[-1] < errors[-2] if exchanged else errors[-1] == errors[-2]
    assert errors[-1] < errors[0]


def test_twice_the_cycles_gain_little() -> None:
    def error(cycles: int) -> float:
        random = np.random.default_rng(2)
        inpainting = wholly_held(_photograph(32, 32), np.ones((32, 32), np.bool_))
        sparsify(inpainting, 102, random)
        exchange(inpainting, cycles, random)
        return squared_error(inpainting)

    # 2 % are 0.1 dB
    assert error(400) > 0.98 * error(200)


@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_its_cells_restore_the_photograph_far_better_than_a_formulas(rate: float) -> None:
    photograph = _photograph(36, 30)
    request = MaskRequest((36, 30), round(rate * 36 * 30), photograph, seed=5)

    def error(name: str) -> float:
        cells = make_mask(name, request).mask.cells
        return float(np.square(_converged(photograph, cells) - photograph).mean())

    # photographs: 1 to 2 dB and more; 1 dB is a factor of 0.79
    assert error("pixel-exchange") < 0.79 * error("laplacian")


def test_cells_that_may_not_be_visited_are_neither_held_nor_counted() -> None:
    photograph = _photograph(20, 26)
    allowed = np.ones((20, 26), np.bool_)
    allowed[:, 13:] = False
    request = MaskRequest((20, 26), 30, photograph, allowed=allowed, seed=8)
    cells = make_mask("pixel-exchange", request).mask.cells
    assert not cells[:, 13:].any()
    assert cells.sum() == 30
    inpainting = wholly_held(photograph, allowed)
    sparsify(inpainting, 30, np.random.default_rng(8))
    inside = inpainting.error.reshape(3, 20, 26)[:, allowed]
    assert squared_error(inpainting) == pytest.approx(np.square(inside).sum(), rel=1e-12)


def test_a_grid_that_would_take_hours_is_refused_with_its_limit() -> None:
    with pytest.raises(
        UnusableRequest, match="at most 10000 cells and this one has 101 x 100: crop the area, or choose"
    ):
        make_mask("pixel-exchange", MaskRequest((101, 100), 10, np.zeros((101, 100, 3), np.uint8)))


def test_a_constant_photograph_is_searched_without_complaint() -> None:
    cells = make_mask("pixel-exchange", MaskRequest((12, 12), 14, np.full((12, 12), 60000, np.uint16))).mask.cells
    assert cells.sum() == 14
