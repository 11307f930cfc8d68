"""Clipping the continuum off spectra."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge.spectra.background import hat_functions, snip, spline_functions, spline_knots


@settings(deadline=None)
@given(arrays(np.uint32, st.integers(8, 200), elements=st.integers(0, 100_000)), st.integers(1, 40))
def test_the_continuum_is_nowhere_above_the_spectrum_and_nowhere_negative(
    counts: np.ndarray[tuple[int], np.dtype[np.uint32]], width: int
) -> None:
    continuum = snip(counts, width)
    assert np.all(continuum <= counts)
    assert np.all(continuum >= 0)


def test_many_spectra_are_clipped_as_each_alone() -> None:
    counts = np.random.default_rng(4).poisson(50.0, (5, 120))
    widths = np.linspace(3, 9, 120)
    together = snip(counts, widths)
    for row, alone in zip(together, counts, strict=True):
        np.testing.assert_array_equal(row, snip(alone, widths))


def test_a_straight_continuum_under_a_peak_is_found_within_two_per_cent() -> None:
    channels = np.arange(400.0)
    line = 1e4 + 10.0 * channels
    peak = 5e4 * np.exp(-0.5 * ((channels - 200.0) / 6.0) ** 2)
    np.testing.assert_allclose(snip(line + peak, 24)[30:-30], line[30:-30], rtol=0.02)


def test_hats_and_splines_add_up_to_one_between_their_knots() -> None:
    energies = np.linspace(1.0, 20.0, 300)
    knots = spline_knots(1.0, 20.0)
    np.testing.assert_allclose(hat_functions(energies, knots).sum(axis=0), 1.0)
    np.testing.assert_allclose(spline_functions(energies, knots).sum(axis=0), 1.0)
    assert spline_functions(energies, knots).min() >= 0
