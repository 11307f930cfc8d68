"""Masks from the literature: each puts its cells where its authors say, and takes any photograph."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.faults import UnusablePhotograph, UnusableRequest
from models.masks import APPROXIMATED, MASKS, MaskRequest, make_mask
from models.steering import demand, highest_apart, regress, steering

RIVALS = ["airs", "kbas", "mascar"]
AS_PUBLISHED = {"gradient", "laplacian", "random", "grid", "blue-noise", "netm", "netm-photograph"}


def _half_busy(rows: int, columns: int) -> NDArray[np.uint8]:
    """Flat on the left, blobs of colour on the right."""
    y, x = np.mgrid[:rows, :columns]
    image = np.full((rows, columns, 3), 120, np.uint8)
    busy = 128 + 100 * np.sin(x / 2.5) * np.cos(y / 3.5)
    image[:, columns // 2 :] = busy[:, columns // 2 :, None].astype(np.uint8)
    return image


@pytest.mark.parametrize("name", RIVALS)
def test_more_cells_fall_where_the_photograph_is_busy_and_some_where_it_is_not(name: str) -> None:
    cells = make_mask(name, MaskRequest((64, 96), 600, _half_busy(64, 96), seed=3)).mask.cells
    # away from the seam, which belongs to both
    flat, busy = cells[:, :40].mean(), cells[:, 56:].mean()
    assert busy > 1.4 * flat
    # a quarter of the samples, rounded down to a power of two of blocks
    assert flat > 0.015


@pytest.mark.parametrize("name", [*RIVALS, "pixel-exchange"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 37), (29, 1), (16, 16), (17, 31)])
@pytest.mark.parametrize("count", [1, 5, 16])
def test_any_shape_and_depth_gets_the_exact_count(name: str, shape: tuple[int, int], count: int) -> None:
    count = min(count, shape[0] * shape[1])
    for photograph in (
        np.full(shape, 65535, np.uint16),
        np.random.default_rng(1).integers(0, 256, (*shape, 4), np.uint8),
        np.zeros((*shape, 1), np.float32),
    ):
        result = make_mask(name, MaskRequest(shape, count, photograph))
        assert np.count_nonzero(result.mask.cells) == count
        assert result.mask.origin == name


@pytest.mark.parametrize("name", [*RIVALS, "pixel-exchange"])
def test_what_is_no_photograph_is_refused(name: str) -> None:
    with pytest.raises(UnusableRequest, match=f"the {name} mask needs a photograph"):
        make_mask(name, MaskRequest((8, 8), 8))
    holed = np.zeros((8, 8, 3), np.float32)
    holed[2, 3, 1] = np.nan
    with pytest.raises(UnusablePhotograph, match="1 pixels of the photograph are not finite"):
        make_mask(name, MaskRequest((8, 8), 8, holed))
    with pytest.raises(UnusablePhotograph, match="resample it to the grid"):
        make_mask(name, MaskRequest((8, 9), 8, np.zeros((8, 8, 3), np.uint8)))


@pytest.mark.parametrize("name", RIVALS)
def test_a_constant_photograph_is_sampled_evenly(name: str) -> None:
    cells = make_mask(name, MaskRequest((48, 48), 230, np.full((48, 48, 3), 90, np.uint8))).mask.cells
    quarters = cells.reshape(2, 24, 2, 24).sum(axis=(1, 3))
    # 57.5 each; blocks and rounds fill up in steps
    assert quarters.min() > 40
    assert quarters.max() < 76


def test_every_mask_that_departs_from_its_authors_says_how() -> None:
    assert APPROXIMATED.keys() == MASKS.keys() - AS_PUBLISHED
    assert all(sentence.startswith("approximated") for sentence in APPROXIMATED.values())


def test_a_bright_dot_is_what_a_skewed_block_gives() -> None:
    photograph = np.full((32, 32, 3), 40, np.uint8)
    photograph[13, 22] = 250
    photograph[5, 6] = 0
    cells = make_mask("airs", MaskRequest((32, 32), 40, photograph)).mask.cells
    assert cells[13, 22]
    assert cells[5, 6]


def test_a_patch_gets_cells_by_its_content() -> None:
    photograph = np.full((16, 24, 3), 100, np.uint8)
    photograph[:8, 8:16:2] = 220
    density = make_mask("mascar", MaskRequest((16, 24), 60, photograph)).density.values
    assert np.ptp(density[:8, 8:16]) == 0
    assert density[4, 12] > 3 * density[12, 20] > 0


def test_a_blind_mask_does_not_look_at_cells_that_it_has_not_chosen() -> None:
    photograph = _half_busy(40, 40)
    request = MaskRequest((40, 40), 120, photograph, seed=2)
    cells = make_mask("kbas", request).mask.cells
    changed = np.where(cells[..., None], photograph, 255 - photograph)
    assert (make_mask("kbas", MaskRequest((40, 40), 120, changed, seed=2)).mask.cells == cells).all()


def test_kernels_lie_along_an_edge() -> None:
    image = np.zeros((21, 21, 1), np.float32)
    image[:, 10:] = 0.5
    a, b, c = steering(image, 2.0)[10, 10]
    # short across the edge, in the direction of the columns
    assert c > 3 * a
    assert b == pytest.approx(0, abs=1e-6)


def test_kernels_of_a_flat_image_are_round_and_of_the_scale() -> None:
    form = steering(np.full((9, 12, 3), 0.3, np.float32), 2.5)
    np.testing.assert_allclose(form[..., [0, 2]], 1 / 2.5**2, rtol=1e-5)
    np.testing.assert_allclose(form[..., 1], 0, atol=1e-6)


def test_regression_keeps_samples_and_averages_them_by_kernel_between() -> None:
    values = np.arange(5, dtype=np.float32).reshape(1, 5, 1)
    sampled = np.array([[True, False, False, False, True]])
    form = np.tile(np.array([1, 0, 1], np.float32), (1, 5, 1))
    estimate = np.zeros((1, 5, 1), np.float32)
    strength = regress(values, sampled, form, 4, estimate)
    near, far = np.exp(-0.5), np.exp(-4.5)
    assert strength[0, 1] == pytest.approx(near + far, rel=1e-5)
    assert estimate[0, :, 0] == pytest.approx([0, 4 * far / (near + far), 2, 4 * near / (near + far), 4], rel=1e-5)


def test_weakly_supported_cells_ask_for_more() -> None:
    askers = np.ones((1, 9), np.bool_)
    strength = np.array([[1, 1, 1, 1, 1, 1, 0.1, 1, 1]], np.float32)
    form = np.tile(np.array([1, 0, 1], np.float32), (1, 9, 1))
    assert demand(askers, strength, form, 3)[0].argmax() == 6


def test_cells_of_a_round_stay_apart() -> None:
    order = np.random.default_rng(0).permutation(400)
    points = np.argwhere(highest_apart((20, 20), order, 30, 3.0))
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
    assert gaps[gaps > 0].min() >= 3
