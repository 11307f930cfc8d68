"""Any photograph is either read as colour or refused with a reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.faults import UnusablePhotograph
from models.photograph import photograph_lab

COLOURS = np.random.default_rng(5).integers(0, 256, (7, 9, 3), dtype=np.uint8)


def test_lab_agrees_with_an_independent_conversion() -> None:
    from skimage.color import rgb2lab

    # OpenCV interpolates its cube root from a table
    assert photograph_lab(COLOURS, (7, 9)) == pytest.approx(rgb2lab(COLOURS), abs=0.5)


@pytest.mark.parametrize(
    "same",
    [
        COLOURS.astype(np.uint16) * 257,
        COLOURS / 255.0,
        (COLOURS / 255.0).astype(np.float32),
        np.dstack([COLOURS, np.full((7, 9), 17, np.uint8)]),
    ],
    ids=["16-bit", "float64", "float32", "alpha"],
)
def test_depth_and_alpha_do_not_change_the_colour(same: NDArray[Any]) -> None:
    assert photograph_lab(same, (7, 9)) == pytest.approx(photograph_lab(COLOURS, (7, 9)), abs=1e-3)


@pytest.mark.parametrize("shape", [(7, 9), (7, 9, 1)])
def test_a_grey_photograph_has_lightness_and_no_colour(shape: tuple[int, ...]) -> None:
    lab = photograph_lab(COLOURS[..., 0].reshape(shape), (7, 9))
    assert np.ptp(lab[..., 0]) > 50
    assert np.abs(lab[..., 1:]).max() < 0.1


@pytest.mark.parametrize(
    ("photograph", "reason"),
    [
        (np.full((7, 9, 3), np.nan), "not finite"),
        (np.full((7, 9, 3), 200.0), "white level"),
        (np.full((7, 9, 3), -0.5), "white level"),
        (np.zeros((7, 9, 2), np.uint8), "neither grey"),
        (np.zeros((9,), np.uint8), "neither grey"),
        (np.zeros((0, 9, 3), np.uint8), "neither grey"),
        (np.zeros((7, 9, 3), np.int32), "no defined white"),
        (np.zeros((9, 7, 3), np.uint8), "resample it"),
    ],
)
def test_an_unusable_photograph_is_refused_with_the_remedy(photograph: NDArray[Any], reason: str) -> None:
    with pytest.raises(UnusablePhotograph, match=reason):
        photograph_lab(photograph, (7, 9))
