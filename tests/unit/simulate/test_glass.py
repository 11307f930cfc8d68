"""The glass beside a simulated specimen: bright, of several elements, and only where it lies."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.simulate.config import GlassConfig
from edge.simulate.glass import BesideGlass, glass_emission
from firmware_bridge.messages import StagePose
from firmware_bridge.twins.source import Emission

BARE = Emission(np.array([3.69]), np.array([1.0]), 2.0)


class Board:
    """A specimen that is the same everywhere."""

    origin = StagePose(10.0, 10.0)
    size_mm = (50.0, 40.0)

    def at(self, start: StagePose, end: StagePose) -> Emission:
        return BARE

    def photograph(self, mm_per_px: float) -> NDArray[np.uint8]:
        return np.zeros((4, 5, 3), np.uint8)


@pytest.mark.parametrize(
    ("x_mm", "y_mm", "on_glass"),
    [(90.0, 20.0, True), (94.9, 15.1, True), (95.1, 20.0, False), (90.0, 25.1, False), (30.0, 30.0, False)],
)
def test_the_beam_meets_the_glass_where_it_lies_and_the_specimen_elsewhere(
    x_mm: float, y_mm: float, on_glass: bool
) -> None:
    beside = BesideGlass(Board(), GlassConfig(x_mm=90.0, y_mm=20.0, side_mm=10.0))
    pose = StagePose(x_mm, y_mm)
    assert (beside.at(pose, pose) is not BARE) is on_glass
    assert (beside.origin, beside.size_mm) == (Board.origin, Board.size_mm)
    assert beside.photograph(1.0).shape == (4, 5, 3)


def test_the_glass_has_strong_lines_from_calcium_to_lead() -> None:
    emission = glass_emission()
    assert 5_000 < emission.rates_hz.sum() < 20_000
    for energy_kev in (3.69, 6.40, 8.05, 10.55, 14.16):
        near = np.abs(emission.energies_kev - energy_kev) < 0.05
        assert emission.rates_hz[near].sum() > 300, energy_kev
