"""Frames' places are as sure as the overlaps turn out to be, not as they claim."""

from __future__ import annotations

import numpy as np

from calibration.mosaic.adjust import adjusted
from calibration.mosaic.overlaps import Overlap

SIDE = 4
PLACES = np.array([(10.0 * column, 8.0 * row) for row in range(SIDE) for column in range(SIDE)])
CLAIMED_MM = 0.01


def neighbours():
    for frame in range(SIDE * SIDE):
        if frame % SIDE < SIDE - 1:
            yield frame, frame + 1
        if frame < SIDE * (SIDE - 1):
            yield frame, frame + SIDE


def adjusted_with(noise_mm: float):
    """Stage errors of 0.1 mm, and shifts that err by so much and claim `CLAIMED_MM`."""
    rng = np.random.default_rng(5)
    moves = rng.normal(0, 0.1, PLACES.shape)
    overlaps = [
        Overlap(
            first,
            second,
            moves[first] - moves[second] + rng.normal(0, noise_mm, 2),
            np.eye(2) / CLAIMED_MM**2,
            likeness=0.95,
            is_textured=True,
            sharpness_ratio=1.0,
        )
        for first, second in neighbours()
    ]
    return moves, adjusted(PLACES, overlaps, stage_error_mm=0.1, strain_error=1e-4, cell_mm=0.05)


def test_overlaps_that_err_by_more_than_they_claim_widen_the_places_errors():
    _, honest = adjusted_with(CLAIMED_MM)
    moves, bold = adjusted_with(8 * CLAIMED_MM)
    # All frames' common move is told by 16 places of 0.1 mm alone, 0.025 mm in both; what is left beside it grows.
    assert np.all(bold.errors_mm > 1.4 * honest.errors_mm)
    off = bold.moves_mm - moves
    assert np.sqrt(np.mean(off**2)) < 2 * np.sqrt(np.mean(bold.errors_mm**2))
