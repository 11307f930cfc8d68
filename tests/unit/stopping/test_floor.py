"""What counting alone leaves, told by a dwell test before the beam."""

from __future__ import annotations

import numpy as np
import pytest

from edge.dwell_test.expected import MeasuredRates
from edge.faults import UsageError
from edge.stopping import floor
from edge.stopping.asked import asked_stop
from edge.stopping.floor import floor_of, floor_sentence
from tests.unit.stopping.scans import config_of


def rates() -> MeasuredRates:
    return MeasuredRates(
        elements=("Fe-K", "Pb-L"),
        bright_per_s=np.array([1_000.0, 200.0]),
        mean_per_s=np.array([100.0, 40.0]),
        background_per_s=np.array([20.0, 10.0]),
        point_rates_per_s=np.zeros((1, 2)),
        point_lab=np.zeros((1, 3)),
    )


def test_the_floor_is_the_scatter_of_every_cell_counted_once():
    random = np.random.default_rng(1)
    dwell_s, truth, background = 0.25, random.exponential(100.0, 40_000), 20.0
    counted = random.poisson((truth + background) * dwell_s) / dwell_s - background
    rmse = np.sqrt(np.square(counted - truth).mean()) / 1_000
    # of 40,000 squares with long tails, the mean is known to about a percent
    assert dict(floor_of(rates(), dwell_s).elements)["Fe-K"].floor == pytest.approx(rmse, rel=0.03)


def test_a_longer_dwell_lowers_the_floor_by_the_root():
    short, long = floor_of(rates(), 0.1).overall.floor, floor_of(rates(), 0.4).overall.floor
    assert short == pytest.approx(2 * long)


def test_an_error_below_the_floor_is_said_before_the_beam(monkeypatch):
    monkeypatch.setattr(floor, "read_dwell_test", lambda path: rates())
    # Pb: the root of 50 / 0.1 over 200
    config = config_of(dwell_s=0.1, stop={"dwell_test": "dwell-test.json", "elements": {"Pb": 0.1}})
    assert "0.1 for Pb-L, where it leaves 0.112" in floor_sentence(config)
    assert floor_sentence(config_of(dwell_s=1.0, stop={"dwell_test": "t.json", "elements": {"Pb": 0.1}})) == ""
    assert floor_sentence(config_of(stop={"dwell_test": "t.json"})) == ""
    assert floor_sentence(config_of(stop={"error": 1e-6})) == ""


def test_an_element_that_is_ignored_does_not_raise_the_floor_of_all(monkeypatch):
    monkeypatch.setattr(floor, "read_dwell_test", lambda path: rates())
    asked = {"dwell_test": "t.json", "error": 0.07}
    assert floor_sentence(config_of(dwell_s=0.1, stop=asked))
    assert floor_sentence(config_of(dwell_s=0.1, stop=asked, interest={"Pb": 0.0})) == ""


def test_an_element_that_the_dwell_test_did_not_see_is_named(monkeypatch):
    monkeypatch.setattr(floor, "read_dwell_test", lambda path: rates())
    config = asked_stop(["Au=0.2"]).applied_to(config_of(stop={"dwell_test": "t.json"}))
    assert "asked for Au, which the spectra do not show" in floor_sentence(config)


def test_a_dwell_test_that_is_not_there_is_said_so(tmp_path):
    config = config_of(stop={"dwell_test": str(tmp_path / "none.json"), "error": 0.1})
    with pytest.raises(UsageError, match="no such file"):
        floor_sentence(config)
