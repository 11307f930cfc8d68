"""Samples of one cell taken together."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.maps import Samples, by_live_time
from edge.replaying.recorded_stack import stack_of_recording


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


def test_a_recording_is_replayed_with_the_rates_of_all_photons_of_a_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    # four photons in one second, and eight in three: by inverse variance 2.91 a second
    here = np.zeros(2, np.intp)
    values, variance = np.array([[4.0], [8 / 3]], np.float32), np.array([[4.0], [8 / 9]], np.float32)
    samples, nothing = Samples(here, here, values, variance), np.zeros(0, np.intp)
    fitted = SimpleNamespace(
        model=SimpleNamespace(elements=("Fe",)),
        samples=samples,
        live_s=np.array([1.0, 3.0]),
        held=Samples(nothing, nothing, np.zeros((0, 1), np.float32), np.zeros((0, 1), np.float32)),
        held_live_s=np.zeros(0),
    )
    grid = SimpleNamespace(shape=(2, 2))
    planned = SimpleNamespace(plan=SimpleNamespace(grid=grid), sighting=None, config=None)
    photograph = SimpleNamespace(sighting=SimpleNamespace(display=np.zeros((2, 2, 3), np.uint8)))
    for name, found in (("read_planned", planned), ("fit_recording", fitted), ("placed_by_samples", photograph)):
        monkeypatch.setattr(f"edge.replaying.recorded_stack.{name}", lambda *_, found=found: found)
    monkeypatch.setattr("edge.replaying.recorded_stack.open_recording", nullcontext)
    monkeypatch.setattr("edge.replaying.recorded_stack.allowed_cells", lambda *_: np.ones((2, 2), np.bool_))
    assert stack_of_recording(Path()).maps[0, 0, 0] == pytest.approx(3.0, rel=1e-6)
