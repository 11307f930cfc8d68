"""Beta-process factor analysis: atoms from the samples alone, by Gibbs sampling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.faults import UsageError
from edge.reconstruct import bpfa as module
from edge.reconstruct.bpfa import bpfa, learnt
from edge.reconstruct.factor_analysis import add_patches, measured_in_patches, sweep_atoms, sweep_patches
from edge.reconstruct.harmonic import harmonic
from tests.unit.reconstruct.photographs import crops, photograph_psnr_db
from tests.unit.reconstruct.scenes import measured, random_mask

EVERYWHERE = np.ones((64, 64), np.bool_)


def test_the_residual_stays_what_the_atoms_do_not_explain() -> None:
    random = np.random.default_rng(0)
    field, free = random.random((20, 24, 2), dtype=np.float32), random.random((20, 24)) < 0.6
    tops, lefts = (axis.ravel() for axis in np.meshgrid(np.arange(0, 13, 4), np.arange(0, 17, 4), indexing="ij"))
    start = np.empty(len(tops) + 1, np.intp)
    measured_in_patches(free, tops, lefts, 8, 8, start, np.empty(0, np.intp))
    place = np.empty(start[-1], np.intp)
    measured_in_patches(free, tops, lefts, 8, 8, start, place)
    patches = np.repeat(np.arange(len(tops)), np.diff(start))
    rows, columns = tops[patches] + place // 8, lefts[patches] + place % 8
    assert not free[rows, columns].any()
    assert len(place) == sum(int((~free[t : t + 8, c : c + 8]).sum()) for t, c in zip(tops, lefts, strict=True))
    residual = field[rows, columns].copy()
    atoms = (random.standard_normal((10, 64, 2)) / 11).astype(np.float32)
    weights = np.zeros((len(tops), 10), np.float32)
    for _ in range(5):
        squares = sweep_patches(start, place, residual, atoms, weights, np.zeros(10, np.float32), 1.0, 20.0, random)
        sweep_atoms(start, place, residual, atoms, weights, 20.0, random)
    explained = np.einsum("ok,kce->oce", weights, atoms)[patches, place]
    # sums of ten products, updated a hundred times in float32
    np.testing.assert_allclose(residual, field[rows, columns] - explained, atol=1e-4)
    assert squares == pytest.approx(np.square(weights).sum(), rel=1e-5)
    total = np.zeros_like(field)
    add_patches(atoms, weights[:1], tops[:1], lefts[:1], 8, total)
    np.testing.assert_allclose(total[:8, :8].reshape(64, 2), np.einsum("k,kce->ce", weights[0], atoms), atol=1e-5)


def test_a_texture_that_repeats_is_restored_better_than_harmonically() -> None:
    y, x = np.mgrid[:64, :64]
    texture = (np.sin(x / 1.3 + y / 2) > 0).astype(np.float32)[:, :, None]
    cells = measured(texture, random_mask(EVERYWHERE, 0.4))
    found = learnt(cells, np.ones(len(cells), np.bool_), burn_in=10, rounds=30)
    assert np.square(found - texture).mean() < 0.5 * np.square(harmonic(cells).maps - texture).mean()


def test_what_would_not_fit_in_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 100_000)
    cells = measured(np.random.default_rng(0).random((64, 64, 3), dtype=np.float32), random_mask(EVERYWHERE, 0.1))
    with pytest.raises(UsageError, match=r"bpfa would take .* for 64 x 64 cells and 3 elements.* choose kriging"):
        bpfa(cells)


@pytest.mark.campaign
def test_one_standard_error_covers_about_two_thirds_of_a_photograph(measurement_data: Path) -> None:
    covered = []
    for seed, crop in enumerate(crops(measurement_data, 2)):
        mask = random_mask(EVERYWHERE, 0.2, seed)
        found = bpfa(measured(crop, mask))
        covered.append((np.abs(found.maps - crop) <= found.standard_error)[~mask].mean())
    # some 270 samples set each scale and colours go together: 4 % for one crop; the trial's holes are wider besides
    assert abs(np.mean(covered) - 0.68) < 0.08, covered


@pytest.mark.campaign
def test_twice_the_rounds_change_photographs_by_no_more_than_chance_does(measurement_data: Path) -> None:
    changes = []
    for seed, crop in enumerate(crops(measurement_data, 1)):
        cells = measured(crop, random_mask(EVERYWHERE, 0.1, seed))
        kept = np.ones(len(cells), np.bool_)
        once = learnt(cells, kept, burn_in=module.BURN_IN, rounds=module.ROUNDS)
        twice = learnt(cells, kept, burn_in=2 * module.BURN_IN, rounds=2 * module.ROUNDS)
        changes.append(photograph_psnr_db(twice, crop) - photograph_psnr_db(once, crop))
    # measured 0.06 dB on four; a chain ends 0.1 dB apart where rounding differs
    assert abs(np.mean(changes)) < 0.2, changes
