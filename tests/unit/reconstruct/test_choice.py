"""Where nobody chose a method: measured values stay as they were, unless they are mostly noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.maps import Samples
from edge.reconstruct import reconstruct
from edge.reconstruct.cells import merged
from edge.reconstruct.choice import counting_shares, method_for

SHAPE, NAMES = (30, 40), ("Fe", "Pb")


def counted(photons, *, share=1.0, known=True, seed=0):
    """Counts of smooth maps of two elements, `photons` in a cell, in a share of the cells."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    expected = photons * np.stack([1 + 0.8 * np.sin(x / 3), 1 + 0.8 * np.cos(y / 4)], axis=2)
    cells = np.sort(random.choice(SHAPE[0] * SHAPE[1], round(share * SHAPE[0] * SHAPE[1]), replace=False))
    rows, columns = np.divmod(cells, SHAPE[1])
    values = random.poisson(expected[rows, columns]).astype(np.float32)
    return Samples(rows, columns, values, expected[rows, columns].astype(np.float32) if known else 0 * values)


def test_the_share_of_counting_is_what_poisson_noise_makes_of_the_change_between_neighbours():
    # nothing but noise: the mean of 1,160 squared differences is within 10 % of its expectation
    flat = counted(50)
    noise = np.random.default_rng(1).poisson(50, flat.values.shape).astype(np.float32)
    alone = Samples(flat.rows, flat.columns, noise, np.full_like(noise, 50))
    assert counting_shares(merged(alone, SHAPE, NAMES)) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    ("samples", "method"),
    [
        (counted(3), "photon-starved"),
        (counted(3, share=0.85), "photon-starved"),
        (counted(3, share=0.7), "kriging"),
        (counted(3000), "kriging"),
        (counted(3, known=False), "kriging"),
    ],
    ids=["few photons", "with holes", "too many holes", "many photons", "noise unknown"],
)
def test_a_raster_of_few_photons_is_estimated_and_all_else_is_shown_as_measured(samples, method):
    assert method_for(merged(samples, SHAPE, NAMES)) == method


def test_the_maps_say_what_was_chosen_and_that_measured_values_were_replaced():
    starved = reconstruct(counted(3), SHAPE, elements=NAMES)
    assert starved.method == "photon-starved"
    assert "measured values are replaced" in starved.remarks[0]
    measured = counted(3000)
    plain = reconstruct(measured, SHAPE, elements=NAMES)
    assert plain.method == "kriging"
    assert np.array_equal(plain.maps[measured.rows, measured.columns], measured.values)


def test_one_element_that_was_counted_well_keeps_all_values_as_measured():
    well, faint = counted(50_000), counted(2)
    values = np.column_stack([well.values[:, 0], faint.values]).astype(np.float32)
    variance = np.column_stack([well.variance[:, 0], faint.variance]).astype(np.float32)
    found = reconstruct(Samples(well.rows, well.columns, values, variance), SHAPE, elements=("Pb", "Fe", "Ti"))
    assert found.method == "kriging"
    assert np.array_equal(found.maps[well.rows, well.columns], values)


def test_what_was_kriged_for_want_of_cells_is_called_kriged():
    cells = np.arange(49)
    values = np.random.default_rng(0).poisson(4, (49, 2)).astype(np.float32)
    samples = Samples(cells // 7, cells % 7, values, np.full_like(values, 4))
    for method in ("automatic", "photon-starved"):
        found = reconstruct(samples, (7, 7), elements=NAMES, method=method)
        assert found.method == "kriging"
        assert not any("replaced" in remark for remark in found.remarks)


def test_the_hands_are_shown_as_measured_until_a_hundredth_of_their_photons_is_left(measurement_data: Path):
    with np.load(measurement_data / "maxrf_hands" / "prova1_maps.npz") as stack:
        counts = np.rint(stack["gross"]).astype(np.int64)
        names = tuple(stack["lines"].tolist())
    rows, columns = np.divmod(np.arange(counts[..., 0].size), counts.shape[1])
    chosen = []
    for share in (1.0, 0.1, 0.01):
        thinned = np.random.default_rng(0).binomial(counts, share)[rows, columns].astype(np.float32)
        chosen.append(method_for(merged(Samples(rows, columns, thinned, thinned + 0.01), counts.shape[:2], names)))
    assert chosen == ["kriging", "kriging", "photon-starved"]
