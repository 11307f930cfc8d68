"""Where a plan spends its time, as a picture for plans that no density was made for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge.planning.concentration import concentration
from tests.unit.stopping.scans import GRID, cells_by_chance, plan_of


def test_a_raster_is_even() -> None:
    spent = concentration(plan_of(np.ones(GRID.shape, bool)))
    np.testing.assert_allclose(spent, 1.0, atol=1e-6)


def test_it_is_brighter_where_exposures_are_many_and_where_they_are_long() -> None:
    cells = cells_by_chance(0.1)
    cells[:, GRID.columns // 2 :] |= cells_by_chance(0.4, 5)[:, GRID.columns // 2 :]
    many = concentration(plan_of(cells))
    assert many[:, 30:].mean() > 2 * many[:, :10].mean()
    assert many.mean() == pytest.approx(1.0)
    plan = plan_of(cells_by_chance(0.2))
    table = plan.table.copy()
    table[:, 4] *= np.where(table[:, 1] > 20.0 + 7.5, 3.0, 1.0)
    long = concentration(replace(plan, table=table))
    assert long[20:].mean() > 2 * long[:10].mean()
