"""Which elements a sum spectrum shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edge.configuration.config import DetectorConfig, TubeConfig
from edge.faults import UsageError
from edge.spectra.energy import calibrate_energy
from edge.spectra.propose import propose_elements, weigh_elements

GROUND = {"Ca": 90.0, "Fe": 70.0, "Pb": 250.0, "Pb-M": 60.0, "Ar": 10.0}


def proposed(painter_of: Callable[..., Any], extra: dict[str, float], seed: int = 0) -> set[str]:
    rates = painter_of().rates({**GROUND, **extra}, 600)
    counts = np.random.default_rng(seed).poisson(rates * 1e6 / rates.sum())
    calibration = calibrate_energy(counts, DetectorConfig(), [])
    assert calibration
    return set(propose_elements(counts, calibration, TubeConfig()))


def test_what_is_there_is_proposed_and_nothing_else(painter_of: Callable[..., Any]) -> None:
    assert proposed(painter_of, {}) == {"Ca-K", "Fe-K", "Pb-L"}


@pytest.mark.parametrize(
    ("element", "area", "group"),
    [
        ("As", 40.0, "As-K"),
        ("Ba", 60.0, "Ba-L"),
        pytest.param("S", 60.0, "S-K", marks=pytest.mark.campaign),
        pytest.param("Ti", 30.0, "Ti-K", marks=pytest.mark.campaign),
        pytest.param("Hg", 20.0, "Hg-L", marks=pytest.mark.campaign),
        pytest.param("Zn", 10.0, "Zn-K", marks=pytest.mark.campaign),
    ],
)
def test_an_element_beside_its_rival_is_proposed_and_its_rival_is_not(
    painter_of: Callable[..., Any], element: str, area: float, group: str
) -> None:
    assert proposed(painter_of, {element: area}) == {"Ca-K", "Fe-K", "Pb-L", group}


def test_titanium_and_barium_are_told_apart_when_both_are_there(painter_of: Callable[..., Any]) -> None:
    assert {"Ti-K", "Ba-L"} <= proposed(painter_of, {"Ti": 30.0, "Ba": 60.0})


def test_the_strongest_evidence_comes_first(painter_of: Callable[..., Any]) -> None:
    counts = np.random.default_rng(0).poisson(painter_of().rates(GROUND, 600) * 1000)
    calibration = calibrate_energy(counts, DetectorConfig(), [])
    assert calibration
    significance = [found.significance for found in weigh_elements(counts, calibration, TubeConfig())]
    assert significance == sorted(significance, reverse=True)
    assert min(significance) >= 5.0


def test_an_empty_spectrum_is_refused_with_what_to_check(painter_of: Callable[..., Any]) -> None:
    counts = np.random.default_rng(0).poisson(painter_of().rates(GROUND, 600) * 1000)
    calibration = calibrate_energy(counts, DetectorConfig(), [])
    assert calibration
    with pytest.raises(UsageError, match="shutter"):
        weigh_elements(np.zeros(2048), calibration, TubeConfig())
