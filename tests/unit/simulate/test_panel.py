"""The painted panel is reproducible, radiates as paint does, and hides what it says it hides."""

from __future__ import annotations

import numpy as np
import pytest

from edge.simulate.painted import PanelSpecimen, paint_panel
from edge.simulate.pigments import ELEMENTS
from firmware_bridge.messages import StagePose


def rates_by_group(specimen: PanelSpecimen, x_mm: float, y_mm: float) -> dict[str, float]:
    """Photons per second by line group with the beam at a place on the panel."""
    pose = StagePose(specimen.origin.x_mm + x_mm, specimen.origin.y_mm + y_mm)
    emission = specimen.at(pose, pose)
    bundles = specimen.rates.bundles
    names = np.repeat([bundle.group.name for bundle in bundles], [len(bundle.energies_kev) for bundle in bundles])
    return {str(name): float(emission.rates_hz[names == name].sum()) for name in dict.fromkeys(names)}


def group_map(specimen: PanelSpecimen, name: str) -> np.ndarray:
    """Rates of one group all over the panel."""
    return specimen.rates.of(name)


def test_the_same_seed_paints_the_same_panel():
    first, second = paint_panel(3, 40, 30), paint_panel(3, 40, 30)
    np.testing.assert_array_equal(first.rgb, second.rgb)
    np.testing.assert_array_equal(first.surface.masses_mg_cm2, second.surface.masses_mg_cm2)
    np.testing.assert_array_equal(first.hidden.masses_mg_cm2, second.hidden.masses_mg_cm2)


def test_another_seed_paints_another_panel():
    assert (paint_panel(3, 40, 30).rgb != paint_panel(4, 40, 30).rgb).any()


def test_every_mass_is_finite_and_not_negative(panel):
    for layer in (panel.panel.surface, panel.panel.hidden, panel.panel.ground):
        assert np.isfinite(layer.masses_mg_cm2).all()
        assert layer.masses_mg_cm2.min() >= 0


def test_count_rates_are_those_of_a_real_scanner(panel):
    total_hz = panel.rates.rates_hz.sum(axis=2) + panel.rates.matrix_rate_hz
    assert np.percentile(total_hz, 1) > 5_000
    assert np.percentile(total_hz, 99) < 60_000


def test_colours_are_made_of_the_right_elements(panel):
    dress, mantle, sky_white = (rates_by_group(panel, *place) for place in ((43, 62), (25, 60), (86, 17.5)))
    assert dress["Hg-L"] > 2_000
    assert mantle["Cu-K"] > 2_000 > 20 * mantle["Hg-L"]
    assert sky_white["Pb-L"] > 5_000


def test_the_abandoned_painting_shows_in_mercury_and_not_in_the_photograph(instrument, panel):
    """Mercury under the landscape stands out of its surroundings; colour there does not follow it."""
    hidden = panel.panel.hidden.masses_mg_cm2[..., ELEMENTS.index("Hg")]
    surface = panel.panel.surface.masses_mg_cm2[..., ELEMENTS.index("Hg")]
    only_under = (hidden > 0.5) & (surface < 0.01)
    assert only_under.sum() > 1_000
    beside = (hidden < 0.01) & (surface < 0.01)
    mercury = group_map(panel, "Hg-L")
    assert np.median(mercury[only_under]) > 300 > 20 * np.median(mercury[beside])
    height, width = hidden.shape
    sky = np.zeros(hidden.shape, dtype=bool)
    sky[int(0.13 * height) : int(0.35 * height), int(0.62 * width) : int(0.88 * width)] = True
    rgb = panel.photograph(panel.panel.pitch_mm).astype(float)
    for channel in range(3):
        seen = np.corrcoef(rgb[..., channel][sky], (hidden > 0.5)[sky])[0, 1]
        assert abs(seen) < 0.25, "the picture does not follow what lies under it"


def test_element_maps_vary_where_colour_does_not(panel):
    """Lead under one colour of the ledge varies by thickness and priming."""
    lead = group_map(panel, "Pb-L")
    height, width = lead.shape
    ledge = lead[int(0.9 * height) : int(0.97 * height), int(0.05 * width) : int(0.3 * width)]
    assert ledge.std() / ledge.mean() > 0.05


def test_the_retouchings_are_titanium_and_zinc(panel):
    titanium, zinc = group_map(panel, "Ti-K"), group_map(panel, "Zn-K")
    assert np.corrcoef(titanium.ravel(), zinc.ravel())[0, 1] > 0.95
    assert 0.001 < (zinc > 500).mean() < 0.05


def test_a_stroke_is_the_mean_of_its_dwells(panel):
    start, end = StagePose(80.0, 100.0), StagePose(90.0, 104.0)
    stroke = panel.at(start, end)
    way = [(n + 0.5) / 400 for n in range(400)]
    dwells = [StagePose(80 + 10 * part, 100 + 4 * part) for part in way]
    mean = np.mean([panel.at(pose, pose).rates_hz for pose in dwells], axis=0)
    np.testing.assert_allclose(stroke.rates_hz, mean, rtol=0.03, atol=1.0)


def test_beyond_the_panel_lies_the_bare_easel(panel):
    nowhere = rates_by_group(panel, -30.0, -30.0)
    assert nowhere["Pb-L"] == 0
    assert 0 < nowhere["Ca-K"] < 500
    pose = StagePose(5.0, 5.0)
    assert panel.at(pose, pose).matrix_rate_hz > 5_000


def test_the_beam_blurs_the_panels_edge(panel):
    # Half of the footprint lies beyond the edge: half the lead, give or take the paint's own unevenness.
    inside, edge = rates_by_group(panel, 3.0, 78.0)["Pb-L"], rates_by_group(panel, 0.0, 78.0)["Pb-L"]
    assert 0.3 < edge / inside < 0.7


def test_a_photograph_has_the_resolution_asked_for(panel):
    assert panel.photograph(0.5).shape == (180, 240, 3)
    assert panel.photograph(0.05).shape == (1800, 2400, 3)


@pytest.mark.parametrize(("width_mm", "height_mm"), [(30.0, 40.0), (100.0, 45.0)])
def test_panels_of_other_sizes_can_be_painted(width_mm, height_mm):
    painted = paint_panel(1, width_mm, height_mm)
    assert painted.rgb.shape[1] / painted.rgb.shape[0] == pytest.approx(width_mm / height_mm, rel=0.01)
    assert painted.rgb.std() > 30
