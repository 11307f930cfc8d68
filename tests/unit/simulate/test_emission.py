"""Paint radiates as physics says, roughly; the trends are exact."""

from __future__ import annotations

import numpy as np
import pytest

from edge.simulate.emission import PaintLayer, line_bundles, mass_absorption, paint_rates, shares_from_thick_paint
from edge.simulate.pigments import ELEMENTS, PIGMENTS, mixture_vector, reflectance
from edge.spectra.lines import line_group

# Hubbell and Seltzer 1995, cm2/g.
TABULATED = [
    ("Fe", 8.0, 306),
    ("Fe", 6.4, 71),
    ("Cu", 10.0, 216),
    ("Ca", 8.0, 172),
    ("Pb", 10.0, 131),
    ("O", 8.0, 11.6),
    ("Pb", 20.0, 86),
]


def layer(**masses_mg_cm2: float) -> PaintLayer:
    """A layer of one pixel."""
    masses = np.zeros((1, 1, len(ELEMENTS)), dtype=np.float32)
    for element, mass in masses_mg_cm2.items():
        masses[0, 0, ELEMENTS.index(element)] = mass
    return PaintLayer(masses)


def rate(name: str, *layers: PaintLayer) -> float:
    """Rate of one line group from layers, the uppermost first."""
    return float(paint_rates(layers, tube_rate_hz=1.0, matrix_rate_hz=100.0).of(name)[0, 0])


@pytest.mark.parametrize(("element", "energy_kev", "cm2_g"), TABULATED)
def test_absorption_is_within_two_fifths_of_the_tables(element, energy_kev, cm2_g):
    assert 0.6 < mass_absorption(energy_kev)[ELEMENTS.index(element)] / cm2_g < 1.4


def test_absorption_jumps_at_the_edge():
    iron = ELEMENTS.index("Fe")
    assert mass_absorption(7.2)[iron] > 5 * mass_absorption(7.0)[iron]


def test_twice_a_thin_layer_gives_twice_the_rate():
    assert rate("Fe-K", layer(Fe=2e-3)) == pytest.approx(2 * rate("Fe-K", layer(Fe=1e-3)), rel=1e-3)


def test_a_thick_layer_saturates():
    assert rate("Ca-K", layer(Ca=100.0)) < 1.05 * rate("Ca-K", layer(Ca=50.0))


def test_paint_above_weakens_soft_lines_more_than_hard_ones():
    lead_white = layer(Pb=5.0, O=1.0)
    soft = rate("Ca-K", lead_white, layer(Ca=1.0)) / rate("Ca-K", layer(Ca=1.0))
    hard = rate("Sr-K", lead_white, layer(Sr=1.0)) / rate("Sr-K", layer(Sr=1.0))
    assert soft < 0.1 < hard < 1


def beta_over_alpha(*layers: PaintLayer) -> float:
    """Strength of Ca K-beta over K-alpha."""
    rates = paint_rates(layers, tube_rate_hz=1.0, matrix_rate_hz=0.0)
    alpha, beta = (i for i, bundle in enumerate(rates.bundles) if bundle.group.name == "Ca-K")
    return float(rates.rates_hz[0, 0, beta] / rates.rates_hz[0, 0, alpha])


def test_paint_above_takes_more_of_an_alpha_line_than_of_its_beta_line():
    bare, under = beta_over_alpha(layer(Ca=0.01)), beta_over_alpha(layer(Pb=3.0, O=0.6), layer(Ca=0.01))
    assert under > 1.2 * bare


def test_bundles_hold_every_line_of_a_group_once():
    for name in ("Ca-K", "Pb-L", "Pb-M"):
        group = line_group(name)
        bundles = line_bundles(group)
        assert sorted(np.concatenate([bundle.energies_kev for bundle in bundles])) == sorted(group.energies_kev)
        assert sum(bundle.shares.sum() for bundle in bundles) == pytest.approx(1)


def test_thick_paint_changes_the_ratios_of_a_group_from_the_tables():
    group = line_group("Ca-K")
    shares = shares_from_thick_paint(group)
    beta = np.array(group.energies_kev) > 3.9
    assert shares.sum() == pytest.approx(1)
    assert 1.1 < shares[beta].sum() / np.array(group.relative_intensities)[beta].sum() < 1.4


def test_an_absent_element_gives_nothing():
    assert rate("Hg-L", layer(Pb=1.0)) == 0


def test_heavy_paint_hides_the_scatter_of_the_support():
    def scatter(*layers: PaintLayer) -> float:
        return float(paint_rates(layers, tube_rate_hz=1.0, matrix_rate_hz=100.0).matrix_rate_hz[0, 0])

    assert scatter(layer(Pb=10.0)) < scatter(layer(Pb=0.1)) <= 100


def test_pigments_hold_no_more_than_their_mass():
    assert all(0.5 < sum(pigment.composition.values()) <= 1.001 for pigment in PIGMENTS)


def test_a_pure_pigment_shows_its_masstone_and_mixtures_lie_between():
    white, black = reflectance(mixture_vector({"lead white": 1})), reflectance(mixture_vector({"bone black": 1}))
    grey = reflectance(mixture_vector({"lead white": 0.9, "bone black": 0.1}))
    assert (black < grey).all()
    assert (grey < white).all()
    assert white[0] == pytest.approx(((240 / 255 + 0.055) / 1.055) ** 2.4, rel=1e-3)


def test_an_unknown_pigment_is_an_error():
    with pytest.raises(KeyError, match="mummy"):
        mixture_vector({"mummy brown": 1})
