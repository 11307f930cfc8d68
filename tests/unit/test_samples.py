"""Samples of one cell taken together."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge.maps import Samples, by_live_time


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_exposures_of_a_cell_count_as_one_of_all_their_photons(seed: int, exposures: int) -> None:
    chance = np.random.default_rng(seed)
    rows, columns = chance.integers(0, 3, exposures), chance.integers(0, 4, exposures)
    live_s, counts = chance.uniform(0.1, 2, exposures), chance.poisson(4, (exposures, 2))
    values, variance = counts / live_s[:, None], counts / live_s[:, None] ** 2
    found, total_s = by_live_time(
        Samples(rows, columns, values.astype(np.float32), variance.astype(np.float32)), live_s, (3, 4)
    )
    assert np.all(np.diff(found.rows * 4 + found.columns) > 0)
    for k in range(len(found)):
        here = (rows == found.rows[k]) & (columns == found.columns[k])
        photons, seconds = counts[here].sum(axis=0), live_s[here].sum()
        # single precision of the values
        assert np.isclose(total_s[k], seconds)
        assert np.allclose(found.values[k], photons / seconds, rtol=1e-5)
        assert np.allclose(found.variance[k], photons / seconds**2, rtol=1e-5)
