"""What the photograph explains of a map and what it doesn't, on a panel with an abandoned painting underneath."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.kriging import kriging
from edge.reconstruct.layers import kriging_layers
from edge.reconstruct.reconstruction import Layers
from edge.simulate.emission import PaintLayer, paint_rates
from edge.simulate.painted import PaintedPanel, paint_panel
from tests.unit.reconstruct.scenes import measured, painted, random_mask

SHAPE = (120, 160)
LINES = ("Hg-L", "Pb-L", "Ca-K", "Fe-K")
EVERYWHERE = np.ones(SHAPE, np.bool_)


def line_maps(panel: PaintedPanel, hidden: PaintLayer) -> NDArray[np.float32]:
    rates = paint_rates([panel.surface, hidden, panel.ground], tube_rate_hz=6, matrix_rate_hz=9000)
    maps = np.stack([rates.of(line) for line in LINES], axis=2)
    return np.asarray(cv2.resize(maps, SHAPE[::-1], interpolation=cv2.INTER_AREA), np.float32)


@pytest.fixture(scope="module")
def pentimento() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Line maps of a panel, how much of them is owed to what lies under its surface, and its photograph."""
    panel = paint_panel(3, 80, 60)
    nothing = PaintLayer(np.zeros_like(panel.hidden.masses_mg_cm2))
    maps, bare = line_maps(panel, panel.hidden), line_maps(panel, nothing)
    photograph = cv2.resize(panel.rgb, SHAPE[::-1], interpolation=cv2.INTER_AREA)
    return maps, maps - bare, (photograph / 255).astype(np.float32)


def alike(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def test_a_hidden_head_is_in_the_hidden_part_and_not_in_the_visible_one(
    pentimento: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]],
) -> None:
    maps, owed, photograph = pentimento
    layers = kriging_layers(measured(maps, random_mask(EVERYWHERE, 0.15)), photograph)
    mercury = LINES.index("Hg-L")
    shape, surface = owed[:, :, mercury], (maps - owed)[:, :, mercury]
    # a third of the map's variation is hidden; the rest of the hidden part is what colour leaves of the visible paint
    assert alike(layers.hidden[:, :, mercury], shape) > 0.5
    assert abs(alike(layers.visible[:, :, mercury], shape)) < 0.15
    assert alike(layers.visible[:, :, mercury], surface) > 0.85


def cells_and_photograph() -> tuple[MeasuredCells, NDArray[np.float32]]:
    maps, rgb = painted(48, 40)
    return measured(maps, random_mask(np.ones((48, 40), np.bool_), 0.1)), rgb


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
