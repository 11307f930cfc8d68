"""The detector's answer to a line."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.spectra.lines import line_group
from edge.spectra.response import (
    DetectorResponse,
    compton_energies_kev,
    escape_fraction,
    family_spectra,
    group_spectra,
    lines_spectrum,
    nominal_response,
)

EDGES = np.arange(-0.05, 25.0, 0.01)


@settings(deadline=None)
@given(st.floats(0.08, 0.3))
def test_the_nominal_width_is_the_one_asked_for_at_manganese(fwhm_kev: float) -> None:
    assert float(nominal_response(fwhm_kev).fwhm_kev(5.895)) == pytest.approx(max(fwhm_kev, 0.1212), abs=3e-3)


def test_width_grows_with_energy() -> None:
    assert np.all(np.diff(nominal_response(0.14).fwhm_kev(np.linspace(0.5, 30.0, 50))) > 0)


def test_a_line_inside_the_range_keeps_its_area_and_centroid() -> None:
    bare = DetectorResponse(0.08, 0.115, escape_scale=0.0)
    spectrum = lines_spectrum(EDGES, np.array([6.404]), np.array([1000.0]), bare)
    centres = 0.5 * (EDGES[1:] + EDGES[:-1])
    # Six standard deviations are kept: 2e-9 of a Gaussian lies beyond.
    assert spectrum.sum() == pytest.approx(1000.0, rel=1e-7)
    assert spectrum @ centres / 1000.0 == pytest.approx(6.404, abs=1e-4)


def test_tail_and_shelf_hold_their_stated_shares_and_lie_below_the_line() -> None:
    response = DetectorResponse(0.08, 0.115, tail_fraction=0.03, shelf_fraction=0.02, escape_scale=0.0)
    bare = DetectorResponse(0.08, 0.115, escape_scale=0.0)
    line = np.array([10.0]), np.array([1.0])
    extra = lines_spectrum(EDGES, *line, response) - lines_spectrum(EDGES, *line, bare)
    assert extra.sum() == pytest.approx(0.05, rel=0.01)
    assert extra[EDGES[:-1] > 10.3].sum() < 1e-4


def test_the_escape_peak_lies_one_silicon_line_below_with_reed_and_wares_share() -> None:
    response = DetectorResponse(0.08, 0.115)
    spectrum = lines_spectrum(EDGES, np.array([4.0]), np.array([1.0]), response)
    near = np.abs(EDGES[:-1] - (4.0 - 1.74)) < 0.3
    assert spectrum[near].sum() == pytest.approx(float(escape_fraction(4.0)), rel=1e-6)
    # Reed and Ware's table has 1.1 % for calcium and 0.4 % for iron, give or take a sixth with the constants used.
    assert float(escape_fraction(3.69)) == pytest.approx(0.011, rel=0.35)
    assert float(escape_fraction(6.4)) == pytest.approx(0.004, rel=0.35)


def test_nothing_escapes_below_the_silicon_edge() -> None:
    assert float(escape_fraction(1.8)) == 0.0


def test_families_weighted_by_their_shares_make_the_group() -> None:
    response = nominal_response(0.14)
    groups = [line_group("Pb-L"), line_group("Fe-K")]
    families, shares, owners = family_spectra(EDGES, groups, response)
    for position, spectrum in enumerate(group_spectra(EDGES, groups, response)):
        mine = owners == position
        np.testing.assert_allclose(shares[mine] @ families[mine], spectrum)
        assert shares[mine].sum() == pytest.approx(1.0)


def test_a_photon_scattered_straight_back_loses_what_compton_says() -> None:
    # 1 / (1 / 22.163 + 2 / 511.0) keV
    assert compton_energies_kev(np.array([22.163]), np.pi)[0] == pytest.approx(20.394, abs=2e-3)
