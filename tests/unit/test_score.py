"""Scores against plain formulas and scikit-image."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import numpy as np
import pytest
from skimage.metrics import structural_similarity as peer_similarity

from edge.faults import UsageError
from edge.replaying.score import score, spectral_angle_rad, structural_similarity

RNG = np.random.default_rng(0)
TRUTH = np.cumsum(RNG.random((40, 50, 3)), axis=1)
ESTIMATE = TRUTH + RNG.normal(0, 0.5, TRUTH.shape)
EVERYWHERE = np.ones((40, 50), np.bool_)


def test_similarity_equals_scikit_image_with_its_gaussian_window() -> None:
    ours = structural_similarity(ESTIMATE[:, :, 0] / 30, TRUTH[:, :, 0] / 30, EVERYWHERE)
    peer = peer_similarity(  # type: ignore[no-untyped-call]
        ESTIMATE[:, :, 0] / 30,
        TRUTH[:, :, 0] / 30,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1.0,
    )
    assert ours == pytest.approx(peer, abs=1e-9)


def test_psnr_is_taken_after_scaling_by_the_truths_high_percentile() -> None:
    scale = np.percentile(TRUTH.reshape(-1, 3), 99.9, axis=0)
    rmse = np.sqrt((((ESTIMATE - TRUTH) / scale) ** 2).mean(axis=(0, 1)))
    scores = score(ESTIMATE, TRUTH)
    np.testing.assert_allclose([one.rmse for one in scores.elements], rmse)
    np.testing.assert_allclose([one.psnr_db for one in scores.elements], -20 * np.log10(rmse))
    assert scores.psnr_db == pytest.approx((-20 * np.log10(rmse)).mean())


def test_the_unit_of_the_maps_does_not_matter() -> None:
    first, second = score(ESTIMATE, TRUTH), score(1000 * ESTIMATE, 1000 * TRUTH)
    assert first.psnr_db == pytest.approx(second.psnr_db)
    assert first.ssim == pytest.approx(second.ssim)
    assert first.sam_rad == pytest.approx(second.sam_rad)


def test_cells_that_are_not_valid_do_not_count() -> None:
    valid = EVERYWHERE.copy()
    valid[:, 30:] = False
    spoiled_estimate, spoiled_truth = ESTIMATE.copy(), TRUTH.copy()
    spoiled_estimate[:, 30:], spoiled_truth[:, 30:] = np.nan, 1e9
    assert score(spoiled_estimate, spoiled_truth, valid) == score(ESTIMATE[:, :30], TRUTH[:, :30])


def test_angle_ignores_brightness_and_sees_composition() -> None:
    truth = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    assert spectral_angle_rad(3 * truth, truth) == pytest.approx(0, abs=1e-7)
    assert spectral_angle_rad(truth[:, ::-1], truth) == pytest.approx(math.pi / 4)


def test_a_perfect_map_gets_a_finite_figure_that_json_carries() -> None:
    scores = score(TRUTH, TRUTH)
    assert scores.psnr_db == 150
    assert scores.ssim == pytest.approx(1)
    assert json.loads(json.dumps(asdict(scores), allow_nan=False))["elements"][0]["psnr_db"] == 150


def test_an_element_without_signal_does_not_lift_the_overall_figures() -> None:
    empty = np.zeros((40, 50, 1))
    scores = score(np.concatenate([ESTIMATE, empty], axis=2), np.concatenate([TRUTH, empty], axis=2))
    assert scores.psnr_db == pytest.approx(score(ESTIMATE, TRUTH).psnr_db)
    assert len(scores.elements) == 4


def test_maps_smaller_than_the_window_have_a_similarity() -> None:
    scores = score(ESTIMATE[:5, :7], TRUTH[:5, :7])
    assert -1 <= scores.ssim <= 1


@pytest.mark.parametrize(
    ("estimate", "truth", "valid", "message"),
    [
        (ESTIMATE[:3], TRUTH, None, "one grid"),
        (ESTIMATE, TRUTH, EVERYWHERE[:3], "one grid"),
        (ESTIMATE, TRUTH, ~EVERYWHERE, "no valid cell"),
        (np.full_like(TRUTH, np.nan), TRUTH, None, "not finite"),
    ],
)
def test_maps_that_cannot_be_compared_are_refused(
    estimate: np.ndarray, truth: np.ndarray, valid: np.ndarray | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        score(estimate, truth, valid)
