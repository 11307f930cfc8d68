"""What the photograph explains of a map and what it doesn't, on a panel with an abandoned painting underneath."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.maps import ElementMaps
from edge.reconstruct import reconstruct
from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.fusion import fusion_layers, method
from edge.reconstruct.fusion.palm import Plan
from edge.reconstruct.kriging import kriging
from edge.reconstruct.layers import kriging_layers
from edge.reconstruct.reconstruction import Layers
from edge.reconstruct.visible import with_visible
from tests.unit.reconstruct.scenes import (
    PENTIMENTO_LINES,
    PENTIMENTO_SHAPE,
    measured,
    painted,
    pentimento,
    random_mask,
    sampled,
)

EVERYWHERE = np.ones(PENTIMENTO_SHAPE, np.bool_)


def alike(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def test_a_hidden_head_is_in_the_hidden_part_and_not_in_the_visible_one() -> None:
    maps, owed, photograph = pentimento()
    layers = kriging_layers(measured(maps, random_mask(EVERYWHERE, 0.15)), photograph)
    mercury = PENTIMENTO_LINES.index("Hg-L")
    shape, surface = owed[:, :, mercury], (maps - owed)[:, :, mercury]
    # a third of the map's variation is hidden; the rest of the hidden part is what colour leaves of the visible paint
    assert alike(layers.hidden[:, :, mercury], shape) > 0.5
    assert abs(alike(layers.visible[:, :, mercury], shape)) < 0.15
    assert alike(layers.visible[:, :, mercury], surface) > 0.85


def cells_and_photograph(
    shape: tuple[int, int] = (48, 40), rate: float = 0.1
) -> tuple[MeasuredCells, NDArray[np.float32]]:
    maps, rgb = painted(*shape)
    return measured(maps, random_mask(np.ones(shape, np.bool_), rate)), rgb


def test_the_two_parts_add_up_to_the_kriged_maps() -> None:
    cells, rgb = cells_and_photograph()
    layers = kriging_layers(cells, rgb)
    # float32, of values about 1
    np.testing.assert_allclose(layers.visible + layers.hidden, kriging(cells, rgb).maps, atol=1e-5)


def test_maps_that_the_photograph_shows_are_visible() -> None:
    cells, rgb = cells_and_photograph()
    layers = kriging_layers(cells, rgb)
    assert (layers.hidden.std(axis=(0, 1)) < 0.35 * layers.visible.std(axis=(0, 1))).all()


@pytest.mark.parametrize("photograph", ["none", "of one colour", "of something else"])
def test_where_the_photograph_explains_nothing_all_that_varies_is_hidden(photograph: str) -> None:
    cells, rgb = cells_and_photograph()
    seen = {
        "none": None,
        "of one colour": np.full_like(rgb, 0.4),
        "of something else": np.random.default_rng(1).random(rgb.shape, dtype=np.float32),
    }[photograph]
    layers: Layers = kriging_layers(cells, seen)
    assert (layers.visible.std(axis=(0, 1)) < 0.2 * layers.hidden.std(axis=(0, 1))).all()


def split_by(
    method: str, rgb: NDArray[np.float32] | None, *, rate: float = 0.1, shape: tuple[int, int] = (48, 40)
) -> ElementMaps:
    maps, _ = painted(*shape)
    samples = sampled(maps, random_mask(np.ones(shape, np.bool_), rate))
    found = reconstruct(samples, shape, elements=("A", "B", "C"), rgb=rgb, method=method)
    split = with_visible(found, samples, rgb)
    assert split.maps is found.maps
    return split


def test_the_visible_part_that_comes_with_kriged_maps_is_that_of_their_layers() -> None:
    cells, rgb = cells_and_photograph()
    visible = split_by("kriging", rgb).visible
    assert visible is not None
    assert not visible.flags.writeable
    np.testing.assert_array_equal(visible, kriging_layers(cells, rgb).visible)


def test_maps_have_no_visible_part_where_nothing_could_tell_it() -> None:
    _, rgb = cells_and_photograph()
    assert split_by("kriging", None).visible is None
    assert split_by("kriging", np.full_like(rgb, 0.4)).visible is None
    assert split_by("kriging", rgb, rate=0.03).visible is None  # 58 samples
    assert split_by("linear", rgb).visible is None


def test_fused_maps_come_with_the_visible_part_of_their_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(method, "PLAN", Plan(most_iterations=50))
    cells, rgb = cells_and_photograph((24, 20), 0.3)
    visible = split_by("fusion", rgb, rate=0.3, shape=(24, 20)).visible
    assert visible is not None
    np.testing.assert_allclose(visible, fusion_layers(cells, rgb).visible, rtol=1e-4, atol=1e-4)
